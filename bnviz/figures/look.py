"""What a figure is asked to show, and the histories' columns that it is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bnviz.experiment.history import History
from bnviz.experiment.layout import Layout
from bnviz.experiment.snapshot import FIELDS, Array
from bnviz.figures.theme import DASHES, FIRST_SOLID

POINT_NAMES = {
    "before": ("before norm", "after norm", "after activation"),
    "after": ("before activation", "after norm", "after activation"),
    "mixed": ("before norm and activation", "after norm", "after activation"),
}


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the reader looks at: layer (from 0), step, point (along the layouts' axis), and what guessing reaches.

    Without a layer it is the last one that all arms have, of recordings the last with data; without a step the newest,
    without a chance no line is drawn.
    """

    layer: int | None = None
    step: int | None = None
    point: int = 0
    chance: float | None = None


def column(history: History, name: str) -> Array | None:
    """Return a quantity's column, [snapshots, ...], or None where nothing was measured."""
    return history[name] if len(history) and name in history else None


def layouts(histories: Sequence[History]) -> list[Layout]:
    """Return what the axes stand for of the histories that know it."""
    return [history.layout for history in histories if history.layout is not None]


def are_recorded(histories: Sequence[History]) -> bool:
    """Whether these are recordings of somebody's own models, and not arms of the lab."""
    return any(layout.config is None for layout in layouts(histories))


def dash(histories: Sequence[History], arm: int) -> str:
    """Return the dash of an arm's line, as on the page."""
    dashes = FIRST_SOLID if are_recorded(histories) or len(histories) == 1 else DASHES
    return dashes[arm % len(dashes)]


def of_layer(history: History, name: str, layer: int) -> Array | None:
    """Return a quantity of one layer, [snapshots, ...], or None where the arm has no such layer."""
    values, place = column(history, name), layer
    if FIELDS[name].detail and history.layout is not None:
        row = history.layout.norm_row(layer)
        if row is None:
            return None
        place = row
    return values[:, place] if values is not None and place < values.shape[1] else None


def at_point(history: History, name: str, look: Look, layer: int) -> Array | None:
    """Return a quantity of one point of one layer, [snapshots, ...], or None where the arm has no such layer."""
    values = column(history, name)
    there = values is not None and look.point < values.shape[1] and layer < values.shape[2]
    return values[:, look.point, layer] if values is not None and there else None


def row(history: History, step: int | None) -> int:
    """Return the index of the last snapshot at or before a step (None: the newest); -1 where there is none."""
    return len(history) - 1 if step is None else int(np.searchsorted(history["step"], step, "right")) - 1


def shown_layer(histories: Sequence[History], look: Look, *names: str) -> int:
    """Return the layer to draw, from 0; of recordings without a choice the last that has data of these quantities."""
    if look.layer is not None:
        return look.layer
    found = layouts(histories)
    if not are_recorded(histories):
        return min((len(layout.layers) for layout in found), default=1) - 1
    with_data = [layers_with_data(history, name) for history in histories for name in names or ("percentiles",)]
    last = [int(layers[-1]) for layers in with_data if len(layers)]
    return max(last, default=max(0, len(found[0].layers) - 1))


def layers_with_data(history: History, name: str) -> npt.NDArray[np.intp]:
    """Return the layers for which a quantity was ever measured, the input's first."""
    values, layout = column(history, name), history.layout
    if values is None or layout is None:
        return np.zeros(0, np.intp)
    axis = 1 + next((place for place, axis in enumerate(FIELDS[name].axes) if axis in ("layer", "weight")), 0)
    others = tuple(other for other in range(values.ndim) if other != axis)
    known = np.flatnonzero(np.isfinite(values).any(axis=others))
    return np.asarray(layout.norms, np.intp)[known] if FIELDS[name].detail else known


def layer_name(histories: Sequence[History], layer: int) -> str:
    """Return what a layer is called: "layer 3" in the lab, its own name in a recording."""
    found = layouts(histories)
    return max(found, key=lambda layout: len(layout.layers)).called(layer) if found else f"layer {layer + 1}"


def short(name: str, length: int = 24) -> str:
    """Return a name for where there is little room: the end of a module's name tells it apart from others."""
    return name if len(name) <= length else f"…{name[1 - length :]}"


def shown_step(histories: Sequence[History], look: Look) -> int:
    """Return the step of the newest snapshot that is drawn."""
    rows = [(history, row(history, look.step)) for history in histories]
    return max((int(history["step"][index]) for history, index in rows if index >= 0), default=0)


def point_label(histories: Sequence[History], look: Look) -> str:
    """Return what an axis of values is called, in the order in which the arms' norms and activations stand."""
    if are_recorded(histories):
        return "value of the output"
    places = {layout.config.norm_position for layout in layouts(histories) if layout.config} or {"before"}
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


def shared_extent(
    histories: Sequence[History], arms: Sequence[tuple[Array, Array]], times: float, share: float
) -> tuple[float, float]:
    """Return the range of an axis that all arms share, given the (lows, highs) of each.

    Of recordings each has its own rare few: one with a tenth of the other's records would be nothing but rare among
    all of them. One rule with `sharedExtent` in the page's `timepanels.js`: change both.
    """
    if not are_recorded(histories):
        lows, highs = (np.concatenate([pair[end] for pair in arms]) for end in (0, 1))
        return robust_extent(lows, highs, times, share)
    known = [pair for pair in arms if (np.isfinite(pair[0]) & np.isfinite(pair[1])).any()]
    found = [robust_extent(*pair, times, share) for pair in known] or [(-1.0, 1.0)]
    return min(low for low, _ in found), max(high for _, high in found)
