"""Turns are fair, a run is in one worker's hands, and nothing that a run does ends a worker."""

from __future__ import annotations

import threading
import time
import weakref
from collections import Counter

import pytest

from bnviz.experiment.config import ExperimentConfig
from bnviz.live.run import LiveRun
from bnviz.live.workers import FIRST_TURN, LARGEST_DEBT, Workers
from tests.live.conftest import wait_for


class Run:
    """A run that notes its turns; `due` says when the next one is wanted, as `LiveRun.work` does."""

    trained = True
    home = None

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


class Spender(Run):
    """A run whose turns are charged with other costs than what they take here: `costs` seconds each."""

    def __init__(self, turns: list[Run], costs: float, due) -> None:
        super().__init__(turns, due)
        self.costs = costs


class Till(Workers):
    """Workers that charge what a `Spender` says, so that no test has to use up seconds."""

    def _charge(self, run, seconds: float) -> None:
        super()._charge(run, run.costs)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_whose_steps_are_long_gets_its_share_of_the_time_and_no_more(threads):
    turns: list[Run] = []
    workers = Till(threads)
    due = lambda: time.monotonic() if len(turns) < 600 else None  # noqa: E731
    large = Spender(turns, 0.2, due)
    small = [Spender(turns, 0.015, due) for _ in range(5)]
    for run in (large, *small):
        workers.wake(run)
    wait_for(lambda: len(turns) >= 600, "600 turns")
    spent = {run: turns.count(run) * run.costs for run in (large, *small)}
    share = sum(spent.values()) / 6
    assert all(abs(seconds - share) <= 0.2 * threads for seconds in spent.values()), "to within a step a thread"


def test_a_step_that_takes_longer_than_a_slice_is_charged_with_its_cpu_time():
    turns: list[Run] = []

    class Busy(Run):
        def work(self) -> float | None:
            end = time.thread_time() + 0.1
            while time.thread_time() < end:
                pass
            return super().work()

    workers, busy, idle = Workers(1), Busy(turns), Run(turns)
    workers.wake(busy)
    workers.wake(idle)
    wait_for(lambda: {busy, idle} <= set(turns) and not workers._busy, "both turns")
    assert workers._clocks[busy] >= 0.1, "what it took"
    assert workers._clocks[idle] < 0.1, "waiting costs nothing"


def test_who_loads_what_all_need_does_not_pay_for_the_others():
    turns: list[Run] = []

    class First(Run):
        trained = False

        def work(self) -> float | None:
            end = time.thread_time() + 0.2
            while time.thread_time() < end:
                pass
            return super().work()

    workers, first = Workers(1), First(turns)
    workers.wake(first)
    wait_for(lambda: turns and not workers._busy, "the turn")
    assert workers._clocks[first] == FIRST_TURN
    first.trained = True
    workers.wake(first)
    wait_for(lambda: len(turns) > 1 and not workers._busy, "the next")
    assert workers._clocks[first] >= FIRST_TURN + 0.2


def test_who_was_idle_saves_no_time_up():
    turns: list[Run] = []
    workers = Till(1)
    due = lambda: time.monotonic() if len(turns) < 300 else None  # noqa: E731
    old, late = Spender(turns, 0.015, due), Spender(turns, 0.015, due)
    workers.wake(old)
    wait_for(lambda: len(turns) >= 100, "100 turns alone")
    begun = len(turns)
    workers.wake(late)
    wait_for(lambda: len(turns) >= 300, "the rest")
    together = turns[turns.index(late) :]
    assert begun <= turns.index(late) + 1
    assert abs(together.count(old) - together.count(late)) <= 2, "not two hundred turns to make up for"


def test_a_debt_is_forgiven_beyond_some_seconds():
    workers = Workers(1)
    run = Run([])
    for _ in range(100):
        workers._charge(run, 60.0)
    assert workers._clocks[run] == LARGEST_DEBT


def test_a_run_that_is_freed_is_not_kept_by_its_clock():
    workers = Workers(1)
    run = Run([])
    workers._charge(run, 0.1)
    gone = weakref.ref(run)
    del run
    assert gone() is None
    assert not workers._clocks


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


class Home:
    """Where a run trains; who is in it is noted."""

    def __init__(self) -> None:
        self.spent, self.taken = 0.0, False


class Lodger(Run):
    """A run with a home, which notes who is in it with it."""

    def __init__(self, turns: list[Run], home: Home, due, spends: float = 0.0) -> None:
        super().__init__(turns, due)
        self.home, self.spends = home, spends

    def work(self) -> float | None:
        self.overlapped |= self.home.taken
        self.home.taken = True
        try:
            self.home.spent += self.spends
            return super().work()
        finally:
            self.home.taken = False


def test_two_runs_with_one_home_have_no_turn_at_once_and_those_of_another_go_before():
    turns: list[Run] = []
    workers, shared, other = Workers(2), Home(), Home()
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Lodger):
        def work(self) -> float | None:
            entered.set()
            assert go_on.wait(30)
            return super().work()

    slow = Slow(turns, shared, lambda: None)
    second, elsewhere = (Lodger(turns, at, lambda: None) for at in (shared, other))
    workers.wake(slow)
    assert entered.wait(30)
    workers.wake(second)
    workers.wake(elsewhere)
    wait_for(lambda: elsewhere in turns, "the turn of who lives elsewhere")
    assert second not in turns
    go_on.set()
    wait_for(lambda: second in turns, "the turn of who waited for its home")
    assert turns == [elsewhere, slow, second]


def test_many_runs_in_few_homes_all_get_their_turns_and_never_two_of_a_Home():
    turns: list[Run] = []
    workers, homes = Workers(3), [Home(), Home()]
    due = lambda: time.monotonic() if len(turns) < 300 else None  # noqa: E731
    runs = [Lodger(turns, homes[number % 2], due) for number in range(6)]
    for run in runs:
        workers.wake(run)
    wait_for(lambda: len(turns) >= 300, "300 turns")
    assert not any(run.overlapped for run in runs)
    counts = Counter(turns[:300])
    assert min(counts[run] for run in runs) >= 30, "none is forgotten"


def test_what_its_home_spends_in_another_process_is_charged_too():
    turns: list[Run] = []
    workers, run = Workers(1), Lodger(turns, Home(), lambda: None, spends=0.7)
    workers.wake(run)
    wait_for(lambda: turns and not workers._busy, "the turn")
    assert 0.7 <= workers._clocks[run] < 1.2


def test_within_a_home_the_time_is_shared_whatever_others_do_elsewhere():
    """A heavy run and three light ones share a process; how fast another one goes changes nothing there."""
    shares = []
    for homes in ([Home()], [Home(), Home()]):
        turns: list[Run] = []
        workers, crowded = Workers(len(homes)), homes[0]
        due = lambda: time.monotonic() if sum(run.home is crowded for run in turns) < 250 else None  # noqa: B023, E731
        heavy = Lodger(turns, crowded, due, spends=0.15)
        light = [Lodger(turns, crowded, due, spends=0.015) for _ in range(3)]
        alone = [Lodger(turns, home, due, spends=0.015) for home in homes[1:]]
        for run in (heavy, *light, *alone):
            workers.wake(run)
        wait_for(lambda: sum(run.home is crowded for run in turns) >= 250, "250 turns")  # noqa: B023
        spent = {run: run.spends * turns.count(run) for run in (heavy, *light)}
        shares.append(spent[heavy] / sum(spent.values()))
        workers.stop()
    assert all(abs(share - 0.25) < 0.06 for share in shares), shares
