"""Exact summaries of many values at once, from one sort a row; NaN and infinities are counted, never in the way."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bnviz.experiment.snapshot import CELLS

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]


def percentiles(ordered: Floats, quantiles: tuple[int, ...]) -> Floats:
    """Return the percentiles [rows, quantiles] of sorted rows [rows, n], linear as `numpy.percentile`.

    Only finite values count; a row without any gives NaN.
    """
    below, above, weight = _positions(ordered.shape[1], quantiles)
    low = ordered[:, below]
    result: Floats = low + (ordered[:, above] - low) * weight
    for row in _broken(ordered):
        finite = ordered[row][np.isfinite(ordered[row])]
        result[row] = np.percentile(finite, quantiles) if len(finite) else np.nan
    return result


@lru_cache(maxsize=64)
def _positions(size: int, quantiles: tuple[int, ...]) -> tuple[Indices, Indices, Floats]:
    """Between which order statistics the percentiles lie, and how far towards the upper one."""
    position = np.asarray(quantiles) / 100 * (size - 1)
    below = position.astype(np.intp)
    return below, np.minimum(below + 1, size - 1), (position - below).astype(np.float32)


def _broken(ordered: Floats) -> list[int]:
    """The sorted rows with a value that is not finite: these stand at the ends."""
    finite = np.isfinite(ordered[:, 0]) & np.isfinite(ordered[:, -1])
    return [] if finite.all() else np.flatnonzero(~finite).tolist()


def histograms(ordered: Floats, edges: Floats) -> npt.NDArray[np.uint32]:
    """Return counts [rows, CELLS] of sorted rows [rows, n] in fixed bins: underflow, bins, overflow, non-finite.

    Bins are closed on the left and open on the right, the last one closed, as in `numpy.histogram`; `edges` is
    [rows, bins + 1]. Infinities and NaN are counted as non-finite alone, so each row sums to n.
    """
    rows, size = ordered.shape
    cuts = np.empty((rows, CELLS), np.uint32)
    cuts[:, -2:] = size
    last = (~(ordered[:, -1] < edges[:, -1])).tolist()  # NaN stands last, and may hide a value on the edge
    for row in range(rows):
        values = ordered[row]
        cuts[row, :-2] = values.searchsorted(edges[row])
        if last[row]:
            cuts[row, -3] = values.searchsorted(edges[row, -1], "right")
    counts = cuts.copy()
    counts[:, 1:] -= cuts[:, :-1]
    for row in _broken(ordered):
        below = int(np.count_nonzero(np.isneginf(ordered[row])))
        above = size - below - int(np.count_nonzero(np.isfinite(ordered[row])))
        counts[row, 0] -= below
        counts[row, -2] -= above
        counts[row, -1] = below + above
    return counts


def outside(ordered: Floats, low: float, high: float) -> Floats:
    """Return the share of each sorted row's values below `low` or above `high` [rows]."""
    size = ordered.shape[1]
    inside = [row.searchsorted(high, "right") - row.searchsorted(low, "left") for row in ordered]
    share: Floats = (1 - np.asarray(inside) / size).astype(np.float32)
    return share


def moments(values: Floats, scratch: Floats) -> tuple[Floats, Floats]:
    """Return mean and deviation (biased) of each row [rows, n], in two passes; `scratch` has the shape of `values`."""
    mean: Floats = np.add.reduce(values, axis=1) / np.float32(values.shape[1])
    np.subtract(values, mean[:, None], out=scratch)
    return mean, np.sqrt(np.vecdot(scratch, scratch) / np.float32(values.shape[1]))


def wasserstein(ordered: Floats, reference: Floats) -> Floats:
    """Return the Wasserstein-1 distance of sorted samples of equal size (last axis): the order statistics' mean gap.

    The optimal transport between two empirical distributions on the line couples their order statistics
    (Peyre & Cuturi 2019, remark 2.28); the result has the unit of the values.
    """
    distance: Floats = np.abs(ordered - reference).mean(-1)
    return distance
