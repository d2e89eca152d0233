"""Training on somebody's own table: the same care as with data that come along, and only with the table in hand."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bnviz
from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.fields import ConfigError
from bnviz.sharing.table_file import read_table
from bnviz.training.comparison import Comparison
from bnviz.training.datasets import load
from tests.own_tables import blobs, iris_table, written

IRIS = iris_table()
TABLES = {str(IRIS.ref): IRIS}
CONFIG = ExperimentConfig(dataset="table", table=str(IRIS.ref), batch_size=32, width=16)


def test_both_splits_are_stratified_and_standardised_column_by_column_by_the_training_split():
    data = load(CONFIG, TABLES)
    assert (len(data.train_y), len(data.test_y), data.features) == (112, 38, 4)
    assert set(torch.bincount(data.test_y).tolist()) <= {12, 13}
    assert data.classes == ("setosa", "versicolor", "virginica")
    torch.testing.assert_close(data.train_x.mean(0), torch.zeros(4), atol=1e-6, rtol=0)
    torch.testing.assert_close(data.train_x.std(0, correction=0), torch.ones(4), atol=1e-6, rtol=0)
    every = torch.cat([data.train_x, data.test_x]).double().numpy()
    raw = (IRIS.x - IRIS.x.mean(0)) / IRIS.x.std(0)
    np.testing.assert_allclose(np.corrcoef(every.T), np.corrcoef(raw.T), atol=1e-6)
    other = load(CONFIG.replace(data_seed=1), TABLES)
    assert not torch.equal(other.test_x, data.test_x)


def test_without_the_table_nobody_trains_on_it_though_others_do():
    held = load(CONFIG, TABLES)
    with pytest.raises(ConfigError, match=r"the table iris.csv is not here"):
        load(CONFIG)
    with pytest.raises(ConfigError, match=r"the table iris.csv is not here"):
        Comparison([CONFIG, CONFIG])
    with pytest.raises(ConfigError, match=r"the table iris.csv is not here"):
        next(bnviz.unfold(CONFIG))
    assert load(CONFIG, TABLES) is held, "networks on the same table share it"


def test_a_table_leaves_the_memory_with_its_last_holder():
    table = read_table("gone.csv", blobs())
    config = CONFIG.replace(table=str(table.ref))
    comparison = Comparison([config, config.replace(normalization="batch")], tables={str(table.ref): table})
    comparison.advance(steps=3)
    there = weakref.ref(table), weakref.ref(comparison.trainings[0].data)
    del table, comparison
    gc.collect()
    assert [held() for held in there] == [None, None]


def test_a_comparison_on_it_can_be_rewound_and_repeats_itself():
    comparison = Comparison([CONFIG, CONFIG.replace(normalization="batch")], every=5, tables=TABLES)
    comparison.advance(steps=21)
    losses = [history["train_loss"].tolist() for history in comparison.histories]
    assert comparison.histories[1]["test_accuracy"][-1] > 0.7
    comparison.rewind()
    comparison.advance(steps=21)
    assert [history["train_loss"].tolist() for history in comparison.histories] == losses


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from([0.0, 1e-300, 1e-30, 1e-12, 1.0, 1.0 + 1e-15, -3e7, 1e15, 1e30, -1e30]),
        min_size=40,
        max_size=60,
    ),
    st.integers(0, 5),
)
def test_no_column_whatever_its_size_leaves_the_range_of_float32(column, seed):
    rows = [[value, 7.25, f"k{number % 2}"] for number, value in enumerate(column)]
    table = read_table("hard.csv", written(rows))
    config = CONFIG.replace(table=str(table.ref), batch_size=2, data_seed=seed)
    data = load(config, {str(table.ref): table})
    assert data.train_x.isfinite().all()
    assert data.test_x.isfinite().all()
    assert not data.train_x[:, 1].any(), "a constant column tells nothing"


def test_two_columns_are_points_of_a_plane():
    table = read_table("plane.csv", blobs(features=2))
    config = CONFIG.replace(table=str(table.ref))
    comparison = Comparison([config], every=5, tables={str(table.ref): table})
    comparison.advance(steps=6)
    assert len(comparison.histories[0].sparse("surface")) == 2
    assert len(comparison.trainings[0].evaluation.points()["x"]) == config.training_samples


@pytest.mark.parametrize("samples", [0, 40, 41, 117, 118, 119, 120])
def test_a_part_of_it_can_always_be_split(samples):
    table = read_table("few.csv", blobs(rows=120, classes=2))
    config = ExperimentConfig(dataset="table", table=str(table.ref), batch_size=2)
    if samples == 119:
        with pytest.raises(ConfigError, match="samples"):
            config.replace(samples=samples)
        return
    data = load(config.replace(samples=samples), {str(table.ref): table})
    assert len(data.train_y) + len(data.test_y) == (samples or 120)
    assert torch.bincount(data.test_y, minlength=2).min() > 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(4, 60), min_size=2, max_size=8).filter(lambda counts: sum(counts) >= 40), st.data())
def test_whatever_samples_the_configuration_allows_are_split(counts, data):
    rows = [[n, -n, f"k{label}"] for label, count in enumerate(counts) for n in range(count)]
    table = read_table("uneven.csv", written(rows))
    config = ExperimentConfig(dataset="table", table=str(table.ref), batch_size=2)
    least = -(-4 * table.ref.rows // table.ref.rarest)
    samples = data.draw(st.integers(max(40, least), max(40, least, table.ref.rows - table.ref.classes)))
    if samples <= table.ref.rows - table.ref.classes:
        config = config.replace(samples=samples)
    found = load(config, {str(table.ref): table})
    assert torch.bincount(found.train_y, minlength=len(counts)).min() > 0
    assert torch.bincount(found.test_y, minlength=len(counts)).min() > 0
