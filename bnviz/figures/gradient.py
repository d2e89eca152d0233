"""How strong the learning signal is: in every layer at one step, and in one layer over training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.history import History
from bnviz.experiment.snapshot import Array
from bnviz.experiment.theory import gradient_factor
from bnviz.figures.lines import STRONG, layer_lines, line_figure
from bnviz.figures.look import Look, column, row, shown_layer, shown_step
from bnviz.figures.sheet import log_axis, say, sheet
from bnviz.figures.theme import DASHES, INK, SYMBOLS, arm_colour, plain

Of = Literal["z", "W"]
FIELDS = {"z": "gradient_z", "W": "gradient_weight"}


def gradient_over_time(
    histories: Sequence[History], names: Sequence[str], look: Look | None = None, *, of: Of = "z"
) -> go.Figure:
    """One layer's norm of dL/dz, or of dL/dW, on a log scale."""
    layer = shown_layer(histories, look or Look())
    lines = layer_lines(histories, names, FIELDS[of], layer)
    return line_figure("Gradient", lines, histories, y={"title": f"‖dL/d{of}‖"}, caption=f"layer {layer + 1}", log=True)


def gradient_over_depth(
    histories: Sequence[History], names: Sequence[str], look: Look | None = None, *, of: Of = "z"
) -> go.Figure:
    """Every layer's norm at one step, the output layers at the right end; at step 0 theory's slope is dotted."""
    look = look or Look()
    figure = sheet("Gradient over depth", f"step {shown_step(histories, look):,}")
    columns = [column(history, FIELDS[of]) for history in histories]
    depth = max((values.shape[1] for values in columns if values is not None), default=1)
    found: list[Array] = []
    for arm, (history, values) in enumerate(zip(histories, columns, strict=True)):
        index = row(history, look.step)
        if values is None or index < 0:
            continue
        norms = np.where(values[index] > 0, values[index], np.float32(np.nan))
        x = np.append(np.arange(1, len(norms)), depth)
        figure.add_trace(_arm(arm, names[arm], x, norms, of))
        found.append(norms)
        if of == "z" and history["step"][index] == 0 and history.last:
            _draw_theory(figure, history.last.config, norms)
    ticks = [layer for layer in range(1, depth) if layer == 1 or layer % (1 + depth // 16) == 0]
    figure.update_xaxes(
        title="layer, input to output", range=[0.5, depth + 0.5], showgrid=False,
        tickvals=[*ticks, depth], ticktext=[*map(str, ticks), "out"],
    )  # fmt: skip
    known = np.concatenate(found) if found else np.zeros(0)
    figure.update_yaxes(log_axis(known, decades=2) | {"title": f"‖dL/d{of}‖"})
    return figure if np.isfinite(known).any() else say(figure)


def _arm(arm: int, name: str, x: Array, norms: Array, of: str) -> go.Scatter:
    return go.Scatter(
        x=x, y=norms, name=plain(name), mode="lines+markers",
        line={"color": arm_colour(arm), "dash": DASHES[arm % 4], "width": STRONG},
        marker={"symbol": SYMBOLS[arm % 4], "size": 8 if len(x) <= 16 else 5},
        hovertemplate="%{fullData.name}, layer %{x}<br>‖dL/d" + of + "‖ %{y:.4~g}<extra></extra>",
    )  # fmt: skip


def _draw_theory(figure: go.Figure, config: ExperimentConfig, norms: Array) -> None:
    """||dL/dz|| grows by sqrt(factor) a layer towards the input; anchored at the mean of the inner layers."""
    factor, layers = gradient_factor(config), config.hidden_layers
    if factor is None or layers < 2:
        return
    slope = -0.5 * math.log10(factor.value)
    inner = slice(5, layers - 2) if layers > 9 else slice(0, layers)
    numbers = np.arange(len(norms))[inner]
    levels = np.log10(norms[inner].astype(float)) - slope * numbers
    if not np.isfinite(levels).any():
        return
    level = float(np.mean(levels[np.isfinite(levels)]))
    name = f"theory, ×{math.sqrt(factor.value):.2f} a layer"
    figure.add_trace(
        go.Scatter(
            x=[1, layers], y=[10**level, 10 ** (level + slope * (layers - 1))], mode="lines", hoverinfo="skip",
            line={"color": INK, "dash": "dot", "width": 1.3},
            name=name, legendgroup=name, showlegend=all(trace.name != name for trace in figure.data),
        )
    )  # fmt: skip
