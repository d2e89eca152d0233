"""How large a step is, compared with the weights that it changes."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.figures.lines import layer_lines, line_figure
from bnviz.figures.look import Look, layer_name, shown_layer


def update_ratio(histories: Sequence[History], names: Sequence[str], look: Look | None = None) -> go.Figure:
    """Norm of the weights' update over the norm of the weights; about 1e-3 is a common rule of thumb."""
    layer = shown_layer(histories, look or Look(), "update_ratio")
    return line_figure(
        "Update : data",
        layer_lines(histories, names, "update_ratio", layer),
        histories,
        y={"title": "‖ΔW‖ / ‖W‖"},
        caption=layer_name(histories, layer),
        guide=(1e-3, "10⁻³"),
        log=True,
    )
