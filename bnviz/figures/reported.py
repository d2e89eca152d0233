"""What a training loop reported under names of its own: accuracies, losses of a validation, whatever it measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.figures.lines import Line, line_figure
from bnviz.figures.look import Look, column

MOST_SHOWN = 4  # of each network; the others wait in the legend
MOST_LINES = 24
WHY_NOT = "The training loop reported no numbers; recording.step(loss=loss, accuracy=accuracy) does."


def reported(
    histories: Sequence[History],
    names: Sequence[str],
    look: Look | None = None,  # noqa: ARG001 - the table calls all figures alike
    *,
    log: bool = False,
) -> go.Figure:
    """A line a number and network, over the steps at which it was given; the first ones are shown at once."""
    lines = []
    for arm, history in enumerate(histories):
        values, layout = column(history, "scalar"), history.layout
        if values is None or layout is None:
            continue
        known = [place for place in range(values.shape[1]) if np.isfinite(values[:, place]).any()]
        lines += [
            Line(
                arm=arm, name=f"{names[arm]}, {layout.scalars[place]}", values=values[:, place], connected=True,
                width=max(1.0, 2.2 - 0.4 * number), opacity=max(0.4, 1 - 0.2 * number), shown=number < MOST_SHOWN,
            )
            for number, place in enumerate(known[:MOST_LINES])
        ]  # fmt: skip
    return line_figure("Reported numbers", lines, histories, y={"title": "value, as reported"}, why=WHY_NOT, log=log)
