"""What a figure is asked to show, and the histories' columns that it is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bnviz.experiment.history import History
from bnviz.experiment.snapshot import Array

POINT_NAMES = {
    "before": ("before norm", "after norm", "after activation"),
    "after": ("before activation", "after norm", "after activation"),
    "mixed": ("before norm and activation", "after norm", "after activation"),
}


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the reader looks at: hidden layer (from 0), step, point (an index into `POINTS`), and what guessing reaches.

    Without a layer it is the last one that all arms have, without a step the newest, without a chance no line is drawn.
    """

    layer: int | None = None
    step: int | None = None
    point: int = 0
    chance: float | None = None


def column(history: History, name: str) -> Array | None:
    """Return a quantity's column, [snapshots, ...], or None where nothing was measured."""
    return history[name] if len(history) and name in history else None


def of_layer(history: History, name: str, layer: int) -> Array | None:
    """Return a quantity of one layer, [snapshots, ...], or None where the arm has no such layer."""
    values = column(history, name)
    return values[:, layer] if values is not None and layer < values.shape[1] else None


def at_point(history: History, name: str, look: Look, layer: int) -> Array | None:
    """Return a quantity of one point of one layer, [snapshots, ...], or None where the arm has no such layer."""
    values = column(history, name)
    return values[:, look.point, layer] if values is not None and layer < values.shape[2] else None


def row(history: History, step: int | None) -> int:
    """Return the index of the last snapshot at or before a step (None: the newest); -1 where there is none."""
    return len(history) - 1 if step is None else int(np.searchsorted(history["step"], step, "right")) - 1


def shown_layer(histories: Sequence[History], look: Look) -> int:
    """Return the hidden layer to draw, from 0."""
    if look.layer is not None:
        return look.layer
    return min((history.last.config.hidden_layers for history in histories if history.last), default=1) - 1


def shown_step(histories: Sequence[History], look: Look) -> int:
    """Return the step of the newest snapshot that is drawn."""
    rows = [(history, row(history, look.step)) for history in histories]
    return max((int(history["step"][index]) for history, index in rows if index >= 0), default=0)


def point_label(histories: Sequence[History], look: Look) -> str:
    """Return what an axis of values is called, in the order in which the arms' norms and activations stand."""
    places = {history.last.config.norm_position for history in histories if history.last} or {"before"}
    return f"value {POINT_NAMES[places.pop() if len(places) == 1 else 'mixed'][look.point]}"


def thinned(count: int, most: int) -> npt.NDArray[np.intp]:
    """Return at most about `most` indices, evenly spread, the last among them."""
    every = max(1, -(-count // most))
    return np.unique(np.append(np.arange(0, count, every), count - 1)) if count else np.arange(0)


def robust_extent(lows: Array, highs: Array, times: float, share: float) -> tuple[float, float]:
    """Return the range of pairs over time; where the rarest few dwarf all others, they are left out of it."""
    known = np.isfinite(lows) & np.isfinite(highs)
    if not known.any():
        return -1.0, 1.0
    lows, highs = np.sort(lows[known].astype(float)), np.sort(highs[known].astype(float))
    rare = min(int(np.ceil(share * len(lows))), len(lows) - 1)
    usual = max(abs(lows[rare]), abs(highs[-1 - rare]), 1e-9)
    low, high = (
        (quantile * 1.2 if abs(extreme) > times * usual else extreme)
        for extreme, quantile in ((lows[0], lows[rare]), (highs[-1], highs[-1 - rare]))
    )
    return float(low), float(high)
