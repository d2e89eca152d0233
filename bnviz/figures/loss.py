"""Cross-entropy over training."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.figures.lines import THIN, line_figure, scalar_lines
from bnviz.figures.look import Look, are_recorded

NOT_GIVEN = "The training loop reported no loss; recording.step(loss=loss) does."


def loss(
    histories: Sequence[History],
    names: Sequence[str],
    look: Look | None = None,  # noqa: ARG001 - the table calls all figures alike
    *,
    log: bool = False,
) -> go.Figure:
    """Test loss strong, training loss thin; the loss of each step's own batch waits in the legend.

    A recording has the one loss that its training loop gave.
    """
    lines = [
        *scalar_lines(histories, names, "test_loss", "test"),
        *scalar_lines(histories, names, "train_loss", "train", width=THIN, opacity=0.6, group="train"),
        *scalar_lines(histories, names, "loss", "this batch", width=1, opacity=0.45, shown=False, group="this batch"),
    ]
    if are_recorded(histories):
        lines = scalar_lines(histories, names, "loss", "this batch")
        return line_figure("Loss", lines, histories, y={"title": "loss, as reported"}, why=NOT_GIVEN, log=log)
    return line_figure("Loss", lines, histories, y={"title": "cross-entropy (nats)"}, log=log)
