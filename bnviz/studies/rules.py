"""From paired measurements to an effect with its interval, and from effects to a verdict; pure functions of numbers.

An effect is computed over seeds: arms with equal seeds share initial weights and batches, so they are paired. Its
95 % interval is a percentile bootstrap over the pairs (scipy.stats.bootstrap, fixed generator), which also survives
ties and equal values; with few seeds it is somewhat too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bound = Literal["", "at least", "at most"]
Outcome = Literal["borne out", "contradicted", "undecided", "open"]
RESAMPLES = 4000
FEWEST = 3  # pairs from which an interval is worth the name


@dataclass(frozen=True)
class Estimate:
    """An effect and its 95 % interval over so many pairs; see `Bound` in the constructor functions for cut-off runs."""

    value: float
    low: float
    high: float
    pairs: int
    bound: Bound = ""

    @property
    def known(self) -> bool:
        """Whether there are enough pairs to say anything."""
        return self.pairs >= FEWEST and not math.isnan(self.value)


NOTHING = Estimate(math.nan, math.nan, math.nan, 0)


def mean(values: Floats) -> Estimate:
    """The mean of one arm's values [seeds]."""
    (kept,) = _complete(values)
    return _bootstrap((kept,), lambda x, axis: np.mean(x, axis=axis))


def difference(first: Floats, second: Floats) -> Estimate:
    """The mean of first - second [seeds]."""
    one, other = _complete(first, second)
    return _bootstrap((one, other), lambda x, y, axis: np.mean(x - y, axis=axis))


def ratio(first: Floats, second: Floats) -> Estimate:
    """The geometric mean of first / second [seeds], both positive."""
    one, other = _complete(first, second)
    positive = (one > 0) & (other > 0)
    logs = difference(np.log(one[positive]), np.log(other[positive]))
    return Estimate(math.exp(logs.value), math.exp(logs.low), math.exp(logs.high), logs.pairs)


def duration_ratio(first: Floats, second: Floats, first_end: float, second_end: float) -> Estimate:
    """The geometric mean of how many times longer the first arm took, NaN standing for runs that never got there.

    Such a run is counted with its last step: a first arm that is cut off makes the ratio "at least" that, a second
    one "at most". Pairs in which neither arrived say nothing and are left out; where runs of both arms were cut off
    in different pairs, no bound holds, and nothing is known.
    """
    cut, other_cut = np.isnan(first), np.isnan(second)
    told = ~(cut & other_cut)
    one, other = np.where(cut, first_end, first)[told], np.where(other_cut, second_end, second)[told]
    found = ratio(np.maximum(one, 1.0), np.maximum(other, 1.0))  # a network that starts there has taken one step
    return bounded(found, bool(cut[told].any()), bool(other_cut[told].any()))


def bounded(found: Estimate, first_cut: bool, second_cut: bool) -> Estimate:
    """A ratio whose first part is cut off is "at least" that, one whose second part is, "at most"; both say nothing."""
    if first_cut and second_cut:
        return NOTHING
    if first_cut:
        return Estimate(found.value, found.low, math.inf, found.pairs, "at least")
    return Estimate(found.value, 0.0, found.high, found.pairs, "at most") if second_cut else found


def _complete(*columns: Floats) -> tuple[Floats, ...]:
    """The columns without the pairs in which one is missing."""
    arrays = [np.asarray(column, float) for column in columns]
    kept = np.logical_and.reduce([np.isfinite(array) for array in arrays])
    return tuple(array[kept] for array in arrays)


