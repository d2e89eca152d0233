"""How much of a layer passes hardly any gradient."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.figures.lines import layer_lines, line_figure
from bnviz.figures.look import Look, shown_layer

SATURATING = ("sigmoid", "tanh")
WHY_NOT = {
    True: "Only ReLU units can die; here they cannot.",
    False: "Only sigmoid and tanh saturate; for ReLU see the dead units.",
}


def saturation(
    histories: Sequence[History], names: Sequence[str], look: Look | None = None, *, dead: bool | None = None
) -> go.Figure:
    """Share of saturated inputs (sigmoid, tanh), or of dead units; without a choice, what the activations can do."""
    if dead is None:
        dead = all(history.last.config.activation not in SATURATING for history in histories if history.last)
    layer = shown_layer(histories, look or Look())
    return line_figure(
        "Saturated, dead",
        layer_lines(histories, names, "dead" if dead else "saturated", layer),
        histories,
        y={
            "title": "dead units (share)" if dead else "saturated inputs (share)",
            "range": [0, 1.02],
            "tickformat": ".0%",
        },
        caption=f"layer {layer + 1}",
        why=WHY_NOT[dead],
    )
