"""The one table of figures, in the page's order; the picture of the data needs more than a history and is not here."""

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
from bnviz.figures.look import Look
from bnviz.figures.loss import loss
from bnviz.figures.saturation import saturation
from bnviz.figures.statistics import statistics
from bnviz.figures.units import units
from bnviz.figures.update_ratio import update_ratio


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
