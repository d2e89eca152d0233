"""The side that trains: comparisons by number, and what their runs ask of them, in whatever process it stands."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.experiment.history import History
from bnviz.experiment.own_table import OwnTable
from bnviz.experiment.presets import DEFAULT_PRESET, PRESETS
from bnviz.experiment.snapshot import Divergence, Snapshot
from bnviz.experiment.verdicts import Chance
from bnviz.live.describe import scene
from bnviz.live.measuring import measure_in_slices

if TYPE_CHECKING:
    from bnviz.training.comparison import Comparison

Sent = Mapping[str, tuple[str, OwnTable]]  # tables by name, each with what tells it from all others


class LostError(RuntimeError):
    """The networks have gone with the process that trained them."""


@dataclass(frozen=True)
class Standing:
    """Where a comparison stands after an asking; planned: normalization and learning rate of each arm from then on."""

    step: int
    stop_at: int | None
    stopped: bool
    finished: bool
    configs: tuple[ExperimentConfig, ...]
    diverged: tuple[Divergence | None, ...]
    planned: tuple[tuple[str, float], ...]
    chances: tuple[Chance, ...]


@dataclass(frozen=True)
class Reply:
    """What an asking brought: its value or error, the arms' new snapshots with their numbers, and the CPU seconds."""

    value: Any
    standing: Standing
    news: tuple[list[tuple[int, Snapshot]], ...]
    seconds: float


class Outbox(History):
    """A history that keeps nothing: its snapshots are sent on with the next reply."""

    def __init__(self) -> None:
        super().__init__()
        self.news: list[tuple[int, Snapshot]] = []

    def append(self, snapshot: Snapshot, number: int | None = None) -> None:
        """Lay a snapshot out, with its number."""
        assert number is not None, "a comparison numbers what it captures"
        self.news.append((number, snapshot))

    def take(self) -> list[tuple[int, Snapshot]]:
        """Return what was laid out since the last time."""
        news, self.news = self.news, []
        return news


class Trainer:
    """Comparisons by number. Not for two threads at once."""

    apart, spent = False, 0.0  # in another process than whose this is: nothing

    def __init__(self) -> None:
        self._comparisons: dict[int, Comparison] = {}
        self._tables: WeakValueDictionary[str, OwnTable] = WeakValueDictionary()  # equal ones once
        self._measuring: dict[int, Generator[None, None, dict[str, Any]]] = {}

    def make(self, number: int, arms: Sequence[ExperimentConfig], tables: Sent, interval: float) -> Reply:
        """Make a comparison, which has this number from now on; raises `ConfigError` where it is not allowed."""
        began = time.thread_time()
        from bnviz.training.comparison import Comparison

        own = {name: self._tables.setdefault(key, table) for name, (key, table) in tables.items()}
        comparison = Comparison(arms, interval=interval, tables=own, history=Outbox)
        reply = self._reply(comparison, None, began)
        self._comparisons[number] = comparison
        return reply

    def drop(self, number: int) -> None:
        """Give up a comparison and what it takes."""
        self._comparisons.pop(number, None)
        self._measuring.pop(number, None)

    def ask(self, number: int, op: str, *values: Any) -> Reply:
        """Have a comparison do something; raises `LostError` where there is none of this number, and as it does."""
        began = time.thread_time()
        comparison = self._comparisons.get(number)
        if comparison is None:
            raise LostError("the process that trained this network ended")
        return self._reply(comparison, getattr(self, f"_{op}")(number, comparison, *values), began)

    @staticmethod
    def _reply(comparison: Comparison, value: Any, began: float) -> Reply:
        trainings = comparison.trainings
        standing = Standing(
            step=comparison.step,
            stop_at=comparison.stop_at,
            stopped=comparison.stopped,
            finished=comparison.finished,
            configs=tuple(comparison.configs),
            diverged=tuple(comparison.diverged),
            planned=tuple((str(t.planned("normalization")), float(t.planned("learning_rate"))) for t in trainings),
            chances=tuple(comparison.chances),
        )
        news = tuple(history.take() for history in comparison.histories if isinstance(history, Outbox))
        return Reply(value, standing, news, time.thread_time() - began)

    # What may be asked -------------------------------------------------------------------------------------------

    def _advance(self, _: int, comparison: Comparison, steps: int | None, seconds: float | None, capture: bool) -> int:
        return comparison.advance(steps=steps, seconds=seconds, capture=capture)

    def _turn(self, _: int, comparison: Comparison, arm: int, intervention: Intervention) -> None:
        comparison.turn(arm, intervention)

    def _rewind(self, _: int, comparison: Comparison, forget: bool) -> None:
        comparison.rewind(forget=forget)

    def _reseed(self, _: int, comparison: Comparison, seed: int | None) -> None:
        comparison.reseed(seed)

    def _stop_at(self, _: int, comparison: Comparison, step: int | None) -> None:
        comparison.stop_at = step

    def _scene(self, _: int, comparison: Comparison) -> dict[str, Any]:
        return scene(comparison.configs[0], comparison.tables)

    def _measure(
        self, number: int, comparison: Comparison, what: str, seconds: float, afresh: bool
    ) -> dict[str, Any] | None:
        """Go on measuring for about so long; None while it is not done."""
        end = time.monotonic() + seconds
        if afresh or number not in self._measuring:
            self._measuring[number] = measure_in_slices(what, comparison)
        while True:
            try:
                next(self._measuring[number])
            except StopIteration as finished:
                del self._measuring[number]
                found: dict[str, Any] = finished.value
                return found
            if time.monotonic() >= end:
                return None


def prepare() -> None:
    """Import what training needs, also what is imported only when it is used: that takes twice as long as torch.

    Nothing is computed: a process that has is no good for forking.
    """
    from bnviz.training import comparison, gradient_shift, landscape  # noqa: F401
    from bnviz.training.unfold import Training

    for arm in PRESETS[DEFAULT_PRESET].arms:
        Training(arm)
