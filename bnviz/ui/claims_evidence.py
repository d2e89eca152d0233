"""What the shipped measurements say, weighed once a process; and rows as plain numbers for the figures."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bnviz.figures.claims import Dots, Look, dots
from bnviz.figures.scale import Scale
from bnviz.figures.sweeps import Curve, curves
from bnviz.studies.catalogue import CLAIMS, STUDIES
from bnviz.studies.claim import Arm, Claim, Experiment
from bnviz.studies.effects import Gap, Reach
from bnviz.studies.measures import MEASURES
from bnviz.studies.results import Result, shipped
from bnviz.studies.rules import FEWEST, mean
from bnviz.studies.study import Row, Study, Verdict

if TYPE_CHECKING:
    import plotly.graph_objects as go

COLOURS = {"none": 0, "batch": 1, "noisy_batch": 2, "group": 2, "layer": 3}
SMALLEST = 1e-9  # below that a measure is zero but for rounding, and no log axis is of use
_weighing = threading.Lock()


@lru_cache(maxsize=64)
def shipped_rows(name: str) -> tuple[Result, ...]:
    """Return the rows of a study that come with the app, none where none do."""
    return tuple(shipped(name)) if name in STUDIES else ()


@lru_cache(maxsize=64)
def _verdict(name: str) -> Verdict:
    return STUDIES[name].judge(shipped_rows(name))


def shipped_verdict(name: str) -> Verdict:
    """Return what a study's shipped rows say; computed once a process."""
    with _weighing:
        return _verdict(name)


def weigh_all() -> None:
    """Judge every claim's shipped rows, so that no visitor waits for SciPy."""
    for name in CLAIMS:
        shipped_verdict(name)


def made_with(rows: Sequence[Result]) -> str:
    """Return the versions with which rows were made, and when, in a line."""
    if not rows:
        return ""
    versions = sorted({", ".join(f"{name} {version}" for name, version in row["versions"].items()) for row in rows})
    days = sorted({row["finished"].date().isoformat() for row in rows})
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"{len(rows):,} trainings with {'; '.join(versions)}; {span}"


def gathered(arm: Arm, rows: Sequence[Row], measure: str) -> tuple[list[int], list[float]]:
    """Return the seeds that were measured on an arm and the values, NaN where a run gave none."""
    measured = {row["key"]: row["measures"] for row in rows}
    seeds = [seed for seed in sorted({row["seed"] for row in rows}) if arm.seeded(seed).key in measured]
    return seeds, [measured[arm.seeded(seed).key].get(measure, math.nan) for seed in seeds]


def experiment_figure(experiment: Experiment, rows: Sequence[Row], own: Sequence[Row]) -> go.Figure:
    """Return the figure of an experiment: the shipped rows, and those that were measured here."""
    up = Scale(
        label=experiment.label,
        share=not _is_gap(experiment) and (_is_share(experiment.shows) or experiment.effect.unit == "%"),
        log=experiment.log and not experiment.sweep,
    )
    if experiment.sweep:
        across = Scale(label=experiment.sweep, log=experiment.log)
        return curves(_curves(experiment, rows), _curves(experiment, own), across, up, _border(experiment, rows or own))
    return dots(_dots(experiment, rows, log=up.log), _dots(experiment, own, log=up.log), up)


def _is_share(measure: str) -> bool:
    return MEASURES[measure].unit == "share" or measure.endswith("accuracy")


def _is_gap(experiment: Experiment) -> bool:
    """Whether the figure shows differences of two measures: several networks' are compared, one's two are shown."""
    return isinstance(experiment.effect, Gap) and len(experiment.arms) > 1


class Strip(NamedTuple):
    """A strip of marks in an experiment's figure: an arm's measure, or by how many points it is above another."""

    name: str
    arm: Arm
    measure: str
    less: str = ""

    def values(self, rows: Sequence[Row]) -> tuple[list[int], list[float]]:
        """Return the seeds that were measured and what is drawn of them."""
        seeds, values = gathered(self.arm, rows, self.measure)
        if not self.less:
            return seeds, values
        others = gathered(self.arm, rows, self.less)[1]
        return seeds, [100 * (value - other) for value, other in zip(values, others, strict=True)]


