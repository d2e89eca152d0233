"""A table of the reader's own in the lab: dropped, checked, trained on, missed after a reload, and nobody else's."""

from __future__ import annotations

import re
import time

import pytest
from streamlit.testing.v1 import AppTest

from bnviz.live.registry import REGISTRY
from bnviz.sharing.link import Link, encode, from_preset
from bnviz.sharing.table_file import read_table
from bnviz.sharing.table_link import moved
from bnviz.training.comparison import Comparison
from tests.own_tables import blobs, iris, written
from tests.ui.lab import _nodes, address, control, labels, link_of, open_lab, problems, run, set_control, stage_data

OWN = "your own table (CSV)"


def drop(lab: AppTest, name: str, data: bytes) -> AppTest:
    """Drop a file: into the settings where there is a field, else above the place of the charts."""
    fields = list(lab.sidebar.file_uploader) or list(lab.main.file_uploader)
    fields[0].set_value((name, data, "text/csv"))
    return run(lab)


def beside(lab: AppTest) -> list[str]:
    """What is said in the settings, beside the file drop, as it is read."""
    return [re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", element.value) for element in lab.sidebar.error]


def ask(lab: AppTest) -> AppTest:
    return set_control(lab, "Data", "table")


def trained(lab: AppTest) -> Comparison:
    """A comparison made of what the stage's token reaches, once a worker has taken it over."""
    live, asked = REGISTRY.find(stage_data(lab)["token"]).run, link_of(lab).arms
    deadline = time.monotonic() + 30
    while live._requested[0] != asked and time.monotonic() < deadline:
        time.sleep(0.005)
    assert live._requested[0] == asked
    return Comparison(asked, tables=live._tables)


def on_stage(lab: AppTest) -> bool:
    return any(getattr(node, "type", "") == "bidi_component" for node in _nodes(lab._tree))


def texts(lab: AppTest) -> str:
    return " ".join(
        element.value.replace("\\", "")
        for kind in ("markdown", "caption", "info", "warning")
        for element in getattr(lab, kind)
    )


@pytest.fixture
def with_iris() -> AppTest:
    return drop(ask(open_lab()), "iris.csv", iris())


def test_the_choice_of_data_offers_a_table_of_ones_own_and_nothing_changes_before_it_is_dropped():
    lab = open_lab()
    assert list(lab.file_uploader) == []
    before = stage_data(lab)
    assert OWN in control(lab, "Data").options
    lab = ask(lab)
    assert [one.label for one in lab.sidebar.file_uploader] == ["Drop your own table (CSV)"]
    assert stage_data(lab) == before
    assert link_of(lab) == from_preset("headline")
    assert "At most 2 MB and 20,000 rows" in texts(lab)
    lab = set_control(lab, "Data", "digits")
    assert list(lab.file_uploader) == []


def test_a_dropped_table_is_shown_and_trained_on(with_iris):
    lab = with_iris
    assert problems(lab) == []
    assert "iris.csv**: 150 rows, 4 number columns, 3 classes" in texts(lab)
    assert "setosa (50), versicolor (50), virginica (50)" in texts(lab)
    assert control(lab, "Column of the class").options == [
        "sepal length", "sepal width", "petal length", "petal width", "species",
    ]  # fmt: skip
    assert {arm.data_name for arm in link_of(lab).arms} == {"iris.csv"}
    assert link_of(lab) == address(lab)
    comparison = trained(lab)
    comparison.advance(steps=5)
    assert comparison.trainings[0].data.classes == ("setosa", "versicolor", "virginica")
    assert "but the table iris.csv" in texts(lab)
    assert "Samples" in labels(lab)


@pytest.mark.parametrize("name", ["../../x.csv", "a<b>,c.csv", "*a*_[b](c).csv"])
def test_a_hostile_file_name_is_shown_as_it_is_and_the_link_stays_readable(name):
    lab = drop(ask(open_lab()), name, iris())
    assert problems(lab) == []
    assert link_of(lab) == address(lab)


def test_a_bad_file_is_said_by_row_and_column_and_what_there_was_stays(with_iris):
    before, generation = link_of(with_iris), stage_data(with_iris)["generation"]
    lab = drop(with_iris, "bad.csv", iris().replace(b"4.9", b"four", 1))
    (problem,) = beside(lab)
    assert problems(lab) == [problem, problem], "above the charts in the same words, where it is seen without scrolling"
    assert "row 3, column 'sepal length': 'four' is not a number" in problem
    assert problem.startswith("bad.csv can't be trained on. What there was before stays.")
    assert link_of(lab) == before
    assert stage_data(lab)["generation"] == generation, "the run goes on"
    assert beside(run(lab)) == [problem], "it stays until another file comes"
    assert problems(drop(lab, "iris.csv", iris())) == []


def test_the_classes_can_be_chosen_where_the_last_column_has_none():
    data = written([["kind", "a", "b"], *([f"k{n % 2}", n, -n] for n in range(60))])
    lab = drop(ask(open_lab()), "mine.csv", data)
    assert "column 'kind' holds text, as 'k0' in row 2" in problems(lab)[0]
    lab = set_control(lab, "Another column holds the class", 0)
    assert problems(lab) == []
    assert {arm.own_table.label for arm in link_of(lab).arms} == {1}
    trained(lab).advance(steps=2)
    lab = set_control(lab, "Column of the class", 2)
    assert problems(lab)[0].startswith("'b' can't be the class of mine.csv. The networks go on with 'kind'.")
    assert "column 'kind' holds text" in problems(lab)[0]
    assert {arm.own_table.label for arm in link_of(lab).arms} == {1}, "what there was stays"
    assert control(lab, "Column of the class").value == 0
    assert problems(set_control(lab, "Hidden layers", 5)) == [], "it was said, and the experiment goes on"


def test_another_column_of_classes_of_the_same_file_is_a_choice_away():
    data = written([["a", "b", "c", "d"], *([n, -n, n % 2, n % 3] for n in range(60))])
    lab = drop(ask(open_lab()), "mine.csv", data)
    assert link_of(lab).arms[0].own_table.classes == 3
    lab = set_control(lab, "Column of the class", 2)
    assert link_of(lab).arms[0].own_table.classes == 2
    trained(lab).advance(steps=1)


def test_a_link_about_a_table_loads_all_else_and_asks_for_the_file(with_iris):
    with_iris = set_control(with_iris, "Hidden layers", 5)
    query = dict(with_iris.query_params)
    other = open_lab(**query)
    assert not on_stage(other), "there is nothing to train on"
    assert "about the table iris.csv (150 rows, 4 number columns, 3 classes), which is not on this server" in texts(
        other
    ).replace("**", "")
    assert problems(other) == []
    assert link_of(other) == link_of(with_iris) == address(other)
    other = drop(other, "iris.csv", iris())
    assert link_of(other) == link_of(with_iris)
    assert stage_data(other)["token"] != stage_data(with_iris)["token"]
    trained(other).advance(steps=2)


def test_a_link_never_fetches_the_table_that_another_session_has(with_iris):
    trained(with_iris).advance(steps=2)
    stranger = open_lab(**with_iris.query_params)
    assert not on_stage(stranger)
    assert stranger.session_state["lab"].own.held == {}
    assert "setosa" not in texts(stranger)


def test_the_same_cells_in_a_renamed_file_go_on_and_the_link_says_its_name(with_iris):
    lab = drop(open_lab(**with_iris.query_params), "flowers.csv", iris().replace(b"\r\n", b"\n"))
    assert {arm.data_name for arm in link_of(lab).arms} == {"flowers.csv"}
    assert list(lab.warning) == []
    assert on_stage(lab)


def test_another_file_than_the_links_is_trained_on_and_that_is_said(with_iris):
    lab = drop(open_lab(**with_iris.query_params), "iris.csv", iris().replace(b"4.9", b"4.8", 1))
    assert "This is not the table of the link" in lab.warning[0].value.replace("\\", "")
    assert on_stage(lab)
    assert len(run(lab).warning) == 1, "it stays to be read"
    assert list(set_control(lab, "Hidden layers", 5).warning) == []


def test_the_link_of_a_table_whose_classes_are_not_in_the_last_column_takes_the_file_at_once():
    data = written([["kind", "a", "b"], *([f"k{n % 2}", n, -n] for n in range(60))])
    lab = set_control(drop(ask(open_lab()), "mine.csv", data), "Another column holds the class", 0)
    other = drop(open_lab(**lab.query_params), "mine.csv", data)
    assert problems(other) == []
    assert link_of(other) == link_of(lab)


def test_going_back_to_a_table_that_the_session_has_had_needs_no_file(with_iris):
    query = dict(with_iris.query_params)
    lab = set_control(with_iris, "Data", "wine")
    assert link_of(lab).arms[0].own_table is None
    assert set_control(lab, "Data", "table").query_params["table"] == query["table"], "asked for again, it is there"
    lab = drop(lab, "mine.csv", blobs())
    lab.query_params.clear()
    for key, value in query.items():
        lab.query_params[key] = value
    lab = run(lab)
    assert on_stage(lab)
    assert {arm.data_name for arm in link_of(lab).arms} == {"iris.csv"}


def test_a_session_holds_two_tables_at_most(with_iris):
    lab = drop(drop(with_iris, "a.csv", blobs(seed=1)), "b.csv", blobs(seed=2))
    assert [table.ref.name for table in lab.session_state["lab"].own.held.values()] == ["a.csv", "b.csv"]


def test_a_link_about_three_tables_takes_its_files_in_any_order_and_under_any_names():
    files = {f"{kind}.csv": blobs(seed=seed) for seed, kind in enumerate("abc", 1)}
    arms = [moved(from_preset("headline"), read_table(name, data), [0]).arms[0] for name, data in files.items()]
    lab = open_lab(**encode(Link(arms=tuple(arms), names=("a", "b", "c"))))
    for name in ("b.csv", "c.csv", "a.csv"):
        assert not on_stage(lab)
        lab = drop(lab, f"my {name}", files[name])
        assert list(lab.warning) == []
    assert on_stage(lab)
    assert [arm.data_name for arm in link_of(lab).arms] == ["my a.csv", "my b.csv", "my c.csv"]
    trained(lab).advance(steps=1)


def test_one_network_can_have_the_table_and_the_other_what_comes_along():
    lab = open_lab()
    set_control(lab, "The networks differ in", ["normalization", "dataset"])
    lab = set_control(lab, "Data: network 2", "table")
    lab = drop(lab, "iris.csv", iris())
    assert [arm.data_name for arm in link_of(lab).arms] == ["digits", "iris.csv"]
    trained(lab).advance(steps=2)


def test_a_lesson_ends_the_wait_for_a_table():
    lab = drop(ask(open_lab()), "bad.csv", b"a,b\n1")
    assert len(beside(lab)) == 1
    lab = set_control(lab, "Lesson", "circles")
    assert problems(lab) == []
    assert list(lab.file_uploader) == []
