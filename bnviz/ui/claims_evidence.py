"""What the shipped measurements say, weighed once a process; and rows as plain numbers for the figures."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from bnviz.figures.claims import Curve, Dots, curves, dots
from bnviz.figures.scale import Scale
from bnviz.studies.catalogue import CLAIMS, STUDIES
from bnviz.studies.claim import Arm, Claim, Experiment, said
from bnviz.studies.effects import Gain, Reach
from bnviz.studies.measures import MEASURES
from bnviz.studies.results import Result, shipped
from bnviz.studies.rules import Estimate, mean
from bnviz.studies.study import Finding, Row, Study, Verdict

if TYPE_CHECKING:
    import plotly.graph_objects as go

STYLES = {"none": 0, "batch": 1, "noisy_batch": 2, "group": 2, "layer": 3}
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


def in_few_words(experiment: Experiment, finding: Finding) -> str:
    """Return an experiment's sentence with its number alone, without the interval."""
    bare = said(Estimate(finding.effect, finding.effect, finding.effect, finding.seeds), finding.unit)
    return experiment.says.format(effect=f"{finding.bound} {bare}".strip())


def gathered(arm: Arm, rows: Sequence[Row], measure: str) -> tuple[list[int], list[float]]:
    """Return the seeds that were measured on an arm and the values, NaN where a run gave none."""
    measured = {row["key"]: row["measures"] for row in rows}
    seeds = [seed for seed in sorted({row["seed"] for row in rows}) if arm.seeded(seed).key in measured]
    return seeds, [measured[arm.seeded(seed).key].get(measure, math.nan) for seed in seeds]


def experiment_figure(experiment: Experiment, rows: Sequence[Row], own: Sequence[Row]) -> go.Figure:
    """Return the figure of an experiment: the shipped rows, and those that were measured here."""
    up = Scale(
        label=experiment.label,
        share=MEASURES[experiment.shows].unit == "share" or experiment.shows.endswith("accuracy"),
        log=experiment.log and not experiment.sweep,
    )
    if experiment.sweep:
        across = Scale(label=experiment.sweep, log=experiment.log)
        return curves(_curves(experiment, rows), _curves(experiment, own), across, up, _border(experiment, rows or own))
    return dots(_dots(experiment, rows, log=up.log), _dots(experiment, own, log=up.log), up)


def lines(experiment: Experiment) -> list[tuple[str, Arm, str]]:
    """What an experiment's figure has a strip for: a name, an arm, a measure; one arm's two measures are two strips."""
    effect = experiment.effect
    if isinstance(effect, Gain) and effect.first == effect.second and effect.second_measure:
        (arm,) = (arm for arm in experiment.arms if arm.name == effect.first)
        return [
            (f"{arm.name}: training split", arm, effect.measure),
            (f"{arm.name}: test split", arm, effect.second_measure),
        ]
    return [(arm.name, arm, experiment.shows) for arm in experiment.arms]


def styles(arms: Sequence[Arm]) -> list[int]:
    """Return each arm's colour and symbol: that of its normalization, by its place where two are normalised alike."""
    own = [STYLES[arm.trial.config.normalization] for arm in arms]
    return own if len(set(own)) == len(own) else list(range(len(arms)))


def _dots(experiment: Experiment, rows: Sequence[Row], *, log: bool) -> list[Dots]:
    strips = lines(experiment)
    looks = styles([arm for _, arm, _ in strips])
    found = []
    for (name, arm, measure), style in zip(strips, looks, strict=True):
        seeds, values = gathered(arm, rows, measure)
        cut = float(arm.trial.steps) if MEASURES[measure].unit == "steps" else math.nan
        middle = None if any(map(math.isnan, values)) else _mean(tuple(values), log=log)
        found.append(Dots(name=name, values=values, seeds=seeds, style=style, cut=cut, mean=middle))
    return found if rows else []


@lru_cache(maxsize=4096)
def _mean(values: tuple[float, ...], *, log: bool) -> tuple[float, float, float] | None:
    """The mean with its interval, geometric on a log axis; runs that were cut off have none."""
    if len(values) < 2:
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
    for group, style in zip(groups, styles(firsts), strict=True):
        arms = sorted((arm for arm in experiment.arms if arm.group == group), key=lambda arm: arm.at)
        columns = [dict(zip(*gathered(arm, rows, experiment.shows), strict=True)) for arm in arms]
        seeds = sorted({seed for column in columns for seed in column})
        values = [[column.get(seed, math.nan) for seed in seeds] for column in columns]
        found.append(Curve(name=group, at=[arm.at for arm in arms], values=values, seeds=seeds, style=style))
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
    return f"The shipped verdict is “{before.title}”, the one from the runs here “{after.title}”."
