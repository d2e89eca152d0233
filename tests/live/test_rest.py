"""Networks that nobody looks at go after two minutes; what they measured stays, and Play brings them back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

import bnviz.live.places
import bnviz.live.registry
import bnviz.live.run
from bnviz.experiment.config import Intervention
from bnviz.experiment.own_table import NO_TABLES
from bnviz.live.limits import Limits
from bnviz.live.places import ADMITTED
from bnviz.live.questions import Question
from bnviz.live.registry import SWEPT_AFTER
from bnviz.live.remote import RemoteComparison
from bnviz.live.run import LiveRun
from bnviz.live.trainer import LostError, Trainer
from tests.live.conftest import TWINS
from tests.live.test_places import Guest, house
from tests.live.test_stream import DIVERGING

FAR = 10**9
PAIR = (DIVERGING, TWINS[1])
NOTHING = lambda _: None  # noqa: E731


def made(arms=TWINS) -> RemoteComparison:
    comparison = RemoteComparison(Trainer(), arms, NO_TABLES, FAR)
    comparison.advance(steps=1)
    return comparison


def bring_back(comparison: RemoteComparison) -> None:
    comparison.wake(Trainer())
    while comparison.away:
        comparison.go_back(0.001)


def train(comparison: RemoteComparison, count: int) -> None:
    for _ in range(count):
        comparison.advance(steps=1, capture=True)


@pytest.mark.parametrize("arms", [TWINS, PAIR])
@pytest.mark.parametrize(
    "before",
    [
        NOTHING,
        lambda one: one.turn(1, Intervention(normalization="layer")),
        lambda one: setattr(one, "stop_at", 37),
        lambda one: setattr(one, "stop_at", 45),
    ],
    ids=["nothing", "switched just before", "at the step to pause at", "to pause soon"],
)
def test_networks_that_were_given_up_come_back_to_the_bit(arms, before: Callable[[RemoteComparison], None]):
    rested, kept = made(arms), made(arms)
    for one in (rested, kept):
        train(one, 20)
        one.turn(1, Intervention(learning_rate=0.02))
        train(one, 17)
        before(one)
    rested.rest()
    assert rested.trainer._comparisons == {}, "nothing of them is left"
    bring_back(rested)
    for one in (rested, kept):
        train(one, 15)
        one.rewind()
        train(one, 3)
        one.advance(steps=9)
        one.reseed()
        train(one, 12)
    for left, right in zip(rested.histories, kept.histories, strict=True):
        assert left.ids.tolist() == right.ids.tolist()
        for name in ("step", "loss", "percentiles", "histogram", "test_accuracy", "drift_last"):
            np.testing.assert_array_equal(left[name], right[name])
    assert rested._standing == kept._standing


def test_the_histories_go_on_where_they_ended_though_other_steps_were_captured_on_the_way_back():
    rested, kept = made(), made()
    for one in (rested, kept):
        train(one, 33)
    rested.rest()
    rested._interval = 0.0
    bring_back(rested)
    for one in (rested, kept):
        train(one, 5)
    assert [history.ids.tolist() for history in rested.histories] == [
        history.ids.tolist() for history in kept.histories
    ]
    np.testing.assert_array_equal(rested.histories[0]["loss"], kept.histories[0]["loss"])


def test_without_its_networks_a_comparison_still_says_all_that_it_knows():
    comparison = made()
    train(comparison, 6)
    known = (comparison.step, comparison.configs, comparison.chances, comparison.planned, comparison.scene())
    comparison.rest()
    comparison.rest()
    assert known == (
        comparison.step,
        comparison.configs,
        comparison.chances,
        comparison.planned,
        comparison.scene(),
    )
    comparison.stop_at = comparison.step - 1
    assert comparison.stopped
    bring_back(comparison)
    assert comparison.stopped
    assert comparison.advance(steps=1) == 0


# --- a run ---------------------------------------------------------------------------------------


class Visitor:
    """Somebody at the page of one run: asks, orders and gives its turns."""

    def __init__(self, arms=TWINS) -> None:
        self.run = LiveRun(arms, ("a", "b"))
        self.cursor, self.generation, self.header = -1, -1, {}
        self.errors: list[str] = []

    def ask(self) -> dict[str, object]:
        question = Question(self.generation, self.cursor, 0, self.cursor, self.hear)
        self.run.ask(question)
        self.run.insist(question)
        self.run.work()
        return self.header

    def hear(self, messages) -> None:
        for message in messages:
            if isinstance(message, bytes):
                length = int.from_bytes(message[:4], "little")
                self.header = json.loads(message[4 : 4 + length])
                self.generation = self.header["generation"]
            elif json.loads(message)["type"] == "error":
                self.errors.append(json.loads(message)["message"])

    def until(self, condition: Callable[[], object]) -> None:
        for _ in range(10_000):
            if condition():
                return
            self.ask()
        raise AssertionError("in vain")

    def train_and_rest(self, steps: int) -> Visitor:
        self.ask()
        self.run.order(lambda run: run.advance(steps))
        self.until(lambda: self.header["step"] == steps)
        self.run.order_instead(LiveRun.rest)
        self.ask()
        assert not self.run.trained
        return self


@pytest.fixture
def resting() -> Visitor:
    """Whose run has made 40 steps and lies at rest."""
    return Visitor().train_and_rest(40)


def test_a_page_that_comes_back_reads_on_without_networks_and_is_told_that_it_is_paused(resting):
    for _ in range(3):
        header = resting.ask()
    assert (header["playing"], header["step"]) == (False, 40)
    assert header["finished"] == "paused at step 40, as this page was out of sight"
    assert resting.run.copy().last_step == 40
    assert not resting.run.trained
    assert resting.run.held < resting.run.nbytes


def test_play_trains_up_to_the_step_again_says_so_and_goes_on(resting):
    histories = [history.copy() for history in resting.run.comparison.histories]
    resting.run.order(LiveRun.play)
    assert resting.ask()["finished"].startswith(
        "getting back to step 40, as the networks were given up while this page was out of sight:"
    )
    resting.until(lambda: resting.header["step"] > 45)
    assert resting.header["finished"] is None
    for before, now in zip(histories, resting.run.comparison.histories, strict=True):
        np.testing.assert_array_equal(now["step"][: len(before)], before["step"])
        np.testing.assert_array_equal(now["loss"][: len(before)], before["loss"])
        assert np.all(np.diff(now["step"]) > 0)


def test_single_steps_are_made_after_the_way_back(resting):
    resting.run.order(lambda run: run.advance(3))
    resting.until(lambda: resting.header["step"] == 43)
    assert resting.run.comparison.histories[0]["step"][-4:].tolist() == [40, 41, 42, 43]


def test_switches_are_thrown_at_the_step_that_is_shown(resting):
    resting.run.order(lambda run: run.turn(0, Intervention(normalization="batch")))
    resting.run.order(lambda run: run.turn(0, Intervention(learning_rate=0.5)))
    resting.until(lambda: not resting.run.comparison.away)
    assert [one.step for one in resting.run.comparison.configs[0].interventions] == [41, 41]
    assert resting.run.comparison.planned[0] == ("batch", 0.5)


def test_a_switch_that_is_refused_is_refused_after_the_way_back_too():
    visitor = Visitor(PAIR).train_and_rest(60)
    assert visitor.run.comparison.diverged[0] is not None
    visitor.run.order(lambda run: run.turn(0, Intervention(learning_rate=0.5)))
    visitor.until(lambda: visitor.errors)
    assert "broke at step" in visitor.errors[0]
    assert not visitor.run.comparison.away


def test_a_measurement_waits_for_the_networks(resting):
    found: list[str] = []
    resting.run.order(lambda run: run.measure("gradient-shift", found.append))
    resting.until(lambda: found)
    assert json.loads(found[0])["step"] == 41


@pytest.mark.parametrize("where", ["at rest", "on the way back"])
def test_a_rewind_waits_for_no_way_back(resting, where):
    if where == "on the way back":
        resting.run.order(LiveRun.play)
        resting.ask()
        assert resting.run.comparison.returning
    resting.run.order(LiveRun.rewind)
    resting.run.work()
    assert (resting.run.comparison.step, resting.run.comparison.away) == (1, False)
    assert resting.ask()["step"] == 0


def test_a_pause_on_the_way_back_ends_it_and_play_goes_on_with_it(resting):
    resting.run.order(LiveRun.play)
    resting.ask()
    resting.run.order(LiveRun.pause)
    made = resting.ask() and resting.run.comparison.repeated
    for _ in range(5):
        resting.ask()
    assert (resting.run.comparison.repeated, resting.header["playing"]) == (made, False)
    resting.run.order_instead(LiveRun.rest)
    resting.ask()
    resting.run.order(LiveRun.play)
    resting.until(lambda: resting.header["step"] > 41)


def test_a_process_that_ends_meanwhile_takes_nothing_of_a_run_at_rest(resting, monkeypatch):
    monkeypatch.setattr(Trainer, "ask", lambda *_: (_ for _ in ()).throw(LostError()))
    resting.ask()
    assert resting.header["step"] == 40
    monkeypatch.undo()
    resting.run.order(lambda run: run.advance(1))
    resting.until(lambda: resting.header["step"] == 41)


def test_another_experiment_and_a_closed_page_need_nothing_of_what_rests(resting):
    resting.run.want((TWINS[0],), ("a",), None, {})
    resting.until(lambda: resting.header["step"] == 0)
    assert len(resting.run.comparison.configs) == 1
    resting.run.order_instead(LiveRun.rest)
    resting.run.work()
    resting.run.order_instead(LiveRun.dissolve)
    resting.run.work()
    assert not resting.run.started


# --- the registry --------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still but for what a test adds to `now`."""
    clock = SimpleNamespace(now=time.monotonic())
    clock.monotonic = lambda: clock.now
    for module in (bnviz.live.registry, bnviz.live.places, bnviz.live.run):
        monkeypatch.setattr(module, "time", clock)
    return clock


