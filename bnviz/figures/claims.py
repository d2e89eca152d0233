"""A claim's experiment: every run as a mark, each arm's mean with its interval, or curves over a sweep with a band."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from bnviz.figures.scale import Scale, axis_of
from bnviz.figures.sheet import sheet
from bnviz.figures.theme import DASHES, INK, MUTED, SYMBOLS, arm_colour, plain

ROW, FRAME, CURVES = 62, 96, 340  # pixels
OWN = 0.3  # of a row, below the shipped runs
WRAPPED = 16  # characters of an arm's name a line


class Look(NamedTuple):
    """How an arm is drawn: its colour, and the symbol and dash by which it is told apart without colours."""

    colour: int = 0
    shape: int = 0

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.shape % len(SYMBOLS)]

    @property
    def dash(self) -> str:
        return DASHES[self.shape % len(DASHES)]


@dataclass(frozen=True, kw_only=True)
class Dots:
    """One arm's values, one a seed: NaN where the run gave none, and it stands at `cut` if it was cut off there.

    `mean` is its mean with both ends of the interval.
    """

    name: str
    values: Sequence[float]
    seeds: Sequence[int]
    look: Look = Look()
    cut: float = math.nan
    mean: tuple[float, float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One group's values [places on the sweep, seeds] at these places."""

    name: str
    at: Sequence[float]
    values: Sequence[Sequence[float]]
    seeds: Sequence[int]
    look: Look = Look()


def dots(shipped: Sequence[Dots], own: Sequence[Dots], scale: Scale) -> go.Figure:
    """Return a strip an arm: each seed a mark, faint lines between the arms of a seed; own runs below the shipped."""
    arms = max(len(shipped), len(own))
    figure = sheet("")
    log = scale.log and all(value > 0 for one in (*shipped, *own) for value in _finite(one))
    for strips, offset in ((shipped, -0.08 if own else 0.0), (own, OWN)):
        _pairs(figure, strips, offset)
        for row, strip in enumerate(strips):
            _strip(figure, strip, row + offset, scale, mine=strips is own)
    names = [_wrapped(one.name) for one in (shipped or own)]
    figure.update_xaxes(axis_of(scale, log, [value for one in (*shipped, *own) for value in _finite(one)]))
    figure.update_yaxes(
        tickvals=list(range(arms)), ticktext=names, range=[arms - 0.5 + (0.1 if own else 0), -0.5], showgrid=False,
        showline=False, tickfont={"size": 12, "color": INK},
    )  # fmt: skip
    _keys(figure, shipped, own)
    return _framed(figure, FRAME + ROW * arms, dict(figure.layout.legend.to_plotly_json()))


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
    return _framed(figure, CURVES, {})


def _finite(strip: Dots) -> list[float]:
    ends = [strip.cut] if any(math.isnan(value) for value in strip.values) else []
    return [value for value in (*strip.values, *ends) if math.isfinite(value)]


def _pairs(figure: go.Figure, strips: Sequence[Dots], offset: float) -> None:
    """One faint line a seed through the arms, which share initial weights and batches."""
    x: list[float | None] = []
    y: list[float | None] = []
    for seed in sorted({seed for strip in strips for seed in strip.seeds}) if len(strips) > 1 else ():
        for row, strip in enumerate(strips):
            place = dict(zip(strip.seeds, _placed(strip), strict=True)).get(seed)
            if place is not None and math.isfinite(place):
                x.append(place)
                y.append(row + offset + _spread(seed))
        x.append(None)
        y.append(None)
    if x:
        line = {"color": MUTED, "width": 1}
        figure.add_scatter(x=x, y=y, mode="lines", line=line, opacity=0.28, hoverinfo="skip", showlegend=False)


def _spread(seed: int) -> float:
    """So far is a seed's mark off its row, that equal values can be told apart."""
    return 0.045 * ((seed * 3) % 5 - 2)


def _placed(strip: Dots) -> list[float]:
    return [strip.cut if math.isnan(value) else value for value in strip.values]


