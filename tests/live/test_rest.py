"""Networks that nobody looks at go after two minutes; what they measured stays, and Play brings them back."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

import bnviz.live.places
import bnviz.live.registry
import bnviz.live.run
from bnviz.experiment.config import Intervention
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.footprint import memory
from bnviz.experiment.own_table import NO_TABLES
from bnviz.live.limits import Limits
from bnviz.live.places import ADMITTED, MIB, RELEASED, RESTED
from bnviz.live.questions import Question
from bnviz.live.registry import SWEPT_AFTER
from bnviz.live.remote import RemoteComparison
from bnviz.live.run import MAX_WAITING, CommandError, LiveRun
from bnviz.live.trainer import LostError, Trainer
from bnviz.sharing.link import from_preset
from bnviz.sharing.table_link import moved
from tests.live.conftest import TWINS, wait_for
from tests.live.test_places import ARMS, Guest, house
from tests.live.test_stream import DIVERGING
from tests.own_tables import iris_table

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


def assert_same_histories(one: RemoteComparison, other: RemoteComparison) -> None:
    for left, right in zip(one.histories, other.histories, strict=True):
        assert left.ids.tolist() == right.ids.tolist()
        for name in ("step", "loss", "percentiles", "histogram", "test_accuracy", "drift_last"):
            np.testing.assert_array_equal(left[name], right[name])


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
    assert_same_histories(rested, kept)
    assert rested._standing == kept._standing


def test_a_refused_reseed_changes_nothing_at_rest_nor_on_the_way_back():
    last = tuple(arm.replace(seed=2**31 - 1) for arm in TWINS)
    rested, kept = made(last), made(last)
    for one in (rested, kept):
        train(one, 20)
    rested.rest()
    rested.wake(Trainer())
    rested.go_back(0.0)
    with pytest.raises(ConfigError, match="seed"):
        rested.reseed()
    assert rested.returning
    while rested.away:
        rested.go_back(0.005)
    with pytest.raises(ConfigError, match="seed"):
        rested.reseed()
    for one in (rested, kept):
        train(one, 5)
    assert_same_histories(rested, kept)


def test_a_rewind_on_the_way_back_keeps_the_step_to_pause_at():
    comparison = made()
    train(comparison, 20)
    comparison.stop_at = 30
    comparison.rest()
    comparison.wake(Trainer())
    comparison.rewind()
    assert comparison.stop_at == 30
    assert comparison.advance(steps=50) == 31


def test_a_network_on_a_table_of_ones_own_comes_back_too():
    table = iris_table()
    (arm,) = moved(from_preset("headline"), table, range(1)).arms[:1]
    rested, kept = (RemoteComparison(Trainer(), (arm,), {str(table.ref): table}, FAR) for _ in range(2))
    for one in (rested, kept):
        train(one, 9)
    rested.rest()
    bring_back(rested)
    for one in (rested, kept):
        train(one, 9)
    assert_same_histories(rested, kept)


def test_the_histories_go_on_where_they_ended_though_other_steps_were_captured_on_the_way_back():
    rested, kept = made(), made()
    for one in (rested, kept):
        train(one, 33)
    rested.rest()
    rested._interval = 0.0
    bring_back(rested)
    for one in (rested, kept):
        train(one, 5)
    assert_same_histories(rested, kept)


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
    assert header["finished"] == "paused at step 40; the networks are put away, and Play brings them back"
    assert resting.run.copy().last_step == 40
    assert not resting.run.trained
    assert resting.run.held < resting.run.nbytes


def test_play_trains_up_to_the_step_again_says_so_and_goes_on(resting):
    histories = [history.copy() for history in resting.run.comparison.histories]
    resting.run.order(LiveRun.play)
    assert resting.ask()["finished"].startswith("bringing the networks back to step 40:")
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
    resting.until(lambda: resting.run.comparison.configs[0].interventions)
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


def test_steps_and_switches_are_done_in_their_order_and_before_what_is_ordered_after_them(resting):
    resting.run.order(lambda run: run.advance(2))
    resting.run.order(lambda run: run.turn(0, Intervention(learning_rate=0.5)))
    resting.run.order(lambda run: run.advance(1))
    resting.ask()
    assert resting.run.comparison.returning
    resting.until(lambda: not resting.run.comparison.away)
    resting.run.order(lambda run: run.turn(0, Intervention(learning_rate=0.25)))
    resting.until(lambda: resting.header["step"] == 43)
    resting.until(lambda: len(resting.run.comparison.configs[0].interventions) == 2)
    assert [one.step for one in resting.run.comparison.configs[0].interventions] == [43, 44]
    assert not resting.header["playing"]


def test_play_takes_the_place_of_single_steps_that_wait_and_a_single_step_that_of_playing(resting):
    resting.run.order(lambda run: run.advance(1))
    resting.run.order(LiveRun.play)
    resting.until(lambda: resting.header["step"] > 45)
    assert resting.header["playing"]
    resting.run.order_instead(LiveRun.rest)
    resting.ask()
    last = resting.run.comparison.step
    resting.run.order(LiveRun.play)
    resting.run.order(lambda run: run.advance(1))
    resting.until(lambda: resting.header["step"] == last)
    assert not resting.header["playing"]


def test_so_many_commands_may_wait_and_the_next_is_refused(resting):
    for _ in range(MAX_WAITING):
        resting.run.advance(1)
    with pytest.raises(CommandError, match="may wait until the networks are back"):
        resting.run.turn(0, Intervention(learning_rate=0.5))


@pytest.mark.parametrize("before", [None, LiveRun.play, lambda run: run.advance(3)], ids=["at rest", "play", "step"])
def test_a_rewind_waits_for_no_way_back(resting, before):
    if before is not None:
        resting.run.order(before)
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
    assert resting.header["finished"] == "paused at step 40; the networks are put away, and Play brings them back"
    resting.run.order_instead(LiveRun.rest)
    resting.ask()
    resting.run.order(LiveRun.play)
    resting.until(lambda: resting.header["step"] > 41)


def test_who_plays_while_the_page_goes_out_of_sight_finds_the_last_step_that_was_made():
    visitor = Visitor()
    visitor.run.order(LiveRun.play)
    visitor.until(lambda: visitor.header and visitor.header["step"] > 60)
    while not visitor.run.comparison.unseen:
        visitor.run.comparison.advance(steps=1)
    made = visitor.run.comparison.step
    visitor.run.put_away()
    visitor.ask()
    assert visitor.header["step"] == made
    assert {int(history["step"][-1]) for history in visitor.run.comparison.histories} == {made}
    visitor.run.order(lambda run: run.turn(0, Intervention(learning_rate=0.5)))
    visitor.until(lambda: visitor.run.comparison.configs[0].interventions)
    assert visitor.run.comparison.configs[0].interventions[0].step == made + 1


@pytest.mark.parametrize("gone", ["out of sight", "without a place"])
def test_networks_come_back_for_who_looks_and_has_a_place_alone(resting, monkeypatch, gone):
    resting.run.order(LiveRun.play)
    resting.ask()
    made = resting.run.comparison.repeated
    if gone == "out of sight":
        monkeypatch.setattr(bnviz.live.run, "UNWATCHED_AFTER", -1.0)
    resting.run.placed = gone != "without a place"
    for _ in range(5):
        resting.ask()
    assert resting.run.comparison.repeated == made


def test_a_run_on_its_way_back_is_in_use(resting):
    resting.run.used = 0.0
    resting.run.order_instead(LiveRun.play)
    resting.run.ask(None)
    resting.run.work()
    assert resting.run.used > 0


def test_a_line_that_blinks_on_the_way_back_takes_no_switch_along_but_single_steps(resting):
    resting.run.order(lambda run: run.turn(0, Intervention(learning_rate=0.5)))
    resting.run.order(lambda run: run.advance(5))
    resting.ask()
    resting.run.order_instead(LiveRun.abandon)
    resting.ask()
    resting.until(lambda: resting.run.comparison.configs[0].interventions)
    for _ in range(5):
        resting.ask()
    assert (resting.header["step"], resting.header["playing"]) == (40, False)


def test_what_is_to_rest_rests_though_its_line_is_lost_before(resting):
    visitor = Visitor()
    visitor.ask()
    visitor.run.put_away()
    assert not visitor.run.keeps_networks
    visitor.run.order_instead(LiveRun.abandon)
    visitor.run.work()
    assert (visitor.run.trained, visitor.run.started) == (False, True)
    visitor.run.order(LiveRun.play)
    visitor.until(lambda: visitor.header["playing"] and visitor.header["step"] > 0)
    assert visitor.run.keeps_networks


def test_a_process_that_ends_on_the_way_back_takes_nothing_that_was_measured_along(resting, monkeypatch):
    resting.run.order(lambda run: run.turn(0, Intervention(learning_rate=0.5)))
    resting.run.order(LiveRun.play)
    resting.ask()
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "ask", lambda *_: (_ for _ in ()).throw(LostError()))
        resting.ask()
    resting.ask()
    assert resting.errors == ["The networks could not be brought back, perhaps for want of memory: press Play again."]
    assert (resting.header["step"], resting.header["playing"]) == (40, False)
    assert resting.run.copy().last_step == 40
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
    assert hidden.told == [ADMITTED, RESTED]
    assert seen.told == [ADMITTED]
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
    registry.workers.woken.clear()
    one.come()
    assert one.run.placed
    assert registry._sweep in registry.workers.woken, "else nobody would look when it is left the next time"
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


def test_a_hall_that_looks_away_together_loses_no_history(clock):
    registry = house(runs=8)
    guests = [Guest(registry).come() for _ in range(8)]
    for guest in guests:
        assert guest.run.comparison.step == 1
    clock.now += 121
    for _ in range(3):
        registry.review()
    for guest in guests:
        registry.workers.obey(guest.run)
    assert [(guest.run.started, guest.run.trained) for guest in guests] == [(True, False)] * 8


def test_who_waits_out_of_sight_gives_the_networks_up_but_not_the_number(clock):
    registry = house(runs=1)
    first, second = Guest(registry).come(), Guest(registry)
    assert first.run.comparison.step == 1
    second.come()
    clock.now += registry.limits.held_hidden + 1
    registry.review()
    assert (first.heard, second.heard) == (RELEASED, ADMITTED)
    first.come()
    for _ in range(4):
        clock.now += 50
        second.run.use()
        due = registry.review()
        assert due > clock.now, "it does not look again and again"
    registry.workers.obey(first.run)
    assert (first.heard, first.run.trained, first.run.started) == (1, False, True)


def test_a_page_that_waits_for_its_answer_is_not_out_of_sight(clock):
    registry = house(runs=1)
    guest = Guest(registry).come()
    assert guest.run.comparison.step == 1
    guest.run.ask(Question(0, -1, 0, -1, lambda _: None))
    clock.now += 1000
    assert registry.review() > clock.now
    assert guest.run.placed


def test_histories_without_networks_go_where_the_memory_is_needed(clock):
    size = memory(ARMS) // MIB + 1
    registry = house(runs=10, live_mib=max(64, 2 * size))
    rests = Guest(registry).come()
    assert rests.run.comparison.step == 1
    clock.now += 121
    registry.review()
    registry.workers.obey(rests.run)
    rests.run._comparison.nbytes = 40 * MIB
    assert rests.run.held == 40 * MIB
    registry.review()
    registry.workers.obey(rests.run)
    assert rests.run.started, "there is room"
    rests.run._comparison.nbytes = 65 * MIB
    registry.review()
    registry.workers.obey(rests.run)
    assert not rests.run.started


# --- processes and pages -------------------------------------------------------------------------


def test_a_run_comes_back_in_whichever_process_has_least_to_do(server):
    with server.client() as client, server.client() as other:
        client.pull()
        client.send("step", count=30)
        client.pull_until(lambda header: header["step"] == 30)
        token = client.socket.request.path.split("=")[1]
        run = server.seat(token).run
        chosen, choose = [], run._choose
        run._choose = lambda one: chosen.append(choose(one)) or chosen[-1]
        run.put_away()
        server.registry.workers.wake(run)
        wait_for(lambda: not run.trained, "the rest")
        client.send("step", count=2)
        header = client.pull_until(lambda header: header["step"] == 32)
        assert chosen == [run.home], "chosen anew, and once"
        assert [list(rows.values())[-1]["step"] for rows in client.page.rows] == [32, 32]
        assert header["finished"] is None
        assert other.pull()["step"] == 0


def test_a_page_hears_that_it_has_no_place_any_more_so_that_a_blink_loses_nothing_it_orders(server):
    with server.client() as client:
        client.pull()
        token = client.socket.request.path.split("=")[1]
        seat = server.seat(token)
        with server.registry._lock:
            server.registry._places.rest(seat)
        message = json.loads(client.socket.recv(timeout=30))
        assert message == {"type": "released"}
        assert not seat.run.placed
