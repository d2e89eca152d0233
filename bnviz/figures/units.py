"""Three single units of one layer over training, after Fig. 1 of Ioffe and Szegedy (2015): a panel an arm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bnviz.experiment.history import History
from bnviz.experiment.snapshot import UNIT_QUANTILES, Array
from bnviz.figures.look import Look, layer_name, of_layer, robust_extent, shown_layer
from bnviz.figures.sheet import arm_panels, draw_marks, panel, say
from bnviz.figures.theme import UNIT_DASHES, arm_colour


def units(histories: Sequence[History], names: Sequence[str], look: Look | None = None) -> go.Figure:
    """The 15th, 50th (thick) and 85th percentile of each unit's activation input on the probe batch."""
    layer = shown_layer(histories, look or Look())
    figure = arm_panels(
        "Three single units", f"{layer_name(histories, layer)}; solid, dashed, dotted: a unit each", histories, names
    )
    places = [panel(arm, len(names)) for arm in range(len(names))]
    found: list[Array] = []
    for arm, history in enumerate(histories):
        values = of_layer(history, "unit_percentiles", layer)
        if values is None or not np.isfinite(values).any() or history.layout is None:
            continue
        found.append(values.reshape(-1, values.shape[-1]))
        numbers = history.layout.units
        for unit in range(values.shape[1]):
            figure.add_traces(
                _paths(arm, unit, numbers[unit], history["step"], values[:, unit]),
                rows=places[arm]["row"], cols=places[arm]["col"],
            )  # fmt: skip
    figure.update_yaxes(title="unit's activation input", col=1)
    if not found:
        return say(figure)
    pairs = np.concatenate(found)
    low, high = robust_extent(pairs[:, 0], pairs[:, -1], times=6, share=0.1)
    figure.update_yaxes(range=[low - 0.04 * (high - low), high + 0.04 * (high - low)] if high > low else None)
    draw_marks(figure, histories, places)
    return figure


def _paths(arm: int, unit: int, number: int, steps: Array, values: Array) -> list[go.Scatter]:
    return [
        go.Scatter(
            x=steps, y=values[:, index], mode="lines" if len(steps) > 1 else "markers", cliponaxis=len(steps) > 1,
            name=f"unit {number}, {quantile}th percentile", hovertemplate="%{y:.4~g}", opacity=1 if index == 1 else 0.6,
            line={"color": arm_colour(arm), "dash": UNIT_DASHES[unit % 3], "width": 2 if index == 1 else 1},
        )
        for index, quantile in enumerate(UNIT_QUANTILES)
    ]  # fmt: skip
