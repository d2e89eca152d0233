"""The tables of figures, in the page's order; the picture of the data needs more than a history and is not here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.figures.accuracy import accuracy
from bnviz.figures.affine import affine
from bnviz.figures.distribution import distribution
from bnviz.figures.drift import drift
from bnviz.figures.gradient import gradient_over_depth, gradient_over_time
from bnviz.figures.histograms import histograms
from bnviz.figures.look import Look, are_recorded
from bnviz.figures.loss import loss
from bnviz.figures.reported import reported
from bnviz.figures.saturation import saturation
from bnviz.figures.shares import nonfinite, zeros
from bnviz.figures.statistics import statistics
from bnviz.figures.units import units
from bnviz.figures.update_ratio import update_ratio
from bnviz.figures.weight_norm import weight_norm


@dataclass(frozen=True)
class Chart:
    """A chart's title, and the function that draws it: (histories, names, look) -> figure."""

    title: str
    draw: Callable[[Sequence[History], Sequence[str], Look | None], go.Figure]


FIGURES: Mapping[str, Chart] = MappingProxyType(
    {
        "distribution": Chart("Distribution over time", distribution),
        "layers": Chart("All layers at this step", histograms),
        "accuracy": Chart("Accuracy", accuracy),
        "loss": Chart("Loss", loss),
        "drift": Chart("Drift", drift),
        "gradient-depth": Chart("Gradient over depth", gradient_over_depth),
        "units": Chart("Three single units", units),
        "affine": Chart("γ and β per channel", affine),
        "gradient-time": Chart("Gradient", gradient_over_time),
        "statistics": Chart("Batch vs running", statistics),
        "update-ratio": Chart("Update : data", update_ratio),
        "saturation": Chart("Saturated, dead", saturation),
    }
)
RECORDED: Mapping[str, Chart] = MappingProxyType(
    {
        **{name: FIGURES[name] for name in ("distribution", "layers", "loss")},
        "reported": Chart("Reported numbers", reported),
        **{name: FIGURES[name] for name in ("gradient-depth", "gradient-time", "update-ratio")},
        "weight-norm": Chart("Weights", weight_norm),
        **{name: FIGURES[name] for name in ("drift", "affine", "statistics", "saturation")},
        "zeros": Chart("Exact zeros", zeros),
        "nonfinite": Chart("Not finite", nonfinite),
    }
)


def charts_of(histories: Sequence[History]) -> Mapping[str, Chart]:
    """Return the figures that can be drawn of these: the lab's, or those of recorded models."""
    return RECORDED if are_recorded(histories) else FIGURES
