"""From a step's series to the columns of a record, with one sort for all series of a length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bnviz.experiment.snapshot import BINS, CELLS, QUANTILES, Array
from bnviz.recorder.room import Room
from bnviz.recorder.sampling import Floats
from bnviz.recorder.series import SATURATION, Series
from bnviz.training.statistics import histograms, moments, outside, percentiles

_LOW, _HIGH = QUANTILES.index(5), QUANTILES.index(95)
_STEPS = np.linspace(0, 1, BINS + 1)
_LARGEST = float(np.finfo(np.float32).max)


def columns(
    series: Sequence[Series], classes: Sequence[type[Any]], scale: float | Array, room: Room | None = None
) -> dict[str, Array]:
    """Return the arrays [series, ...] of some steps; `classes` are the layers' modules'.

    `scale` is what gradients carry, for all series or for each.
    """
    for one in series:
        if one.waiting is not None:
            one.settle()
    whole = np.array([(s.layer, s.call, s.count, len(s.sample), s.nonfinite) for s in series], np.int64)
    names = ("layer", "call", "count", "sampled", "nonfinite")
    limits = [SATURATION.get(classes[s.layer]) for s in series]
    found: dict[str, Array] = dict(zip(names, whole.reshape(-1, len(names)).T, strict=True))
    found |= distributions([s.sample for s in series], limits, room or Room())
    found["zeros"] = np.array([np.nan if s.zeros is None else s.zeros for s in series])
    found["dead"] = np.array([_dead(s) for s in series])
    found["gradient_output"] = np.array([s.gradient_norm() for s in series]) / scale
    return found


def _dead(series: Series) -> float:
    """The share of units that were 0 throughout; NaN where no value was finite: those are not alive."""
    if series.alive is None or series.nonfinite == series.count:
        return math.nan
    return 1 - np.count_nonzero(series.alive) / series.alive.size


@np.errstate(invalid="ignore", over="ignore", divide="ignore")
def distributions(
    samples: Sequence[Floats], limits: Sequence[tuple[float, float] | None], room: Room
) -> dict[str, Array]:
    """Return mean, deviation, percentiles, range, histogram and saturated share of each sample; NaN for an empty one.

    Values are sorted once, so that what it costs depends on how many there are and not on what they are.
    """
    size = len(samples)
    mean, deviation, saturated, *ends = np.full((5, size), np.nan)
    quantiles, histogram = np.full((size, len(QUANTILES)), np.nan), np.zeros((size, CELLS), np.int64)
    tables = room.tables(samples)
    for rows, values in tables:
        values.sort(axis=1)
        quantiles[rows] = percentiles(values, QUANTILES)
        mean[rows], deviation[rows] = _moments(values)
        ends[0][rows], ends[1][rows] = _finite_ends(values)
    bounds = ranges(quantiles, *ends)
    edges = (bounds[:, :1] * (1 - _STEPS) + bounds[:, 1:] * _STEPS).astype(np.float32)
    for rows, values in tables:
        histogram[rows] = histograms(values, edges[rows])
        for at, row in enumerate(rows):
            limit = limits[row]
            if limit is not None:
                saturated[row] = outside(values[at : at + 1], *limit)[0]
    return {
        "mean": mean,
        "deviation": deviation,
        "percentiles": quantiles,
        "range": bounds,
        "histogram": histogram,
        "saturated": saturated,
    }


def _moments(ordered: Floats) -> tuple[Array, Array]:
    """Mean and deviation of rows, from their sums and sums of squares, or where digits would be lost in two passes."""
    size = ordered.shape[1]
    mean = np.vecdot(ordered, np.ones(size, np.float32)).astype(np.float64) / size
    square = np.vecdot(ordered, ordered).astype(np.float64) / size
    variance = square - mean * mean
    deviation = np.sqrt(variance)
    uncertain = np.flatnonzero(~(variance > square / 8) | ~(square > 1e-30))  # NaN too
    if len(uncertain):
        rows = ordered[uncertain]
        mean[uncertain], deviation[uncertain] = moments(rows, np.empty_like(rows))
    if not np.isfinite(deviation).all():  # values that are not finite, or squares beyond float32
        for row in np.flatnonzero(~np.isfinite(deviation)):
            finite = ordered[row][np.isfinite(ordered[row])].astype(np.float64)
            mean[row], deviation[row] = (finite.mean(), finite.std()) if len(finite) else (np.nan, np.nan)
    return mean, deviation


def ranges(quantiles: Array, least: Array, most: Array) -> npt.NDArray[np.float64]:
    """Return where each histogram begins and ends [rows, 2], from percentiles and the least and largest value.

    The middle nine tenths and half their width on each side, in steps of a power of two, so that neighbouring records
    have the same bins as long as the values stay much the same; no further than the values reach.
    """
    low, high = quantiles[:, _LOW], quantiles[:, _HIGH]
    width = np.where(high > low, high - low, most - least)
    width = np.where(width > 0, width, np.maximum(np.abs(low) / 4, 1e-3))
    grain = np.exp2(np.ceil(np.log2(width)) - 2)
    bounds = np.empty((len(low), 2))
    bounds[:, 0] = start = grain * np.floor(np.maximum(least, low - width / 2) / grain)
    stop = grain * np.ceil(np.minimum(most, high + width / 2) / grain)
    bounds[:, 1] = np.where(stop > start, stop, start + grain)
    bounds[np.isnan(low)] = 0.0, 1.0
    clipped: npt.NDArray[np.float64] = bounds.clip(-_LARGEST, _LARGEST).astype(np.float32).astype(np.float64)
    return clipped


def _finite_ends(ordered: Floats) -> tuple[Array, Array]:
    least, most = ordered[:, 0].copy(), ordered[:, -1].copy()
    for row in np.flatnonzero(~(np.isfinite(least) & np.isfinite(most))):
        finite = ordered[row][np.isfinite(ordered[row])]
        least[row], most[row] = (finite[0], finite[-1]) if len(finite) else (np.nan, np.nan)
    return least, most
