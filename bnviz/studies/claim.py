"""A claim: what people say, what would have to be true, and the experiments that decide it by a stated rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

from bnviz.studies.effects import Effect, Evidence
from bnviz.studies.rules import COVERAGE, FEWEST, NOTHING, Estimate, Outcome, Prediction, weigh, weigh_slip
from bnviz.studies.study import Finding, Kind, Row, Study, Verdict, each_once
from bnviz.studies.trial import Trial

GROUPS = {
    "speed": "Speed",
    "robustness": "Robustness",
    "gradients": "Gradients",
    "shift": "Internal covariate shift",
    "landscape": "The loss landscape",
    "generalisation": "Generalisation",
    "formula": "How it works",
}
_COVERED = ", ".join(f"{100 * share:.0f} % over {pairs}" for pairs, share in COVERAGE.items())
RULE = (
    "Each prediction is a range for an effect. It is borne out where the effect's whole 95 % interval lies in it, "
    "contradicted where the interval lies in the contrary range that stands beside it, not borne out where it lies "
    "wholly outside of the predicted range otherwise, undecided where it holds an end of that range. All borne out: "
    "supported. Some: supported under conditions. All contradicted: refuted. Otherwise: not supported. "
    f"The interval is a bootstrap over seeds, paired, widened for few seeds: with normal pairs, simulated, it holds "
    f"the true mean in {_COVERED}. Fewer than {FEWEST} pairs have none, and an experiment in which a run of one "
    "network alone gave no number decides nothing. "
    "The ranges and the experiments' roles were set by the authors, who knew what is known of batch normalization. "
    "Tests and counter-cases decide alike; where a claim is tried on several kinds of network, a well-initialised "
    "ReLU network (He's weights) is a counter-case. What stands for comparison decides nothing: it measures something "
    "else than the claim speaks of."
)
SLIP_RULE = " A statement that is contradicted as it stands and borne out once it is corrected is a slip of the pen."
PREMISE_RULE = " Where the stated premise is not borne out, the experiments test nothing, and nothing is decided."
Role = Literal["test", "counter", "premise", "correction", "context"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One network of an experiment; `group` and `at` place it on a sweep's curve. Its trial's own seed doesn't count.

    With `splits`, each seed also splits (and draws) the data anew.
    """

    name: str
    trial: Trial
    group: str = ""
    at: float = math.nan
    splits: bool = False

    def seeded(self, seed: int) -> Trial:
        """Return the arm's trial for a seed."""
        return _seeded(self.trial, seed, self.splits)


