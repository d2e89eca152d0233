"""What is compared in an experiment: which arms, by which measure, as a ratio, a difference or one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from bnviz.studies import rules
from bnviz.studies.rules import Estimate, Floats

if TYPE_CHECKING:
    from bnviz.studies.claim import Arm


class Evidence(NamedTuple):
    """The measures of each arm by name, one entry a seed, the same seeds in all; and the arms."""

    measures: dict[str, list[dict[str, float]]]
    arms: dict[str, Arm]

    def values(self, arm: str, measure: str) -> Floats:
        """One measure of an arm [seeds]; NaN where there is none."""
        return np.array([row.get(measure, np.nan) for row in self.measures[arm]], float)


class Effect(Protocol):
    """Computes one number with its interval from an experiment's evidence; `unit` is "times", "points", "%" or ""."""

    @property
    def unit(self) -> str: ...

    def estimate(self, evidence: Evidence) -> Estimate: ...


@dataclass(frozen=True)
class Level:
    """The mean of one arm's measure."""

    arm: str
    measure: str
    unit: str = ""

    def estimate(self, evidence: Evidence) -> Estimate:
        return rules.mean(evidence.values(self.arm, self.measure))


@dataclass(frozen=True)
class Gain:
    """By how much the first arm's measure is above the second's, in points of 100 where they are shares."""

    first: str
    second: str
    measure: str = "accuracy"
    unit: str = "points"

    def estimate(self, evidence: Evidence) -> Estimate:
        return rules.difference(*(evidence.values(arm, self.measure) for arm in (self.first, self.second)))


@dataclass(frozen=True)
class Gap:
    """By how much one measure of an arm is above another of the same arm; `names` say what the two measure."""

    arm: str
    measures: tuple[str, str]
    names: tuple[str, str]
    unit: str = "points"

    def estimate(self, evidence: Evidence) -> Estimate:
        return rules.difference(*(evidence.values(self.arm, measure) for measure in self.measures))


@dataclass(frozen=True)
class Ratio:
    """How many times the second arm's measure the first's is."""

    first: str
    second: str
    measure: str
    unit: str = "times"

    def estimate(self, evidence: Evidence) -> Estimate:
        return rules.ratio(evidence.values(self.first, self.measure), evidence.values(self.second, self.measure))


@dataclass(frozen=True)
class Duration:
    """How many times as many steps the first arm needs; arms that never get there count with their last step."""

    first: str
    second: str
    measure: str = "steps_to_90"
    unit: str = "times"

    def estimate(self, evidence: Evidence) -> Estimate:
        ends = [float(evidence.arms[name].trial.steps) for name in (self.first, self.second)]
        columns = [evidence.values(name, self.measure) for name in (self.first, self.second)]
        return rules.duration_ratio(columns[0], columns[1], ends[0], ends[1])


@dataclass(frozen=True)
class Reach:
    """How many times the second group's largest value (or span) that trains the first group's is, along a sweep.

    A network trains where its accuracy is above `share` of the way from chance to the best of the whole experiment.
    The largest that trains lies between the largest of the tried values that does and the next, which the interval
    counts in. Where the first group still trains at the end of the sweep, the ratio is "at least" what is sure; the
    second, "at most".
    """

    first: str
    second: str
    span: bool = False
    share: float = 0.5
    unit: str = "times"

    def estimate(self, evidence: Evidence) -> Estimate:
        choose = rules.span if self.span else rules.largest
        return rules.ratio_between(*(choose(*self._tried(evidence, group)) for group in (self.first, self.second)))

    def _tried(self, evidence: Evidence, group: str) -> tuple[list[float], npt.NDArray[np.bool_]]:
        """The values that were tried in rising order, and at which of them the networks train [tries, seeds]."""
        everything = [evidence.values(name, "accuracy") for name in evidence.arms]
        chance = max(float(evidence.values(name, "chance").max()) for name in evidence.arms)
        arms = sorted((arm for arm in evidence.arms.values() if arm.group == group), key=lambda arm: arm.at)
        accuracies = np.array([evidence.values(arm.name, "accuracy") for arm in arms])
        good = rules.trained(accuracies, chance, float(np.max(everything)), self.share)
        return [arm.at for arm in arms], good
