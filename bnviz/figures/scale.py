"""What an axis of measures says, and its ticks: no two alike, no prefix for small numbers, some on every log axis."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PARTS = 6  # into so many an axis is parted at most
LONG = 7  # characters of a tick above which there are half as many
SMALL, LARGE = 1e-4, 1e6  # beyond them numbers are written with powers of ten
TAG = re.compile("<[^>]*>")
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
    axis: dict[str, Any] = {"title": scale.label + (" (log scale)" if log else ""), "showgrid": True}
    if not values:
        return axis | ({"tickformat": ".0%"} if scale.share else {})
    low, high = min(values), max(values)
    if log:
        ticks = log_ticks(low, high)
        return axis | {"type": "log", "tickvals": ticks, "ticktext": [number(tick) for tick in ticks]}
    if high - low <= ALIKE * max(abs(low), abs(high), 1e-300):
        low, high = _around(low, share=scale.share)
        axis["range"] = [low - 0.04 * (high - low), high + 0.04 * (high - low)]
    ticks, texts = _linear_ticks(low, high, PARTS, share=scale.share)
    if any(len(TAG.sub("", text)) > LONG for text in texts):
        ticks, texts = _linear_ticks(low, high, PARTS // 2, share=scale.share)
    return axis | {"tickvals": ticks, "ticktext": texts}


def _linear_ticks(low: float, high: float, parts: int, *, share: bool) -> tuple[list[float], list[str]]:
    """Round numbers at even distances, from just below the values to just above them, and how they are written."""
    step = round_step((high - low) / parts)
    ticks = [step * index for index in range(math.floor(low / step) - 1, math.ceil(high / step) + 2)]
    size = max(abs(low), abs(high))
    return ticks, [_written(tick, step, size, share=share) for tick in ticks]


def _around(value: float, *, share: bool) -> tuple[float, float]:
    """A range for an axis on which all values are one: all of 0 to 100 %, or from 0 to the value and a bit beyond."""
    if share and 0 <= value <= 1:
        return 0.0, 1.0
    return (0.0, 1.0) if value == 0 else (min(0.0, 1.25 * value), max(0.0, 1.25 * value))


def round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, ... times a power of ten that is not below a distance."""
    size = 10.0 ** math.floor(math.log10(least))
    return float(f"{next(size * factor for factor in (1, 2, 5, 10) if size * factor >= least * 0.999):.3g}")


def _written(tick: float, step: float, size: float, *, share: bool) -> str:
    """A tick on an axis with steps and values of such a size: with the decimals of a step, or a power of ten."""
    decimals = max(0, -math.floor(math.log10(step * (100 if share else 1)) + 1e-9))
    if share:
        return f"{100 * tick:z.{decimals}f}%"
    return number(tick) if size < SMALL or step >= LARGE else f"{tick:z,.{decimals}f}"


def number(value: float) -> str:
    """Return a round number as it is written: very small and very large ones with their power of ten."""
    if value == 0:
        return "0"
    if SMALL <= abs(value) < LARGE:
        return f"{value:,.10g}"
    power = math.floor(math.log10(abs(value)) + 1e-12)
    factor = f"{value / 10.0**power:.12g}"
    return f"10<sup>{power}</sup>" if factor == "1" else f"{factor}·10<sup>{power}</sup>"


def log_ticks(low: float, high: float) -> list[float]:
    """Return some three to eight round numbers from low to high or just beyond, evenly spread over a log axis."""
    decades = math.log10(high / low) if high > low else 0.0
    if decades < 0.5:
        return [float(f"{value:.10g}") for value in _even(low, high)]
    steps = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if decades < 1 else (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
    every = max(1, math.ceil(decades / 7)) if decades >= 2.5 else 1
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found = [float(f"{step * 10.0**power:.10g}") for power in range(first, last + 1, every) for step in steps]
    return [tick for tick in found if low / 1.3 <= tick <= high * 1.3]


def _even(low: float, high: float) -> list[float]:
    """Round numbers at even distances, some two to six between two values that are close."""
    step = round_step((high - low) / PARTS or low / 2 or 1.0)
    return [step * index for index in range(math.floor(low / step), math.ceil(high / step) + 1) if step * index > 0]
