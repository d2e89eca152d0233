"""The learnt scale gamma and shift beta of one layer's normalization, over training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.experiment.snapshot import Array
from bnviz.figures.look import Look, layer_name, of_layer, shown_layer, thinned
from bnviz.figures.sheet import draw_marks, say, sheet, step_axis
from bnviz.figures.theme import DASHES, arm_colour, plain

MOST_POINTS = 250  # a channel: there are up to 32 of them in each of four arms, twice
ROWS = (("gamma", "γ (scale)"), ("beta", "β (shift)"))
WHY_NOT = "No γ and β here: no network has a normalization layer with them at this layer."


def affine(histories: Sequence[History], names: Sequence[str], look: Look | None = None) -> go.Figure:
    """Gamma above, beta below; a thin line a channel, at most some 250 snapshots of it, evenly spread."""
    layer = shown_layer(histories, look or Look(), "gamma", "beta")
    panels = {"rows": 2, "cols": 1, "shared_xaxes": True, "vertical_spacing": 0.06}
    figure = sheet("γ and β per channel", layer_name(histories, layer), wide=True, panels=panels)
    for index, (name, title) in enumerate(ROWS, 1):
        for arm, history in enumerate(histories):
            values = of_layer(history, name, layer)
            if values is not None and np.isfinite(values).any() and history.layout is not None:
                channels = np.array(history.layout.channels[history.layout.norms.index(layer)][: values.shape[1]])
                known = values[:, : len(channels)]
                trace = _channels(arm, names[arm], history["step"], known, channels, legend=index == 1)
                figure.add_trace(trace, row=index, col=1)
        figure.update_yaxes(title=title, row=index)
    figure.update_xaxes(step_axis(histories) | {"title": None})
    figure.update_xaxes(title="training step", row=2)
    if not figure.data:
        return say(figure, WHY_NOT)
    draw_marks(figure, histories)
    return figure


def _channels(arm: int, name: str, steps: Array, values: Array, channels: Array, *, legend: bool) -> go.Scatter:
    """All channels as one trace, one after the other, a gap between them: a hundred traces would be slow to draw."""
    picked = thinned(len(steps), MOST_POINTS)
    lines = np.full((values.shape[1], len(picked) + 1), np.nan, np.float32)
    lines[:, :-1] = values[picked].T
    x = np.append(steps[picked], steps[-1])
    return go.Scatter(
        x=np.tile(x, len(lines)), y=lines.ravel(), customdata=np.repeat(channels, len(x)), name=plain(name),
        mode="lines" if len(picked) > 1 else "markers", connectgaps=False, showlegend=legend, legendgroup=str(arm),
        line={"color": arm_colour(arm, 0.55), "width": 1, "dash": DASHES[arm % 4] if len(picked) < 2 else "solid"},
        hovertemplate="%{fullData.name}, channel %{customdata}<br>step %{x:d}: %{y:.4~g}<extra></extra>",
    )  # fmt: skip
