"""From a step's series to the columns of a record, with one sort for all series of a length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bnviz.experiment.snapshot import BINS, CELLS, QUANTILES, Array
from bnviz.recorder.sampling import Floats
from bnviz.recorder.series import SATURATION, Series
from bnviz.training.statistics import histograms, moments, outside, percentiles

_LOW, _HIGH = QUANTILES.index(5), QUANTILES.index(95)
_STEPS = np.linspace(0, 1, BINS + 1)
_LARGEST = float(np.finfo(np.float32).max)


def columns(series: Sequence[Series], classes: Sequence[type[Any]], scale: float) -> dict[str, Array]:
    """Return the arrays [series, ...] of a step; `classes` are the layers' modules', `scale` what gradients carry."""
    whole = np.array([(s.layer, s.call, s.count, len(s.sample), s.nonfinite) for s in series], np.int64)
    names = ("layer", "call", "count", "sampled", "nonfinite")
    limits = [SATURATION.get(classes[s.layer]) for s in series]
    found: dict[str, Array] = dict(zip(names, whole.reshape(-1, len(names)).T, strict=True))
    found |= distributions([s.sample for s in series], limits)
    found["zeros"] = np.array([np.nan if s.zeros is None else s.zeros for s in series])
    found["dead"] = np.array([np.nan if s.alive is None else 1 - s.alive.mean() for s in series])
    found["gradient_output"] = np.array([s.gradient_norm() for s in series]) / scale
    return found


@np.errstate(invalid="ignore", over="ignore", divide="ignore")
def distributions(samples: Sequence[Floats], limits: Sequence[tuple[float, float] | None]) -> dict[str, Array]:
    """Return mean, deviation, percentiles, range, histogram and saturated share of each sample; NaN for an empty one.

    Values are sorted once, so that what it costs depends on how many there are and not on what they are.
    """
    size = len(samples)
    found: dict[str, Array] = {
        "mean": np.full(size, np.nan),
        "deviation": np.full(size, np.nan),
        "percentiles": np.full((size, len(QUANTILES)), np.nan),
        "range": np.full((size, 2), np.nan),
        "histogram": np.zeros((size, CELLS), np.int64),
        "saturated": np.full(size, np.nan),
    }
    rows_of: dict[int, list[int]] = {}
    for index, sample in enumerate(samples):
        rows_of.setdefault(len(sample), []).append(index)
    rows_of.pop(0, None)
    tables = [(rows, np.stack([samples[row] for row in rows])) for rows in rows_of.values()]
    ends = np.full((size, 2), np.nan)
    for rows, values in tables:
        values.sort(axis=1)
        found["percentiles"][rows] = percentiles(values, QUANTILES)
        found["mean"][rows], found["deviation"][rows] = _moments(values)
        ends[rows] = _finite_ends(values)
    found["range"] = bounds = ranges(found["percentiles"], ends)
    edges = (bounds[:, :1] * (1 - _STEPS) + bounds[:, 1:] * _STEPS).astype(np.float32)
    for rows, values in tables:
        found["histogram"][rows] = histograms(values, edges[rows])
        for row, ordered in zip(rows, values, strict=True):
            limit = limits[row]
            if limit is not None:
                found["saturated"][row] = outside(ordered[None], *limit)[0]
    return found


def _moments(ordered: Floats) -> tuple[Array, Array]:
    mean, deviation = (moment.astype(np.float64) for moment in moments(ordered, np.empty_like(ordered)))
    if not np.isfinite(deviation).all():  # values that are not finite, or squares beyond float32
        for row in np.flatnonzero(~np.isfinite(deviation)):
            finite = ordered[row][np.isfinite(ordered[row])].astype(np.float64)
            mean[row], deviation[row] = (finite.mean(), finite.std()) if len(finite) else (np.nan, np.nan)
    return mean, deviation


def ranges(quantiles: Array, ends: Array) -> npt.NDArray[np.float64]:
    """Return where each histogram begins and ends [rows, 2], from percentiles and the least and largest value.

    The middle nine tenths and half their width on each side, in steps of a power of two, so that neighbouring records
    have the same bins as long as the values stay much the same; no further than the values reach.
    """
    low, high, least, most = quantiles[:, _LOW], quantiles[:, _HIGH], ends[:, 0], ends[:, 1]
    width = np.where(high > low, high - low, most - least)
    width = np.where(width > 0, width, np.maximum(np.abs(low) / 4, 1e-3))
    grain = np.exp2(np.ceil(np.log2(width)) - 2)
    start = grain * np.floor(np.maximum(least, low - width / 2) / grain)
    stop = grain * np.ceil(np.minimum(most, high + width / 2) / grain)
    bounds = np.stack([start, np.where(stop > start, stop, start + grain)], 1)
    bounds[np.isnan(low)] = 0.0, 1.0
    clipped: npt.NDArray[np.float64] = np.clip(bounds, -_LARGEST, _LARGEST).astype(np.float32).astype(np.float64)
    return clipped


def _finite_ends(ordered: Floats) -> Array:
    ends = ordered[:, [0, -1]]
    if not np.isfinite(ends).all():
        for row in np.flatnonzero(~np.isfinite(ends).all(1)):
            finite = ordered[row][np.isfinite(ordered[row])]
            ends[row] = (finite[0], finite[-1]) if len(finite) else np.nan
    return ends
