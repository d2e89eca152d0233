"""A claim: what people say, what would have to be true, and the experiments that decide it by a stated rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

from bnviz.studies.effect_words import digits, in_few_words, left_out, powers, sentence
from bnviz.studies.effects import Effect, Evidence
from bnviz.studies.predictions import Outcome, Prediction, presupposed, weigh, weigh_slip
from bnviz.studies.rule_words import rule_words
from bnviz.studies.rules import FEWEST, NOTHING, Estimate
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
    sentence around {effect}, for a difference also {higher}; `shows` is the measure for the figure, on the axis
    `label`, over `sweep` where arms have places on it. `beside` is said after it, and decides nothing: another effect
    and the sentence around it.
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
    beside: tuple[Effect, str] | None = None

    def find(self, measured: dict[str, dict[str, float]], seeds: Sequence[int]) -> Finding:
        """Return what the measures by trial key say of this experiment."""
        columns = {arm.name: [measured.get(arm.seeded(seed).key) for seed in seeds] for arm in self.arms}
        runs = [found for found in zip(*columns.values(), strict=True) if None not in found]
        whole = [found for found in runs if all(found)]
        kept = {name: [found[i] or {} for found in whole] for i, name in enumerate(columns)}
        evidence = Evidence(kept, {arm.name: arm for arm in self.arms})
        failed = [found for found in runs if not all(found)]  # without measures
        estimate = _without(failed, self.effect.estimate(evidence) if whole else NOTHING)
        outcome: Outcome | Literal[""] = "" if self.prediction is None else self.prediction.outcome(estimate)
        parts = [(self.says, estimate, self.effect.unit)]
        if self.beside is not None and whole:
            effect, says = self.beside
            parts.append((says, effect.estimate(evidence), effect.unit))
        told, *beside = (sentence(*part) for part in parts)
        return Finding(
            experiment=self.key, effect=estimate.value, low=estimate.low, high=estimate.high, bound=estimate.bound,
            unit=self.effect.unit, seeds=estimate.pairs, outcome=outcome, missing=estimate.missing,
            beyond=estimate.beyond,
            sentence=" ".join([told + left_out(estimate), *beside]),
            brief=" ".join(in_few_words(*part) for part in parts),
        )  # fmt: skip

    @property
    def predicted(self) -> str:
        """What the claim predicts in words, and the ranges that decide; empty where it predicts nothing."""
        if self.prediction is None:
            return ""

        def write(value: float) -> str:
            shares = value and self.effect.unit in ("points", "%")
            number = digits(value, self.effect.unit) if shares else powers(f"{value:.4g}")
            return f"{number} {self.effect.unit}".strip()

        ranges = self.prediction.words(write)
        return f"{self.predicts} {ranges[0].upper()}{ranges[1:]}."


def _without(failed: Sequence[Sequence[object]], estimate: Estimate) -> Estimate:
    """An estimate from the seeds of which no run failed: the others are missing, in one network alone or in all."""
    alone = any(len(runs) == 1 or any(runs) for runs in failed)
    return replace(estimate, missing=estimate.missing + len(failed), lopsided=estimate.lopsided or alone)


class Source(NamedTuple):
    """Where a claim or its rebuttal was published."""

    text: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Claim(Study):
    """What people say of batch normalization, and the experiments that decide it; `judge` applies `rule`.

    A `universal` claim's words allow no exception: always, any, every, cannot. One clear counter-example refutes it.
    """

    group: str
    said: str
    needs: str
    experiments: tuple[Experiment, ...]
    sources: tuple[Source, ...]
    note: str = ""
    slip: bool = False
    universal: bool = False
    seeds: int = 8
    check_seeds: int = FEWEST

    @property
    def rule(self) -> str:
        """The rule by which the verdict follows, in words."""
        has_premise = any(experiment.role == "premise" for experiment in self.experiments)
        return rule_words(universal=self.universal, slip=self.slip, has_premise=has_premise)

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
        kind = self._kind(findings)
        place = self._telling(kind, findings)
        main = findings[place]
        return Verdict(
            kind=kind, effect=main.effect, low=main.low, high=main.high, unit=main.unit, seeds=main.seeds,
            sentence=main.sentence + self._premises_said(findings), bound=main.bound, findings=findings, main=place,
            reason=self._reason(findings) if kind == "open" else "",
        )  # fmt: skip

    def lines(self, verdict: Verdict) -> list[str]:
        found = []
        for experiment, finding in zip(self.experiments, verdict.findings, strict=True):
            told = finding.outcome or ("" if experiment.title.startswith("For comparison") else "for comparison")
            found.append(f"{experiment.title}{f' ({told})' if told else ''}: {finding.sentence}")
        failed = self._premises_said(verdict.findings)
        return [*found, failed.strip()] if failed else found

    def outcomes(self, verdict: Verdict, *roles: Role) -> list[Outcome]:
        """Return the outcomes of a verdict's experiments with these roles."""
        return self._outcomes(verdict.findings, *roles)

    def _outcomes(self, findings: Sequence[Finding], *roles: Role) -> list[Outcome]:
        return [finding.outcome for _, finding in self._of_roles(findings, *roles) if finding.outcome]

    def _of_roles(self, findings: Sequence[Finding], *roles: Role) -> list[tuple[Experiment, Finding]]:
        pairs = zip(self.experiments, findings, strict=True)
        return [(experiment, finding) for experiment, finding in pairs if experiment.role in roles]

    def _kind(self, findings: Sequence[Finding]) -> Kind:
        decisive = self._outcomes(findings, "test", "counter")
        if self.slip:
            return weigh_slip(decisive, self._outcomes(findings, "correction"), universal=self.universal)
        return presupposed(weigh(decisive, universal=self.universal), self._outcomes(findings, "premise"))

    def _telling(self, kind: Kind, findings: Sequence[Finding]) -> int:
        """The place of the experiment that tells the verdict: of a universal claim its first counter-example."""
        decisive = ("test", "counter")
        for place, (experiment, finding) in enumerate(zip(self.experiments, findings, strict=True)):
            counter_example = experiment.role in decisive and finding.outcome == "contradicted"
            if self.universal and kind == "refuted" and counter_example:
                return place
        return 0

    def _premises_said(self, findings: Sequence[Finding]) -> str:
        """A sentence about the premises that are not borne out, where there are any."""
        premises = self._of_roles(findings, "premise")
        failed = [experiment.title for experiment, finding in premises if finding.outcome not in ("borne out", "open")]
        if not failed:
            return ""
        titles = "; ".join(title.removeprefix("Premise: ") for title in failed)
        return f" But {len(failed)} of {len(premises)} premises are not borne out: {titles}."

    def _reason(self, findings: Sequence[Finding]) -> str:
        """Why there is no verdict, in the place of its name; empty where nothing is measured."""
        predicted = [finding for finding in findings if finding.outcome]
        fewest = min((finding.seeds + finding.missing for finding in predicted), default=0)
        if not any(finding.seeds + finding.missing for finding in findings):
            return ""
        if fewest < FEWEST:
            return f"too few seeds for a verdict ({fewest} of {FEWEST})"
        if any(finding.outcome == "open" for finding in predicted):
            beyond = all(finding.beyond for finding in predicted if finding.outcome == "open")
            return f"no verdict: {'both networks go beyond what was tried' if beyond else 'runs gave no number'}"
        return "no verdict: no premise holds"
