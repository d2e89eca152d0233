"""A study is a question put to many trainings: its trials, and what their measurements say.

`bnviz.studies.catalogue.STUDIES` holds all of them by name: claims (`bnviz.studies.claims`) and maps
(`bnviz.studies.maps`). Nothing here trains; whoever runs the trials hands the rows back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from bnviz.studies.predictions import Outcome
from bnviz.studies.trial import Trial

Kind = Literal["supported", "conditional", "unsupported", "refuted", "slip", "measured", "open"]
KINDS: dict[Kind, str] = {
    "supported": "supported",
    "conditional": "supported under conditions",
    "unsupported": "not supported",
    "refuted": "refuted",
    "slip": "a slip of the pen",
    "measured": "measured",  # a map's: it claims nothing
    "open": "not measured yet",
}


class Row(TypedDict):
    """One trial that was run; one that failed has no measures. Rows that are kept may hold more (versions, time)."""

    key: str
    trial: Trial
    seed: int
    measures: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one experiment of a study gave; `outcome` is empty where nothing was predicted of it.

    `seeds` are the pairs that the effect is of; `missing` more were run and gave no number. `beyond` says that both
    networks go beyond what was tried. `brief` is the sentence without intervals.
    """

    experiment: str
    effect: float
    low: float
    high: float
    bound: Literal["", "at least", "at most"]
    unit: str
    seeds: int
    outcome: Outcome | Literal[""]
    sentence: str
    brief: str = ""
    missing: int = 0
    beyond: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the measurements say: `effect` in `unit` with its 95 % confidence interval, over `seeds` paired runs.

    `sentence` is made from the numbers. `open` means that too little is measured yet: the numbers are then NaN. A
    `bound` says that runs which never got there were cut off: the effect is "at least" or "at most" that. It is the
    effect of the finding number `main`; `reason` says why it is open although something is measured.
    """

    kind: Kind
    effect: float
    low: float
    high: float
    unit: str
    seeds: int
    sentence: str
    bound: Literal["", "at least", "at most"] = ""
    findings: tuple[Finding, ...] = ()
    main: int = 0
    reason: str = ""

    @property
    def title(self) -> str:
        """The kind in words; of an open one, why it is."""
        return self.reason or KINDS[self.kind]


@dataclass(frozen=True, kw_only=True)
class Study:
    """A named question; `seeds` trainings of each arm are the default, `check_seeds` of them decide it stably."""

    name: str
    title: str
    seeds: int
    check_seeds: int

    def trials(self, seeds: Iterable[int]) -> list[Trial]:
        """Return every trial of the study for these seeds, each once; other studies may share some."""
        raise NotImplementedError

    def default_trials(self) -> list[Trial]:
        """Return what is measured for the shipped results."""
        return self.trials(range(self.seeds))

    def check_trials(self) -> list[Trial]:
        """Return the stated part of the default trials that `--check` measures again."""
        return self.trials(range(self.check_seeds))

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """Return what rows (of any study, in any order, however few) say of this one.

        Never raises for missing rows nor for those that failed.
        """
        raise NotImplementedError

    def lines(self, verdict: Verdict) -> list[str]:
        """Return what the verdict follows from, for a terminal: a line an experiment."""
        return [verdict.sentence]

    def differs(self, shipped: Sequence[Row], again: Sequence[Row]) -> str | None:
        """Say what has changed where measuring again does not bear out the shipped rows, else None."""
        before, after = self.judge(shipped), self.judge(again)
        if before.kind == after.kind:
            return None
        return f"{self.name}: was {before.title} ({before.sentence}) and is {after.title} ({after.sentence})"


def each_once(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials in their order, equal ones once."""
    return list({trial.key: trial for trial in trials}.values())


def as_row(trial: Trial, measures: dict[str, float]) -> Row:
    """Return the row of a trial that was run."""
    return Row(key=trial.key, trial=trial, seed=trial.seed, measures=measures)
