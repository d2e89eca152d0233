"""The tables of all sessions: equal ones once, all of them bounded, none found by its name."""

from __future__ import annotations

import gc

import pytest

from bnviz.live import describe
from bnviz.live.registry import Registry
from bnviz.live.remote import RemoteComparison
from bnviz.live.shelf import Shelf, ShelfFullError
from bnviz.live.trainer import Trainer
from bnviz.live.workers import Workers
from bnviz.sharing.link import from_preset
from bnviz.sharing.table_file import read_table
from bnviz.sharing.table_link import moved
from tests.own_tables import blobs, iris, iris_table


def test_equal_tables_of_a_class_are_in_memory_once_and_gone_with_the_last_session():
    shelf = Shelf()
    sessions = [shelf.share(iris_table()) for _ in range(30)]
    assert len(set(map(id, sessions))) == 1
    assert shelf.held == sessions[0].nbytes
    sessions.clear()
    gc.collect()
    assert shelf.held == 0


def test_another_file_with_the_same_cells_is_another_table():
    shelf = Shelf()
    one, two = shelf.share(iris_table()), shelf.share(read_table("iris.csv", iris().replace(b"\r\n", b"\n")))
    assert one.ref == two.ref
    assert one is not two


def test_the_names_of_columns_count_as_memory():
    short, long = (read_table("iris.csv", iris().replace(b"sepal length", name)) for name in (b"x", b"x" * 100))
    assert long.nbytes - short.nbytes == 2 * 99, "in the file, and as a name"


def test_more_tables_than_the_server_bears_are_refused_and_known_ones_are_not():
    shelf = Shelf(most=iris_table().nbytes + 100)
    held = shelf.share(iris_table())
    with pytest.raises(ShelfFullError, match="try again"):
        shelf.share(read_table("mine.csv", blobs()))
    assert shelf.share(iris_table()) is held


def test_a_run_has_its_sessions_tables_and_a_run_without_them_says_so():
    registry = Registry(Workers())
    table = iris_table()
    link = moved(from_preset("headline"), table, range(2))
    token = registry.open(None, 0, link.arms, link.names, None, tables={str(table.ref): table})
    run = registry.find(token).run
    run.comparison.advance(steps=2)
    assert run.copy().configs == link.arms
    other = registry.find(registry.open(None, 0, link.arms, link.names, None)).run
    with pytest.raises(ValueError, match=r"iris\.csv is not here"):
        _ = other.comparison
    registry.open(token, 1, from_preset("circles").arms, from_preset("circles").names, None)
    while (command := run._next_command()) is not None:
        command(run)
    assert run._tables == {}, "it is given up with the experiment that needed it"


def test_a_recording_of_it_shows_nothing_of_the_table():
    table = iris_table()
    link = moved(from_preset("headline"), table, range(2))
    comparison = RemoteComparison(Trainer(), link.arms, {str(table.ref): table}, 0.1)
    assert comparison.scene()["classes"] == ["setosa", "versicolor", "virginica"]
    alone = describe.scene(link.arms[0])
    assert (alone["classes"], alone["points"], alone["chance"]) == ([], None, None)
    assert describe.meta(comparison, link.names)["arms"][0]["config"]["dataset"] == "iris.csv"
