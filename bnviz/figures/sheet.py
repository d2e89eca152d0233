"""The styled sheet that every figure is drawn on: titles, axes, the marks of interventions, "no data"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnviz.experiment.history import History
from bnviz.experiment.snapshot import Array
from bnviz.figures.theme import AXIS, FONT, GRID, INK, MUTED, PAPER, arm_colour, plain, rgba

SMALL = {"size": 11, "color": MUTED}
NORMS = {"batch": "BN", "layer": "LN", "group": "GN", "noisy_batch": "noisy BN"}


def sheet(title: str, caption: str = "", *, wide: bool = False, panels: Any = None) -> go.Figure:
    """Return an empty figure in the page's style; `panels` are `make_subplots`' arguments, `meta` says what is wide."""
    figure = make_subplots(**panels) if panels else go.Figure()
    axis = {
        "linecolor": AXIS, "gridcolor": GRID, "zeroline": False, "tickfont": SMALL, "automargin": True,
        "title": {"font": SMALL, "standoff": 6},
    }  # fmt: skip
    figure.layout.template = {"layout": {"xaxis": {**axis, "showline": True}, "yaxis": {**axis, "nticks": 6}}}
    figure.update_layout(
        title={"text": title, "subtitle": {"text": plain(caption), "font": SMALL}, "x": 0.01, "xanchor": "left"},
        font={"family": FONT, "size": 12, "color": INK},
        paper_bgcolor=rgba(PAPER),
        plot_bgcolor=rgba(PAPER, 0),
        margin={"l": 52, "r": 14, "t": 72, "b": 44},
        height=420 if wide else 380,
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "xanchor": "right",
            "yanchor": "bottom",
            "x": 0,
            "font": {"size": 11},
        },
        hoverlabel={"bgcolor": rgba(PAPER), "bordercolor": AXIS, "font": {"size": 12, "color": INK}, "namelength": -1},
        hovermode="closest",
        meta={"wide": wide},
    )
    return figure


def step_axis(histories: Sequence[History]) -> dict[str, Any]:
    """Return the axis of training steps, from 0 to the last one of all arms; whole steps have ticks, no halves."""
    last = max((int(history["step"][-1]) for history in histories if len(history)), default=0)
    few = {"dtick": 1} if last < 8 else {}
    axis = {"title": "training step", "tickformat": "~s", "hoverformat": "d", "showgrid": False}
    return axis | few | {"range": [0, max(last, 1)]}


def log_axis(values: Array, decades: float) -> dict[str, Any]:
    """Return a log axis over all positive values, so many decades high at least, with at most some seven ticks.

    Where fewer than three whole powers are in sight there are ticks at 2 and 5 too: one label alone tells no scale.
    """
    known = np.log10(values[np.isfinite(values) & (values > 0)].astype(float))
    low, high = (float(known.min()), float(known.max())) if known.size else (-3.0, 0.0)
    pad = 0.1 + max(0.0, decades - (high - low)) / 2
    low, high = low - pad, high + pad
    powers = math.floor(high) - math.ceil(low) + 1
    every = "D2" if powers < 3 else max(1, math.ceil((high - low) / 7))
    return {"type": "log", "exponentformat": "power", "dtick": every, "range": [low, high]}


def arm_panels(title: str, caption: str, histories: Sequence[History], names: Sequence[str]) -> go.Figure:
    """Return a wide sheet with one panel per arm, all on the same axes; `panel` says where an arm's stands."""
    across = max(1, len(names)) if len(names) <= 3 else 2
    down = max(1, -(-len(names) // across))
    spacing = {"horizontal_spacing": 0.03, "vertical_spacing": 0.12}
    figure = sheet(
        title,
        caption,
        wide=True,
        panels={
            "rows": down, "cols": across, "shared_xaxes": "all", "shared_yaxes": "all", **spacing,
            "subplot_titles": [plain(name) for name in names],
        },
    )  # fmt: skip
    for arm, heading in enumerate(figure.layout.annotations):
        heading.font = {"size": 12, "color": arm_colour(arm), "weight": "bold"}
    figure.update_xaxes(step_axis(histories) | {"title": None})
    figure.update_xaxes(title="training step", row=down)
    figure.update_layout(showlegend=False, hovermode="x unified", height=420 if down == 1 else 560)
    return figure


def panel(arm: int, arms: int) -> dict[str, int]:
    """Return the row and column of an arm's panel, from 1."""
    across = arms if arms <= 3 else 2
    return {"row": arm // across + 1, "col": arm % across + 1}


def marks(history: History) -> list[tuple[int, str]]:
    """Return the steps at which something was turned or broke, in two words each."""
    if history.last is None:
        return []
    config = history.last.config
    broken = [(history.diverged.step, "diverged")] if history.diverged else []
    if config is None:
        return broken
    own = "batch" if config.normalization == "none" else config.normalization
    found = []
    for item in config.interventions:
        if item.learning_rate is not None:
            text = f"lr {item.learning_rate:g}"
        else:
            text = f"{NORMS[own]} off" if item.normalization == "none" else f"{NORMS[str(item.normalization)]} on"
        found.append((item.step or 0, text))
    return found + broken


def draw_marks(figure: go.Figure, histories: Sequence[History], places: Sequence[dict[str, int]] | None = None) -> None:
    """Draw each arm's marks as vertical lines in its colour: in its panel, or all in one."""
    for arm, history in enumerate(histories):
        place = places[arm] if places else {}
        for step, text in marks(history):
            figure.add_vline(x=step, line={"color": arm_colour(arm), "width": 1.2}, layer="below", **place)
            figure.add_annotation(
                x=step, y=1, yref="y domain", xanchor="right", yanchor="top", textangle=-90, showarrow=False,
                text=text, font={"size": 10, "color": arm_colour(arm)}, borderpad=0, **place,
            )  # fmt: skip


def say(figure: go.Figure, text: str = "") -> go.Figure:
    """Write over an empty figure that there is no data, and why."""
    figure.update_xaxes(showticklabels=False, showgrid=False, showline=False)
    figure.update_yaxes(showticklabels=False, showgrid=False)
    figure.add_annotation(
        text="no data" + (f"<br><sup>{plain(text)}</sup>" if text else ""),
        showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5, font={"size": 16, "color": MUTED},
    )  # fmt: skip
    return figure
