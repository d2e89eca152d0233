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
from bnviz.ui.table_drop import EXAMPLE
from tests.own_tables import blobs, iris, written
from tests.ui.lab import _nodes, address, control, labels, link_of, open_lab, problems, run, set_control, stage_data

OWN = "your own table (CSV)"


def drop(lab: AppTest, name: str, data: bytes, where: str = "sidebar") -> AppTest:
    """Drop a file: into the settings where there is a field, else above the place of the charts."""
    fields = list(getattr(lab, where).file_uploader) or list(lab.main.file_uploader)
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
    (invitation,) = lab.main.info
    assert "Drop a file to train on your own table" in invitation.value
    assert "At most 2 MB and 20,000 rows" in invitation.value
    assert "Until then the networks go on with digits" in invitation.value
    assert lab.main.code[0].value == EXAMPLE
    lab = set_control(set_control(lab, "Networks side by side", 3), "Hidden layers", 4)
    assert len(lab.main.info) == 1, "it waits for the file whatever else is changed"
    lab = set_control(lab, "Data", "digits")
    assert (list(lab.file_uploader), list(lab.info)) == ([], [])


def test_the_example_on_the_page_is_how_a_table_begins():
    head, *rows = EXAMPLE.splitlines()
    table = read_table("mine.csv", "\n".join([head, *rows * 20]).encode())
    assert table.classes == ("apple", "banana")
    assert table.ref.header


def test_a_file_dropped_above_the_charts_is_trained_on_by_the_networks_that_wait():
    lab = open_lab()
    set_control(lab, "The networks differ in", ["normalization", "dataset"])
    lab = set_control(lab, "Data: network 2", "table")
    lab = drop(lab, "bad.csv", iris()[:300], where="main")
    assert (len(problems(lab)), beside(lab)) == (1, [])
    lab = drop(lab, "iris.csv", iris(), where="main")
    assert problems(lab) == []
    assert [arm.data_name for arm in link_of(lab).arms] == ["digits", "iris.csv"]
    assert [one.label for one in lab.file_uploader] == ["Drop another table (CSV)"]


def test_each_network_has_a_table_a_file_drop_and_a_column_of_classes_of_its_own():
    lab = open_lab()
    set_control(lab, "The networks differ in", ["normalization", "dataset"])
    lab = drop(set_control(lab, "Data: network 2", "table"), "iris.csv", iris())
    lab = set_control(lab, "Data: network 1", "table")
    assert [arm.data_name for arm in link_of(lab).arms] == ["iris.csv", "iris.csv"]
    lab.session_state["varied"] = ["dataset"]
    lab = run(lab)
    _, second = lab.sidebar.file_uploader
    second.set_value(("blobs.csv", blobs(), "text/csv"))
    lab = run(lab)
    assert [arm.data_name for arm in link_of(lab).arms] == ["iris.csv", "blobs.csv"]
    trained(lab).advance(steps=2)


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


def test_a_file_that_takes_another_ones_place_leaves_nothing_of_it_behind():
    first = written([["kind", "a", "b"], *([f"k{n % 2}", n, -n] for n in range(60))])
    lab = set_control(drop(ask(open_lab()), "one.csv", first), "Another column holds the class", 1)
    assert beside(lab)[0].startswith("one.csv can't be trained on with 'a' as the class.")
    lab = drop(lab, "two.csv", first.replace(b",3,", b",x,"))
    assert beside(lab)[0].startswith("two.csv can't be trained on. What")
    assert control(lab, "Another column holds the class").value is None, "no choice is taken over"
    assert "column 'kind' holds text" in beside(lab)[0]
    assert "'x' is not a number" in beside(lab)[0]
    lab = set_control(drop(lab, "three.csv", first), "Another column holds the class", 0)
    assert (problems(lab), link_of(lab).arms[0].own_table.label) == ([], 1)
    lab = drop(lab, "iris.csv", iris())
    assert (problems(lab), link_of(lab).arms[0].own_table.label) == ([], 5), "the last column, as of each new file"


def test_a_refused_file_that_is_taken_out_is_not_talked_about_and_the_field_stays():
    lab = drop(ask(open_lab()), "bad.csv", iris()[:300])
    assert len(beside(lab)) == 1
    lab.sidebar.file_uploader[0].set_value([])
    lab = run(lab)
    assert problems(lab) == []
    assert len(lab.sidebar.file_uploader) == 1, "a browser takes a file out before it sends the next one"


def test_a_file_that_makes_room_for_the_next_brings_no_address_from_before_the_table_back(with_iris):
    lab, before = with_iris, encode(from_preset("headline"))
    link = link_of(lab)
    lab.sidebar.file_uploader[0].set_value([])
    lab.query_params.clear()
    for name, value in before.items():  # the browser sends the address that it had when the file was dropped
        lab.query_params[name] = value
    lab = run(lab)
    assert link_of(lab) == link == address(lab)
    assert len(lab.sidebar.file_uploader) == 1


def test_after_a_good_file_comes_a_bad_one_and_a_good_one_again(with_iris):
    lab = drop(with_iris, "bad.csv", iris()[:300])
    assert len(beside(lab)) == 1
    assert problems(drop(lab, "blobs.csv", blobs())) == []
    assert {arm.data_name for arm in link_of(lab).arms} == {"blobs.csv"}


def test_classes_that_look_alike_are_said_above_the_charts_and_beside_the_table():
    lab = drop(ask(open_lab()), "mine.csv", blobs().replace(b"k1", b"K0", 9))
    beside_it = [one.value for one in lab.sidebar.warning]
    assert "classes 'K0' and 'k0' of mine.csv differ only in case" in beside_it[0].replace("\\", "")
    assert beside_it[0] in [one.value for one in lab.main.warning]
    assert on_stage(lab)


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


def test_a_changed_file_of_a_link_is_read_with_the_links_column_of_classes():
    data = written([["a", "kind", "b"], *([n, n % 2, n % 3] for n in range(60))])
    lab = set_control(drop(ask(open_lab()), "mine.csv", data), "Column of the class", 1)
    query = dict(lab.query_params)
    lab = drop(open_lab(**query), "new.csv", data.replace(b"58,", b"57,"))
    assert link_of(lab).arms[0].own_table.label == 2
    said = lab.warning[0].value.replace("\\", "")
    assert "new.csv (60 rows, 2 number columns, 2 classes) has other cells or names of columns than the link's" in said
    wider = drop(open_lab(**query), "iris.csv", iris())
    assert link_of(wider).arms[0].own_table.label == 5
    bad = drop(open_lab(**query), "bad.csv", data.replace(b"58,", b"x,"))
    assert "with 'kind' as the class" in problems(bad)[0]
    assert "row 60, column 'a': 'x' is not a number" in problems(bad)[0]
    assert link_of(drop(bad, "mine.csv", data)) == link_of(open_lab(**query))


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
