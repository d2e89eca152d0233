"""Every figure draws recordings of models: one, two that differ, hundreds of layers, none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bnviz.experiment.history import History
from bnviz.figures.charts import FIGURES, RECORDED, charts_of
from bnviz.figures.histograms import MOST_LAYERS
from bnviz.figures.look import Look
from bnviz.figures.page import figures_json
from bnviz.figures.theme import arm_colour
from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.recording import read_recording
from bnviz.sharing.recording_history import histories
from tests.sharing.recorded import layer, made, record


@pytest.fixture(scope="module")
def conv() -> list[History]:
    return histories([read_recording(EXAMPLES["digits-conv"].path)])


@pytest.fixture(scope="module")
def pair() -> list[History]:
    return histories([read_recording(one.path) for one in EXAMPLES.values()])


def says_no_data(figure) -> bool:
    return any(note.text.startswith("no data") for note in figure.layout.annotations)


@pytest.mark.parametrize("name", RECORDED)
def test_without_a_choice_every_figure_shows_the_last_layer_that_has_data(name, conv):
    figure = RECORDED[name].draw(conv, ["run"], Look())
    assert not says_no_data(figure)
    assert figure.layout.title.text == RECORDED[name].title
    bare = [axis for axis in (*figure.select_xaxes(), *figure.select_yaxes()) if not axis.title.text]
    assert all(axis.matches or axis.showticklabels is False for axis in bare)


@pytest.mark.parametrize("name", ["distribution", "loss", "gradient-depth", "gradient-time"])
def test_a_recording_s_lines_are_solid_and_those_of_a_second_one_dashed(name, conv, pair):
    assert dashes(name, conv) == {"0": {"solid"}}
    assert dashes(name, pair) == {"0": {"solid"}, "1": {"dash"}}


def dashes(name, recordings) -> dict[str, set[str]]:
    """The dashes of each arm's lines, which have its colour."""
    figure = RECORDED[name].draw(recordings, ["one", "other"][: len(recordings)], Look())
    lines = [trace.line for trace in figure.data if trace.line.dash]
    return {str(arm): {line.dash for line in lines if line.color == arm_colour(arm)} for arm in range(len(recordings))}


@pytest.mark.parametrize("name", [*RECORDED, *FIGURES])
def test_every_figure_can_be_drawn_of_two_recordings_at_any_layer_and_step(name, pair):
    draw = (RECORDED.get(name) or FIGURES[name]).draw
    for look in (
        Look(),
        Look(layer=0, step=0),
        Look(layer=30, step=100),
        Look(layer=99, step=-1),
        Look(layer=3, point=2),
    ):
        assert draw(pair, ["one", "other"], look).to_json()


@pytest.mark.parametrize("name", [*RECORDED, *FIGURES])
def test_a_recording_without_records_says_that_there_is_no_data(name, tmp_path: Path):
    layers = [layer("a")]
    empty = histories([made(tmp_path / "run.bnviz", layers, [])])
    assert says_no_data((RECORDED.get(name) or FIGURES[name]).draw(empty, ["run"], Look()))


def test_layers_are_called_by_their_own_names(pair):
    for name, layer_ in (("distribution", "block2.norm"), ("affine", "block2.norm"), ("gradient-time", "output")):
        place = pair[0].layout.layers.index(layer_)
        subtitle = RECORDED[name].draw(pair, ["one", "other"], Look(layer=place)).layout.title.subtitle.text
        assert subtitle.startswith(layer_)
        assert "layer" not in subtitle
    depth = RECORDED["gradient-depth"].draw(pair, ["one", "other"], Look())
    assert {"hidden1.linear", "output"} <= set(depth.layout.xaxis.ticktext)
    lines = RECORDED["update-ratio"].draw(pair, ["one", "other"], Look())
    assert any(trace.name == "one, output" and trace.visible is True for trace in lines.data)


def test_a_layer_without_the_quantity_says_so_and_is_in_no_legend(pair, conv):
    relu = conv[0].layout.layers.index("block1.relu")
    figure = RECORDED["gradient-time"].draw(conv, ["run"], Look(layer=relu))
    assert says_no_data(figure)
    assert "layers with weights" in figure.layout.annotations[0].text
    only_one_has_it = RECORDED["weight-norm"].draw(pair, ["one", "other"], Look(layer=0))
    shown = [trace.name for trace in only_one_has_it.data if trace.visible is True]
    assert shown == ["other, hidden1.linear"]


def test_gradients_stand_at_the_layers_that_have_one_and_are_the_files(conv):
    (history,) = conv
    figure = RECORDED["gradient-depth"].draw(conv, ["run"], Look(step=30))
    row = int(np.searchsorted(history["step"], 30))
    known = np.flatnonzero(np.isfinite(history["gradient_z"]).any(0))
    np.testing.assert_array_equal(figure.data[0].y, history["gradient_z"][row, known])
    assert list(figure.data[0].customdata) == [history.layout.layers[place] for place in known]
    assert not any("theory" in (trace.name or "") for trace in figure.data)


def test_gamma_has_the_channels_of_its_layer(conv):
    (history,) = conv
    layout = history.layout
    for row, place in enumerate(layout.norms):
        figure = RECORDED["affine"].draw(conv, ["run"], Look(layer=place))
        lines = np.asarray(figure.data[0].y).reshape(len(layout.channels[row]), -1)
        np.testing.assert_array_equal(lines[:, :-1].T, history["gamma"][:, row, : len(layout.channels[row])])
        assert sorted(set(figure.data[0].customdata)) == list(layout.channels[row])
    assert says_no_data(RECORDED["affine"].draw(conv, ["run"], Look(layer=0)))


