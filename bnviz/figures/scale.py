"""What an axis of measures says, and its ticks: also a log axis that spans less than a decade has some."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What an axis says: its label, whether it is logarithmic, whether its numbers are shares from 0 to 1."""

    label: str
    log: bool = False
    share: bool = False

    @property
    def hover(self) -> str:
        """How d3 writes a number of it."""
        return ".1%" if self.share else ".4~g"


def axis_of(scale: Scale, log: bool, values: Sequence[float]) -> dict[str, Any]:
    """The axis of values; shares stand as per cent, a log axis has ticks however narrow it is."""
    axis: dict[str, Any] = {"title": scale.label, "showgrid": True, "nticks": 7}
    if scale.share:
        axis["tickformat"] = ".0%"
    if log and values:
        ticks = log_ticks(min(values), max(values))
        axis |= {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    return axis


def log_ticks(low: float, high: float) -> list[float]:
    """Return some three to eight round numbers from low to high or just beyond, evenly spread over a log axis."""
    decades = math.log10(high / low) if high > low else 0.0
    if decades < 0.5:
        return [float(f"{value:.10g}") for value in _even(low, high)]
    steps = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
    every = max(1, math.ceil(decades / 7)) if decades >= 2.5 else 1
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found = [step * 10.0**power for power in range(first, last + 1, every) for step in steps]
    return [tick for tick in found if low / 1.3 <= tick <= high * 1.3]


def _even(low: float, high: float) -> list[float]:
    """Round numbers at even distances, some four between two values that are close."""
    distance = (high - low) / 4 or low / 2 or 1.0
    size = 10.0 ** math.floor(math.log10(distance))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= distance)
    return [step * index for index in range(math.floor(low / step), math.ceil(high / step) + 1) if step * index > 0]
