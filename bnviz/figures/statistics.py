"""Each channel's statistics over the batch against the running ones that evaluation uses, at one step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.experiment.snapshot import Array
from bnviz.figures.look import Look, are_recorded, layer_name, of_layer, row, shown_layer, shown_step
from bnviz.figures.sheet import say, sheet
from bnviz.figures.theme import AXIS, SYMBOLS, arm_colour, plain

PANELS = (("mean", "batch mean"), ("variance", "batch variance, unbiased"))
BIASED = "batch variance"  # how many values it is of is not recorded; only for very few is the unbiased one much larger
WHY_NOT = "No running statistics here: only batch normalization keeps them."


def statistics(histories: Sequence[History], names: Sequence[str], look: Look | None = None) -> go.Figure:
    """A mark a channel: running statistic across, batch statistic up; on the diagonal they agree."""
    look = look or Look()
    layer = shown_layer(histories, look, "running_mean")
    caption = f"{layer_name(histories, layer)}, step {shown_step(histories, look):,}; a mark a channel"
    panels = {"rows": 1, "cols": 2, "horizontal_spacing": 0.12}
    figure = sheet("Batch vs running", caption, wide=True, panels=panels)
    for index, (name, title) in enumerate(PANELS, 1):
        found: list[Array] = []
        for arm, history in enumerate(histories):
            pairs = _pairs(history, name, look, layer)
            if pairs.size:
                figure.add_trace(_marks(arm, names[arm], pairs, legend=index == 1), row=1, col=index)
                found.append(pairs[:, :2])
        figure.update_xaxes(title=f"running {name}", row=1, col=index)
        biased = name == "variance" and are_recorded(histories)
        figure.update_yaxes(title=BIASED if biased else title, row=1, col=index)
        if found:
            ends = [float(np.min(np.concatenate(found))), float(np.max(np.concatenate(found)))]
            _draw_diagonal(figure, index, *ends)
    return figure if figure.data else say(figure, WHY_NOT)


def _pairs(history: History, name: str, look: Look, layer: int) -> Array:
    """[channels, (running, batch, channel)]; the running variance takes the batch's unbiased one, so that is drawn."""
    batch, running = (of_layer(history, f"{kind}_{name}", layer) for kind in ("batch", "running"))
    index = row(history, look.step)
    if batch is None or running is None or index < 0 or history.layout is None:
        return np.zeros((0, 3))
    layout, config = history.layout, history.layout.config
    factor = config.batch_size / (config.batch_size - 1) if name == "variance" and config is not None else 1.0
    channels = np.array(layout.channels[layout.norms.index(layer)][: batch.shape[1]], float)
    values = [column[index, : len(channels)].astype(float) for column in (running, batch)]
    pairs = np.stack([values[0], values[1] * factor, channels], axis=1)
    known: Array = pairs[np.isfinite(pairs).all(axis=1)]
    return known


def _marks(arm: int, name: str, pairs: Array, *, legend: bool) -> go.Scatter:
    return go.Scatter(
        x=pairs[:, 0], y=pairs[:, 1], customdata=pairs[:, 2].astype(int), mode="markers", name=plain(name),
        marker={"color": arm_colour(arm, 0.75), "symbol": SYMBOLS[arm % 4], "size": 7},
        showlegend=legend, legendgroup=str(arm),
        hovertemplate="%{fullData.name}, channel %{customdata}<br>batch %{y:.4~g}<br>running %{x:.4~g}<extra></extra>",
    )  # fmt: skip


def _draw_diagonal(figure: go.Figure, index: int, low: float, high: float) -> None:
    line = {"color": AXIS, "width": 1}
    figure.add_shape(type="line", x0=low, y0=low, x1=high, y1=high, line=line, layer="below", row=1, col=index)
