"""What an axis of measures says, and its ticks: no two alike, no prefix for small numbers, some on every log axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ALIKE = 1e-12  # values that differ by less, relative to their size, are one value


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
    """The axis of values; shares stand as per cent, with as many decimals as tell its ticks apart."""
    axis: dict[str, Any] = {"title": scale.label, "showgrid": True}
    if not values:
        return axis | ({"tickformat": ".0%"} if scale.share else {})
    low, high = min(values), max(values)
    if log:
        ticks = log_ticks(low, high)
        return axis | {"type": "log", "tickvals": ticks, "ticktext": [number(tick) for tick in ticks]}
    if high - low <= ALIKE * max(abs(low), abs(high), 1e-300):
        low, high = _around(low, share=scale.share)
        axis["range"] = [low - 0.04 * (high - low), high + 0.04 * (high - low)]
    step = round_step((high - low) / 4)
    ticks = [step * index for index in range(math.floor(low / step) - 1, math.ceil(high / step) + 2)]
    return axis | {"tickvals": ticks, "ticktext": [_written(tick, step, share=scale.share) for tick in ticks]}


def _around(value: float, *, share: bool) -> tuple[float, float]:
    """A range for an axis on which all values are one: all of 0 to 100 %, or from 0 to the value and a bit beyond."""
    if share and 0 <= value <= 1:
        return 0.0, 1.0
    return (0.0, 1.0) if value == 0 else (min(0.0, 1.25 * value), max(0.0, 1.25 * value))


def round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, ... times a power of ten that is not below a distance."""
    size = 10.0 ** math.floor(math.log10(least))
    return float(f"{next(size * factor for factor in (1, 2, 5, 10) if size * factor >= least * 0.999):.3g}")


def _written(tick: float, step: float, *, share: bool) -> str:
    decimals = max(0, -math.floor(math.log10(step * (100 if share else 1)) + 1e-9))
    if share:
        return f"{100 * tick:.{decimals}f}%"
    return number(float(f"{tick:.12g}")) if decimals > 5 or abs(tick) >= 1e6 else f"{tick:,.{decimals}f}"


def number(value: float) -> str:
    """Return a round number as it is written: very small and very large ones with their power of ten."""
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e6:
        return f"{value:,.10g}"
    power = math.floor(math.log10(abs(value)) + 1e-9)
    factor = f"{value / 10.0**power:.10g}"
    return f"10<sup>{power}</sup>" if factor == "1" else f"{factor}·10<sup>{power}</sup>"


def log_ticks(low: float, high: float) -> list[float]:
    """Return some three to eight round numbers from low to high or just beyond, evenly spread over a log axis."""
    decades = math.log10(high / low) if high > low else 0.0
    if decades < 0.5:
        return [float(f"{value:.10g}") for value in _even(low, high)]
    steps = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
    every = max(1, math.ceil(decades / 7)) if decades >= 2.5 else 1
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found = [float(f"{step * 10.0**power:.10g}") for power in range(first, last + 1, every) for step in steps]
    return [tick for tick in found if low / 1.3 <= tick <= high * 1.3]


def _even(low: float, high: float) -> list[float]:
    """Round numbers at even distances, some four between two values that are close."""
    step = round_step((high - low) / 4 or low / 2 or 1.0)
    return [step * index for index in range(math.floor(low / step), math.ceil(high / step) + 1) if step * index > 0]
