"""A map: accuracy over two fields on colours from 0 to 1, the border between what trains and what doesn't as a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from bnviz.figures.sheet import sheet
from bnviz.figures.theme import INK, MUTED, PAPER, TEXT, plain, rgba

COLOURS = "Cividis"  # reads the same to everybody, and in grey
HEIGHT = 420
ACROSS, UP = 0.08, 0.045  # shares of an axis that lie between two values that are written, at least
CROWDED = 14  # cells in a row above which empty ones are not written on


@dataclass(frozen=True, kw_only=True)
class Side:
    """One axis of a map: its label and its values as they are written; `places` are their numbers on a log axis."""

    label: str
    texts: Sequence[str]
    places: Sequence[float] = ()

    @cached_property
    def centres(self) -> list[float]:
        """Where the cells' middles are."""
        return list(map(float, self.places)) if self.places else list(map(float, range(len(self.texts))))

    @cached_property
    def edges(self) -> list[float]:
        """Where the cells begin and end: halfway between two values, on a log axis halfway between their logarithms."""
        middles = np.log(self.centres) if self.places else np.asarray(self.centres)
        order = np.argsort(middles)
        assert np.array_equal(order, np.arange(len(order))), "the values of a log axis rise"
        inner = (middles[1:] + middles[:-1]) / 2
        ends = [middles[0] - (inner[0] - middles[0]), *inner, middles[-1] + (middles[-1] - inner[-1])]
        return [float(end) for end in (np.exp(ends) if self.places else ends)]

    def written(self, apart: float) -> list[int]:
        """Which of the values are written: round ones first, none nearer to another than a share of the axis."""
        if not self.places:
            return list(range(len(self.texts)))
        length = math.log(self.edges[-1] / self.edges[0])
        chosen: list[int] = []
        for index in sorted(range(len(self.places)), key=lambda index: (_roundness(self.places[index]), index)):
            gaps = (abs(math.log(self.places[index] / self.places[other])) for other in chosen)
            if all(gap >= apart * length for gap in gaps):
                chosen.append(index)
        return sorted(chosen)

    def axis(self, apart: float = 0.0) -> dict[str, Any]:
        edges, written = self.edges, self.written(apart)
        span = [math.log10(edges[0]), math.log10(edges[-1])] if self.places else [edges[0], edges[-1]]
        return {
            "type": "log" if self.places else "linear", "range": span,
            "tickvals": [self.centres[index] for index in written],
            "ticktext": [plain(self.texts[index]) for index in written],
            "title": self.label + (" (log scale)" if self.places else ""),
            "showgrid": False, "ticks": "outside", "ticklen": 3, "minallowed": span[0], "maxallowed": span[1],
        }  # fmt: skip


def _roundness(value: float) -> int:
    """The lower, the rounder: powers of ten, then 2, 3 and 5 of them, then the rest."""
    digits = f"{value:.10e}".partition("e")[0].rstrip("0").rstrip(".")
    return 0 if digits == "1" else 1 if digits in ("2", "3", "5") else 2


@dataclass(frozen=True, kw_only=True)
class Field:
    """One arm's map [y, x]: accuracy (NaN where there is none), its hover texts, why cells are empty, the border.

    The border's edges are (x0, y0, x1, y1) in cells, as whole numbers and halves from -0.5 on; `chosen` is a cell's
    (row, column). `note` stands in the middle, a line each, where there is nothing else to see.
    """

    accuracy: npt.NDArray[np.float64]
    texts: Sequence[Sequence[str]]
    marks: Sequence[Sequence[str]]
    border: Sequence[tuple[float, float, float, float]]
    chosen: tuple[int, int] | None = None
    note: Sequence[str] = ()


