"""A claim: what people say, what would have to be true, and the experiments that decide it by a stated rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

from bnviz.studies.effect_words import digits, left_out, powers, sentence
from bnviz.studies.effects import Effect, Evidence
from bnviz.studies.predictions import Outcome, Prediction, presupposed, weigh, weigh_slip
from bnviz.studies.rules import COVERAGE, FEWEST, NOTHING
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
    "wholly outside of the predicted range otherwise, undecided where it holds an end of that range. {weighing} "
    "The interval is a bootstrap over seeds, paired, widened for few seeds: with normal pairs, simulated, it holds "
    f"the true mean in {_COVERED}. Fewer than {FEWEST} pairs have none, and an experiment in which a run of one "
    "network alone gave no number decides nothing. "
    "The ranges and the experiments' roles were set by the authors, who knew what is known of batch normalization. "
    "Tests and counter-cases decide alike; where a claim is tried on several kinds of network, a well-initialised "
    "ReLU network (He's weights) is a counter-case. What stands for comparison decides nothing: it measures something "
    "else than the claim speaks of."
)
WEIGHING = (
    "All borne out: supported. Some: supported under conditions. All contradicted: refuted. Otherwise: not supported."
)
UNIVERSAL_WEIGHING = (
    "The claim's words allow no exception, so one contradicted prediction is a counter-example: refuted. All borne "
    "out: supported. Otherwise: not supported."
)
SLIP_RULE = " A statement that is contradicted as it stands and borne out once it is corrected is a slip of the pen."
PREMISE_RULE = (
    " A premise must hold so that the experiments test anything. Where no premise is borne out, nothing is decided. "
    "Where only some are, the verdict is weaker by one: supported under conditions in the place of supported, not "
    "supported in the place of refuted."
)
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
        complete = [i for i in range(len(seeds)) if all(column[i] is not None for column in columns.values())]
        kept = {name: [column[i] or {} for i in complete] for name, column in columns.items()}
        evidence = Evidence(kept, {arm.name: arm for arm in self.arms})
        estimate = self.effect.estimate(evidence) if complete else NOTHING
        outcome: Outcome | Literal[""] = "" if self.prediction is None else self.prediction.outcome(estimate)
        return Finding(
            experiment=self.key, effect=estimate.value, low=estimate.low, high=estimate.high, bound=estimate.bound,
            unit=self.effect.unit, seeds=estimate.pairs, outcome=outcome, missing=estimate.missing,
            sentence=sentence(self.says, estimate, self.effect.unit) + left_out(estimate)
            + (self._beside(evidence) if complete else ""),
        )  # fmt: skip

    def _beside(self, evidence: Evidence) -> str:
        if self.beside is None:
            return ""
        effect, says = self.beside
        return " " + sentence(says, effect.estimate(evidence), effect.unit)

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
        rule = RULE.format(weighing=UNIVERSAL_WEIGHING if self.universal else WEIGHING)
        has_premise = any(experiment.role == "premise" for experiment in self.experiments)
        return rule + (SLIP_RULE if self.slip else "") + (PREMISE_RULE if has_premise else "")

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
        return [
            f"{experiment.title} ({finding.outcome or 'for comparison'}): {finding.sentence}"
            for experiment, finding in zip(self.experiments, verdict.findings, strict=True)
        ]

    def outcomes(self, verdict: Verdict, *roles: Role) -> list[Outcome]:
        """Return the outcomes of a verdict's experiments with these roles."""
        return [finding.outcome for _, finding in self._of_roles(verdict.findings, *roles) if finding.outcome]

    def _of_roles(self, findings: Sequence[Finding], *roles: Role) -> list[tuple[Experiment, Finding]]:
        pairs = zip(self.experiments, findings, strict=True)
        return [(experiment, finding) for experiment, finding in pairs if experiment.role in roles]

    def _kind(self, findings: Sequence[Finding]) -> Kind:
        def outcomes(*roles: Role) -> list[Outcome]:
            return [finding.outcome for _, finding in self._of_roles(findings, *roles) if finding.outcome]

        decisive = outcomes("test", "counter")
        if self.slip:
            return weigh_slip(decisive, outcomes("correction"), universal=self.universal)
        return presupposed(weigh(decisive, universal=self.universal), outcomes("premise"))

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
            return "no verdict: runs gave no number"
        return "no verdict: no premise holds"
