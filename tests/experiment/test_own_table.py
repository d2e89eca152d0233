"""A configuration says which table it is about, and what it says is checked without the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.own_table import SEPARATORS, TableRef, file_name, table_ref
from bnviz.experiment.words import name_arms

IRIS = "iris.csv~150x4x3x50~5c~f79a83aa903a121c0718"


@st.composite
def refs(draw):
    classes = draw(st.integers(2, 20))
    rows, features = draw(st.integers(max(40, 4 * classes), 20_000)), draw(st.integers(2, 64))
    return TableRef(
        name=file_name(draw(st.text(max_size=80))), rows=rows, features=features, classes=classes,
        rarest=draw(st.integers(4, rows // classes)), label=draw(st.integers(1, features + 1)),
        separator=draw(st.sampled_from([*SEPARATORS.values()])), decimal_comma=draw(st.booleans()),
        header=draw(st.booleans()), digest=draw(st.text("0123456789abcdef", min_size=20, max_size=20)),
        said=draw(st.booleans()), blanks=draw(st.booleans()),
    )  # fmt: skip


@given(refs())
def test_a_reference_is_read_back_from_its_text(ref):
    assert table_ref(str(ref)) == ref
    assert "," not in str(ref), "in a link a comma parts the networks"


@given(st.text(max_size=80))
def test_a_file_name_that_was_cleaned_stays_as_it_is(name):
    assert file_name(file_name(name)) == file_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "iris.csv", "~~~", IRIS.replace("150", "39"), IRIS.replace("x4x", "x1x"), IRIS.replace("x3x", "x21x"),
        IRIS.replace("x50", "x51"), IRIS.replace("x50", "x3"), IRIS.replace("~5c", "~6c"), IRIS.replace("5c", "5q"),
        IRIS[:-1], IRIS + "0", IRIS.replace("f79", "F79"), "a/b" + IRIS, 'a"' + IRIS, IRIS * 10, IRIS + "~x",
    ],
)  # fmt: skip
def test_a_reference_that_no_table_has_is_refused(text):
    with pytest.raises(ConfigError, match="table") as caught:
        ExperimentConfig(dataset="table", table=text)
    assert caught.value.field == "table"


def test_the_sizes_are_the_tables():
    config = ExperimentConfig(dataset="table", table=IRIS)
    assert (config.total_samples, config.training_samples, config.data_name) == (150, 112, "iris.csv")
    assert not config.planar
    assert ExperimentConfig(dataset="table", table=IRIS.replace("x4x3x50~5", "x2x3x50~3")).planar
    with pytest.raises(ConfigError, match=r"at most 112, the training split of iris\.csv"):
        config.replace(batch_size=113)


def test_of_a_part_every_class_can_be_split():
    config = ExperimentConfig(dataset="table", table=IRIS.replace("x50", "x10"))
    for samples in (0, 60, 147, 150, 4000):
        assert config.replace(samples=samples, batch_size=2).total_samples == min(samples or 150, 150)
    for samples in (40, 59, 148, 149):
        with pytest.raises(ConfigError, match=r"samples must be 0 \(all 150 rows of iris.csv\) or from 60 to 147"):
            config.replace(samples=samples, batch_size=2)


def test_a_table_is_named_exactly_where_it_is_used():
    with pytest.raises(ConfigError, match="dataset=table needs a table"):
        ExperimentConfig(dataset="table")
    config = ExperimentConfig(dataset="table", table=IRIS)
    assert config.replace(dataset="digits") == ExperimentConfig()
    assert config.replace(dataset="digits").own_table is None


def test_networks_on_different_tables_are_called_after_them():
    one = ExperimentConfig(dataset="table", table=IRIS)
    assert name_arms([one, one.replace(table="b" + IRIS)]) == ("data iris.csv", "data biris.csv")
    assert name_arms([one, one.replace(dataset="wine")]) == ("data iris.csv", "data wine")
