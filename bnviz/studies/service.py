"""Studies that visitors of the app order: one a session, a queue, and a bounded number of processes for all.

One service a server process, in this module and never in a cache that a visitor could clear. Its processes are started
by the first order, run at low priority beside the live view, and end when nothing was ordered for a while.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from bnviz.studies.errors import StudyError
from bnviz.studies.executor import LocalPool, Pool
from bnviz.studies.perform import Progress, perform
from bnviz.studies.results import Result
from bnviz.studies.study import Study
from bnviz.studies.trial import Trial, run_trial
from bnviz.studies.worker import RunTrial

LOG = logging.getLogger(__name__)
WORKERS_VARIABLE = "BNVIZ_STUDY_WORKERS"  # processes for all visitors together; 0 switches measuring off
MAX_SEEDS, MAX_TRIALS, MAX_WAITING, MAX_JOBS = 5, 200, 20, 200
MAX_SECONDS = 900.0  # that one order may take
FREED_AFTER = 60.0  # seconds without anybody who looks
IDLE_AFTER = 120.0  # seconds without an order, then the processes end
State = Literal["waiting", "running", "done", "cancelled", "failed"]
ENDED: tuple[State, ...] = ("done", "cancelled", "failed")


@dataclass(frozen=True)
class Order:
    """What a session sees of its study: `place` in the queue is 1 for the next, 0 when it doesn't wait.

    `rows` are those that have come so far, failed ones among them; `problem` says why a study has failed or was ended.
    """

    study: str
    seeds: int
    state: State
    place: int
    progress: Progress
    rows: tuple[Result, ...]
    problem: str


@dataclass(eq=False)
class _Job:
    study: str
    seeds: int
    trials: list[Trial]
    state: State = "waiting"
    progress: Progress = field(default_factory=lambda: Progress(0))
    rows: list[Result] = field(default_factory=list)
    problem: str = ""
    stop: bool = False
    seen: float = field(default_factory=time.monotonic)

    def end(self, state: State, problem: str = "") -> None:
        self.problem, self.state = problem, state


class Service:
    """Takes orders and runs them one after the other, first come, first served; safe to call from any thread."""

    def __init__(self, pool: Callable[[], Pool] | None = None, run: RunTrial = run_trial) -> None:
        self._open_pool = pool or (lambda: LocalPool(workers(), gently=True))
        self._run = run
        self._pool: Pool | None = None
        self._jobs: dict[str, _Job] = {}
        self._queue: list[_Job] = []
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def order(self, session: str, study: Study, seeds: int) -> Order:
        """Queue a study for a session; raises `StudyError` where that is too much, or the session has one already."""
        if workers() == 0:
            raise StudyError("This server measures nothing again: the results shown are those that came with the app.")
        most = affordable(study)
        if not 1 <= seeds <= most:
            raise StudyError(f"{study.title}: from 1 to {most} seeds can be measured here; got {seeds}.")
        job = _Job(study.name, seeds, study.trials(range(seeds)))
        job.progress = Progress(len(job.trials))
        with self._condition:
            self._free()
            present = self._jobs.get(session)
            if present is not None and present.state not in ENDED and not present.stop:
                raise StudyError("One study at a time: cancel the one that runs, or wait until it is done.")
            if len(self._queue) >= MAX_WAITING or len(self._jobs) >= MAX_JOBS:
                raise StudyError(f"{len(self._queue)} studies wait already: try again in some minutes.")
            self._jobs[session] = job
            self._queue.append(job)
            self._start()
            self._condition.notify_all()
            return self._order(job)

    def look(self, session: str) -> Order | None:
        """Return how the session's study is, None where it has none; who doesn't look for a minute loses it."""
        with self._condition:
            self._free()
            job = self._jobs.get(session)
            if job is None:
                return None
            job.seen = time.monotonic()
            return self._order(job)

    def cancel(self, session: str) -> None:
        """End the session's study, at once; what has come stays."""
        with self._condition:
            if (job := self._jobs.get(session)) is not None and job.state not in ENDED:
                self._end(job)

    def forget(self, session: str) -> None:
        """End the session's study, if it has one, and forget what has come."""
        with self._condition:
            if (job := self._jobs.pop(session, None)) is not None:
                self._end(job)

    def stop(self) -> None:
        """End everything, processes too."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=10)

    def _order(self, job: _Job) -> Order:
        place = self._queue.index(job) + 1 if job in self._queue else 0
        return Order(job.study, job.seeds, job.state, place, job.progress, tuple(job.rows), job.problem)

    def _end(self, job: _Job) -> None:
        job.stop = True
        if job in self._queue:
            self._queue.remove(job)
            job.end("cancelled")

    def _free(self) -> None:
        """Forget the sessions that have gone."""
        limit = time.monotonic() - FREED_AFTER
        for session in [session for session, job in self._jobs.items() if job.seen < limit]:
            self._end(self._jobs.pop(session))

    def _start(self) -> None:
        if self._thread is None:
            atexit.register(self.stop)
            self._thread = threading.Thread(target=self._serve, name="bnviz-studies", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._perform(job)
            except StudyError as error:
                job.end("failed", str(error))
            except Exception as error:
                LOG.exception("a study that was ordered failed")
                job.end("failed", f"the server could not go on: {type(error).__name__}")
        self._rest()

    def _next(self) -> _Job | None:
        """The next in the queue; while there is none the processes end after a while. None when all shall end."""
        with self._condition:
            while not self._stopping:
                self._free()
                if self._queue:
                    job = self._queue.pop(0)
                    job.state = "running"
                    return job
                if not self._condition.wait(IDLE_AFTER):
                    self._rest()
        return None

    def _rest(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.kill()

    def _perform(self, job: _Job) -> None:
        if self._pool is None:
            self._pool = self._open_pool()
        until = time.monotonic() + MAX_SECONDS

        def cancelled() -> bool:
            now = time.monotonic()
            return self._stopping or job.stop or now > until or now - job.seen > FREED_AFTER

        def tell(progress: Progress) -> None:
            job.progress = progress

        for row in perform(
            job.trials, self._pool, study=job.study, run=self._run, on_progress=tell, cancelled=cancelled
        ):
            with self._condition:
                job.rows.append(row)
        if not job.progress.left:
            job.end("done")
        elif time.monotonic() > until:
            job.end(
                "cancelled", f"It took longer than the {MAX_SECONDS / 60:.0f} minutes that one study may take here."
            )
        else:
            job.end("cancelled")


def workers() -> int:
    """Return how many processes all visitors' studies share: one, unless the environment says otherwise."""
    text = os.environ.get(WORKERS_VARIABLE, "1").strip()
    if not text.isdecimal() or int(text) > 64:
        raise StudyError(f"{WORKERS_VARIABLE} must be a whole number from 0 to 64; got {text!r:.40}")
    return int(text)


def affordable(study: Study) -> int:
    """Return the most seeds of a study that a visitor may have measured; 0 where even one is too many trainings."""
    return max((seeds for seeds in range(1, MAX_SEEDS + 1) if len(study.trials(range(seeds))) <= MAX_TRIALS), default=0)


SERVICE = Service()
