"""How much of a layer passes hardly any gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.figures.lines import layer_lines, line_figure
from bnviz.figures.look import Look, are_recorded, layer_name, layouts, of_layer, shown_layer

SATURATING = ("sigmoid", "tanh")
SATURATED = "saturated inputs (share)"
FIELDS = {True: "dead", False: "saturated"}
WHY_NOT_RECORDED = "Only activation layers can saturate or die; this layer is none, or it never fired."
WHY_NOT = {
    True: "Only ReLU units can die; here they cannot.",
    False: "Only sigmoid and tanh saturate; for ReLU see the dead units.",
}


def saturation(
    histories: Sequence[History], names: Sequence[str], look: Look | None = None, *, dead: bool | None = None
) -> go.Figure:
    """Share of saturated inputs (sigmoid, tanh), or of dead units; without a choice, what the activations can do."""
    layer = shown_layer(histories, look or Look(), *(("saturated", "dead") if dead is None else (FIELDS[dead],)))
    recorded = are_recorded(histories)
    if dead is None:
        dead = not _saturates(histories, layer) if recorded else _is_piecewise(histories)
    return line_figure(
        "Saturated, dead",
        layer_lines(histories, names, FIELDS[dead], layer),
        histories,
        y={
            "title": "dead units (share)" if dead else "saturated values (share)" if recorded else SATURATED,
            "range": [0, 1.02],
            "tickformat": ".0%",
        },
        caption=layer_name(histories, layer),
        why=WHY_NOT_RECORDED if recorded else WHY_NOT[dead],
    )


def _is_piecewise(histories: Sequence[History]) -> bool:
    """Whether none of the lab's activations can saturate."""
    return all(layout.config is None or layout.config.activation not in SATURATING for layout in layouts(histories))


def _saturates(histories: Sequence[History], layer: int) -> bool:
    """Whether a recorded layer is a sigmoid or tanh."""
    columns = [of_layer(history, "saturated", layer) for history in histories]
    return any(values is not None and np.isfinite(values).any() for values in columns)
