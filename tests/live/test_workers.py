"""Turns are fair, a run is in one worker's hands, and nothing that a run does ends a worker."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from bnviz.experiment.config import ExperimentConfig
from bnviz.live.run import LiveRun
from bnviz.live.workers import Workers
from tests.live.conftest import wait_for


class Run:
    """A run that notes its turns; `due` says when the next one is wanted, as `LiveRun.work` does."""

    def __init__(self, turns: list[Run], due=lambda: None) -> None:
        self.turns, self.due = turns, due
        self.failed = self.overlapped = False
        self._hands = threading.Lock()

    def work(self) -> float | None:
        if not self._hands.acquire(blocking=False):
            self.overlapped = True
            return None
        try:
            self.turns.append(self)
            time.sleep(0.001)
            return self.due()
        finally:
            self._hands.release()

    def fail(self) -> None:
        self.failed = True


def test_runs_that_want_every_turn_get_equally_many():
    turns: list[Run] = []
    workers = Workers(1)
    runs = [Run(turns, lambda: time.monotonic() if len(turns) < 100 else None) for _ in range(5)]
    for run in runs:
        workers.wake(run)
    wait_for(lambda: len(turns) >= 100, "a hundred turns")
    counts = Counter(turns[:100])
    assert max(counts.values()) - min(counts.values()) <= 2
    assert len(set(turns[50:55])) == 5, "they go round"


def test_a_run_is_in_one_workers_hands_however_often_it_is_woken():
    turns: list[Run] = []
    workers = Workers(4)
    runs = [Run(turns, lambda: time.monotonic() if len(turns) < 150 else None) for _ in range(2)]
    while len(turns) < 150:
        for run in runs:
            workers.wake(run)
    assert not any(run.overlapped for run in runs)


def test_a_run_woken_during_its_turn_gets_another_one():
    entered, go_on, turns = threading.Event(), threading.Event(), []

    class Slow(Run):
        def work(self) -> float | None:
            turns.append(self)
            entered.set()
            assert go_on.wait(30)
            return None

    run, workers = Slow(turns), Workers(1)
    workers.wake(run)
    assert entered.wait(30)
    workers.wake(run)
    go_on.set()
    wait_for(lambda: len(turns) == 2, "the second turn")


def test_a_run_that_waits_for_nothing_gets_no_turn_until_it_is_woken():
    turns: list[Run] = []
    workers, idle, busy = Workers(1), Run(turns), Run(turns, time.monotonic)
    workers.wake(idle)
    workers.wake(busy)
    wait_for(lambda: turns.count(busy) >= 20, "twenty turns of the other")
    assert turns.count(idle) == 1
    workers.wake(idle)
    wait_for(lambda: turns.count(idle) == 2, "the turn it was woken for")
    busy.due = lambda: None


def test_a_failing_run_is_told_and_the_worker_goes_on(caplog):
    turns: list[Run] = []

    def broken() -> None:
        raise ZeroDivisionError("a bug in a run")

    bad, good, workers = Run(turns, broken), Run(turns), Workers(1)
    workers.wake(bad)
    workers.wake(good)
    wait_for(lambda: bad.failed and good in turns, "the other run's turn")
    assert "a bug in a run" in caplog.text, "the operator finds the traceback in the log"
    workers.wake(bad)
    wait_for(lambda: turns.count(bad) == 2, "a failed run's next turn")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    "seconds",
    [
        3600.0,
        1e8,
        float("inf"),
        1e10,
        1e300,
    ],
)
def test_a_run_that_is_due_in_an_eternity_keeps_nobody_from_working(seconds):
    turns: list[Run] = []
    patient, other, workers = Run(turns, lambda: time.monotonic() + seconds), Run(turns), Workers(1)
    workers.wake(patient)
    (thread,) = workers._threads
    wait_for(lambda: patient in turns, "its first turn")
    workers.wake(other)
    wait_for(lambda: other in turns or not thread.is_alive(), "the other run's turn")
    workers.wake(patient)
    wait_for(lambda: turns.count(patient) == 2 or not thread.is_alive(), "a turn at once, being woken")
    assert thread.is_alive()


def test_stopping_ends_every_thread():
    turns: list[Run] = []
    run, workers = Run(turns), Workers(2)
    workers.wake(run)
    wait_for(lambda: run in turns, "its turn")
    workers.stop()
    assert not any(thread.is_alive() for thread in workers._threads)


def test_a_command_in_place_of_all_others_may_come_while_they_are_being_obeyed():
    run = LiveRun((ExperimentConfig(width=4), ExperimentConfig(width=4)), ("a", "b"))
    obeyed: list[str] = []

    def replace(run: LiveRun) -> None:
        obeyed.append("first")
        run.order_instead(lambda _: obeyed.append("instead"))

    run.order(replace)
    run.order(lambda _: obeyed.append("dropped"))
    run.work()
    assert obeyed == ["first", "instead"]
