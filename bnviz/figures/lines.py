"""Lines over training steps, a colour and a dash an arm: what accuracy, loss and the layers' signals share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.experiment.snapshot import Array
from bnviz.figures.look import column, dash, layers_with_data, shared_extent, thinned
from bnviz.figures.sheet import draw_marks, log_axis, say, sheet, step_axis
from bnviz.figures.theme import MUTED, arm_colour, plain

STRONG, THIN = 2.2, 1.2
MOST_OTHERS = 16
MOST_MARKS = 60
OTHERS = "other layers"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of an arm: its values, one a snapshot. Lines of a `group` share one entry of the legend.

    A `connected` one has a mark where it was measured and goes on over snapshots at which it wasn't.
    """

    arm: int
    name: str
    values: Array
    width: float = STRONG
    opacity: float = 1
    shown: bool = True
    group: str = ""
    connected: bool = False


def line_figure(
    title: str, lines: Sequence[Line], histories: Sequence[History], *, y: dict[str, Any], caption: str = "",
    why: str = "", guide: tuple[float, str] | None = None, log: bool = False,
) -> go.Figure:  # fmt: skip
    """Return the lines as a figure; `y` is the vertical axis, `guide` a dotted value with its name."""
    figure = sheet(title, caption)
    figure.add_traces([_trace(line, histories, log=log) for line in lines])
    for line in {line.group: line for line in lines if line.group}.values():
        figure.add_trace(_entry(line))
    figure.update_xaxes(step_axis(histories))
    figure.update_yaxes({"exponentformat": "power"} | y)
    if not any(np.isfinite(line.values).any() for line in lines if line.group != OTHERS):
        return say(figure, why).update_layout(showlegend=False)
    if "range" not in y:
        figure.update_yaxes(_scale([line for line in lines if line.shown], histories, log=log))
    draw_marks(figure, histories)
    if guide is not None:
        font = {"size": 10, "color": MUTED}
        label = {"text": guide[1], "textposition": "end", "yanchor": "bottom", "font": font}
        figure.add_hline(y=guide[0], line={"color": MUTED, "width": 1, "dash": "dot"}, label=label)
    return figure.update_layout(hovermode="x unified", showlegend=True)


def _trace(line: Line, histories: Sequence[History], *, log: bool) -> go.Scatter:
    steps = histories[line.arm]["step"]
    values = np.where(line.values > 0, line.values, np.float32(np.nan)) if log else line.values
    few = line.connected and np.count_nonzero(np.isfinite(values)) <= MOST_MARKS
    mode = "markers" if len(steps) <= 1 else "lines+markers" if few else "lines"
    return go.Scatter(
        x=steps, y=values, name=plain(line.name), mode=mode, opacity=line.opacity, connectgaps=line.connected,
        line={"color": arm_colour(line.arm), "dash": dash(histories, line.arm), "width": line.width},
        visible=True if line.shown else "legendonly", legendgroup=line.group or None, showlegend=not line.group,
        cliponaxis=len(steps) > 1, hovertemplate="%{y:.6~g}",
    )  # fmt: skip


def _entry(line: Line) -> go.Scatter:
    """The legend's entry of a group of lines, in no arm's colour; it switches them all."""
    return go.Scatter(
        x=[None], y=[None], name=line.group, mode="lines", legendgroup=line.group, legendrank=1001, hoverinfo="skip",
        line={"color": MUTED, "width": line.width}, visible=True if line.shown else "legendonly",
    )  # fmt: skip


def _scale(lines: Sequence[Line], histories: Sequence[History], *, log: bool) -> dict[str, Any]:
    if log:
        return log_axis(np.concatenate([line.values for line in lines] or [np.zeros(0)]), decades=1)
    arms = [[line.values for line in lines if line.arm == arm] for arm in range(len(histories))]
    columns = [np.concatenate(values or [np.zeros(0)]) for values in arms]
    low, high = shared_extent(histories, [(np.minimum(one, 0), one) for one in columns], times=12, share=0.03)
    return {"range": [low, high * 1.05 if high > low else low + 1]}


def scalar_lines(histories: Sequence[History], names: Sequence[str], name: str, label: str, **style: Any) -> list[Line]:
    """Return a line an arm of a quantity that is one number a snapshot."""
    columns = [(arm, column(history, name)) for arm, history in enumerate(histories)]
    return [
        Line(arm=arm, name=f"{names[arm]}, {label}", values=values, **style)
        for arm, values in columns
        if values is not None
    ]


def layer_lines(histories: Sequence[History], names: Sequence[str], name: str, layer: int) -> list[Line]:
    """Return a strong line an arm of one layer's quantity; other layers, and the output, wait in the legend."""
    found: list[Line] = []
    for arm, history in enumerate(histories):
        values = column(history, name)
        if values is None:
            continue
        layout = history.layout
        hidden = len(layout.layers) if layout is not None else values.shape[1]
        measured = np.arange(values.shape[1]) if layout is None or layout.config else layers_with_data(history, name)
        others = measured[thinned(len(measured), MOST_OTHERS // max(1, len(histories)))]
        faint: dict[str, Any] = {"width": 1, "opacity": 0.5, "shown": False, "group": OTHERS}
        found += [
            Line(arm=arm, name=_label(history, names[arm], int(cell)), values=values[:, cell], **faint)
            for cell in others
            if cell != layer
        ]
        if layer < min(hidden, values.shape[1]) and layer in measured:
            found.append(Line(arm=arm, name=_label(history, names[arm], layer), values=values[:, layer]))
    return found


def _label(history: History, name: str, cell: int) -> str:
    return f"{name}, {history.layout.called_weight(cell) if history.layout else f'layer {cell + 1}'}"
