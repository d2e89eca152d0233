from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from bnviz.experiment.config import Intervention
from bnviz.experiment.history import History
from bnviz.experiment.presets import PRESETS
from bnviz.figures import theme
from bnviz.figures.charts import FIGURES
from bnviz.figures.drift import drift
from bnviz.figures.look import Look, robust_extent, thinned
from bnviz.figures.saturation import saturation
from bnviz.sharing.link import CHARTS
from bnviz.training.comparison import Comparison

FRONTEND = Path(__file__).resolve().parents[2] / "bnviz" / "live" / "frontend"
NAMES = ("without BN", "with BN")


def texts(figure: go.Figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


def says_no_data(figure: go.Figure) -> bool:
    return any(text.startswith("no data") for text in texts(figure))


def test_the_figures_are_the_pages_charts_in_its_order_with_its_titles():
    no_history = {"picture", "gradient-shift", "landscape"}
    assert list(FIGURES) == [name for name in CHARTS if name not in no_history]
    source = (FRONTEND / "charts.js").read_text(encoding="utf-8")
    titles = dict(re.findall(r'^  "?([\w-]+)"?: \{\s*title: "([^"]+)"', source, re.MULTILINE))
    assert {name: chart.title for name, chart in FIGURES.items()} == {name: titles[name] for name in FIGURES}


def test_colours_and_dashes_are_the_pages():
    source = (FRONTEND / "theme.js").read_text(encoding="utf-8")
    for name, ours in (("ARMS_LIGHT", theme.ARMS), ("ARMS_DARK", theme.ARMS_DARK)):
        hexes = re.findall(r"#(\w{6})", re.search(rf"const {name} = (.*);", source)[1])
        assert tuple(", ".join(str(part) for part in bytes.fromhex(one)) for one in hexes) == ours
    dashes = (FRONTEND / "dashes.js").read_text(encoding="utf-8")
    for name, ours in (("LAB", theme.DASHES), ("FIRST_SOLID", theme.FIRST_SOLID)):
        assert tuple(re.findall(r'"(\w+)"', re.search(rf"const {name} = \[(.*)\]", dashes)[1])) == ours


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_its_title_and_a_title_on_every_axis(name, histories):
    figure = FIGURES[name].draw(histories, NAMES, Look())
    assert figure.layout.title.text == FIGURES[name].title
    assert not says_no_data(figure)
    bare = [axis for axis in (*figure.select_xaxes(), *figure.select_yaxes()) if not axis.title.text]
    assert all(axis.matches or axis.showticklabels is False for axis in bare)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_changes_nothing_in_the_histories_and_keeps_nothing_of_them(name, histories):
    before = [{key: history[key].copy() for key in ("percentiles", "loss", "histogram")} for history in histories]
    figure = FIGURES[name].draw(histories, NAMES, Look())
    for history, columns in zip(histories, before, strict=True):
        for key, values in columns.items():
            np.testing.assert_array_equal(history[key], values)
            assert not any(np.shares_memory(np.asarray(trace.y), history[key]) for trace in figure.data)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("layer", [None, 0, 5])
def test_without_snapshots_or_fields_a_figure_says_that_there_is_no_data(name, layer, made_up):
    draw, look = FIGURES[name].draw, Look(layer=layer)
    assert says_no_data(draw([History(), History()], NAMES, look))
    assert says_no_data(draw([], (), look))
    bare = made_up([np.nan] * 3, losses=lambda _: np.nan, gradients=[np.nan] * 4)
    assert says_no_data(draw([bare, History()], NAMES, look)) or name == "loss"


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_can_be_drawn_of_arms_of_unlike_depth_at_any_layer_and_step(name, deep):
    for look in (Look(), Look(layer=9, step=1), Look(layer=30, step=-1), Look(layer=0, step=0, point=2)):
        assert FIGURES[name].draw(deep, NAMES, look).to_json()


def test_a_turned_knob_and_a_divergence_are_marked_in_their_arms_colour():
    turned = PRESETS["spirals"].arms[0].replace(interventions=(Intervention(step=2, normalization="batch"),))
    twins = Comparison([turned, PRESETS["spirals"].arms[0]], every=1)
    twins.advance(steps=12)
    figure = FIGURES["loss"].draw(twins.histories, NAMES, Look())
    marks = {(note.text, note.x, note.font.color) for note in figure.layout.annotations}
    assert marks == {
        ("BN on", 2, theme.arm_colour(0)), ("diverged", twins.histories[1].diverged.step, theme.arm_colour(1)),
    }  # fmt: skip


def test_chance_is_a_dotted_line(histories):
    figure = FIGURES["accuracy"].draw(histories, NAMES, Look(chance=0.1))
    assert [(shape.y0, shape.label.text) for shape in figure.layout.shapes] == [(0.1, "chance")]


def test_names_from_strangers_are_text():
    assert theme.plain('</script> %{y} <a href="x">\n&') == '&lt;/script&gt; %&#123;y} &lt;a href="x"&gt; &amp;'
    for chart in FIGURES.values():
        texts = chart.draw([History()], ["<b>%{x}"], None).to_json()
        assert "<b>%{x}" not in texts


def test_every_colour_becomes_another_one_in_the_dark(histories):
    for chart in FIGURES.values():
        text = chart.draw(histories, NAMES, Look(chance=0.1)).to_json()
        assert not re.findall(r'"#[0-9a-fA-F]{3,8}"', text)
        assert set(re.findall(r"rgba\((\d+, \d+, \d+),", text)) <= set(theme.DARK)


def test_what_a_network_cannot_do_is_said(histories):
    assert "Only ReLU units can die" in texts(saturation(histories, NAMES, dead=True))[0]
    assert drift(histories, NAMES, since_last=True).layout.yaxis.title.text == "drift since last snapshot"


def test_rare_extremes_do_not_set_the_range():
    usual = np.linspace(-1, 1, 100)
    assert robust_extent(usual - 1, usual + 1, 6, 0.1) == (-2, 2)
    low, high = robust_extent(usual - 1, np.append(usual[:-1], 1e9), 6, 0.1)
    assert low == -2
    assert high < 2
    assert robust_extent(np.array([np.nan]), np.array([1.0]), 6, 0.1) == (-1, 1)


@pytest.mark.parametrize("count", [0, 1, 249, 250, 251, 2000])
def test_thinning_is_even_and_keeps_the_first_and_the_last(count):
    picked = thinned(count, 250)
    assert len(picked) <= 252
    assert list(picked[:1]) + list(picked[-1:]) == ([0, count - 1] if count else [])
