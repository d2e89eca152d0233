"""Studies that visitors order: one each, in turn, and gone when nobody looks."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from bnviz.studies import service
from bnviz.studies.catalogue import STUDIES
from bnviz.studies.errors import StudyError
from bnviz.studies.executor import LocalPool
from bnviz.studies.orders import ENDED, Order
from bnviz.studies.service import Service, affordable
from bnviz.studies.study import Study
from bnviz.studies.trial import Trial
from bnviz.studies.worker import RunTrial
from tests.studies.stand_in import DIES, MEASURE, alive, gone, python, running, starts, trial


@dataclass(frozen=True, kw_only=True)
class Made(Study):
    """So many trials a seed, each taking so many seconds."""

    each: int = 2
    seconds: float = 1e-8
    behaviour: float = 0.0

    def trials(self, seeds: Iterable[int]) -> list[Trial]:
        return [trial(seed * 1000 + arm, self.behaviour, self.seconds) for seed in seeds for arm in range(self.each)]


def made(name: str = "some", **options) -> Made:
    return Made(name=name, title="Some study", seeds=5, check_seeds=1, **options)


@pytest.fixture
def served(run: RunTrial) -> Iterator[Service]:
    started = Service(lambda: LocalPool(1, warm=()), run)
    yield started
    started.stop()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The service's clock, which leaps when `clock.ahead` does; nobody is gone for that."""
    clock = SimpleNamespace(ahead=0.0, monotonic=lambda: time.monotonic() + clock.ahead)
    monkeypatch.setattr(service, "time", clock)
    monkeypatch.setattr(service, "FREED_AFTER", math.inf)
    return clock


