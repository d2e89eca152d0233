"""How large a layer's weights are."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.figures.lines import layer_lines, line_figure
from bnviz.figures.look import Look, layer_name, shown_layer

WHY_NOT = "This layer has no weights of two axes or more, or it never fired."


def weight_norm(histories: Sequence[History], names: Sequence[str], look: Look | None = None) -> go.Figure:
    """The norm of the weights before each update; in front of a normalization plain SGD only lets it grow."""
    layer = shown_layer(histories, look or Look(), "weight_norm")
    lines = layer_lines(histories, names, "weight_norm", layer)
    axis = {"title": "‖W‖"}
    return line_figure("Weights", lines, histories, y=axis, caption=layer_name(histories, layer), why=WHY_NOT, log=True)
