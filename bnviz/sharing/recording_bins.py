"""Recorded histograms, each over bins of its own, as piecewise linear distributions: re-binned, and how far apart.

Within a bin values are taken to be spread evenly. Of those beyond the bins a file says only how many they are: they are
taken to be spread evenly as far beyond the last bin as the 5th or 95th percentile lies within it, one bin at least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bnviz.experiment.snapshot import BINS, Array

Floats = npt.NDArray[np.float64]
MOST = 2**25  # of values in a cell: a recorder samples a few thousand at most, and all cells together must fit 32 bits
REACH = 1e37  # no edge lies beyond: figures take differences in float32
WILD = 1.5  # the rarest twentieth may widen the bins this many times before it is left to the overflow
APART = 8.0  # and one of two files may have bins so many times wider than the other needs


@dataclass(frozen=True)
class Distributions:
    """Histograms [n, CELLS] over equal bins from `low` to `high` [n], and how far values beyond them reach."""

    counts: Floats
    low: Floats
    high: Floats
    below: Floats
    above: Floats

    @classmethod
    def of(cls, histogram: Array, ranges: Array, percentiles: Array) -> Distributions:
        """Take [n, CELLS], [n, 2] and [n, QUANTILES] as a file has them; a range that is none holds no values."""
        counts = np.minimum(histogram, MOST).astype(np.float64)
        low, high = (np.clip(ranges[:, end].astype(np.float64), -REACH, REACH) for end in (0, 1))
        bad = ~(high > low)
        counts[bad, :-1] = 0
        low, high = np.where(bad, 0.0, low), np.where(bad, 1.0, high)
        width = (high - low) / BINS
        inner = percentiles[:, [0, -1]].astype(np.float64)
        with np.errstate(invalid="ignore"):
            below, above = np.fmax(inner[:, 0] - low, width), np.fmax(high - inner[:, 1], width)
        return cls(counts, low, high, np.minimum(below, high - low), np.minimum(above, high - low))

    @property
    def totals(self) -> Floats:
        """How many finite values each is made of [n]."""
        total: Floats = self.counts[:, :-1].sum(1)
        return total

    @property
    def knots(self) -> Floats:
        """Where each distribution's slope changes [n, BINS + 3]."""
        inner = self.low[:, None] + (self.high - self.low)[:, None] * np.linspace(0, 1, BINS + 1)
        return np.concatenate([(self.low - self.below)[:, None], inner, (self.high + self.above)[:, None]], axis=1)

    def cumulative(self, at: Floats) -> Floats:
        """Return how many values lie below `at` [n, m], by linear interpolation."""
        low, width = self.low[:, None], (self.high - self.low)[:, None] / BINS
        steps = np.cumsum(self.counts[:, :-2], axis=1)  # at each bin's lower edge, and at the end
        place = np.clip((at - low) / width, 0, BINS)
        number = np.minimum(place.astype(np.intp), BINS - 1)
        inside = np.take_along_axis(self.counts, number + 1, axis=1)
        found: Floats = np.take_along_axis(steps, number, axis=1) + (place - number) * inside
        found -= self.counts[:, :1] * np.clip((low - at) / self.below[:, None], 0, 1)
        found += self.counts[:, -2:-1] * np.clip((at - self.high[:, None]) / self.above[:, None], 0, 1)
        return found


def rebin(found: Distributions, edges: Floats) -> npt.NDArray[np.uint32]:
    """Return the histograms [n, CELLS] over other edges [n, BINS + 1]: whole counts, their sums preserved."""
    below = np.rint(np.clip(found.cumulative(edges), 0, found.totals[:, None]))
    ends = np.zeros((len(below), 1))
    within = np.diff(np.concatenate([ends, np.maximum.accumulate(below, axis=1), found.totals[:, None]], axis=1))
    return np.concatenate([within, found.counts[:, -1:]], axis=1).astype(np.uint32)


@np.errstate(invalid="ignore", divide="ignore")
def wasserstein(one: Distributions, other: Distributions) -> npt.NDArray[np.float32]:
    """Return the Wasserstein-1 distance of each pair [n], the area between the cumulative shares; NaN for no values.

    Exact for the piecewise linear distributions; of the values behind them it is an estimate.
    """
    knots = np.sort(np.concatenate([one.knots, other.knots], axis=1), axis=1)
    shares = [found.cumulative(knots) / found.totals[:, None] for found in (one, other)]
    gap = shares[0] - shares[1]
    left, right = gap[:, :-1], gap[:, 1:]
    size = np.abs(left) + np.abs(right)
    crossing = left * right < 0  # the gap is two triangles
    height = np.where(crossing, (left**2 + right**2) / np.where(size > 0, size, 1), size) / 2
    distance: Floats = (height * np.diff(knots, axis=1)).sum(1)
    return np.where((one.totals > 0) & (other.totals > 0), distance, np.nan).astype(np.float32)


def shared_edges(files: list[tuple[Array, Array]]) -> npt.NDArray[np.float32]:
    """Return fixed edges [layers, BINS + 1] for all records of all files, each given as (lows, highs) [n, layers].

    A file's twentieth of records that reach farthest widens its bins at most by half; what lies beyond is counted as
    overflow. Where one file needs bins `APART` times as wide as another, it overflows too, but for what lies next to
    the other's. Without any range: 0 to 1.
    """
    ends = [_usual(lows, highs) for lows, highs in files]
    least = np.fmin.reduce([high - low for low, high in ends])
    with np.errstate(invalid="ignore"):
        narrowest = np.fmax.reduce([np.where(high - low == least, (low + high) / 2, np.nan) for low, high in ends])
        half = [np.minimum(high - low, APART * least) / 2 for low, high in ends]
        centre = [np.clip(narrowest, low + h, high - h) for (low, high), h in zip(ends, half, strict=True)]
        low = np.fmin.reduce([np.maximum(one[0], c - h) for one, c, h in zip(ends, centre, half, strict=True)])
        high = np.fmax.reduce([np.minimum(one[1], c + h) for one, c, h in zip(ends, centre, half, strict=True)])
    none = ~(np.isfinite(low) & np.isfinite(high))
    low, high = np.where(none, 0.0, np.clip(low, -REACH, REACH)), np.where(none, 1.0, np.clip(high, -REACH, REACH))
    smallest = 8 * BINS * np.spacing(np.maximum(np.abs(low), np.abs(high)).astype(np.float32)).astype(np.float64)
    high = np.maximum(high, low + np.maximum(smallest, 1e-30))
    edges = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, BINS + 1)
    return np.asarray(edges, np.float32)


def _usual(lows: Array, highs: Array) -> tuple[Floats, Floats]:
    """A file's range of each layer [layers], its wild records left out; NaN where it has none."""
    lows, highs = lows.astype(np.float64), highs.astype(np.float64)
    bad = ~(highs > lows)
    ends = []
    for values, sign in ((lows, -1.0), (highs, 1.0)):
        ordered = np.sort(np.where(bad, np.nan, sign * values), axis=0)
        known = np.isfinite(ordered).sum(0)
        place = np.maximum(np.ceil(0.95 * known).astype(np.intp) - 1, 0)
        rows = np.stack([place, np.maximum(known - 1, 0)])
        usual, most = np.take_along_axis(ordered, rows, axis=0) if len(ordered) else np.full((2, *known.shape), np.nan)
        ends += [(sign * usual, sign * most)]
    (low, lowest), (high, highest) = ends
    slack = (WILD - 1) * (high - low)
    return np.maximum(lowest, low - slack), np.minimum(highest, high + slack)
