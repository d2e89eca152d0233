"""A claim's experiment over a sweep: each group's median over the seeds in a band from lowest to highest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from bnviz.figures.claims import Look, framed, said_seeds
from bnviz.figures.scale import Scale, axis_of
from bnviz.figures.sheet import sheet
from bnviz.figures.theme import MUTED, arm_colour, plain

HEIGHT = 340  # pixels


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One group's values [places on the sweep, seeds] at these places."""

    name: str
    at: Sequence[float]
    values: Sequence[Sequence[float]]
    seeds: Sequence[int]
    look: Look = Look()


def curves(
    shipped: Sequence[Curve], own: Sequence[Curve], across: Scale, up: Scale, border: float = math.nan
) -> go.Figure:
    """Return a line a group, the median of the seeds, in a band from lowest to highest; own runs as open marks.

    `border` is the value above which a network counts as trained.
    """
    figure = sheet("")
    for curve in shipped:
        _band(figure, curve)
    for curve in shipped:
        _median(figure, curve, across, up)
    for curve in own:
        _own_runs(figure, curve, across, up)
    figure.update_xaxes(axis_of(across, across.log, [at for curve in (*shipped, *own) for at in curve.at]))
    figure.update_yaxes(title=up.label, **({"tickformat": ".0%", "range": [-0.02, 1.04]} if up.share else {}))
    if math.isfinite(border):
        places = [at for curve in (*shipped, *own) for at in curve.at]
        figure.add_scatter(
            x=[min(places), max(places)], y=[border, border], mode="lines", name=f"trains above {border:.0%}",
            line={"color": MUTED, "width": 1.2, "dash": "dot"}, hoverinfo="skip",
        )  # fmt: skip
    return framed(figure, HEIGHT, {})


def _band(figure: go.Figure, curve: Curve) -> None:
    values = _table(curve)
    if not values.size:
        return
    low, high = _each(np.nanmin, values), _each(np.nanmax, values)
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(x=list(curve.at), y=low, **edge)
    figure.add_scatter(x=list(curve.at), y=high, fill="tonexty", fillcolor=arm_colour(curve.look.colour, 0.18), **edge)


def _median(figure: go.Figure, curve: Curve, across: Scale, up: Scale) -> None:
    values = _table(curve)
    if not values.size:
        return
    colour = arm_colour(curve.look.colour)
    figure.add_scatter(
        x=list(curve.at), y=_each(np.nanmedian, values), mode="lines+markers",
        name=f"{plain(curve.name)} (median, lowest to highest of {said_seeds([curve])})",
        line={"color": colour, "width": 2.2, "dash": curve.look.dash},
        marker={"symbol": curve.look.symbol, "size": 7, "color": colour},
        hovertemplate=f"{plain(curve.name)}, {plain(across.label)} %{{x:~g}}: median %{{y:{up.hover}}}<extra></extra>",
    )  # fmt: skip


def _own_runs(figure: go.Figure, curve: Curve, across: Scale, up: Scale) -> None:
    runs = [
        (at, value, seed)
        for at, row in zip(curve.at, curve.values, strict=True)
        for value, seed in zip(row, curve.seeds, strict=True)
        if math.isfinite(value)
    ]
    if not runs:
        return
    colour = arm_colour(curve.look.colour)
    figure.add_scatter(
        x=[at for at, _, _ in runs], y=[value for _, value, _ in runs], customdata=[seed for _, _, seed in runs],
        mode="markers", name=f"{plain(curve.name)}, measured here ({said_seeds([curve])})",
        marker={"symbol": f"{curve.look.symbol}-open", "size": 11, "color": colour,
                "line": {"width": 2, "color": colour}},
        hovertemplate=f"{plain(curve.name)}, {plain(across.label)} %{{x:~g}}, seed %{{customdata}} (here): "
        f"%{{y:{up.hover}}}<extra></extra>",
    )  # fmt: skip


def _table(curve: Curve) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array(curve.values, float).reshape(len(curve.at), len(curve.seeds))


def _each(statistic: Any, values: np.ndarray[Any, np.dtype[np.float64]]) -> list[float | None]:
    """A statistic of each place's seeds; nothing where no run is known."""
    return [float(statistic(row)) if np.isfinite(row).any() else None for row in values]
