"""Places to train are given out in turn; who doesn't use one loses it to those who wait, and no sooner."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.footprint import memory
from bnviz.live.limits import Limits
from bnviz.live.places import ADMITTED, KEPT_FOR, MIB, RELEASED, FullError, Seat, taken
from bnviz.live.registry import Registry
from bnviz.live.run import LiveRun
from tests.live.test_registry import Hand

ARMS = (ExperimentConfig(width=4), ExperimentConfig(width=4, normalization="batch"))


class Guest:
    """A page with its seat: `heard` is what it was told last, of all that it was told."""

    def __init__(self, registry: Registry, arms: tuple[ExperimentConfig, ...] = ARMS) -> None:
        self.registry = registry
        self.token = registry.open(None, 0, arms, ("a", "b"), None)
        self.told: list[int] = []
        seat = registry.find(self.token)
        assert seat is not None
        self.seat: Seat = seat
        registry.sit(seat, self)

    @property
    def run(self) -> LiveRun:
        assert isinstance(self.seat.run, LiveRun)
        return self.seat.run

    def come(self) -> Guest:
        self.registry.wish(self.seat, self.told.append)
        return self

    def go(self, *, closed: bool = False) -> None:
        self.registry.leave(self.seat, self, closed=closed)

    @property
    def heard(self) -> int:
        return self.told[-1]


def house(**limits: int) -> Registry:
    return Registry(Hand(), Limits(**limits))  # type: ignore[arg-type]


def test_who_comes_when_all_places_are_taken_waits_and_moves_up_as_others_go():
    registry = house(runs=2)
    one, two, three, four, five = (Guest(registry).come() for _ in range(5))
    assert [guest.heard for guest in (one, two, three, four, five)] == [ADMITTED, ADMITTED, 1, 2, 3]
    assert [guest.run.placed for guest in (one, two, three, four, five)] == [True, True, False, False, False]
    four.go()
    assert (three.heard, five.heard) == (1, 2), "who goes loses the place, the others move up"
    one.go(closed=True)
    assert (three.heard, three.run.placed, five.heard) == (ADMITTED, True, 1)
    assert not registry.find(one.token)


@given(st.lists(st.tuples(st.sampled_from(["come", "go", "close"]), st.integers(0, 7)), max_size=60))
def test_whatever_pages_do_never_more_train_than_may_and_nobody_is_passed_by(steps):
    registry = house(runs=2)
    guests = [Guest(registry) for _ in range(8)]
    gone: set[int] = set()
    queue: list[int] = []
    for what, number in steps:
        guest = guests[number]
        if number in gone:
            continue
        if what == "come":
            guest.come()
            if not guest.run.placed and number not in queue:
                queue.append(number)
        else:
            guest.go(closed=True)
            gone.add(number)
        placed = [n for n, one in enumerate(guests) if one.run.placed]
        queue = [n for n in queue if n not in gone and n not in placed]
        assert len(placed) <= 2
        assert not (queue and len(placed) < 2), "no place stays empty while somebody waits"
        assert [guests[n].heard for n in queue] == list(range(1, len(queue) + 1)), "in the order of their coming"


@pytest.mark.parametrize("unused", ["lost", "hidden", "paused"])
def test_a_place_that_is_not_used_goes_to_who_waits_after_its_time_and_not_before(clock, unused):
    registry = house(runs=1)
    holder, waiting = Guest(registry).come(), Guest(registry).come()
    if unused == "lost":
        holder.go()
    patience = {"lost": KEPT_FOR, "hidden": registry.limits.held_hidden, "paused": registry.limits.held_paused}[unused]
    end = clock.now + patience
    while clock.now < end - 5:
        clock.now += 5
        if unused == "paused":
            holder.run.ask(None)  # it is seen
        registry.review()
        assert waiting.heard == 1
    clock.now = end + 1
    if unused == "paused":
        holder.run.ask(None)
    registry.review()
    assert (waiting.heard, holder.heard) == (ADMITTED, RELEASED)
    assert (waiting.run.placed, holder.run.placed) == (True, False)


@pytest.mark.parametrize("use", ["plays", "commands"])
def test_a_page_that_is_seen_and_used_keeps_its_place_however_long_others_wait(clock, use):
    registry = house(runs=1)
    holder, waiting = Guest(registry).come(), Guest(registry).come()
    holder.run._player.playing = use == "plays"
    for _ in range(400):
        clock.now += 10
        holder.run.ask(None)
        if use == "commands":
            holder.run.order(LiveRun.pause)
            holder.run._inbox.clear()
        registry.review()
    assert (holder.run.placed, waiting.heard) == (True, 1)


def test_where_nobody_waits_nobody_loses_a_place(clock):
    registry = house(runs=2)
    paused, hidden = (Guest(registry).come() for _ in range(2))
    for _ in range(60):
        clock.now += 60
        paused.run.ask(None)
        if clock.now < hidden.run.asked + registry.limits.freed_after:
            assert hidden.run.placed, "longer than where somebody waits"
        registry.review()
    assert (paused.run.placed, hidden.run.placed) == (True, False)


def test_who_lost_a_place_keeps_what_was_measured_and_gets_one_again_in_turn(clock):
    registry = house(runs=1)
    first, second = Guest(registry).come(), Guest(registry).come()
    first.run._comparison = measured = SimpleNamespace(close=lambda: None, resting=False)  # type: ignore[assignment]
    first.run._player.playing = True
    clock.now += registry.limits.held_hidden + 1
    second.run.ask(None)
    registry.review()
    registry.workers.obey(first.run)  # type: ignore[attr-defined]
    assert (first.run.playing, first.run._comparison) == (False, measured), "paused, and as it was"
    first.come()
    assert first.heard == 1
    second.go(closed=True)
    assert (first.heard, first.run.placed, first.run._comparison) == (ADMITTED, True, measured)


def test_runs_without_a_place_keep_their_networks_only_while_there_is_room(clock):
    registry = house(runs=4)
    guests = [Guest(registry) for _ in range(7)]
    for guest in guests:
        clock.now += 1
        guest.run.use()
        assert guest.run.comparison.step == 1
    registry.review()
    for guest in guests:
        registry.workers.obey(guest.run)  # type: ignore[attr-defined]
    assert [guest.run.trained for guest in guests] == [False] * 5 + [True] * 2, "half as many as there are places"
    assert all(guest.run.started for guest in guests), "what they have measured stays"


def test_the_queue_is_bounded_and_says_so_in_one_sentence():
    registry = house(runs=1, waiting=2)
    for _ in range(3):
        Guest(registry).come()
    with pytest.raises(FullError, match="The only place for a live run is taken, and as many pages wait as may"):
        Guest(registry).come()


def test_a_page_that_asks_again_keeps_its_number():
    registry = house(runs=1)
    _, two, three = (Guest(registry).come() for _ in range(3))
    two.come()
    three.come()
    assert (two.heard, three.heard) == (1, 2)


def test_the_sentence_counts_the_places():
    assert taken(32) == "All 32 places for live runs are taken"


# --- memory --------------------------------------------------------------------------------------

LARGE = tuple(ExperimentConfig(hidden_layers=6, width=512, optimizer="adam", seed=n) for n in range(2))
LARGE_MIB = memory(LARGE) // MIB + 1


def test_a_run_that_does_not_fit_into_what_is_left_waits_for_it_like_for_a_place():
    registry = house(runs=10, live_mib=LARGE_MIB + 2 * memory(ARMS) // MIB)
    small, large, late = Guest(registry).come(), Guest(registry, LARGE).come(), Guest(registry, LARGE).come()
    assert (small.heard, large.heard, late.heard) == (ADMITTED, ADMITTED, 1)
    assert registry.short() == f"The {registry.limits.live_mib} MiB for live runs are taken"
    small.go(closed=True)
    assert late.heard == 1
    large.go(closed=True)
    assert (late.heard, late.run.placed) == (ADMITTED, True)


def test_what_is_larger_than_all_there_is_is_refused_with_what_to_make_smaller():
    registry = house(runs=10, live_mib=64)
    with pytest.raises(FullError, match="live runs may take 64 MiB in all on this server: choose fewer networks"):
        Guest(registry, LARGE)
    guest = Guest(registry)
    with pytest.raises(FullError, match="64 MiB"):
        registry.open(guest.token, 1, LARGE, ("a", "b"), None)


def test_a_run_whose_experiment_outgrows_the_memory_waits_until_there_is_as_much():
    registry = house(runs=10, live_mib=LARGE_MIB + memory(ARMS) // MIB)
    one, two = Guest(registry, LARGE).come(), Guest(registry).come()
    registry.open(two.token, 1, LARGE, ("a", "b"), None)
    assert (two.heard, two.run.placed, one.run.placed) == (1, False, True)
    registry.open(one.token, 1, ARMS, ("a", "b"), None)
    assert (two.heard, two.run.placed) == (ADMITTED, True)


def test_networks_that_are_kept_without_a_place_go_where_the_memory_is_needed(clock):
    registry = house(runs=10, live_mib=2 * LARGE_MIB)
    kept, train = Guest(registry, LARGE), Guest(registry, LARGE)
    for guest in (kept, train):
        guest.run._comparison = SimpleNamespace(close=lambda: None, resting=False)  # type: ignore[assignment]
    train.come()
    registry.review()
    assert kept.run._next_command() is None, "both fit"
    third = Guest(registry, LARGE).come()
    assert third.heard == ADMITTED
    registry.workers.obey(kept.run)  # type: ignore[attr-defined]
    assert not kept.run.started


# --- lines that blink ----------------------------------------------------------------------------


def test_where_nobody_may_wait_a_place_held_for_nothing_is_taken_all_the_same(clock):
    registry = house(runs=1, waiting=0)
    holder = Guest(registry).come()
    with pytest.raises(FullError):
        Guest(registry).come()
    clock.now += registry.limits.held_hidden + 1
    assert Guest(registry).come().heard == ADMITTED
    assert (holder.heard, holder.run.placed) == (RELEASED, False)


def test_a_page_whose_line_blinks_in_the_queue_keeps_its_number_and_nobody_loses_by_it(clock):
    registry = house(runs=1)
    one, two, three, four = (Guest(registry).come() for _ in range(4))
    two.go()
    assert (three.heard, four.heard) == (1, 2), "meanwhile the others move up"
    registry.sit(two.seat, two)
    two.come()
    assert (two.heard, three.heard, four.heard) == (1, 2, 3)
    two.go()
    one.go(closed=True)
    assert (three.heard, two.run.placed, four.heard) == (ADMITTED, False, 1), "who is not there is passed by"
    clock.now += KEPT_FOR + 1
    registry.sit(two.seat, two)
    two.come()
    assert (four.heard, two.heard) == (1, 2), "who stays away for longer comes in at the end"


def test_nobody_is_told_the_same_number_twice():
    registry = house(runs=1)
    guests = [Guest(registry).come() for _ in range(5)]
    for guest in guests[1:]:
        registry.review()
        assert guest.told == [guests.index(guest)]
    guests[3].go(closed=True)
    assert [guest.told for guest in (guests[1], guests[2], guests[4])] == [[1], [2], [4, 3]]
