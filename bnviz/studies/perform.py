"""Trials in, rows out as they come: none lost, none counted twice, whatever happens to the workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from dataclasses import dataclass, replace
from time import perf_counter

from bnviz.studies.errors import StudyError
from bnviz.studies.executor import TRIES, Pool
from bnviz.studies.pace import Pace
from bnviz.studies.results import Result, as_result
from bnviz.studies.store import Store
from bnviz.studies.study import each_once
from bnviz.studies.trial import Trial, run_trial
from bnviz.studies.worker import LONGEST_REASON, Outcome, RunTrial, work

LOOKS = 0.1  # seconds between two looks whether to stop
SETTLES = 5.0  # seconds that a broken pool has to give up its other trials
WAITING_EACH = 2  # trials in flight for each worker, so that none waits for its next
FALSE_STARTS = 3  # pools in a row whose workers die before one is ready


@dataclass(frozen=True)
class Progress:
    """How far a study is: `kept` were there before, `failed` are among `done`, `died` counts workers lost.

    `startup` is what the workers took to be ready, in seconds, `seconds_left` an estimate; None where unknown yet.
    """

    total: int
    kept: int = 0
    done: int = 0
    failed: int = 0
    died: int = 0
    startup: float | None = None
    seconds_left: float | None = None

    @property
    def left(self) -> int:
        """How many trials have not come back."""
        return self.total - self.kept - self.done


@dataclass
class _Attempt:
    trial: Trial
    deaths: int = 0


def perform(
    trials: Iterable[Trial],
    pool: Pool,
    *,
    store: Store | None = None,
    study: str = "",
    run: RunTrial = run_trial,
    on_progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    enough: Callable[[], bool] = lambda: False,
) -> Generator[Result, None, None]:
    """Yield a row for each different trial: those that the store has, then the others as they are finished.

    A trial that raises is a row with its `failure`. One whose worker dies is tried again, the last time alone, and is
    a failed row after three deaths. Where `cancelled` says so, or the generator is closed, what runs is killed at once;
    the store keeps what was finished. Where `enough` says so nothing more is begun, and what runs is finished. Raises
    `StudyError` where workers can't be started.
    """
    wanted = each_once(trials)
    kept = store.finished(trial.key for trial in wanted) if store else {}
    flight = _Flight(pool, run, [trial for trial in wanted if trial.key not in kept])
    progress = Progress(len(wanted), len(kept))
    on_progress(progress)
    try:
        yield from kept.values()
        while flight.left(resting := enough()) and not cancelled():
            for trial, outcome in flight.land(resting):
                row = as_result(trial, study, outcome)
                if store:
                    store.add(row)
                flight.learn(trial, outcome)
                failed = progress.failed + bool(outcome.failure)
                progress = replace(progress, done=progress.done + 1, failed=failed)
                yield row
            if store:
                store.tend()
            progress = replace(progress, died=flight.died, startup=pool.startup)
            progress = replace(progress, seconds_left=flight.seconds_left())
            on_progress(progress)
    finally:
        landed = flight.abandon()
        if store:
            for trial, outcome in landed:
                store.add(as_result(trial, study, outcome))
            store.flush()
            failed = progress.failed + sum(bool(outcome.failure) for _, outcome in landed)
            on_progress(replace(progress, done=progress.done + len(landed), failed=failed))


class _Flight:
    """The trials of a study: those that wait, and a bounded number that workers have."""

    def __init__(self, pool: Pool, run: RunTrial, trials: Iterable[Trial]) -> None:
        self.pool, self.run = pool, run
        self.died = 0
        self._waiting = deque(_Attempt(trial) for trial in trials)
        self._flying: dict[Future[Outcome], _Attempt] = {}
        self._false_starts = 0
        self._pace = Pace.of(attempt.trial for attempt in self._waiting)
        self._landed = 0.0

    def left(self, resting: bool) -> int:
        """How many are to come back: all, or those that workers have where nothing more is begun."""
        return len(self._flying) + (0 if resting else len(self._waiting))

    def learn(self, trial: Trial, outcome: Outcome) -> None:
        """Take in how long a trial took."""
        self._landed = perf_counter()
        self._pace.learn(trial, outcome.seconds, self.pool.workers)

    def seconds_left(self) -> float | None:
        """Estimate from those that came back; None where too few have."""
        return self._pace.seconds_left(self.pool.workers, perf_counter() - self._landed)

    def land(self, resting: bool) -> Iterator[tuple[Trial, Outcome]]:
        """Keep the workers busy for a moment, unless they shall rest; yield what came back meanwhile."""
        try:
            if not self.pool.greet(LOOKS):
                return
        except BrokenExecutor:
            yield from self._after_death()
            return
        broken = not resting and self._fill()
        done, _ = wait(self._flying, 0 if broken else LOOKS, FIRST_COMPLETED)
        for future in done:
            attempt = self._flying.pop(future)
            before, outcome = attempt.deaths, self._outcome(future, attempt)
            broken |= self.pool.breaks and attempt.deaths > before
            if outcome is not None:
                yield attempt.trial, outcome
            else:
                self._waiting.append(attempt)
        if broken:
            yield from self._after_death()

    def abandon(self) -> list[tuple[Trial, Outcome]]:
        """Kill what runs, if anything does; return what has come back and was not taken yet."""
        done = [(future, attempt.trial) for future, attempt in self._flying.items() if future.done()]
        landed = [
            (trial, future.result()) for future, trial in done if not future.cancelled() and not future.exception()
        ]
        if len(done) < len(self._flying):
            self.pool.kill()
        self._flying.clear()
        return landed

    def _fill(self) -> bool:
        """Hand out trials; True where the pool turns out to be broken."""
        while self._waiting and len(self._flying) < self.pool.workers * WAITING_EACH:
            # One that may kill its worker flies alone, so that no other dies of it a last time.
            suspect = self._waiting[0].deaths >= TRIES - 1
            if self._flying and (suspect or any(item.deaths >= TRIES - 1 for item in self._flying.values())):
                return False
            attempt = self._waiting.popleft()
            try:
                self._flying[self.pool.submit(work, self.run, attempt.trial)] = attempt
            except BrokenExecutor:
                self._waiting.appendleft(attempt)
                return True
        return False

    def _outcome(self, future: Future[Outcome], attempt: _Attempt) -> Outcome | None:
        """What a future holds; None where a worker has died that may have died of it, and it gets another chance."""
        try:
            error = future.exception()
        except CancelledError as cancelled:
            error = cancelled
        if error is None:
            return future.result()
        deaths = self.pool.deaths(error)
        if not deaths:
            return Outcome(failure=f"{type(error).__name__}: {error}"[:LONGEST_REASON])
        attempt.deaths += deaths
        if attempt.deaths < TRIES:
            return None
        return Outcome(failure=f"its worker process died, {TRIES} times: killed from outside or out of memory")

    def _after_death(self) -> Iterator[tuple[Trial, Outcome]]:
        """Take what the broken pool has finished; what it hasn't flies again in a new one, after all others."""
        self.died += 1
        self._false_starts = 0 if self.pool.ready else self._false_starts + 1
        if self._false_starts >= FALSE_STARTS:
            raise StudyError(
                f"worker processes died {FALSE_STARTS} times before they were ready: with fewer workers each has more "
                f"memory; got {self.pool.workers}"
            )
        settled, _ = wait(self._flying, SETTLES)
        for future, attempt in list(self._flying.items()):
            outcome = self._outcome(future, attempt) if future in settled else None
            del self._flying[future]
            if outcome is not None:
                yield attempt.trial, outcome
            else:
                self._waiting.append(attempt)
        self.pool.kill()
