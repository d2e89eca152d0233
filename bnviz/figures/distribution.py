"""The values that flow through one layer, over training: percentile bands, a panel an arm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.experiment.snapshot import QUANTILES, Array
from bnviz.figures.look import Look, at_point, dash, layer_name, point_label, shared_extent, shown_layer
from bnviz.figures.sheet import arm_panels, draw_marks, panel, say
from bnviz.figures.theme import arm_colour

# Each percentile fills up to the next one; together these look as the page's three bands on top of each other do.
STRIPS = {85: 0.16, 75: 0.33, 50: 0.53, 25: 0.53, 15: 0.33, 5: 0.16}
MOST_RUNS = 8


def distribution(histories: Sequence[History], names: Sequence[str], look: Look | None = None) -> go.Figure:
    """The median as a line; the bands hold the middle 50, 70 and 90 % of one layer's values."""
    look = look or Look()
    layer = shown_layer(histories, look)
    figure = arm_panels("Distribution over time", layer_name(histories, layer), histories, names)
    columns = [at_point(history, "percentiles", look, layer) for history in histories]
    places = [panel(arm, len(names)) for arm in range(len(names))]
    for arm, values in enumerate(columns):
        for run in _finite_runs(values):
            figure.add_traces(
                _bands(histories, arm, run, values[run] if values is not None else np.zeros((0, 7))),
                rows=places[arm]["row"], cols=places[arm]["col"],
            )  # fmt: skip
    figure.update_yaxes(title=point_label(histories, look), col=1)
    if not figure.data:
        return say(figure)
    known = [(values[:, 0], values[:, -1]) for values in columns if values is not None]
    figure.update_yaxes(range=_padded(*shared_extent(histories, known, times=6, share=0.1)))
    draw_marks(figure, histories, places)
    return figure


def _bands(histories: Sequence[History], arm: int, run: slice, values: Array) -> list[go.Scatter]:
    """The percentiles from the 95th down, each a trace that fills up to the one before it."""
    traces, steps = [], histories[arm]["step"][run]
    for index in range(len(QUANTILES))[::-1]:
        quantile = QUANTILES[index]
        line = {"width": 1.8 if quantile == 50 else 0, "color": arm_colour(arm), "dash": dash(histories, arm)}
        traces.append(
            go.Scatter(
                x=steps, y=values[:, index], line=line, mode="lines" if len(steps) > 1 else "markers",
                name="median" if quantile == 50 else f"{quantile}th", hovertemplate="%{y:.4~g}",
                cliponaxis=len(steps) > 1,
                fill="tonexty" if quantile in STRIPS else None,
                fillcolor=arm_colour(arm, STRIPS.get(quantile, 0)),
            )
        )  # fmt: skip
    return traces


def _finite_runs(values: Array | None) -> Iterator[slice]:
    """The stretches without a gap, which the bands may not bridge; of a history in tatters the longest ones."""
    if values is None:
        return
    known = np.isfinite(values).all(axis=1).astype(np.int8)
    edges = np.flatnonzero(np.diff(known, prepend=0, append=0)).reshape(-1, 2)
    longest = np.argsort(edges[:, 0] - edges[:, 1], kind="stable")[:MOST_RUNS]
    yield from (slice(int(start), int(stop)) for start, stop in edges[np.sort(longest)])


def _padded(low: float, high: float) -> list[float]:
    pad = 0.04 * (high - low) or 1.0
    return [low - pad, high + pad]