def accuracy_map(field: Field, x: Side, y: Side, label: str) -> go.Figure:
    """Return one arm's map; every cell has its (row, column) as custom data, measured or not."""
    figure = sheet("")
    rows, columns = field.accuracy.shape
    figure.add_heatmap(
        x=x.edges, y=y.edges, z=[[None if math.isnan(v) else v for v in row] for row in field.accuracy.tolist()],
        coloraxis="coloraxis", xgap=1, ygap=1, hoverinfo="skip",
    )  # fmt: skip
    colours = {
        "cmin": 0, "cmax": 1, "colorscale": COLOURS, "colorbar": {
            "title": {"text": label, "side": "bottom", "font": {"size": 11, "color": MUTED}}, "orientation": "h",
            "thickness": 10, "x": 0.5, "yref": "container", "y": 1, "yanchor": "top", "ypad": 0,
            "tickformat": ".0%", "outlinewidth": 0, "tickfont": {"size": 10, "color": MUTED},
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
        },
    }  # fmt: skip
    # The colour bar stays where nothing is measured yet: it is drawn for this mark, which is nowhere.
    nowhere = {"color": [0.0], "coloraxis": "coloraxis"}
    figure.add_scatter(x=[None], y=[None], mode="markers", marker=nowhere, showlegend=False, name="scale")
    _border(figure, field, x, y)
    _empty(figure, field, x, y)
    if field.note:
        figure.add_annotation(
            text="<br>".join(map(plain, field.note)), showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5,
            font={"size": 14, "color": INK}, bgcolor=rgba(PAPER, 0.85), borderpad=6,
        )  # fmt: skip
    # Hover and clicks: a heatmap has none where nothing is measured, and this one hears both in every cell.
    figure.add_heatmap(
        x=x.edges, y=y.edges, z=np.zeros((rows, columns)).tolist(), text=[list(map(plain, row)) for row in field.texts],
        customdata=[[[row, column] for column in range(columns)] for row in range(rows)], opacity=0, showscale=False,
        hovertemplate="%{text}<extra></extra>", name="cells",
    )  # fmt: skip
    if field.chosen is not None:
        _ring(figure, field.chosen, x, y)
    figure.update_layout(  # once: each update costs milliseconds, and a map that is watched is drawn often
        xaxis=x.axis(ACROSS), yaxis=y.axis(UP), coloraxis=colours,
        title=None, height=HEIGHT, margin={"l": 8, "r": 10, "t": 56, "b": 44}, showlegend=False, dragmode=False,
        plot_bgcolor=rgba(TEXT, 0.06),
    )  # fmt: skip
    return figure


def _border(figure: go.Figure, field: Field, x: Side, y: Side) -> None:
    """The border twice, dark under light, so that it is seen on every colour; the same by day and by night."""
    across: list[float | None] = []
    up: list[float | None] = []
    for x0, y0, x1, y1 in field.border:
        across += [x.edges[round(x0 + 0.5)], x.edges[round(x1 + 0.5)], None]
        up += [y.edges[round(y0 + 0.5)], y.edges[round(y1 + 0.5)], None]
    for colour, width in (("#000000", 5.5), ("#ffffff", 2.5)):
        figure.add_scatter(
            x=across, y=up, mode="lines", line={"color": colour, "width": width}, hoverinfo="skip", showlegend=False,
            name="border",
        )  # fmt: skip


def _empty(figure: go.Figure, field: Field, x: Side, y: Side) -> None:
    """What is written into cells without a number."""
    found = [
        (x.centres[column], y.centres[row], mark)
        for row, marks in enumerate(field.marks)
        for column, mark in enumerate(marks)
        if mark
    ]
    figure.add_scatter(
        x=[place for place, _, _ in found], y=[place for _, place, _ in found], text=[plain(m) for _, _, m in found],
        mode="text", textfont={"size": 11 if len(x.texts) <= CROWDED else 9, "color": MUTED}, hoverinfo="skip",
        showlegend=False, name="empty",
    )  # fmt: skip


def _ring(figure: go.Figure, chosen: tuple[int, int], x: Side, y: Side) -> None:
    row, column = chosen
    corners = {"x0": x.edges[column], "x1": x.edges[column + 1], "y0": y.edges[row], "y1": y.edges[row + 1]}
    for colour, width in (("#ffffff", 6), ("#d55e00", 3)):
        figure.add_shape(type="rect", line={"color": colour, "width": width}, **corners)
