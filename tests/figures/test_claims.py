"""The figures of claims and maps, on made-up numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.figures.claims import Curve, Dots, Look, curves, dots
from bnviz.figures.maps import Field, Side, accuracy_map
from bnviz.figures.scale import Scale, axis_of, log_ticks, number
from bnviz.figures.theme import DASHES, SYMBOLS, arm_colour

STEPS = Scale(label="steps to 90 %", log=True)
SHARE = Scale(label="test accuracy", share=True)
SLOW = Dots(name="without BN", values=[400.0, math.nan, 300.0], seeds=[0, 1, 2], look=Look(0, 0), cut=1000.0)
FAST = Dots(name="with BN", values=[40.0, 50.0, 30.0], seeds=[0, 1, 2], look=Look(1, 1), mean=(39.0, 33.0, 45.0))
OWN = [
    Dots(name="without BN", values=[410.0], seeds=[0]),
    Dots(name="with BN", values=[41.0], seeds=[0], look=Look(1, 1)),
]


def marks(figure):
    return [trace for trace in figure.data if trace.mode == "markers" and trace.x != (None,) and len(trace.x or ())]


def legend(figure):
    return [trace.name for trace in figure.data if trace.showlegend is not False]


def test_every_seed_is_a_mark_at_its_value_in_its_arms_colour_and_symbol():
    figure = dots([SLOW, FAST], [], STEPS)
    for row, arm in enumerate((SLOW, FAST)):
        (found,) = [t for t in marks(figure) if t.marker.symbol == SYMBOLS[arm.look.shape]]
        arrived = [value for value in arm.values if not math.isnan(value)]
        assert list(found.x) == arrived
        assert found.marker.color == arm_colour(arm.look.colour)
        assert all(abs(y - row) < 0.5 for y in found.y)


def test_a_run_that_never_got_there_stands_at_its_end_as_an_open_arrow_and_says_so():
    figure = dots([SLOW, FAST], [], STEPS)
    (cut,) = [t for t in marks(figure) if t.marker.symbol == "arrow-right-open"]
    assert list(cut.x) == [1000.0]
    assert "not reached in 1,000 steps" in cut.hovertemplate
    assert "not reached" in legend(figure)
    assert "not reached" not in legend(dots([FAST], [], STEPS))


def test_faint_lines_join_the_arms_of_each_seed():
    figure = dots([SLOW, FAST], [], STEPS)
    (lines,) = [t for t in figure.data if t.mode == "lines"]
    assert [(lines.x[i], lines.x[i + 1]) for i in (0, 3, 6)] == [(400.0, 40.0), (1000.0, 50.0), (300.0, 30.0)]


def test_runs_measured_here_are_open_marks_below_the_shipped_and_both_are_counted():
    figure = dots([SLOW, FAST], OWN, STEPS)
    (mine,) = [t for t in marks(figure) if t.marker.symbol == "square-open"]
    (theirs,) = [t for t in marks(figure) if t.marker.symbol == "square"]
    assert min(mine.y) > max(theirs.y), "rows are counted downwards"
    assert {"shipped, 3 seeds", "measured here, 1 seed"} <= set(legend(figure))
    alone = dots([], OWN, STEPS)
    assert "measured here, 1 seed" in legend(alone)
    assert list(alone.layout.yaxis.ticktext) == ["without BN", "with BN"]


def test_a_log_axis_that_would_lose_a_value_is_linear():
    assert dots([FAST], [], STEPS).layout.xaxis.type == "log"
    zero = Dots(name="x", values=[0.0, 1.0], seeds=[0, 1])
    assert dots([zero], [], STEPS).layout.xaxis.type != "log"


@pytest.mark.parametrize("scale", [STEPS, SHARE])
def test_axes_have_their_labels(scale):
    assert dots([FAST], [], scale).layout.xaxis.title.text == scale.label + (" (log scale)" if scale.log else "")
    figure = curves([], [], Scale(label="learning rate"), scale)
    assert figure.layout.xaxis.title.text == "learning rate"
    assert figure.layout.yaxis.title.text == scale.label


def test_a_name_from_elsewhere_is_shown_as_it_is():
    text = dots([Dots(name="<b>%{x}</b>", values=[1.0], seeds=[0])], [], STEPS).layout.yaxis.ticktext[0]
    assert "<b>" not in text
    assert "%{" not in text


CURVE = Curve(name="with BN", at=[0.1, 1.0, 10.0], seeds=[0, 1, 2], look=Look(1, 1),
              values=[[0.9, 0.8, 0.95], [0.5, 0.7, 0.6], [math.nan] * 3])  # fmt: skip


def test_a_curve_is_the_median_in_a_band_from_lowest_to_highest_and_stops_where_nothing_is_known():
    figure = curves([CURVE], [], Scale(label="learning rate", log=True), SHARE, border=0.55)
    low, high, line, border = figure.data
    assert list(low.y) == [0.8, 0.5, None]
    assert list(high.y) == [0.95, 0.7, None]
    assert list(line.y) == [0.9, 0.6, None]
    assert (line.line.dash, line.marker.symbol) == (DASHES[1], SYMBOLS[1])
    assert (set(border.y), border.name) == ({0.55}, "trains above 55%")


def test_runs_measured_here_are_single_marks_on_the_curves():
    mine = Curve(name="with BN", at=[0.1, 1.0], seeds=[0], look=Look(1, 1), values=[[0.91], [math.nan]])
    trace = curves([CURVE], [mine], Scale(label="learning rate", log=True), SHARE).data[-1]
    assert (list(trace.x), list(trace.y)) == ([0.1], [0.91])
    assert trace.marker.symbol == f"{SYMBOLS[1]}-open"


@given(st.floats(1e-15, 1e6), st.floats(1, 1e8))
def test_a_log_axis_has_some_ticks_in_rising_order_around_its_values_however_narrow(low, times):
    high = low * times
    ticks = log_ticks(low, high)
    assert 1 <= len(ticks) <= 12
    assert ticks == sorted(ticks)
    assert all(tick > 0 for tick in ticks)
    assert any(low / 2 <= tick <= high * 2 for tick in ticks)


def linear_ticks(low, high, *, share=False):
    axis = axis_of(Scale(label="", share=share), False, [low, high])
    return axis["tickvals"], axis["ticktext"]


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e6), st.booleans())
def test_no_two_ticks_say_the_same_and_they_surround_the_values(low, size, share):
    high = low + max(size, abs(low) * 1e-9)
    values, texts = linear_ticks(low, high, share=share)

    assert 4 <= len(values) <= 10
    assert len(set(texts)) == len(texts)
    assert values == sorted(values)
    assert values[0] <= low
    assert values[-1] >= high


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [(0.985, 0.995, {"98.6%", "99.0%", "99.4%"}), (0.0, 1.0, {"0%", "50%", "100%"}), (0.3, 0.9, {"40%", "80%"})],
)
def test_per_cent_have_the_decimals_that_tell_them_apart(low, high, texts):
    step_texts = linear_ticks(low, high, share=True)[1]

    assert len({text.count(".") for text in step_texts}) == 1
    assert set(step_texts) & texts
    assert all(text.endswith("%") for text in step_texts)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5, 3e-16, -2.0])
@pytest.mark.parametrize("share", [True, False])
def test_an_axis_of_one_value_alone_has_a_range_and_ticks_around_it(value, share):
    axis = axis_of(Scale(label="", share=share), False, [value, value, value])

    assert axis["range"][0] < value < axis["range"][1]
    assert len(set(axis["ticktext"])) == len(axis["ticktext"]) >= 4


def test_small_and_large_numbers_are_written_with_powers_of_ten_and_no_letters():
    assert [number(value) for value in (1e-7, 2e-15, 5e6, 0.001, 1500.0, 0.0)] == [
        "10<sup>-7</sup>", "2·10<sup>-15</sup>", "5·10<sup>6</sup>", "0.001", "1,500", "0",
    ]  # fmt: skip
    assert linear_ticks(1e-15, 5e-15)[1][1:3] == ["10<sup>-15</sup>", "2·10<sup>-15</sup>"]
    assert all("e" not in number(tick) for tick in log_ticks(1e-17, 1e9))


X = Side(label="learning rate", texts=["0.01", "0.1", "1"], places=[0.01, 0.1, 1.0])
Y = Side(label="activation", texts=["ReLU", "<tanh>"])
FIELD = Field(
    accuracy=np.array([[0.1, 0.9, np.nan], [0.1, 0.2, 0.95]]),
    texts=[["a", "b", "c"], ["d", "e", "f"]],
    marks=[["", "", "×"], ["", "", ""]],
    border=[(0.5, -0.5, 0.5, 0.5)],
    chosen=(1, 2),
)


def trace_all(figure, name):
    return [one for one in figure.data if one.name == name]


def trace(figure, name):
    (found,) = [one for one in figure.data if one.name == name]
    return found


def test_a_map_has_shared_colours_from_0_to_1_with_a_labelled_bar_and_says_its_axes():
    figure = accuracy_map(FIELD, X, Y, "test accuracy after 5 steps")
    scale = figure.layout.coloraxis
    assert (scale.cmin, scale.cmax) == (0, 1)
    assert scale.colorbar.title.text == "test accuracy after 5 steps"
    assert list(map(list, figure.data[0].z)) == [[0.1, 0.9, None], [0.1, 0.2, 0.95]]
    assert (figure.layout.xaxis.type, figure.layout.xaxis.title.text) == ("log", "learning rate (log scale)")
    assert (figure.layout.yaxis.type, figure.layout.yaxis.title.text) == ("linear", "activation")
    assert list(figure.layout.yaxis.ticktext) == ["ReLU", "&lt;tanh&gt;"]


def test_cells_meet_halfway_between_their_values_on_the_axis_scale():
    assert X.edges == pytest.approx([10**power for power in (-2.5, -1.5, -0.5, 0.5)])
    assert Y.edges == [-0.5, 0.5, 1.5]


def test_values_that_lie_close_are_not_all_written_and_round_ones_are():
    values = [0.003, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 1.0, 3.0]
    crowded = Side(label="std", texts=[f"{value:g}" for value in values], places=values)

    axis = crowded.axis(0.08)

    assert {"0.01", "0.1", "1"} <= set(axis["ticktext"])
    assert "0.15" not in axis["ticktext"]
    assert [f"{value:g}" for value in axis["tickvals"]] == axis["ticktext"]
    length = math.log(crowded.edges[-1] / crowded.edges[0])
    logs = np.log(axis["tickvals"])
    assert (np.diff(logs) >= 0.08 * length).all()
    assert len(X.axis(0.08)["ticktext"]) == len(X.texts)


def test_the_border_is_drawn_where_cells_part():
    border = trace_all(accuracy_map(FIELD, X, Y, ""), "border")
    assert len(border) == 2, "light on dark"
    for one in border:
        assert list(one.x) == [X.edges[1], X.edges[1], None]
        assert list(one.y) == [-0.5, 0.5, None]


def test_every_cell_has_a_place_to_click_and_words_to_hover_measured_or_not():
    cells = trace(accuracy_map(FIELD, X, Y, ""), "cells")
    assert [[list(place) for place in row] for row in cells.customdata] == [
        [[r, c] for c in range(3)] for r in range(2)
    ]
    assert [list(row) for row in cells.text] == FIELD.texts
    empty = trace(accuracy_map(FIELD, X, Y, ""), "empty")
    assert (list(empty.x), list(empty.y), list(empty.text)) == ([1.0], [0.0], ["×"])


def test_the_chosen_cell_has_a_ring():
    for ring in accuracy_map(FIELD, X, Y, "").layout.shapes:
        assert (ring.x0, ring.x1, ring.y0, ring.y1) == (X.edges[2], X.edges[3], 0.5, 1.5)
    assert len(accuracy_map(FIELD, X, Y, "").layout.shapes) == 2, "light around dark"
