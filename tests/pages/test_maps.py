"""The maps page: the default maps, one's own from a link or the form, a cell's way into the lab, measuring."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.experiment.fields import ConfigError
from bnviz.experiment.presets import PRESETS
from bnviz.sharing.link import decode, from_preset
from bnviz.studies.catalogue import CLAIMS
from bnviz.studies.default_maps import MAPS
from bnviz.studies.maps import Grid
from bnviz.studies.study import as_row
from bnviz.ui import claims_evidence, claims_own, claims_progress, maps, maps_picture, maps_state
from bnviz.ui.claims_state import VERDICTS, ClaimsLink, decode_claims, encode_claims
from bnviz.ui.maps_own import FIELDS, offered
from bnviz.ui.maps_picture import known_border, side
from bnviz.ui.maps_state import POINT, decode_maps, encode_maps, own_map, text_of, values_of
from tests.pages.studies import StandIn, as_result, figures, links, open_page, press, words
from tests.ui.lab import problems, run

OWN = {
    "x": "learning_rate:0.01,0.1,1.0",
    "y": "batch_size:1,2",
    "steps": "20",
    "width": "16",
    "normalization": "none,batch",
}


@pytest.fixture(autouse=True)
def service(monkeypatch):
    stand_in = StandIn()
    monkeypatch.setattr(claims_own, "SERVICE", stand_in)
    monkeypatch.setattr(claims_evidence, "shipped", shipped_of)
    claims_evidence.shipped_rows.cache_clear()
    claims_evidence._verdict.cache_clear()
    claims_progress._expected.cache_clear()
    yield stand_in
    claims_evidence.shipped_rows.cache_clear()
    claims_evidence._verdict.cache_clear()


def measured(study, seeds=range(1), accuracy=lambda cell: 0.1 + 0.8 * (cell.column > 1)):
    return [
        as_row(study.trial(cell, seed), {"accuracy": accuracy(cell), "broke": 0.0, "chance": 0.1})
        for seed in seeds
        for cell in study.cells
        if cell.config is not None
    ]


def shipped_of(name):
    return [as_result(row) for row in measured(MAPS[name], range(2))] if name == "rate-and-depth" else []


def text(page) -> str:
    return html.unescape(re.sub(r"<[^>]*>|\\(?=[!-/:-@\[-`{-~])", "", words(page)))


def cells(drawn):
    return drawn["figure"]["data"][0]["z"]


@pytest.mark.parametrize("name", MAPS)
def test_every_default_map_is_shown_one_figure_an_arm(name):
    page = open_page("maps", map=name)
    drawn = figures(page)
    assert len(drawn) == len(MAPS[name].arms)
    assert MAPS[name].title in text(page)
    has_rows = name == "rate-and-depth"
    assert ("Mean of 2 seeds" in text(page)) == has_rows
    assert ("Nothing is measured yet" in text(page)) != has_rows
    for one in drawn.values():
        assert np.array(cells(one)).shape == (len(MAPS[name].y.values), len(MAPS[name].x.values))


def test_a_cell_that_is_clicked_shows_its_numbers_and_opens_its_run_in_the_lab():
    page = open_page("maps", map="rate-and-depth")
    page.session_state["maps"].choose(1, 2, 3)
    page = run(page)
    study = MAPS["rate-and-depth"]
    said = text(page)
    assert f"Learning rate {study.x.values[3]}, hidden layers {study.y.values[2]}" in said
    assert "with BN: trains in 150 steps, 90.0% test accuracy" in said
    (query,) = (query for label, _, query in links(page) if label == "Open this run in the lab")
    link = decode(parse_qs(query))
    assert link.arms == tuple(cell.config for cell in study.cells if (cell.row, cell.column) == (2, 3))
    assert link.until == study.steps


def test_a_forged_click_changes_nothing():
    page = open_page("maps", map="rate-and-depth")
    for place in ((0, 99, 0), (0, -1, 0), (0, 0, 1000)):
        page.session_state["maps"].choose(*place)
    assert page.session_state["maps"].chosen is None


def test_a_map_of_ones_own_comes_from_the_link_alone_and_says_why_cells_are_empty():
    page = open_page("maps", **OWN)
    assert page.query_params == OWN
    drawn = list(figures(page).values())
    hover = next(one for one in drawn[1]["figure"]["data"] if one.get("name") == "cells")["text"]
    assert "no network can have these settings" in hover[0][0]
    assert "batch_size must be" in hover[0][0]
    assert "not measured" in hover[1][0]


def test_what_comes_is_drawn_as_it_comes(service):
    page = press(open_page("maps", **OWN), "measure")
    study = decode_maps(OWN).study()
    rows = measured(study)
    service.deliver(rows[:2])
    page = run(page)
    first = next(iter(figures(page).values()))
    assert np.isfinite(np.array(cells(first), float)).sum() == 2
    marks = next(one for one in first["figure"]["data"] if one.get("name") == "empty")["text"]
    assert "…" in marks
    service.deliver(rows, "done")
    page = run(page)
    assert "1 seed." in text(page)
    assert "networks measured" not in text(page)
    assert page.button(key="measure") is not None


def of_how_many(page):
    headings = (re.search(r"(\d+ of \d+) networks measured", one.value) for one in page.markdown)
    return [found[1] for found in headings if found]


def notes(drawn):
    return [note["text"] for note in drawn["figure"]["layout"].get("annotations", ())]


def test_a_map_without_a_number_says_so_and_while_it_is_measured_how_many_of_how_many_and_for_how_long(service):
    page = open_page("maps", **OWN)
    study = decode_maps(OWN).study()
    assert [notes(one) for one in figures(page).values()] == [["Not measured yet"]] * 2
    assert of_how_many(page) == ["0 of 3"] * 2
    assert re.search(r"6 trainings on this server, with seed 0: about \d+ s\.", text(page))
    page = press(page, "measure")
    service.deliver([])
    page = run(page)
    assert "0 of 6 trainings done, the server's worker starts, about 5 s in all." in text(page)
    assert all(note.startswith("Being measured:") for one in figures(page).values() for note in notes(one))
    service.deliver(measured(study)[:2], startup=1.0, seconds_left=31.0)
    page = run(page)
    assert "2 of 6 trainings done, about 30 s left." in text(page)
    assert [bool(notes(one)) for one in figures(page).values()] == [False, True]
    assert of_how_many(page) == ["2 of 3", "0 of 3"]


def test_a_map_that_was_cancelled_says_what_it_has_and_its_seed_is_measured_next(service):
    page = press(open_page("maps", **OWN), "measure")
    service.deliver(measured(decode_maps(OWN).study())[:4])
    page = press(run(page), "cancel-measuring")
    said = text(page)
    assert "Cancelled after 4 of 6 trainings: no seed is complete, and seed 0 comes next." in said
    assert "6 trainings on this server, with seed 0" in said
    assert of_how_many(page) == ["1 of 3"]


@pytest.mark.parametrize(
    ("seeds", "said"), [([1, 0], "1 seed"), ([2, 2], "Mean of 2 seeds"), ([2, 1], "Mean of 1 to 2 seeds")]
)
def test_a_map_says_over_how_many_seeds_its_cells_are_means(seeds, said):
    known = np.array([[seeds]])
    assert maps._mean_of(Grid(np.zeros((1, 1, 2)), known, known > 1, np.zeros((1, 1, 2)))) == said


def test_every_word_of_training_says_in_how_many_steps():
    said = text(open_page("maps", map="rate-and-depth"))
    assert "those that train in 150 steps" in said
    assert "a network trains beyond 50% after 150 steps" in said
    (drawn, *_) = figures(open_page("maps", map="rate-and-depth")).values()
    hover = next(one for one in drawn["figure"]["data"] if one.get("name") == "cells")["text"]
    assert all("rains in 150 steps" in one or "not train in 150 steps" in one for row in hover for one in row)
    assert all("networks train in 150 steps." in alt for alt in figures(open_page("maps", map="rate-and-depth")))


@pytest.mark.parametrize("study", MAPS.values(), ids=lambda study: study.name)
def test_where_batch_sizes_differ_the_map_says_what_each_has_seen(study):
    said = text(open_page("maps", map=study.name))
    sizes = {cell.config.batch_size for cell in study.cells if cell.config is not None}
    assert ("small batches have seen less" in said) == (len(sizes) > 1)
    for size in (min(sizes), max(sizes)) if len(sizes) > 1 else ():
        assert f"{study.steps * size:,} samples at batch size {size}" in said


def test_runs_here_are_compared_with_the_shipped_map(service):
    study = MAPS["rate-and-depth"]
    page = press(open_page("maps", map=study.name), "measure")
    service.deliver(measured(study), "done")
    assert "The runs here agree with the shipped map" in text(run(page))
    page = press(page, "measure")
    service.deliver(measured(study, accuracy=lambda cell: 0.9 - 0.8 * (cell.column > 1)), "done")
    assert "The runs here disagree." in text(run(page))


def test_the_page_says_first_what_a_map_is_what_its_colours_mean_and_what_a_click_does():
    intro = next(one.value for one in open_page("maps").markdown)
    assert all(word in intro for word in ("a network of its own", "brighter", "white line", "Click a square"))
    assert len(intro.split()) < 75, "read within some seconds, or not at all"


def test_semicolons_part_values_too():
    assert values_of("learning_rate", "0.01; 1; 0.1") == (0.01, 0.1, 1.0)
    assert values_of("batch_size", "8,16, 32") == (8, 16, 32)


def test_the_form_makes_a_map_and_its_address():
    page = press(open_page("maps"), "show-own-map")
    own = page.session_state["maps"].shown
    assert decode_maps(page.query_params) == own
    assert own.arms == PRESETS["learning-rate"].arms
    assert len(figures(page)) == 2


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("fast", "learning_rate must be a number from 1e-08 to 10000; got 'fast'."),
        ("1", "learning_rate needs two or more different values; got '1'."),
        ("-2, -1", "learning_rate must be from 1e-08 to 10000; got -2.0."),
        ("0.1, inf", "learning_rate must be from 1e-08 to 10000; got inf."),
        ("nan, 0.1", "learning_rate must be from 1e-08 to 10000; got nan."),
        ("0,01, 0,1", POINT),
        ("0,01; 0,1", POINT),
        ("0,5", POINT),
        ("0,01,0,1", POINT),
        ("1,5, 2,7", POINT),
        ("0,1 0,3", POINT),
    ],
)
def test_what_the_form_cannot_do_is_said(values, said):
    page = open_page("maps")
    page.text_input(key="own-x-learning_rate").set_value(values)
    (problem,) = problems(press(run(page), "show-own-map"))
    assert problem.startswith("There is no such map: learning_rate")
    assert said[1:] in problem
    assert problem.count(POINT[1:]) == (said == POINT)


@pytest.mark.parametrize("name", FIELDS)
def test_the_form_offers_values_for_every_field_that_make_a_map(name):
    other = "width" if name != "width" else "batch_size"
    link = from_preset("no-difference")
    own = own_map(link, (name, values_of(name, offered(name))), (other, values_of(other, "16, 32")), 10)
    study = own.study()
    assert any(cell.config is not None for cell in study.cells)


@pytest.mark.parametrize(
    "query",
    [{"map": "x"}, {"x": "seed:1,2", "y": "width:8,16"}, {"x": "width:8,16"}, {"x": "width:8", "y": "batch_size:8,16"},
     {"x": "width:8,16", "y": "width:8,16"}, {"width": "8"}, {"x": "width:1e9,2", "y": "batch_size:8,16"},
     {**OWN, "steps": "99999999"}, {**OWN, "steps": "x"}, {**OWN, "turns": "1@3:none"}, {**OWN, "x": "__class__:1,2"},
     {**OWN, "x": "norm_momentum:0.1,inf"}, {**OWN, "x": "learning_rate:0.1,nan,5"},
     {**OWN, "y": "dropout:-inf,0.5"}, {**OWN, "x": "learning_rate:" + ",".join(f"{n}.5" for n in range(1, 400))}],
)  # fmt: skip
def test_a_link_that_makes_no_map_is_said_and_the_first_map_is_there(query):
    with pytest.raises(ConfigError):
        decode_maps(query)
    page = open_page("maps", **query)
    assert problems(page)[0].startswith("This link can't be read: ")
    assert page.session_state["maps"].shown == maps_state.FIRST


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_map_of_ones_own_comes_back_from_its_address(data):
    x, y = data.draw(st.lists(st.sampled_from(FIELDS), min_size=2, max_size=2, unique=True))
    lab = from_preset(data.draw(st.sampled_from([name for name in PRESETS if name != "small-batch"])))
    sides = [(name, values_of(name, offered(name))) for name in (x, y)]
    own = own_map(lab, sides[0], sides[1], data.draw(st.integers(1, 2000)))
    try:
        own.study()
    except ConfigError:
        return
    query = encode_maps(own)
    assert decode_maps(query) == own
    assert encode_maps(decode_maps(query)) == query


HOSTILE = ("0", "-1", "1e-320", "1e308", "1e400", "inf", "-inf", "nan", "-0.0", "true", "<b>", "1_0", "9" * 39, "")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_values_are_refused_or_make_a_map_that_is_drawn_and_comes_back(data):
    fields = data.draw(st.lists(st.sampled_from(FIELDS), min_size=2, max_size=2, unique=True))
    query = {"steps": "5"}
    for key, name in zip("xy", fields, strict=True):
        usual = offered(name).split(", ")[: data.draw(st.integers(0, 3))]
        query[key] = f"{name}:{','.join([*usual, *data.draw(st.lists(st.sampled_from(HOSTILE), max_size=2))])}"
    try:
        own = decode_maps(query)
    except ConfigError:
        return
    assert decode_maps(encode_maps(own)) == own
    study = own.study()
    for axis in (study.x, study.y):
        edges = side(axis).edges
        assert np.isfinite(edges).all()
        assert edges == sorted(set(edges))
    assert maps_picture._arm_figure(study, study.grid([]), 0, None, waiting=False).to_json()


@pytest.mark.parametrize("page", ["norm_eps:1e-5,1e-320", "learning_rate:0.1,1e308"])
def test_a_map_of_extreme_values_is_drawn(page):
    assert figures(open_page("maps", **{**OWN, "x": page}))


def test_a_map_of_several_data_sets_says_the_border_of_each(service):
    query = {**OWN, "y": "dataset:digits,moons"}
    page = press(open_page("maps", **query), "measure")
    study = decode_maps(query).study()
    service.deliver(measured(study), "done")
    assert "a network trains beyond 50% on digits, 50% on moons after 20 steps, halfway" in text(run(page)).replace(
        "Digits", "digits"
    )


def test_a_figure_is_drawn_again_only_where_what_it_shows_has_changed(service, monkeypatch):
    drawn = []
    draw = maps_picture._arm_figure
    monkeypatch.setattr(maps_picture, "_arm_figure", lambda *a, **k: drawn.append(a[2]) or draw(*a, **k))
    page = press(open_page("maps", **{**OWN, "width": "17"}), "measure")
    rows = measured(decode_maps({**OWN, "width": "17"}).study())
    service.deliver(rows[:2])
    page = run(page)
    drawn.clear()
    before = figures(page)
    page = run(page)
    assert drawn == []
    assert figures(page) == before
    service.deliver(rows[:3])
    assert figures(run(page)) != before
    assert drawn == [0]  # the other arm's cells are as they were


def test_one_own_map_s_runs_are_not_another_s(service):
    page = press(open_page("maps", **OWN), "measure")
    service.deliver(measured(decode_maps(OWN).study()), "done")
    mine, other = run(page).session_state["measuring"], {**OWN, "x": "learning_rate:0.02,0.2,2.0"}
    assert mine.of(decode_maps(OWN).study()).rows
    assert mine.of(decode_maps(other).study()) is None


@given(st.sampled_from(list(MAPS)))
def test_a_default_map_comes_back_from_its_address(name):
    assert decode_maps(encode_maps(name)) == name


@given(st.none() | st.sampled_from(list(CLAIMS)), st.none() | st.sampled_from(VERDICTS))
def test_a_claims_link_comes_back_from_its_address(claim, verdict):
    link = ClaimsLink(claim=claim, verdict=verdict)
    assert decode_claims(encode_claims(link)) == link


@given(st.lists(st.floats(1e-6, 10), min_size=1, max_size=8))
def test_values_are_read_as_they_are_written_numbers_in_rising_order(values):
    assert values_of("learning_rate", ", ".join(map(text_of, values))) == tuple(sorted(values))


def test_the_border_is_drawn_between_measured_cells_alone():
    trains = np.array([[[True, False, False], [True, True, False]]])
    seeds = np.array([[[1, 1, 0], [1, 1, 0]]])
    grid = Grid(np.zeros((1, 2, 3)), seeds, trains, np.full((1, 2, 3), 0.5))
    assert known_border(grid, 0) == [(0.5, -0.5, 0.5, 0.5), (0.5, 0.5, 1.5, 0.5)]


def test_an_axis_is_logarithmic_where_its_values_span_more_than_a_factor_of_ten():
    study = MAPS["rate-and-depth"]
    assert side(study.x).places
    assert side(study.x).axis()["type"] == "log"
    assert not side(MAPS["rate-and-activation"].y).places
