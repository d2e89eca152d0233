"""How far a layer's distribution has moved: the lab's on the fixed probe batch, a recording's on its own batches."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.figures.lines import layer_lines, line_figure
from bnviz.figures.look import Look, are_recorded, layer_name, shown_layer


def drift(
    histories: Sequence[History], names: Sequence[str], look: Look | None = None, *, since_last: bool = False
) -> go.Figure:
    """Wasserstein-1 distance to step 0, or to the snapshot before; in the values' own scale.

    A recording has no probe batch: its distances are between outputs on training batches, which move them too.
    """
    field, words = ("drift_last", "since last snapshot") if since_last else ("drift_start", "since step 0")
    layer = shown_layer(histories, look or Look(), field)
    note = ""
    if are_recorded(histories):
        words, note = f"since the {'record before' if since_last else 'first record'}", "; other batches move it too"
    return line_figure(
        "Drift",
        layer_lines(histories, names, field, layer),
        histories,
        y={"title": f"drift {words}"},
        caption=layer_name(histories, layer) + note,
    )