def strips(experiment: Experiment) -> list[Strip]:
    """What an experiment's figure has a strip for: an arm each; of a gap in one arm, its two measures."""
    effect = experiment.effect
    if not isinstance(effect, Gap):
        return [Strip(arm.name, arm, experiment.shows) for arm in experiment.arms]
    if len(experiment.arms) > 1:
        return [Strip(arm.name, arm, *effect.measures) for arm in experiment.arms]
    (arm,) = experiment.arms
    return [
        Strip(f"{arm.name}: {name}", arm, measure) for name, measure in zip(effect.names, effect.measures, strict=True)
    ]


def looks(arms: Sequence[Arm]) -> list[Look]:
    """Return each arm's colour, that of its normalization as in the lab, and its own symbol and dash."""
    found: list[Look] = []
    for arm in arms:
        colour = COLOURS[arm.trial.config.normalization]
        taken = {look.shape for look in found}
        found.append(Look(colour, next(shape for shape in range(colour, colour + len(arms)) if shape not in taken)))
    return found


def _dots(experiment: Experiment, rows: Sequence[Row], *, log: bool) -> list[Dots]:
    shown = strips(experiment)
    found = []
    for strip, look in zip(shown, looks([strip.arm for strip in shown]), strict=True):
        seeds, values = strip.values(rows)
        cut = float(strip.arm.trial.steps) if MEASURES[strip.measure].unit == "steps" else math.nan
        middle = None if any(map(math.isnan, values)) else _mean(tuple(values), log=log)
        found.append(Dots(name=strip.name, values=values, seeds=seeds, look=look, cut=cut, mean=middle))
    return found if rows else []


@lru_cache(maxsize=4096)
def _mean(values: tuple[float, ...], *, log: bool) -> tuple[float, float, float] | None:
    """The mean with its interval, geometric on a log axis; too few runs, and such as were cut off, have none."""
    if len(values) < FEWEST:
        return None
    array = np.array(values, float)
    geometric = log and bool((array > SMALLEST).all())
    found = mean(np.log(array) if geometric else array)
    ends = (found.value, found.low, found.high)
    return (math.exp(ends[0]), math.exp(ends[1]), math.exp(ends[2])) if geometric else ends


def _curves(experiment: Experiment, rows: Sequence[Row]) -> list[Curve]:
    groups = list(dict.fromkeys(arm.group for arm in experiment.arms))
    firsts = [next(arm for arm in experiment.arms if arm.group == group) for group in groups]
    found = []
    for group, look in zip(groups, looks(firsts), strict=True):
        arms = sorted((arm for arm in experiment.arms if arm.group == group), key=lambda arm: arm.at)
        columns = [dict(zip(*gathered(arm, rows, experiment.shows), strict=True)) for arm in arms]
        seeds = sorted({seed for column in columns for seed in column})
        values = [[column.get(seed, math.nan) for seed in seeds] for column in columns]
        found.append(Curve(name=group, at=[arm.at for arm in arms], values=values, seeds=seeds, look=look))
    return found if rows else []


def _border(experiment: Experiment, rows: Sequence[Row]) -> float:
    """The accuracy above which a sweep's networks count as trained; NaN where nothing says."""
    effect = experiment.effect
    if not isinstance(effect, Reach) or not rows:
        return math.nan
    measures = _of(experiment, rows)
    known = [one["accuracy"] for one in measures if math.isfinite(one["accuracy"])]
    chance = max((one["chance"] for one in measures), default=math.nan)
    return chance + effect.share * (max(known) - chance) if known else math.nan


def _of(experiment: Experiment, rows: Sequence[Row]) -> list[Mapping[str, float]]:
    measured = {row["key"]: row["measures"] for row in rows}
    seeds = {row["seed"] for row in rows}
    keys = {arm.seeded(seed).key for arm in experiment.arms for seed in seeds}
    return [measured[key] for key in keys if key in measured]


def disagreement(study: Study, own: Sequence[Row]) -> str | None:
    """Say how rows that were measured here disagree with the shipped ones; None where they don't."""
    rows = shipped_rows(study.name)
    if not rows or not own:
        return None
    if not isinstance(study, Claim):
        return study.differs(rows, own)
    before, after = shipped_verdict(study.name), study.judge(own)
    if "open" in (before.kind, after.kind) or before.kind == after.kind:
        return None
    return f"The shipped verdict is: {before.title}. From the runs here it is: {after.title}."
