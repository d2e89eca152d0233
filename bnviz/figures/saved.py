"""One chart as a picture to keep: laid out for its own size, in light colours, with the lines that the page shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.figures.charts import charts_of
from bnviz.figures.look import Look, are_recorded
from bnviz.figures.sheet import say
from bnviz.figures.theme import plain

WIDTH, WIDE = 760, 1120
LEGEND_ROW = 20
Options = Sequence[str]
# What a chart's toggles on the page are in the figures' own words.
ARGUMENTS: Mapping[str, Callable[[Options], dict[str, Any]]] = MappingProxyType(
    {
        "layers": lambda on: {"root": "√ height" in on},
        "loss": lambda on: {"log": "log" in on},
        "reported": lambda on: {"log": "log" in on},
        "drift": lambda on: {"since_last": "since last" in on},
        "gradient-depth": lambda on: {"of": "W" if "dL/dW" in on else "z"},
        "gradient-time": lambda on: {"of": "W" if "dL/dW" in on else "z"},
        "saturation": lambda on: {"dead": "dead" in on},
    }
)
# The groups of lines that a toggle shows; "test" shows the lines that are in no group.
GROUPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "accuracy": {"": "test", "train": "train", "test with batch statistics": "batch stats"},
        "loss": {"": "test", "train": "train", "this batch": "batch"},
    }
)
OTHERS: Mapping[str, str] = MappingProxyType({"other layers": "other layers"})


def saved(
    name: str, histories: Sequence[History], names: Sequence[str], look: Look, options: Options | None = None
) -> str:
    """Return the figure of a chart as Plotly's JSON, of the width and height in its layout.

    `options` are the page's toggles that are on; None leaves the figure as it is by itself. Raises `KeyError` for a
    chart that is none.
    """
    draw: Any = charts_of(histories)[name].draw
    arguments = ARGUMENTS[name](options) if options is not None and name in ARGUMENTS else {}
    figure: go.Figure = draw(histories, names, look, **arguments)
    groups = OTHERS if are_recorded(histories) else GROUPS.get(name, OTHERS)
    figure.data = [trace for trace in figure.data if _is_seen(trace, groups, options)]
    if name == "reported":
        figure.data = _chosen(figure.data, options or ())
    figure.update_traces(visible=True)
    if figure.data and not has_numbers(figure):
        say(figure, "nothing was measured here").update_layout(showlegend=False)
    wide = bool(figure.layout.meta and figure.layout.meta["wide"])
    width = WIDE if wide else WIDTH
    rows = _legend_rows(figure, width)
    figure.update_layout(width=width, height=figure.layout.height + LEGEND_ROW * max(0, rows - 1))
    text: str = figure.to_json()
    return text


def has_numbers(figure: go.Figure) -> bool:
    """Return whether a figure shows anything at first sight: lines of nothing but gaps, or in the legend, don't."""
    shown = [trace.y for trace in figure.data if trace.visible != "legendonly" and trace.y is not None]
    return any(np.isfinite(np.asarray(y, dtype=float)).any() for y in shown)


def _is_seen(trace: Any, groups: Mapping[str, str], options: Options | None) -> bool:
    """Whether a trace is in the picture: what waits in the legend of a page would wait in vain there."""
    toggle = groups.get(trace.legendgroup or "")
    return trace.visible != "legendonly" if options is None or toggle is None else toggle in options


def _chosen(traces: Sequence[Any], options: Options) -> Sequence[Any]:
    """The lines of the reported number that the page shows; all, where it shows none of them."""
    found = [trace for trace in traces if any(trace.name.endswith(f", {plain(option)}") for option in options)]
    return found or traces


def _legend_rows(figure: go.Figure, width: int) -> int:
    """About how many rows the legend takes: its columns are as wide as its longest name.

    One rule with `legendRows` in `figures.page`, which lays a report's charts out: change both.
    """
    if figure.layout.showlegend is False:
        return 0
    lengths = [len(trace.name or "") for trace in figure.data if trace.showlegend is not False]
    columns = max(1, math.floor((width - 66) / (50 + 6.3 * max([*lengths, 1]))))
    return math.ceil(len(lengths) / columns)
