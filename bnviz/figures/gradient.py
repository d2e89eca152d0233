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
from bnviz.figures.look import (
    Look,
    are_recorded,
    column,
    dash,
    layer_name,
    layers_with_data,
    layouts,
    row,
    short,
    shown_layer,
    shown_step,
)
from bnviz.figures.sheet import log_axis, say, sheet
from bnviz.figures.theme import INK, SYMBOLS, arm_colour, plain

Of = Literal["z", "W"]
FIELDS = {"z": "gradient_z", "W": "gradient_weight"}
WHY_NOT = "Gradients are measured at layers with weights."


def gradient_over_time(
    histories: Sequence[History], names: Sequence[str], look: Look | None = None, *, of: Of = "z"
) -> go.Figure:
    """One layer's norm of dL/dz, or of dL/dW, on a log scale."""
    layer = shown_layer(histories, look or Look(), FIELDS[of])
    lines = layer_lines(histories, names, FIELDS[of], layer)
    axis = {"title": norm_of(histories, of)}
    caption = layer_name(histories, layer)
    return line_figure("Gradient", lines, histories, y=axis, caption=caption, why=WHY_NOT, log=True)


def norm_of(histories: Sequence[History], of: Of) -> str:
    """Return what the gradient's norm is called: a recording has that of a layer's output, whatever layer it is."""
    return "‖dL/d(output)‖" if of == "z" and are_recorded(histories) else f"‖dL/d{of}‖"


def gradient_over_depth(
    histories: Sequence[History], names: Sequence[str], look: Look | None = None, *, of: Of = "z"
) -> go.Figure:
    """Every layer's norm at one step, the output layers at the right end; at step 0 theory's slope is dotted.

    Of recordings only the layers stand on the axis at which it was ever measured.
    """
    look = look or Look()
    figure = sheet("Gradient over depth", f"step {shown_step(histories, look):,}")
    recorded = are_recorded(histories)
    picked = _measured(histories, FIELDS[of]) if recorded else slice(None)
    columns = [column(history, FIELDS[of]) for history in histories]
    columns = [None if values is None else values[:, picked] for values in columns]
    depth = max((values.shape[1] for values in columns if values is not None), default=1)
    labels = [short(name) for name in np.array(layouts(histories)[0].layers)[picked]] if recorded else []
    found: list[Array] = []
    for arm, (history, values) in enumerate(zip(histories, columns, strict=True)):
        index = row(history, look.step)
        if values is None or index < 0:
            continue
        norms = np.where(values[index] > 0, values[index], np.float32(np.nan))
        x = np.append(np.arange(1, len(norms)), depth)
        figure.add_trace(_arm(histories, arm, names[arm], x, norms, of=of, labels=labels))
        found.append(norms)
        config = history.last.config if history.last else None
        if of == "z" and history["step"][index] == 0 and config is not None:
            _draw_theory(figure, config, norms)
    ticks = [layer for layer in range(1, depth) if layer == 1 or layer % (1 + depth // 16) == 0]
    names_of_ticks = [plain(labels[tick - 1]) for tick in [*ticks, depth]] if labels else [*map(str, ticks), "out"]
    figure.update_xaxes(
        title="layer, input to output", range=[0.5, depth + 0.5], showgrid=False,
        tickvals=[*ticks, depth], ticktext=names_of_ticks, tickangle=-35 if labels else None,
    )  # fmt: skip
    known = np.concatenate(found) if found else np.zeros(0)
    figure.update_yaxes(log_axis(known, decades=2) | {"title": norm_of(histories, of)})
    return figure if np.isfinite(known).any() else say(figure, WHY_NOT if recorded else "")


def _measured(histories: Sequence[History], name: str) -> Array:
    """The layers at which any of the networks has this quantity."""
    return np.unique(np.concatenate([layers_with_data(history, name) for history in histories]))


def _arm(
    histories: Sequence[History], arm: int, name: str, x: Array, norms: Array, *, of: Of, labels: Sequence[str]
) -> go.Scatter:
    where = "%{customdata}" if labels else "layer %{x}"
    return go.Scatter(
        x=x, y=norms, name=plain(name), mode="lines+markers", customdata=[plain(label) for label in labels] or None,
        connectgaps=bool(labels),
        line={"color": arm_colour(arm), "dash": dash(histories, arm), "width": STRONG},
        marker={"symbol": SYMBOLS[arm % 4], "size": 8 if len(x) <= 16 else 5},
        hovertemplate="%{fullData.name}, " + where + "<br>" + norm_of(histories, of) + " %{y:.4~g}<extra></extra>",
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
