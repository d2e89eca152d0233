"""Shares of a recorded layer's output: exact zeros, and values that are not finite; of all values, not of a sample."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.figures.lines import layer_lines, line_figure
from bnviz.figures.look import Look, layer_name, shown_layer

WHY_NOT = "Zeros are counted at activation layers; this layer is none, or it never fired."


def zeros(histories: Sequence[History], names: Sequence[str], look: Look | None = None) -> go.Figure:
    """The share of exact zeros among an activation's values: about a half of a healthy ReLU's, all of a dead one's."""
    layer = shown_layer(histories, look or Look(), "zeros")
    lines = layer_lines(histories, names, "zeros", layer)
    axis = {"title": "exact zeros (share)", "range": [0, 1.02], "tickformat": ".0%"}
    return line_figure("Exact zeros", lines, histories, y=axis, caption=layer_name(histories, layer), why=WHY_NOT)


def nonfinite(histories: Sequence[History], names: Sequence[str], look: Look | None = None) -> go.Figure:
    """The share of NaN and infinities among a layer's values."""
    layer = shown_layer(histories, look or Look(), "nonfinite")
    lines = layer_lines(histories, names, "nonfinite", layer)
    axis = {"title": "NaN or infinite (share)", "tickformat": ".2~%", "rangemode": "tozero"}
    return line_figure("Not finite", lines, histories, y=axis, caption=layer_name(histories, layer))