def _strip(figure: go.Figure, strip: Dots, row: float, scale: Scale, *, mine: bool) -> None:
    if strip.mean is not None and not mine:
        middle, low, high = strip.mean
        figure.add_scatter(
            x=[middle], y=[row], mode="markers", showlegend=False,
            marker={"symbol": "line-ns", "size": 24, "line": {"width": 2.5, "color": INK}},
            error_x={"array": [high - middle], "arrayminus": [middle - low], "color": INK, "thickness": 1.6,
                     "width": 7},
            hovertemplate=f"{plain(strip.name)}: mean %{{x:{scale.hover}}}<extra></extra>",
        )  # fmt: skip
    colour, name = arm_colour(strip.look.colour), plain(strip.name)
    symbol = strip.look.symbol
    for arrived in (True, False):
        kept = [
            (place, seed)
            for place, value, seed in zip(_placed(strip), strip.values, strip.seeds, strict=True)
            if math.isnan(value) != arrived and math.isfinite(place)
        ]
        said = f"%{{x:{scale.hover}}}" if arrived else f"not reached in {strip.cut:,.0f} steps"
        figure.add_scatter(
            x=[place for place, _ in kept], y=[row + _spread(seed) for _, seed in kept], mode="markers",
            customdata=[seed for _, seed in kept], showlegend=False,
            marker={
                "symbol": f"{symbol}-open" if mine and arrived else symbol if arrived else "arrow-right-open",
                "size": 10 if mine or not arrived else 8, "color": colour, "opacity": 1 if mine else 0.75,
                "line": {"width": 2 if mine or not arrived else 0, "color": colour},
            },
            hovertemplate=f"{name}, seed %{{customdata}}{' (here)' if mine else ''}: {said}<extra></extra>",
        )  # fmt: skip


def _keys(figure: go.Figure, shipped: Sequence[Dots], own: Sequence[Dots]) -> None:
    """The legend: what kinds of marks there are, of no arm's colour; arms are named at their rows."""
    kinds: list[tuple[str, dict[str, Any]]] = []
    if shipped:
        kinds.append((f"shipped, {_seeds(shipped)}", {"symbol": "circle", "size": 8}))
    if own:
        kinds.append((f"measured here, {_seeds(own)}", {"symbol": "circle-open", "size": 10, "line": {"width": 2}}))
    if any(math.isnan(value) and math.isfinite(one.cut) for one in (*shipped, *own) for value in one.values):
        kinds.append(("not reached", {"symbol": "arrow-right-open", "size": 10, "line": {"width": 2}}))
    if any(one.mean for one in shipped):
        kinds.append(("mean and 95 % interval", {"symbol": "line-ns", "size": 12, "line": {"width": 2.5}}))
    for name, marker in kinds:
        line = {"color": MUTED, "width": 0} | marker.pop("line", {})
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=name, marker={"color": MUTED, "line": line} | marker
        )


def _seeds(strips: Iterable[Dots | Curve]) -> str:
    count = len({seed for strip in strips for seed in strip.seeds})
    return "1 seed" if count == 1 else f"{count} seeds"


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
        name=f"{plain(curve.name)} (median, lowest to highest of {_seeds([curve])})",
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
        mode="markers", name=f"{plain(curve.name)}, measured here ({_seeds([curve])})",
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


def _wrapped(name: str) -> str:
    """A name over several lines where it is long, as beside the marks there is little room."""
    lines = [""]
    for word in plain(name).split():
        lines = [*lines[:-1], f"{lines[-1]} {word}".strip()] if len(lines[-1]) + len(word) < WRAPPED else [*lines, word]
    return "<br>".join(lines)


def _framed(figure: go.Figure, height: int, legend: dict[str, Any]) -> go.Figure:
    figure.update_layout(
        title=None, height=height, margin={"l": 8, "r": 16, "t": 34, "b": 40},
        legend=legend | {"orientation": "h", "yref": "container", "y": 1, "yanchor": "top", "xanchor": "left", "x": 0},
    )  # fmt: skip
    return figure
