"""All hidden layers at one step: a histogram a layer and arm, turned on its side, on one axis of values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.experiment.snapshot import Array, histogram_edges
from bnviz.figures.look import Look, column, point_label, row, shown_layer, shown_step
from bnviz.figures.sheet import say, sheet
from bnviz.figures.theme import ALARM, TEXT, arm_colour, plain, rgba

SEEN, OUTSIDE = 0.002, 0.004  # shares of the values that widen the axis, and that are worth a triangle
# Cell, sign, height on the sheet, the share from which on it is drawn, and what it says.
SIGNS = (
    (0, "▼", 0.0, OUTSIDE, "below the bins"),
    (-2, "▲", 1.0, OUTSIDE, "above the bins"),
    (-1, "✕", 0.96, 0.0, "not finite"),
)


def histograms(
    histories: Sequence[History], names: Sequence[str], look: Look | None = None, *, root: bool = True
) -> go.Figure:
    """Each is scaled to its own peak; length is density, or its square root, which shows the tails.

    Triangles stand where values lie beyond the bins, a cross where they are not finite.
    """
    look = look or Look()
    figure = sheet("All layers at this step", f"step {shown_step(histories, look):,}", wide=True)
    depth = 1
    ranges: list[tuple[float, float]] = []
    for arm, history in enumerate(histories):
        counts = _counts(history, look)
        if counts is None or history.last is None:
            continue
        edges = histogram_edges(history.last.config)[look.point]
        places = [_place(layer, arm, len(histories)) for layer in range(len(counts))]
        figure.add_trace(_bars(arm, names[arm], counts, edges, places, root=root))
        depth, ranges = max(depth, len(counts)), [*ranges, _seen(counts, edges)]
        _draw_outside(figure, arm, counts, places)
    every = 1 + depth // 16
    ticks = [number for number in range(1, depth + 1) if number == 1 or number % every == 0]
    figure.update_xaxes(title="hidden layer (1 = next to the input)", range=[0.5, depth + 0.5], tickvals=ticks)
    figure.update_yaxes(title=point_label(histories, look))
    figure.update_layout(barmode="overlay", hoverlabel_align="left")
    if not ranges:
        return say(figure)
    layer = shown_layer(histories, look)
    figure.add_vrect(x0=layer + 0.5, x1=layer + 1.5, fillcolor=rgba(TEXT, 0.05), line_width=0, layer="below")
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    return figure.update_yaxes(range=[low, high] if low < high else [-1, 1])


def _counts(history: History, look: Look) -> Array | None:
    """[layers, cells] of the shown snapshot."""
    values, index = column(history, "histogram"), row(history, look.step)
    return None if values is None or index < 0 else values[index, look.point]


def _place(layer: int, arm: int, arms: int) -> tuple[float, float]:
    """Where a histogram's base stands and how far it reaches: two arms back to back, more of them side by side."""
    left, room = layer + 0.56, 0.88
    if arms == 2:
        return left + room / 2, (room / 2 - 0.01) * (1 if arm else -1)
    return left + arm * room / arms, room / arms * 0.92


def _bars(
    arm: int, name: str, counts: Array, edges: Array, places: Sequence[tuple[float, float]], *, root: bool
) -> go.Bar:
    """One trace for all layers: a bar a bin that holds something; `customdata` is layer, low edge, high edge, count."""
    layers, bins = np.nonzero(counts[:, 1:-2])
    inside, totals = counts[:, 1:-2].astype(float), counts.sum(axis=1, dtype=float)
    density = inside / np.diff(edges)
    share = density / np.maximum(density.max(axis=1, keepdims=True), 1e-300)
    reach = np.array([reach for _, reach in places])[:, None] * (np.sqrt(share) if root else share)
    low, high, count = edges[bins], edges[bins + 1], counts[layers, bins + 1]
    shares = count / np.maximum(totals[layers], 1)
    return go.Bar(
        orientation="h", x=reach[layers, bins], y=(low + high) / 2, width=high - low,
        base=np.array([base for base, _ in places])[layers], name=plain(name),
        customdata=np.stack([layers + 1, low, high, count, shares], axis=1),
        marker={"color": arm_colour(arm, 0.75), "line": {"width": 0}},
        hovertemplate="%{fullData.name}, layer %{customdata[0]}<br>%{customdata[1]:.3~g} to %{customdata[2]:.3~g}: "
        "%{customdata[4]:.2%} (%{customdata[3]:d} values)<extra></extra>",
    )  # fmt: skip


def _seen(counts: Array, edges: Array) -> tuple[float, float]:
    """The range of the bins that hold a share worth seeing."""
    totals = np.maximum(counts.sum(axis=1, dtype=float, keepdims=True), 1)
    used = np.flatnonzero((counts[:, 1:-2] / totals >= SEEN).any(axis=0))
    return (float(edges[used[0]]), float(edges[used[-1] + 1])) if len(used) else (np.inf, -np.inf)


def _draw_outside(figure: go.Figure, arm: int, counts: Array, places: Sequence[tuple[float, float]]) -> None:
    totals = np.maximum(counts.sum(axis=1, dtype=float), 1)
    for cell, sign, y, least, words in SIGNS:
        for layer, (base, reach) in enumerate(places):
            share = counts[layer, cell] / totals[layer]
            if share > least:
                font = {"size": 11, "color": rgba(ALARM) if cell == -1 else arm_colour(arm)}
                figure.add_annotation(
                    x=base + reach / 2, y=y, xref="x", yref="paper", yanchor="middle", showarrow=False,
                    text=sign, hovertext=f"{share:.2%} {words}", font=font,
                )  # fmt: skip