def _bootstrap(columns: tuple[Floats, ...], statistic: Callable[..., Any]) -> Estimate:
    size = len(columns[0])
    if size == 0:
        return NOTHING
    value = float(statistic(*columns, axis=-1))
    if size == 1 or all(np.ptp(column) == 0 for column in columns):
        return Estimate(value, value, value, size)
    from scipy import stats

    found = stats.bootstrap(
        columns, statistic, paired=True, vectorized=True, method="percentile", n_resamples=RESAMPLES,
        confidence_level=0.95, rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return Estimate(value, min(float(found.low), value), max(float(found.high), value), size)


def trained(values: Floats, chance: float, best: float, share: float = 0.5) -> npt.NDArray[np.bool_]:
    """Which accuracies are those of networks that train: above a share of the way from chance to the best."""
    return np.asarray(np.nan_to_num(values, nan=chance) > chance + share * (best - chance))


def largest(values: Sequence[float], good: npt.NDArray[np.bool_]) -> Floats:
    """Per seed the largest of the tried values [tries] at which it is good [tries, seeds]; NaN where none is."""
    return _extreme(values, good, np.max, -np.inf)


def span(values: Sequence[float], good: npt.NDArray[np.bool_]) -> Floats:
    """Per seed the largest over the smallest of the tried values at which it is good; NaN where none is."""
    return largest(values, good) / _extreme(values, good, np.min, np.inf)


def _extreme(values: Sequence[float], good: npt.NDArray[np.bool_], pick: Callable[..., Floats], never: float) -> Floats:
    picked = pick(np.where(good, np.asarray(values, float)[:, None], never), axis=0)
    return np.where(good.any(0), picked, np.nan)


Range = tuple[float, float]


@dataclass(frozen=True)
class Prediction:
    """What must be true of an effect: within `borne_out` the claim holds here, within `contradicted` its contrary.

    All are open ranges, and the whole interval has to lie in one; a bounded estimate's interval has one open end.
    """

    borne_out: Range
    contradicted: tuple[Range, ...]

    def __post_init__(self) -> None:
        low, high = self.borne_out
        if not low < high or any(other[0] < high and low < other[1] for other in self.contradicted):
            raise ValueError(f"what bears a prediction out and what contradicts it must not overlap; got {self}")

    def outcome(self, estimate: Estimate) -> Outcome:
        """Return what an estimate says."""
        if not estimate.known:
            return "open"
        if _inside(estimate, self.borne_out):
            return "borne out"
        return "contradicted" if any(_inside(estimate, other) for other in self.contradicted) else "undecided"


def _inside(estimate: Estimate, limits: Range) -> bool:
    low, high = limits
    return (low == -math.inf or low < estimate.low) and (high == math.inf or estimate.high < high)


def times(more: float) -> Prediction:
    """A ratio above `more`; the contrary is below its reciprocal."""
    return Prediction((more, math.inf), ((-math.inf, 1 / more),))


def above(limit: float, contrary: float) -> Prediction:
    """A number above `limit`; the contrary is below `contrary`."""
    return Prediction((limit, math.inf), ((-math.inf, contrary),))


def below(limit: float, contrary: float) -> Prediction:
    """A number below `limit`; the contrary is above `contrary`."""
    return Prediction((-math.inf, limit), ((contrary, math.inf),))


def about(value: float, tolerance: float) -> Prediction:
    """A number within the tolerance of a value; the contrary is further off, to one side."""
    low, high = value - tolerance, value + tolerance
    return Prediction((low, high), ((-math.inf, low), (high, math.inf)))


Judged = Literal["supported", "conditional", "unsupported", "refuted", "open"]


def weigh(outcomes: Iterable[Outcome]) -> Judged:
    """Every prediction borne out: supported; some: conditional; every one contradicted: refuted; else unsupported."""
    found = list(outcomes)
    if not found or "open" in found:
        return "open"
    if "borne out" in found:
        return "supported" if set(found) == {"borne out"} else "conditional"
    return "refuted" if set(found) == {"contradicted"} else "unsupported"


def weigh_slip(statement: Iterable[Outcome], corrected: Iterable[Outcome]) -> Judged | Literal["slip"]:
    """A slip of the pen: the statement is contradicted as it stands, and borne out once it is corrected."""
    kind, right = weigh(statement), weigh(corrected)
    if "open" in (kind, right):
        return "open"
    return "slip" if kind == "refuted" and right == "supported" else kind
