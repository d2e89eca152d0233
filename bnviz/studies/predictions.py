"""What a claim predicts of an effect, how it came out, and the verdict that follows from several; pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from bnviz.studies.rules import Estimate

Outcome = Literal["borne out", "contradicted", "not borne out", "undecided", "open"]
Range = tuple[float, float]


@dataclass(frozen=True)
class Prediction:
    """What must be true of an effect: within `borne_out` the claim holds here, within `contradicted` its contrary.

    All are open ranges, and the whole interval has to lie in one; a bounded estimate's interval has one open end. An
    interval that is wholly outside of the first, and not within a contrary, leaves the prediction not borne out.
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
        if any(_inside(estimate, other) for other in self.contradicted):
            return "contradicted"
        low, high = self.borne_out
        return "not borne out" if estimate.high <= low or high <= estimate.low else "undecided"

    def words(self, write: Callable[[float], str]) -> str:
        """Return the ranges in words, with their ends as `write` writes them."""
        ranges = " or ".join(_words(other, write) for other in self.contradicted)
        return f"borne out {_words(self.borne_out, write)}; {f'contradicted {ranges}' if ranges else 'no contrary'}"


def _words(limits: Range, write: Callable[[float], str]) -> str:
    low, high = limits
    if low == -math.inf:
        return f"below {write(high)}"
    return f"above {write(low)}" if high == math.inf else f"between {write(low)} and {write(high)}"


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
WEAKER: dict[Judged, Judged] = {"supported": "conditional", "refuted": "unsupported"}


def weigh(outcomes: Iterable[Outcome], *, universal: bool = False) -> Judged:
    """Every prediction borne out: supported; some: conditional; every one contradicted: refuted; else unsupported.

    A `universal` claim allows no exception: one contradicted prediction refutes it, whatever the others, and it is
    never conditional.
    """
    found = list(outcomes)
    if universal and "contradicted" in found:
        return "refuted"
    if not found or "open" in found:
        return "open"
    if set(found) == {"borne out"}:
        return "supported"
    if "borne out" in found and not universal:
        return "conditional"
    return "refuted" if set(found) == {"contradicted"} else "unsupported"


def weigh_slip(
    statement: Iterable[Outcome], corrected: Iterable[Outcome], *, universal: bool = False
) -> Judged | Literal["slip"]:
    """A slip of the pen: the statement is contradicted as it stands, and borne out once it is corrected."""
    kind, right = weigh(statement, universal=universal), weigh(corrected)
    if "open" in (kind, right):
        return "open"
    return "slip" if kind == "refuted" and right == "supported" else kind


def presupposed(kind: Judged, premises: Iterable[Outcome]) -> Judged:
    """What is left of a verdict whose premises came out so.

    Where none is borne out nothing was tested. Where only some are, the verdict is weaker by one: supported becomes
    conditional, refuted becomes unsupported.
    """
    found = list(premises)
    if "open" in found or (found and "borne out" not in found):
        return "open"
    return kind if set(found) <= {"borne out"} else WEAKER.get(kind, kind)