def test_after_two_minutes_without_a_question_networks_and_place_go_and_no_sooner(clock):
    assert Limits().freed_after == 120
    registry = house(runs=2)
    hidden, seen = Guest(registry).come(), Guest(registry).come()
    for guest in (hidden, seen):
        guest.run.work()
        guest.run.play()
    clock.now += 119
    seen.run.ask(None)
    registry.review()
    registry.workers.obey(hidden.run)
    assert (hidden.run.placed, hidden.run.trained) == (True, True)
    clock.now += 2
    registry.review()
    registry.workers.obey(hidden.run)
    assert (hidden.run.placed, hidden.run.trained, hidden.run.started) == (False, False, True)
    assert (seen.run.placed, seen.run.trained, seen.run.playing) == (True, True, True)
    assert hidden.told == [ADMITTED], "nobody took it away"
    assert registry.find(hidden.token) is hidden.seat, "its page is still open"


def test_the_sweep_looks_again_when_the_next_page_may_be_out_of_sight_for_long_enough(clock):
    registry = house(runs=2)
    one, other = Guest(registry).come(), Guest(registry).come()
    clock.now += 50
    other.run.ask(None)
    assert registry.review() == one.run.asked + 120 + SWEPT_AFTER
    clock.now = one.run.asked + 121
    assert registry.review() == other.run.asked + 120 + SWEPT_AFTER
    clock.now += 1000
    assert registry.review() is None, "nothing is left that could go"
    one.come()
    assert one.run.placed
    assert registry.review() == one.run.asked + 120 + SWEPT_AFTER


def test_who_waits_keeps_the_number_however_long_nobody_looks(clock):
    registry = house(runs=1)
    holder, waiting = Guest(registry).come(), Guest(registry).come()
    for _ in range(10):
        clock.now += 50
        holder.run.use()
        registry.review()
    assert waiting.heard == 1
    holder.go(closed=True)
    assert waiting.heard == ADMITTED


def test_histories_without_networks_stay_however_many_places_there_are(clock):
    registry = house(runs=1)
    guests = [Guest(registry) for _ in range(4)]
    for guest in guests:
        guest.come()
        assert guest.run.comparison.step == 1
        clock.now += 121
        registry.review()
        registry.workers.obey(guest.run)
    assert [(guest.run.started, guest.run.trained) for guest in guests] == [(True, False)] * 4
