"""The share of samples that are classified right, over training."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.figures.lines import THIN, line_figure, scalar_lines
from bnviz.figures.look import Look

ACCURACY_AXIS = {"title": "accuracy (share right)", "range": [0, 1.02], "tickformat": ".0%"}


def accuracy(histories: Sequence[History], names: Sequence[str], look: Look | None = None) -> go.Figure:
    """Test accuracy; accuracy on the training split and in train mode wait in the legend."""
    chance = look.chance if look else None
    others = (
        ("train_accuracy", "train", 0.6),
        ("test_accuracy_train_mode", "test with batch statistics", 0.85),
    )
    lines = [
        *scalar_lines(histories, names, "test_accuracy", "test"),
        *(
            line
            for field, label, opacity in others
            for line in scalar_lines(
                histories, names, field, label, width=THIN, opacity=opacity, shown=False, group=label
            )
        ),
    ]
    return line_figure(
        "Accuracy", lines, histories, y=ACCURACY_AXIS, guide=None if chance is None else (chance, "chance")
    )
