"""Runs are reached by their tokens alone, start anew with a revision, and are freed when nobody watches."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

import bnviz.live.places
import bnviz.live.registry
import bnviz.live.run
from bnviz.experiment.config import ExperimentConfig
from bnviz.live.places import KEPT_FOR, FullError
from bnviz.live.registry import SWEPT_AFTER, Registry
from bnviz.live.run import LiveRun

ARMS = (ExperimentConfig(width=4), ExperimentConfig(width=4, normalization="batch"))
NAMES = ("without", "with")


class Hand:
    """In the place of the workers: remembers who was woken, and gives turns when told to."""

    def __init__(self) -> None:
        self.woken: list[LiveRun] = []

    def wake(self, run: LiveRun) -> None:
        self.woken.append(run)

    def obey(self, run: LiveRun) -> None:
        while (command := run._next_command()) is not None:
            command(run)


@pytest.fixture
def registry() -> Registry:
    return Registry(Hand())  # type: ignore[arg-type]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that goes on only when `clock.ahead` grows."""
    real, clock = time.monotonic, SimpleNamespace(ahead=0.0)
    clock.monotonic = lambda: real() + clock.ahead
    for module in (bnviz.live.registry, bnviz.live.places, bnviz.live.run):
        monkeypatch.setattr(module, "time", clock)
    return clock


def open_run(registry: Registry, token: str | None = None, revision: int = 0) -> str:
    return registry.open(token, revision, ARMS, NAMES, None)


def test_tokens_are_long_random_and_each_its_own(registry):
    tokens = [open_run(registry) for _ in range(50)]
    assert len(set(tokens)) == 50
    assert all(len(token) >= 32 for token in tokens), "24 random bytes can't be guessed"
    assert len({token[:3] for token in tokens}) > 20, "no part of them counts up"


def test_each_token_reaches_its_own_run_and_no_other(registry):
    one, other = open_run(registry), open_run(registry)
    assert registry.find(one).run is not registry.find(other).run
    for guess in ("", "0", one[:-1], one + "A", one.swapcase(), "../" + one):
        assert registry.find(guess) is None


def test_a_token_that_nobody_was_given_opens_a_run_under_a_fresh_one(registry):
    token = open_run(registry, "chosen-by-a-visitor")
    assert token != "chosen-by-a-visitor"
    assert registry.find("chosen-by-a-visitor") is None


def test_the_same_revision_keeps_the_run_as_it_is(registry):
    token = open_run(registry)
    run = registry.find(token).run
    assert open_run(registry, token) == token
    assert registry.find(token).run is run
    assert not run._inbox


def test_another_revision_starts_the_run_anew_at_its_next_turn(registry):
    token = open_run(registry)
    run = registry.find(token).run
    run._player.playing = True
    deeper = tuple(arm.replace(hidden_layers=5) for arm in ARMS)
    assert registry.open(token, 1, deeper, NAMES, 20) == token
    assert registry.workers.woken[-1] is run
    assert run.generation == 0, "only a worker touches the run"
    registry.workers.obey(run)
    assert (run.generation, run.playing) == (1, False)
    assert run.comparison.stop_at == 20
    assert run.comparison.configs[0].hidden_layers == 5


@pytest.mark.parametrize("mishap", ["blink", "release", "dissolve", "error"])
def test_another_revision_is_not_lost_by_what_happens_before_the_runs_turn(registry, clock, mishap):
    token, page = open_run(registry), object()
    seat = registry.find(token)
    registry.sit(seat, page)
    clock.ahead = 100.0
    registry.open(token, 1, tuple(arm.replace(hidden_layers=5) for arm in ARMS), NAMES, 20)
    assert seat.run.used == pytest.approx(clock.monotonic(), abs=5), "who changes an experiment uses it"
    if mishap == "blink":
        registry.leave(seat, page)
    elif mishap == "error":
        seat.run.fail()
    else:
        seat.run.order_instead(LiveRun.abandon if mishap == "release" else LiveRun.dissolve)
    seat.run.work()
    assert [config.hidden_layers for config in seat.run.comparison.configs] == [5, 5]
    assert seat.run.comparison.stop_at == 20


def test_an_unwatched_run_is_freed_after_two_minutes_and_not_before(registry, clock):
    assert registry.limits.freed_after == 120
    token = open_run(registry)
    clock.ahead = 115
    assert registry.find(token) is not None
    clock.ahead = 125
    assert registry.find(token) is None
    assert open_run(registry, token) != token


def test_a_watched_run_stays_and_its_two_minutes_begin_when_the_page_leaves(registry, clock):
    token, page = open_run(registry), object()
    seat = registry.find(token)
    registry.sit(seat, page)
    clock.ahead = 10_000
    assert registry.find(token) is seat
    seat.run._player.playing = True
    registry.leave(seat, page)
    registry.workers.obey(seat.run)
    assert not seat.run.playing, "it pauses at once"
    clock.ahead += 115
    assert registry.find(token) is seat
    clock.ahead += 10
    assert registry.find(token) is None


def test_a_page_that_lost_its_seat_cannot_empty_it(registry):
    token, older, newer = open_run(registry), object(), object()
    seat = registry.find(token)
    registry.sit(seat, older)
    registry.sit(seat, newer)
    registry.leave(seat, older)
    assert seat.socket is newer
    assert not seat.run._inbox


def test_places_are_bounded_and_those_that_are_watched_or_just_opened_stay(registry, clock, monkeypatch):
    monkeypatch.setattr(bnviz.live.registry, "MAX_SEATS", 20)
    watched = open_run(registry)
    registry.sit(registry.find(watched), object())
    tokens = [open_run(registry) for _ in range(19)]
    with pytest.raises(FullError, match="All 20 places are taken"):
        open_run(registry)
    assert all(registry.find(token) for token in [watched, *tokens]), "their pages are about to come"
    clock.ahead = KEPT_FOR + 1
    open_run(registry)
    assert registry.find(watched) is not None
    assert len(registry._seats) <= 20


def test_what_was_left_goes_in_time_though_nobody_comes_any_more(registry, clock):
    lost, unseen = registry.find(open_run(registry)), registry.find(open_run(registry))
    page = object()
    registry.sit(lost, page)
    clock.ahead = 60.0
    registry.leave(lost, page)
    sweep = registry.workers.woken[-1]
    due = sweep.work()
    assert due == unseen.left + registry.limits.freed_after + SWEPT_AFTER, "the first to go is the one that nobody saw"
    clock.ahead += due - clock.monotonic()
    due = sweep.work()
    assert list(registry._seats.values()) == [lost]
    clock.ahead += due - clock.monotonic()
    assert sweep.work() is None, "nothing is left to wait for"
    assert not registry._seats


def test_a_page_that_was_closed_frees_its_run_at_once_and_a_lost_one_does_not(registry):
    for closed in (True, False):
        token, page = open_run(registry), object()
        seat = registry.find(token)
        registry.sit(seat, page)
        registry.wish(seat, lambda _number: None)
        seat.run._comparison = SimpleNamespace(close=lambda: None, resting=False)
        registry.leave(seat, page, closed=closed)
        registry.workers.obey(seat.run)
        assert (registry.find(token) is None) is closed
        assert seat.run.started is not closed, "the networks go with it"
        assert seat.run.placed is not closed
