"""`bnviz run` on somebody's own table."""

from __future__ import annotations

import pytest

from bnviz.sharing.link import parse
from tests.commands.conftest import bnviz, lines
from tests.own_tables import blobs, iris, written


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "iris.csv"
    path.write_bytes(iris())
    return path


def test_networks_train_on_a_table_and_its_link_repeats_the_run_with_it_digit_for_digit(table):
    asked = ("run", "--table", str(table), "--set", "width=16", "--steps", "40", "--every", "20", "--json")
    first = bnviz(*asked)
    found = lines(first)
    assert found[-1]["test_accuracy"] > 0.5
    assert parse(found[0]["link"]).arms[0].data_name == "iris.csv"
    renamed = table.with_name("renamed.csv")
    renamed.write_bytes(table.read_bytes().replace(b"\r\n", b"\n"))
    again = bnviz("run", "--link", found[0]["link"], "--table", str(renamed), "--every", "20", "--json")
    assert again.stdout == first.stdout.replace("iris.csv", "renamed.csv")
    assert str(table) in first.stderr, "the hint that repeats it names the file"


def test_the_column_of_the_classes_is_given_by_name_or_number_and_kept_by_the_link(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(written([["kind", "a", "b"], *([f"k{n % 2}", n % 2 + n / 99, n] for n in range(60))]))
    asked = ("run", "--table", str(path), "--set", "batch_size=8", "--steps", "0", "--json")
    (named, numbered) = (lines(bnviz(*asked, "--label", label)) for label in ("kind", "1"))
    assert named == numbered
    link = named[0]["link"]
    assert lines(bnviz("run", "--link", link, "--table", str(path), "--json")) == named
    assert "--json" not in bnviz(*asked[:-1], "--label", "kind").stdout
    assert "dataset=mine.csv" in bnviz(*asked[:-1], "--label", "kind").stdout


def test_what_can_not_be_trained_on_is_said(table, tmp_path):
    other = tmp_path / "other.csv"
    other.write_bytes(blobs())
    link = lines(bnviz("run", "--table", str(table), "--steps", "0", "--json"))[0]["link"]
    for arguments, said in [
        (("--link", link), "the link is about a table: give it by --table iris.csv"),
        (("--link", link, "--table", str(other)), "and other.csv has other cells"),
        (("--table", str(tmp_path / "none.csv")), "No such file"),
        (("--table", str(tmp_path)), "can't be read"),
        (("--table", str(table), "--label", "colour"), "there is no column 'colour'"),
        (("--table", str(table), "--label", "1"), "column 'species' holds text, as 'setosa' in row 2"),
        (("--label", "1"), "say which table by --table"),
        (("--set", "dataset=table"), "bnviz run --table"),
    ]:
        result = bnviz("run", *arguments)
        assert result.exit_code == 2
        assert said in result.stderr, result.stderr
