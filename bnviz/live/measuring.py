"""What a page has measured on demand: the next step is rehearsed on copies, slice by slice, while the run goes on."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnviz.live.remote import RemoteComparison
    from bnviz.training.comparison import Comparison
    from bnviz.training.gradient_shift import GradientShift
    from bnviz.training.landscape import Landscape
    from bnviz.training.unfold import Training

KINDS = ("gradient-shift", "landscape")
Answer = Callable[[str], None]


class Measurements:
    """The measurements that one run's page waits for, at most one of each kind; used by the worker with its turn."""

    def __init__(self) -> None:
        self._waiting: dict[str, Answer] = {}
        self._under_way: str | None = None

    def ask(self, kind: str, answer: Answer) -> bool:
        """Put a measurement in line; False where this kind waits already."""
        if kind in self._waiting:
            return False
        self._waiting[kind] = answer
        return True

    def clear(self) -> None:
        """Forget what waits and what is under way: nobody wants it any more."""
        self._waiting, self._under_way = {}, None

    @property
    def waiting(self) -> bool:
        """Whether there is something to measure."""
        return bool(self._waiting)

    def work(self, comparison: RemoteComparison, generation: int, seconds: float) -> None:
        """Go on measuring for about so long: one slice at least, and none longer than a training step of one arm."""
        end = time.monotonic() + seconds
        while self._waiting:
            kind = next(iter(self._waiting))
            afresh, self._under_way = self._under_way != kind, kind
            found = comparison.measure(kind, end - time.monotonic(), afresh=afresh)
            if found is not None:
                self._under_way = None
                message = {"type": "measured", "what": kind, "generation": generation, **found}
                self._waiting.pop(kind)(json.dumps(message, separators=(",", ":"), allow_nan=False))
            if time.monotonic() >= end:
                return


def measure_in_slices(kind: str, comparison: Comparison) -> Generator[None, None, dict[str, Any]]:
    """Measure all arms at the same step, whatever the run does meanwhile; return that step and the arms' numbers."""
    from bnviz.training.gradient_shift import shift_in_slices
    from bnviz.training.landscape import landscape_in_slices

    rehearsals = [training.rehearse() for training in _shown(comparison)]
    step, arms = max(rehearsal.step for rehearsal in rehearsals), []
    while rehearsals:
        yield
        rehearsal = rehearsals.pop(0)  # a measured copy is given up before the next arm's turn
        if kind == "landscape":
            arms.append(_landscape((yield from landscape_in_slices(rehearsal))))
        else:
            arms.append(_shift((yield from shift_in_slices(rehearsal))))
    return {"step": step, "arms": arms}


def _shown(comparison: Comparison) -> Sequence[Training]:
    """The arms at their next step; at step 0 new ones, as the update that the page's step 0 shows has been made."""
    from bnviz.training.unfold import Training

    if comparison.step != 1:
        return comparison.trainings
    return [Training(config, comparison.tables) for config in comparison.configs]


def _shift(found: GradientShift) -> dict[str, Any]:
    arrays = {"absolute": found.absolute, "relative": found.relative, "cosine": found.cosine}
    return {**{name: _numbers(array) for name, array in arrays.items()}, "reason": found.reason}


def _landscape(found: Landscape) -> dict[str, Any]:
    arrays = {"multiples": found.multiples, "losses": found.losses, "changes": found.changes}
    scalars = {
        "learning_rate": found.learning_rate, "start": found.start, "gradient": found.gradient,
        "minimum": found.minimum, "maximum": found.maximum, "range": found.range, "smoothness": found.smoothness,
    }  # fmt: skip
    numbers = dict(zip(scalars, _numbers(scalars.values()), strict=True))
    return {**{name: _numbers(array) for name, array in arrays.items()}, **numbers, "reason": found.reason}


def _numbers(values: Any) -> list[float | None]:
    """Numbers as JSON has them: what is not finite is null."""
    return [float(value) if math.isfinite(value) else None for value in values]