@lru_cache(maxsize=16_384)
def _seeded(trial: Trial, seed: int, splits: bool) -> Trial:
    return trial.seeded(seed, splits=splits)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Arms, what is measured on them, and what the claim predicts of it.

    Roles: a `test` and a `counter` case (where the claim may fail) decide; a `premise` must be borne out for the tests
    to test anything; a `correction` is what the statement should have said; a `context` decides nothing. `says` is a
    sentence around {effect}; `shows` is the measure for the figure, on the axis `label`, over `sweep` where arms have
    places on it.
    """

    key: str
    title: str
    words: str
    arms: tuple[Arm, ...]
    effect: Effect
    says: str
    shows: str
    label: str
    prediction: Prediction | None = None
    predicts: str = ""
    role: Role = "test"
    sweep: str = ""
    log: bool = False

    def find(self, measured: dict[str, dict[str, float]], seeds: Sequence[int]) -> Finding:
        """Return what the measures by trial key say of this experiment."""
        columns = {arm.name: [measured.get(arm.seeded(seed).key) for seed in seeds] for arm in self.arms}
        complete = [i for i in range(len(seeds)) if all(column[i] is not None for column in columns.values())]
        kept = {name: [column[i] or {} for i in complete] for name, column in columns.items()}
        estimate = self.effect.estimate(Evidence(kept, {arm.name: arm for arm in self.arms})) if complete else NOTHING
        outcome: Outcome | Literal[""] = "" if self.prediction is None else self.prediction.outcome(estimate)
        return Finding(
            experiment=self.key, effect=estimate.value, low=estimate.low, high=estimate.high, bound=estimate.bound,
            unit=self.effect.unit, seeds=estimate.pairs, outcome=outcome, missing=estimate.missing,
            sentence=self.says.format(effect=said(estimate, self.effect.unit)) + _left_out(estimate),
        )  # fmt: skip

    @property
    def predicted(self) -> str:
        """What the claim predicts in words, and the ranges that decide; empty where it predicts nothing."""
        if self.prediction is None:
            return ""

        def write(value: float) -> str:
            number = _digits(value, self.effect.unit) if self.effect.unit in ("points", "%") else f"{value:.4g}"
            return f"{number} {self.effect.unit}".strip()

        ranges = self.prediction.words(write)
        return f"{self.predicts} {ranges[0].upper()}{ranges[1:]}."


class Source(NamedTuple):
    """Where a claim or its rebuttal was published."""

    text: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Claim(Study):
    """What people say of batch normalization, and the experiments that decide it; `judge` applies `RULE`."""

    group: str
    said: str
    needs: str
    experiments: tuple[Experiment, ...]
    sources: tuple[Source, ...]
    note: str = ""
    slip: bool = False
    seeds: int = 8
    check_seeds: int = FEWEST

    @property
    def rule(self) -> str:
        """The rule by which the verdict follows, in words."""
        has_premise = any(experiment.role == "premise" for experiment in self.experiments)
        return RULE + (SLIP_RULE if self.slip else "") + (PREMISE_RULE if has_premise else "")

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """All experiments' arms."""
        return tuple(arm for experiment in self.experiments for arm in experiment.arms)

    def trials(self, seeds: Iterable[int]) -> list[Trial]:
        return each_once(arm.seeded(seed) for seed in seeds for arm in self.arms)

    def judge(self, rows: Sequence[Row]) -> Verdict:
        measured = {row["key"]: dict(row["measures"]) for row in rows}
        seeds = sorted({row["seed"] for row in rows})
        findings = tuple(experiment.find(measured, seeds) for experiment in self.experiments)
        main = findings[0]
        return Verdict(
            kind=self._kind(findings), effect=main.effect, low=main.low, high=main.high, unit=main.unit,
            seeds=main.seeds, sentence=main.sentence, bound=main.bound, findings=findings,
        )  # fmt: skip

    def outcomes(self, verdict: Verdict, *roles: Role) -> list[str]:
        """Return the outcomes of a verdict's experiments with these roles."""
        pairs = zip(self.experiments, verdict.findings, strict=True)
        return [finding.outcome for experiment, finding in pairs if finding.outcome and experiment.role in roles]

    def _kind(self, findings: Sequence[Finding]) -> Kind:
        by_role: dict[str, list[Outcome]] = {}
        for experiment, finding in zip(self.experiments, findings, strict=True):
            if finding.outcome:
                by_role.setdefault(experiment.role, []).append(finding.outcome)
        if any(outcome != "borne out" for outcome in by_role.get("premise", ())):
            return "open"
        decisive = [*by_role.get("test", ()), *by_role.get("counter", ())]
        return weigh_slip(decisive, by_role.get("correction", ())) if self.slip else weigh(decisive)


def said(estimate: Estimate, unit: str) -> str:
    """Return an effect in words, with its interval where it has two ends."""
    if math.isnan(estimate.value):
        return "(not known)" if estimate.missing else "(not known yet)"
    value, low, high = (_digits(v, unit) for v in (estimate.value, estimate.low, estimate.high))
    words = f"{value} {unit}".strip()
    if estimate.pairs < FEWEST:
        few = f"{estimate.pairs} seed{'s' * (estimate.pairs > 1)}: too few for an interval"
        return f"{estimate.bound} {words} ({few})".strip()
    if estimate.bound:
        limit = low if estimate.bound == "at least" else high
        return f"{estimate.bound} {words} (with 95 % confidence {estimate.bound} {limit})"
    if low == high:
        return words
    return f"{words} (95 % interval {low} to {high})"


def _left_out(estimate: Estimate) -> str:
    """A sentence about the pairs that gave no number, where there are any."""
    if not estimate.missing:
        return ""
    alone = ", in one network alone: that decides nothing" if estimate.lopsided else ""
    return f" {estimate.missing} of {estimate.missing + estimate.pairs} seeds gave no number{alone}."


def _digits(value: float, unit: str) -> str:
    """Three digits; points of 100 with sign and one decimal."""
    if unit == "points":
        return f"{100 * value:+z.1f}"
    value = 100 * value if unit == "%" else value
    return f"{float(f'{value:.3g}'):,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"
