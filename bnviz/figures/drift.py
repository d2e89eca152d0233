"""How far the inputs of a layer's activation have moved on the fixed probe batch."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.figures.lines import layer_lines, line_figure
from bnviz.figures.look import Look, shown_layer


def drift(
    histories: Sequence[History], names: Sequence[str], look: Look | None = None, *, since_last: bool = False
) -> go.Figure:
    """Wasserstein-1 distance to step 0, or to the snapshot before; in the values' own scale."""
    layer = shown_layer(histories, look or Look())
    field, words = ("drift_last", "since last snapshot") if since_last else ("drift_start", "since step 0")
    return line_figure(
        "Drift",
        layer_lines(histories, names, field, layer),
        histories,
        y={"title": f"drift {words}"},
        caption=f"layer {layer + 1}",
    )
