"""All layers at one step: a histogram a layer and arm, turned on its side, on one axis of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.experiment.snapshot import Array
from bnviz.figures.look import (
    Look,
    are_recorded,
    column,
    layouts,
    point_label,
    row,
    shared_extent,
    short,
    shown_layer,
    shown_step,
)  # fmt: skip
from bnviz.figures.sheet import say, sheet
from bnviz.figures.theme import ALARM, TEXT, arm_colour, plain, rgba

SEEN, OUTSIDE = 0.002, 0.004  # shares of the values that widen the axis, and that are worth a triangle
MOST_LAYERS = 64
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

    Triangles stand where values lie beyond the bins, a cross where they are not finite. Of a recording with more than
    `MOST_LAYERS` layers these are evenly spread, with the chosen one among them.
    """
    look = look or Look()
    figure = sheet("All layers at this step", f"step {shown_step(histories, look):,}", wide=True)
    layer = shown_layer(histories, look)
    picked = _picked(histories, layer)
    depth = 1
    ranges: list[Array] = []
    for arm, history in enumerate(histories):
        counts, layout = _counts(history, look), history.layout
        if counts is None or layout is None:
            continue
        shown = picked[picked < len(counts)]
        counts, edges = counts[shown], layout.edges[look.point][shown]
        places = [_place(place, arm, len(histories)) for place in range(len(counts))]
        labels = [plain(short(layout.called(index))) for index in shown.tolist()]
        figure.add_trace(_bars(arm, names[arm], counts, edges, places, labels=labels, root=root))
        depth, ranges = max(depth, len(counts)), [*ranges, _seen(counts, edges)]
        _draw_outside(figure, arm, counts, places)
    figure.update_xaxes(_layer_axis(histories, picked[:depth]) | {"range": [0.5, depth + 0.5]})
    figure.update_yaxes(title=point_label(histories, look))
    figure.update_layout(barmode="overlay", hoverlabel_align="left")
    if not ranges:
        return say(figure)
    place = int(np.searchsorted(picked, layer))
    figure.add_vrect(x0=place + 0.5, x1=place + 1.5, fillcolor=rgba(TEXT, 0.05), line_width=0, layer="below")
    low, high = _extent(histories, ranges)
    return figure.update_yaxes(range=[low, high] if low < high else [-1, 1])


def _picked(histories: Sequence[History], layer: int) -> Array:
    """The layers that are drawn: all, but of very many some, evenly spread, with the chosen one among them."""
    depth = max((len(layout.layers) for layout in layouts(histories)), default=1)
    if depth <= MOST_LAYERS:
        return np.arange(depth)
    spread = np.linspace(0, depth - 1, MOST_LAYERS - 1).round().astype(np.intp)
    return np.unique(np.append(spread, min(layer, depth - 1)))


def _layer_axis(histories: Sequence[History], shown: Array) -> dict[str, Any]:
    """The axis of layers, with at most some 16 ticks: numbers in the lab, names of a recording."""
    every = 1 + len(shown) // 16
    ticks = [number for number in range(1, len(shown) + 1) if number == 1 or number % every == 0]
    if not are_recorded(histories):
        return {"title": "hidden layer (1 = next to the input)", "tickvals": ticks}
    names = layouts(histories)[0].layers
    texts = [plain(short(names[shown[tick - 1]])) for tick in ticks if len(names)]
    return {"title": "layer, input to output", "tickvals": ticks[: len(texts)], "ticktext": texts, "tickangle": -35}


def _extent(histories: Sequence[History], ranges: Sequence[Array]) -> tuple[float, float]:
    """The range of all layers' bins worth seeing; of a recording the rarest layer's doesn't dwarf its others'."""
    known = np.concatenate(ranges)
    known = known[np.isfinite(known).all(1)]
    if not len(known):
        return 0.0, 0.0
    if are_recorded(histories):
        return shared_extent(histories, [(one[:, 0], one[:, 1]) for one in ranges], times=6, share=0.1)
    return float(known[:, 0].min()), float(known[:, 1].max())


def _counts(history: History, look: Look) -> Array | None:
    """[layers, cells] of the shown snapshot."""
    values, index = column(history, "histogram"), row(history, look.step)
    return None if values is None or index < 0 or look.point >= values.shape[1] else values[index, look.point]


def _place(layer: int, arm: int, arms: int) -> tuple[float, float]:
    """Where a histogram's base stands and how far it reaches: two arms back to back, more of them side by side."""
    left, room = layer + 0.56, 0.88
    if arms == 2:
        return left + room / 2, (room / 2 - 0.01) * (1 if arm else -1)
    return left + arm * room / arms, room / arms * 0.92


def _bars(
    arm: int, name: str, counts: Array, edges: Array, places: Sequence[tuple[float, float]], *, labels: Sequence[str],
    root: bool,
) -> go.Bar:  # fmt: skip
    """One trace for all layers: a bar a bin that holds something; `customdata` is layer, low edge, high edge, count."""
    layers, bins = np.nonzero(counts[:, 1:-2])
    inside, totals = counts[:, 1:-2].astype(float), counts.sum(axis=1, dtype=float)
    density = inside / np.diff(edges, axis=1)
    share = density / np.maximum(density.max(axis=1, keepdims=True), 1e-300)
    reach = np.array([reach for _, reach in places])[:, None] * (np.sqrt(share) if root else share)
    low, high, count = edges[layers, bins], edges[layers, bins + 1], counts[layers, bins + 1]
    shares = count / np.maximum(totals[layers], 1)
    return go.Bar(
        orientation="h", x=reach[layers, bins], y=(low + high) / 2, width=high - low,
        base=np.array([base for base, _ in places])[layers], name=plain(name),
        customdata=np.stack([layers + 1, low, high, count, shares], axis=1),
        marker={"color": arm_colour(arm, 0.75), "line": {"width": 0}},
        text=[labels[layer] for layer in layers.tolist()], textposition="none",
        hovertemplate="%{fullData.name}, %{text}<br>%{customdata[1]:.3~g} to %{customdata[2]:.3~g}: "
        "%{customdata[4]:.2%} (%{customdata[3]:d} values)<extra></extra>",
    )  # fmt: skip


def _seen(counts: Array, edges: Array) -> Array:
    """Each layer's range of the bins that hold a share worth seeing [layers, 2]; NaN where there is none."""
    totals = np.maximum(counts.sum(axis=1, dtype=float, keepdims=True), 1)
    used = counts[:, 1:-2] / totals >= SEEN
    rows = np.arange(len(used))
    low, high = edges[rows, used.argmax(1)], edges[rows, used.shape[1] - used[:, ::-1].argmax(1)]
    return np.where(used.any(1)[:, None], np.stack([low, high], axis=1).astype(float), np.nan)


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
