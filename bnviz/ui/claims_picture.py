"""An experiment's figure, made once for what it shows: a watched claim is asked for every second by all who look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from bnviz.studies.claim import Experiment
from bnviz.studies.results import Result
from bnviz.ui.claims_evidence import experiment_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class _Picture:
    """What a figure is drawn from. Rows are never changed, so they are told apart as objects, which are kept here."""

    claim: str
    experiment: str
    shows: tuple[int, ...]
    described: Experiment = field(compare=False)
    rows: tuple[Result, ...] = field(compare=False)
    own: tuple[Result, ...] = field(compare=False)

    @classmethod
    def of(cls, claim: str, experiment: Experiment, rows: Sequence[Result], own: Sequence[Result]) -> _Picture:
        mine = _of(experiment, own)
        shows = (len(rows), *map(id, rows), *map(id, mine))
        return cls(claim, experiment.key, shows, experiment, tuple(rows), mine)


def _of(experiment: Experiment, rows: Sequence[Result]) -> tuple[Result, ...]:
    """The rows that belong to an experiment: others come and leave its figure as it is."""
    if not rows:
        return ()
    seeds = {row["seed"] for row in rows}
    keys = {arm.seeded(seed).key for arm in experiment.arms for seed in seeds}
    return tuple(row for row in rows if row["key"] in keys)


@lru_cache(maxsize=128)
def _drawn(picture: _Picture) -> go.Figure:
    return experiment_figure(picture.described, picture.rows, picture.own)


def picture(claim: str, experiment: Experiment, rows: Sequence[Result], own: Sequence[Result]) -> go.Figure:
    """Return the figure of an experiment with the shipped rows and those that were measured here."""
    return _drawn(_Picture.of(claim, experiment, rows, own))