def test_bars_are_over_each_layers_own_bins(conv):
    (history,) = conv
    figure = RECORDED["layers"].draw(conv, ["run"], Look(step=60), root=False)
    row = int(np.searchsorted(history["step"], 60))
    layers, low, high, count, _ = np.asarray(figure.data[0].customdata).T
    for place, edges in enumerate(history.layout.edges[0]):
        mine = layers == place + 1
        counts = np.zeros(48)
        counts[np.searchsorted(edges, (low + high)[mine] / 2) - 1] = count[mine]
        np.testing.assert_array_equal(counts, history["histogram"][row, 0, place, 1:-2])


def test_numbers_that_are_given_now_and_then_are_a_line_all_the_same(tmp_path: Path):
    layers = [layer("a")]
    sample = np.linspace(0, 1, 50)
    records = [
        record(s, {(0, 0): sample}, layers, scalars={"loss": 1.0} | ({"accuracy": s / 9} if s % 3 == 0 else {}))
        for s in range(10)
    ]
    figure = RECORDED["reported"].draw(histories([made(tmp_path / "r.bnviz", layers, records)]), ["run"], Look())
    (line,) = figure.data
    assert (line.name, line.connectgaps, line.mode) == ("run, accuracy", True, "lines+markers")
    np.testing.assert_allclose(line.y[::3], [0, 1 / 3, 2 / 3, 1], rtol=1e-6)


def test_of_hundreds_of_layers_some_are_drawn_with_the_chosen_one_among_them(tmp_path: Path):
    layers = [layer(f"block{number}.conv") for number in range(300)]
    sample = np.linspace(-1, 1, 64)
    records = [record(s, {(place, 0): sample * (1 + place) for place in range(300)}, layers) for s in range(2)]
    many = histories([made(tmp_path / "r.bnviz", layers, records)])
    figure = RECORDED["layers"].draw(many, ["run"], Look(layer=123))
    assert set(figure.data[0].text) > {"block123.conv", "block0.conv", "block299.conv"}
    assert len(set(figure.data[0].text)) <= MOST_LAYERS
    lines = RECORDED["weight-norm"].draw(many, ["run"], Look(layer=123))
    assert len(lines.data) < 25
    assert len(RECORDED["gradient-depth"].draw(many, ["run"], Look()).layout.xaxis.ticktext) <= 20


def test_what_a_stranger_calls_a_layer_is_text(tmp_path: Path):
    name = "<b>%{x}</b>"
    layers = [layer(name), layer(f"{name}norm", "batch_norm", 4)]
    sample = np.linspace(-1, 1, 64)
    samples = {(0, 0): sample, (1, 0): sample}
    records = [record(s, samples, layers, scalars={"loss": 1.0, name: 2.0}) for s in range(2)]
    hostile = histories([made(tmp_path / "r.bnviz", layers, records)])
    for text in figures_json(hostile, [name], Look()).values():
        assert "<b>" not in json.dumps(json.loads(text)).replace("\\u003c", "<")


def test_the_lab_and_recordings_have_charts_of_their_own(conv, histories_of_the_lab):
    assert charts_of(conv) is RECORDED
    assert charts_of(histories_of_the_lab) is charts_of([History()]) is FIGURES
    assert list(figures_json(conv, ["run"])) == [chart.title for chart in RECORDED.values()]


@pytest.fixture
def histories_of_the_lab(made_up) -> list[History]:
    return [made_up(), made_up()]


@pytest.fixture
def uneven(tmp_path: Path) -> list[History]:
    """A recording of five records whose values reach 25, beside one of 90 records whose values reach 3."""
    layers, spread = [layer("a"), layer("b")], np.linspace(-1, 1, 400)

    def recording(name: str, reach: float, steps: range) -> Path:
        samples = {(0, 0): reach * spread, (1, 0): reach * spread}
        records = [record(step, samples, layers, scalars={"loss": reach}) for step in steps]
        return made(tmp_path / name, layers, records)

    return histories([recording("large", 25, range(0, 900, 180)), recording("small", 3, range(0, 900, 10))])


@pytest.mark.parametrize("turned", [False, True])
def test_the_shared_axis_covers_a_recording_that_has_few_records_and_large_values(uneven, turned):
    pair = uneven[::-1] if turned else uneven
    names = ["small", "large"] if turned else ["large", "small"]
    for name, reach in (("distribution", 22.5), ("layers", 20.0), ("loss", 25.0)):
        low, high = RECORDED[name].draw(pair, names, Look()).layout.yaxis.range
        assert high >= reach, name
        assert low <= (0 if name == "loss" else -reach), name
        assert high < 2 * 25, name


def test_rare_extremes_of_one_recording_stay_cut_off_beside_another_one(tmp_path: Path):
    layers, spread = [layer("a")], np.linspace(-1, 1, 400)
    wild = [record(step, {(0, 0): spread * (1e6 if step == 7 else 1)}, layers) for step in range(40)]
    calm = [record(step, {(0, 0): 2 * spread}, layers) for step in range(40)]
    pair = histories([made(tmp_path / "wild", layers, wild), made(tmp_path / "calm", layers, calm)])
    low, high = RECORDED["distribution"].draw(pair, ["wild", "calm"], Look()).layout.yaxis.range
    assert -4 < low < -1.8
    assert 1.8 < high < 4
