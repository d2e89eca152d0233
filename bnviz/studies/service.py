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

from bnviz.studies.errors import StudyError
from bnviz.studies.executor import LocalPool, Pool
from bnviz.studies.orders import Job, Order
from bnviz.studies.perform import Progress, perform
from bnviz.studies.study import Study
from bnviz.studies.trial import run_trial
from bnviz.studies.worker import RunTrial

LOG = logging.getLogger(__name__)
WORKERS_VARIABLE = "BNVIZ_STUDY_WORKERS"  # processes for all visitors together; 0 switches measuring off
MAX_SEEDS, MAX_TRIALS, MAX_WAITING, MAX_JOBS = 6, 200, 20, 200
MAX_SECONDS = 900.0  # that one order may run
TURN = 60.0  # seconds that one order runs while others wait
FREED_AFTER = 90.0  # seconds without anybody who looks; a page behind others may look but once a minute
IDLE_AFTER = 120.0  # seconds without an order, then the processes end


class Service:
    """Takes orders and runs them in turns of a minute, first come, first served; safe to call from any thread."""

    def __init__(self, pool: Callable[[], Pool] | None = None, run: RunTrial = run_trial) -> None:
        self._open_pool = pool or (lambda: LocalPool(workers(), gently=True))
        self._run = run
        self._pool: Pool | None = None
        self._jobs: dict[str, Job] = {}
        self._queue: list[Job] = []
        self._running: Job | None = None
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def order(self, session: str, study: Study, seeds: int, first: int = 0) -> Order:
        """Queue so many seeds of a study, from the first on, for a session.

        Raises `StudyError` where that is too much, or the session has one already.
        """
        if workers() == 0:
            raise StudyError("This server measures nothing again: the results shown are those that came with the app.")
        most = affordable(study)
        if not 1 <= seeds <= most:
            raise StudyError(f"{study.title}: from 1 to {most} seeds can be measured here; got {seeds}.")
        job = Job(study.name, seeds, study.trials(range(first, first + seeds)), first)
        job.progress = Progress(len(job.trials))
        with self._condition:
            self._free()
            present = self._jobs.get(session)
            if present is not None and not present.ended and not present.stop:
                raise StudyError("One study at a time: cancel the one that runs, or wait until it is done.")
            self._enqueue(job)
            self._keep(session, job)
            self._start()
            self._condition.notify_all()
            return self._look(job)

    def look(self, session: str) -> Order | None:
        """Return how the session's study is, None where it has none; who doesn't look for so long loses it."""
        with self._condition:
            self._free()
            job = self._jobs.get(session)
            if job is None:
                return None
            job.seen = time.monotonic()
            return self._look(job)

    def cancel(self, session: str) -> None:
        """End the session's study, at once; what has come stays."""
        with self._condition:
            if (job := self._jobs.get(session)) is not None and not job.ended:
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

    def _look(self, job: Job) -> Order:
        if job not in self._queue:
            return job.look(self._queue, None)
        ahead = [self._running] if self._running is not None and not self._running.ended else []
        ahead += self._queue[: self._queue.index(job)]
        return job.look(self._queue, sum(one.turn_left(TURN) for one in ahead))

    def _enqueue(self, job: Job) -> None:
        """Put a new study before those that have had a turn; where all places are taken, in one of theirs."""
        served = [one for one in self._queue if one.ran]
        if len(self._queue) >= MAX_WAITING:
            if not served:
                raise StudyError(
                    f"{len(self._queue)} studies wait already: try again in a minute, a place is free then."
                )
            longest = max(served, key=lambda one: one.ran)
            self._end(longest, "Others wait, and this one had its turn: order it again to go on waiting.")
            served.remove(longest)
        self._queue.insert(len(self._queue) - len(served), job)

    def _keep(self, session: str, job: Job) -> None:
        """Remember whose study it is, rather than one that has ended."""
        self._jobs.pop(session, None)
        ended = [name for name, one in self._jobs.items() if one.ended]
        for name in ended[: max(0, len(self._jobs) + 1 - MAX_JOBS)]:
            del self._jobs[name]
        self._jobs[session] = job

    def _end(self, job: Job, problem: str = "") -> None:
        job.stop = True
        if job in self._queue:
            self._queue.remove(job)
            job.end("cancelled", problem)

    def _free(self) -> None:
        """Forget the sessions that have gone."""
        limit = time.monotonic() - FREED_AFTER
        for session in [session for session, job in self._jobs.items() if job.seen < limit]:
            self._end(self._jobs.pop(session))

    def _start(self) -> None:
        if self._thread is None:
            atexit.register(self.stop)
        if self._thread is None or not self._thread.is_alive():
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
            with self._condition:
                job.rest()
                if job.stop and not job.ended:
                    job.end("cancelled")
                if not job.ended:
                    job.state = "waiting"
                    self._queue.append(job)
        self._rest()

    def _next(self) -> Job | None:
        """The next in the queue; while there is none the processes end after a while. None when all shall end."""
        while True:
            with self._condition:
                if self._stopping:
                    return None
                self._free()
                if self._queue:
                    self._running = job = self._queue.pop(0)
                    job.begin()
                    return job
                self._running = None
                ordered = self._condition.wait(IDLE_AFTER)
            if not ordered:
                self._rest()  # may take a while: nobody who looks or orders waits for it

    def _rest(self) -> None:
        """End the processes; what goes wrong there is no later order's problem."""
        pool, self._pool = self._pool, None
        try:
            if pool is not None:
                pool.kill()
        except Exception:
            LOG.exception("the processes that measured did not end as they should")

    def _perform(self, job: Job) -> None:
        """Give a study its turn: until it is done, or for a minute where others wait."""
        if self._pool is None:
            self._pool = self._open_pool()
        began, before = time.monotonic(), job.progress
        until = began + MAX_SECONDS - job.ran

        def cancelled() -> bool:
            now = time.monotonic()
            return self._stopping or job.stop or now > until or now - job.seen > FREED_AFTER

        def tell(progress: Progress) -> None:
            job.progress = job.after(before, progress)

        for row in perform(
            job.left(), self._pool, study=job.study, run=self._run, on_progress=tell, cancelled=cancelled,
            enough=lambda: bool(self._queue) and time.monotonic() > began + TURN,
        ):  # fmt: skip
            with self._condition:
                job.rows.append(row)
        if not job.progress.left:
            job.end("done")
        elif time.monotonic() > until:
            job.end(
                "cancelled", f"It took longer than the {MAX_SECONDS / 60:.0f} minutes that one study may take here."
            )
        elif cancelled():
            job.end("cancelled")


def workers() -> int:
    """Return how many processes all visitors' studies share: one, unless the environment says otherwise."""
    text = os.environ.get(WORKERS_VARIABLE, "1").strip()
    if not text.isdecimal() or int(text) > 64:
        raise StudyError(f"{WORKERS_VARIABLE} must be a whole number from 0 to 64; got {text!r:.40}")
    return int(text)


def affordable(study: Study) -> int:
    """Return the most seeds of a study that a visitor may have measured; 0 where even one is too many trainings."""
    each = len(study.trials(range(1)))  # as many for every seed, and none in two of them
    return min(MAX_SEEDS, MAX_TRIALS // max(1, each))


SERVICE = Service()
