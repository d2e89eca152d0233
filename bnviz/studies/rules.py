"""From paired measurements to an effect with its interval; pure functions of numbers.

An effect is computed over seeds: arms with equal seeds share initial weights and batches, so they are paired. Its
95 % interval is a percentile bootstrap over the pairs (scipy.stats.bootstrap, fixed generator), which also survives
ties and equal values. A plain one is too narrow for few pairs: it resamples a deviation without Bessel's correction,
and knows no Student's t. So its level is raised as Hesterberg does (2015, What Teachers Should Know About the
Bootstrap, The American Statistician 69: 371-386, section 4.2: the expanded percentile interval).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bound = Literal["", "at least", "at most"]
RESAMPLES = 10_000
CONFIDENCE = 0.95
FEWEST = 5  # pairs from which an interval is worth the name
COVERAGE = {5: 0.92, 8: 0.94, 10: 0.945}  # share of intervals that hold the mean of so many normal pairs


@dataclass(frozen=True)
class Estimate:
    """An effect and its 95 % interval over so many pairs; see `Bound` in the constructor functions for cut-off runs.

    `missing` pairs gave no number and are left out. It is `lopsided` to leave out one in which the other arm gave a
    number: what is left is a choice of runs, such as those that did not diverge. `beyond` says that both arms go beyond
    what was tried, so that nothing compares them.
    """

    value: float
    low: float
    high: float
    pairs: int
    bound: Bound = ""
    missing: int = 0
    lopsided: bool = False
    beyond: bool = False

    @property
    def known(self) -> bool:
        """Whether there are enough pairs to say anything, and they are not chosen by what they gave."""
        return self.pairs >= FEWEST and not math.isnan(self.value) and not self.lopsided


NOTHING = Estimate(math.nan, math.nan, math.nan, 0)


def mean(values: Floats) -> Estimate:
    """The mean of one arm's values [seeds]."""
    return _estimate((values,), lambda x, axis: np.mean(x, axis=axis))


def difference(first: Floats, second: Floats) -> Estimate:
    """The mean of first - second [seeds]."""
    return _estimate((first, second), lambda x, y, axis: np.mean(x - y, axis=axis))


def ratio(first: Floats, second: Floats) -> Estimate:
    """The geometric mean of first / second [seeds]; what is not positive is no number."""
    logs = difference(_log(first), _log(second))
    return replace(logs, value=math.exp(logs.value), low=math.exp(logs.low), high=math.exp(logs.high))


def _log(values: Floats) -> Floats:
    array = np.asarray(values, float)
    return np.log(np.where(array > 0, array, np.nan))


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
    nobody = len(told) > 0 and not told.any()
    found = replace(found, missing=found.missing + int((~told).sum()), beyond=nobody)
    return bounded(found, bool(cut[told].any()), bool(other_cut[told].any()))


def bounded(found: Estimate, first_cut: bool, second_cut: bool) -> Estimate:
    """A ratio whose first part is cut off is "at least" that, one whose second part is, "at most"; both say nothing."""
    if first_cut and second_cut:
        return replace(NOTHING, missing=found.pairs + found.missing, beyond=True)
    if first_cut:
        return replace(found, high=math.inf, bound="at least")
    return replace(found, low=0.0, bound="at most") if second_cut else found


def _estimate(columns: tuple[Floats, ...], statistic: Callable[..., Any]) -> Estimate:
    """A statistic over the pairs that are complete, and what is said of the others."""
    told = np.array([np.isfinite(np.asarray(column, float)) for column in columns])
    whole = told.all(0)
    found = _bootstrap(tuple(np.asarray(column, float)[whole] for column in columns), statistic)
    lopsided = bool((told.any(0) & ~whole).any()) if len(columns) > 1 else not whole.all()
    return replace(found, missing=int((~whole).sum()), lopsided=lopsided)


def _bootstrap(columns: tuple[Floats, ...], statistic: Callable[..., Any]) -> Estimate:
    size = len(columns[0])
    if size == 0:
        return NOTHING
    value = float(statistic(*columns, axis=-1))
    if size < FEWEST:
        return Estimate(value, math.nan, math.nan, size)
    if all(np.ptp(column) == 0 for column in columns):
        return Estimate(value, value, value, size)
    from scipy import stats

    found = stats.bootstrap(
        columns, statistic, paired=True, vectorized=True, method="percentile", n_resamples=RESAMPLES,
        confidence_level=_level(size), rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return Estimate(value, min(float(found.low), value), max(float(found.high), value), size)


def _level(size: int) -> float:
    """The level at which a percentile interval over so many pairs is as wide as Student's is for a mean."""
    from scipy import stats

    width = math.sqrt(size / (size - 1)) * stats.t.ppf((1 + CONFIDENCE) / 2, size - 1)
    return float(1 - 2 * stats.norm.sf(width))


def trained(values: Floats, chance: float, best: float, share: float = 0.5) -> npt.NDArray[np.bool_]:
    """Which accuracies are those of networks that train: above a share of the way from chance to the best."""
    return np.asarray(np.nan_to_num(values, nan=chance) > chance + share * (best - chance))


class Between(NamedTuple):
    """Limits between which a number lies [seeds]: NaN where there is none, inf above where no upper limit is known."""

    low: Floats
    high: Floats


def largest(values: Sequence[float], good: npt.NDArray[np.bool_]) -> Between:
    """Per seed the largest value at which it is good: between the largest of the tried values [tries] and the next.

    `good` is [tries, seeds], the tries in rising order. Beyond the last there is no next one.
    """
    tried = np.array([*values, np.inf])
    place = len(good) - 1 - good[::-1].argmax(0)
    ends = (np.where(good.any(0), tried[place + more], np.nan) for more in (0, 1))
    return Between(*ends)


def span(values: Sequence[float], good: npt.NDArray[np.bool_]) -> Between:
    """Per seed the largest over the smallest positive value at which it is good, with both ends between tries."""
    top = largest(values, good)
    bottom = largest([1 / value for value in reversed(values)], good[::-1])
    return Between(top.low * bottom.low, top.high * bottom.high)


def ratio_between(first: Between, second: Between) -> Estimate:
    """A ratio of two numbers that are known but to lie between limits: the interval holds what the limits allow.

    Its effect is of the lower limits, which were tried. Without an upper limit of the first it is "at least" what is
    sure, without one of the second "at most".
    """
    no_end, no_other_end = bool(np.isinf(first.high).any()), bool(np.isinf(second.high).any())
    found = ratio(first.low, second.low)
    if no_end and no_other_end:
        return bounded(found, True, True)
    least = found if no_other_end else ratio(first.low, second.high)
    most = found if no_end else ratio(first.high, second.low)
    if no_end or no_other_end:
        return bounded(least if no_end else most, no_end, no_other_end)
    return replace(found, low=least.low, high=most.high)