def until(service: Service, session: str, done: Callable[[Order], bool]) -> Order:
    """Look until it is so."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        found = service.look(session)
        assert found is not None
        if done(found):
            return found
        time.sleep(0.01)
    raise AssertionError(found)


def long_ago(service_: Service, session: str) -> None:
    """Whoever ordered it has not looked for longer than it is kept."""
    service_._jobs[session].seen -= service.FREED_AFTER + 1


def ended(found: Order) -> bool:
    return found.state in ENDED


def test_an_order_is_measured_and_its_rows_stay_to_be_seen(served: Service):
    served.order("me", made(), 3)
    found = until(served, "me", ended)
    assert (found.state, found.problem, found.study, found.seeds) == ("done", "", "some", 3)
    assert {row["seed"]: row["measures"][MEASURE] for row in found.rows} == {
        seed: float(seed) for seed in (0, 1, 1000, 1001, 2000, 2001)
    }
    assert (found.progress.done, found.progress.left) == (6, 0)
    assert served.look("somebody else") is None


def test_an_order_begins_at_the_seed_that_it_names(served: Service):
    assert served.order("me", made(each=1), 2, first=7).first == 7
    found = until(served, "me", ended)
    assert {row["seed"] for row in found.rows} == {7000, 8000}
    assert (found.first, found.seeds) == (7, 2)


def test_rows_are_seen_as_they_come(served: Service):
    served.order("me", made(each=200, seconds=0.02), 1)
    found = until(served, "me", lambda order: len(order.rows) >= 3)
    assert found.state == "running"
    assert found.progress.left > 100


def test_a_session_has_one_study_and_may_order_the_next_when_it_is_done(served: Service):
    served.order("me", made(seconds=60), 1)
    with pytest.raises(StudyError, match="One study at a time"):
        served.order("me", made("other"), 1)
    served.cancel("me")
    served.order("me", made("other"), 1)
    assert until(served, "me", ended).study == "other"


def test_the_queue_is_served_in_order_and_everybody_sees_his_place(served: Service, notes: Path):
    served.order("a", made(seconds=60), 1)
    until(served, "a", lambda order: order.state == "running")
    assert [served.order(session, made(session), 1).place for session in ("b", "c", "d")] == [1, 2, 3]
    served.cancel("c")
    found = [served.look(session) for session in ("a", "b", "c", "d")]
    assert [(one.state, one.place) for one in found if one] == [
        ("running", 0), ("waiting", 1), ("cancelled", 0), ("waiting", 2),
    ]  # fmt: skip
    served.cancel("a")
    assert until(served, "b", ended).rows
    assert until(served, "d", ended).rows
    assert until(served, "c", ended).rows == ()


def test_a_cancelled_study_ends_at_once_and_leaves_no_process(served: Service, notes: Path):
    served.order("me", made(seconds=60), 1)
    while not starts(notes):
        time.sleep(0.01)
    (_, pid), *_rest = starts(notes)
    assert alive(pid)
    served.cancel("me")
    assert until(served, "me", ended).state == "cancelled"
    assert not alive(pid)


def test_who_does_not_look_loses_his_study_and_others_go_on(served: Service):
    served.order("gone", made(seconds=60), 1)
    served.order("stays", made(), 1)
    long_ago(served, "gone")
    assert until(served, "stays", ended).state == "done"
    assert served.look("gone") is None


def test_processes_end_when_nothing_was_ordered_for_a_while_and_start_again(
    served: Service, notes: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "IDLE_AFTER", 0.1)
    for turn in (1, 2):
        served.order("me", made(), turn)
        assert until(served, "me", ended).state == "done"
        pids = {pid for _, pid in starts(notes)}
        assert gone(pids)
    assert len(pids) == 2


def test_nothing_is_started_before_the_first_order(notes: Path):
    before = threading.active_count()
    quiet = Service(lambda: pytest.fail("nobody asked"), running(notes))
    assert quiet.look("me") is None
    quiet.cancel("me")
    quiet.stop()
    assert threading.active_count() == before


def test_processes_that_do_not_end_keep_nobody_from_looking_and_no_later_order_from_being_run(
    run: RunTrial, monkeypatch: pytest.MonkeyPatch
):
    ending, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    class Stuck(LocalPool):
        def kill(self) -> None:
            super().kill()
            ending.set()
            may_end.wait(30)
            ended.set()
            raise OSError("it does not end")

    monkeypatch.setattr(service, "IDLE_AFTER", 0.05)
    served = Service(lambda: Stuck(1, warm=()), run)
    served.order("me", made(), 1)
    until(served, "me", lambda order: order.state == "done")
    assert ending.wait(30)
    assert served.look("me") is not None
    served.order("you", made("other"), 1)
    assert not ended.is_set()
    may_end.set()
    until(served, "you", lambda order: order.state == "done")
    served.stop()


def test_an_order_starts_the_thread_again_that_has_died(served: Service):
    died = threading.Thread(target=lambda: None)
    died.start()
    died.join()
    served._thread = died
    served.order("me", made(), 1)
    until(served, "me", lambda order: order.state == "done")


@pytest.mark.parametrize("seeds", [0, -1, 7, 1000])
def test_a_visitor_orders_few_seeds(served: Service, seeds: int):
    with pytest.raises(StudyError, match="from 1 to 6 seeds"):
        served.order("me", made(), seeds)


def test_a_large_study_is_measured_with_fewer_seeds_or_not_at_all(served: Service):
    assert [affordable(made(each=each)) for each in (1, 33, 40, 41, 150, 201)] == [6, 6, 5, 4, 1, 0]
    with pytest.raises(StudyError, match="1 to 1 seeds"):
        served.order("me", made(each=150), 2)


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_can_be_measured_by_a_visitor(name: str):
    assert affordable(STUDIES[name]) >= 1


def test_a_long_study_gives_way_to_others_after_its_turn_and_keeps_its_rows(
    served: Service, notes: Path, clock: SimpleNamespace
):
    served.order("long", made(each=60, seconds=0.04), 1)
    until(served, "long", lambda order: bool(order.rows))
    served.order("short", made("other", each=1), 5)
    clock.ahead = service.TURN
    assert until(served, "short", ended).state == "done"
    found = served.look("long")
    assert found is not None
    assert found.state in ("running", "waiting")
    assert 0 < len(found.rows) < 60
    before = len(found.rows)
    found = until(served, "long", ended)
    assert (found.state, found.progress.done, found.progress.left, found.progress.total) == ("done", 60, 0, 60)
    assert sorted(row["seed"] for row in found.rows) == list(range(60))
    assert before < 60
    own = [seed for seed, _ in starts(notes)]
    assert sum(own.count(seed) for seed in range(5, 60)) == 55  # nothing that was begun is begun again
    assert len({pid for _, pid in starts(notes)}) == 1  # nor is a process


def test_who_has_not_had_a_turn_comes_before_those_who_have(served: Service, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service, "TURN", 0.1)
    for session in ("a", "b"):
        served.order(session, made(each=200, seconds=0.02), 1)
    found = until(served, "a", lambda order: order.state == "waiting" and len(order.rows) > 0)
    served.order("new", made(), 1)
    found = served.look("new")
    assert found is not None
    assert found.place <= 1 or found.state in ENDED
    assert until(served, "new", ended).state == "done"
    assert all((found := served.look(session)) and found.state not in ENDED for session in ("a", "b"))


def test_the_time_to_wait_is_the_turns_of_those_before(served: Service):
    served.order("a", made(seconds=60), 1)
    until(served, "a", lambda order: order.state == "running")
    waits = [served.order(session, made(session), 1).wait for session in ("b", "c", "d")]
    assert all(wait is not None for wait in waits)
    found = served.look("a")
    assert found is not None
    assert found.wait is None
    for count, wait in enumerate(waits, 1):
        assert (count - 1) * service.TURN <= (wait or 0.0) <= count * service.TURN


def test_where_all_places_are_taken_one_that_had_its_turn_gives_way(served: Service, monkeypatch: pytest.MonkeyPatch):
    served.order("first", made(), 1)
    until(served, "first", ended)  # the worker is ready now
    monkeypatch.setattr(service, "MAX_WAITING", 2)
    monkeypatch.setattr(service, "TURN", 1000.0)
    served.order("a", made(each=200, seconds=0.02), 1)
    until(served, "a", lambda order: order.state == "running")
    for session in ("b", "c"):
        served.order(session, made(each=200, seconds=0.02), 1)
    with pytest.raises(StudyError, match="a place is free then"):
        served.order("new", made(), 1)
    monkeypatch.setattr(service, "TURN", 0.3)
    until(served, "a", lambda order: order.state == "waiting")
    served.order("new", made(), 1)
    found = served.look("a")
    assert found is not None
    assert found.state == "cancelled"
    assert "Others wait" in found.problem
    assert found.rows
    assert until(served, "new", ended).state == "done"


def test_studies_that_have_ended_take_nobody_s_place(served: Service, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service, "MAX_JOBS", 3)
    for session in "abcde":
        served.order(session, made(), 1)
        assert until(served, session, ended).state == "done"
    assert [served.look(session) is None for session in "abcde"] == [True, True, False, False, False]
    served.order("d", made("other"), 1)  # instead of its own
    assert until(served, "d", ended).study == "other"
    assert served.look("c") is not None


def test_a_study_that_nobody_at_all_looks_at_is_ended(served: Service, notes: Path):
    served.order("gone", made(seconds=60), 1)
    until(served, "gone", lambda _: bool(starts(notes)))
    ((_, pid),) = starts(notes)
    long_ago(served, "gone")
    assert gone({pid})


def test_the_queue_is_bounded(served: Service, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service, "MAX_WAITING", 2)
    served.order("a", made(seconds=60), 1)
    until(served, "a", lambda order: order.state == "running")
    served.order("b", made(), 1)
    served.order("c", made(), 1)
    with pytest.raises(StudyError, match="2 studies wait already"):
        served.order("d", made(), 1)
    assert served.look("d") is None


def test_a_study_that_takes_too_long_is_ended_with_what_has_come(served: Service, clock: SimpleNamespace):
    served.order("me", made(each=100, seconds=0.05), 1)
    until(served, "me", lambda order: bool(order.rows))
    clock.ahead = service.MAX_SECONDS
    found = until(served, "me", ended)
    assert found.state == "cancelled"
    assert "longer than" in found.problem
    assert 0 < len(found.rows) < 100


def test_a_study_whose_workers_die_is_told_and_the_next_is_served(served: Service):
    served.order("me", made(each=1, behaviour=DIES), 1)
    (row,) = until(served, "me", ended).rows
    assert "worker process died" in row["failure"]
    served.order("me", made(), 1)
    assert until(served, "me", ended).state == "done"


def test_workers_that_cannot_start_are_a_problem_with_words(run: RunTrial):
    broken = Service(lambda: LocalPool(1, warm=("no_such_module",)), run)
    broken.order("me", made(), 1)
    found = until(broken, "me", ended)
    broken.stop()
    assert found.state == "failed"
    assert "before they were ready" in found.problem


def test_a_server_can_be_told_to_measure_nothing_or_more(served: Service, monkeypatch: pytest.MonkeyPatch):
    assert service.workers() == 1
    monkeypatch.setenv(service.WORKERS_VARIABLE, "3")
    assert service.workers() == 3
    monkeypatch.setenv(service.WORKERS_VARIABLE, "0")
    with pytest.raises(StudyError, match="measures nothing again"):
        served.order("me", made(), 1)
    monkeypatch.setenv(service.WORKERS_VARIABLE, "many")
    with pytest.raises(StudyError, match="whole number from 0 to 64"):
        service.workers()


def test_a_server_that_ends_takes_its_processes_with_it_at_once(notes: Path):
    script = (
        "import sys, time; from bnviz.studies.executor import LocalPool; from bnviz.studies.service import Service\n"
        "from tests.studies.stand_in import running, starts; from tests.studies.test_service import made\n"
        "from pathlib import Path; notes = Path(sys.argv[1])\n"
        "service = Service(lambda: LocalPool(1, warm=()), running(notes))\n"
        "service.order('me', made(seconds=60), 1)\n"
        "while not starts(notes): time.sleep(0.01)\n"
    )
    with python("-c", script, str(notes)) as server:
        _, wrong = server.communicate(timeout=30)
    assert server.returncode == 0
    assert "Traceback" not in wrong  # loky's tracker of semaphores may have its say
    assert not any(alive(pid) for _, pid in starts(notes))
