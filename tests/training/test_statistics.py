from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from bnviz.experiment.snapshot import QUANTILES
from bnviz.training.statistics import histograms, outside, percentiles, wasserstein

FINITE = st.floats(-100, 100, width=32)
ANY = st.one_of(FINITE, st.sampled_from([np.nan, np.inf, -np.inf]), st.just(-6.0))
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)
EDGES = np.linspace(-6, 6, 49, dtype=np.float32)


def tables(elements) -> st.SearchStrategy:
    return hnp.arrays(np.float32, SHAPES, elements=elements)


@given(tables(FINITE))
def test_percentiles_are_numpys(values):
    ours = percentiles(np.sort(values, axis=1), QUANTILES)

    np.testing.assert_allclose(ours, np.percentile(values, QUANTILES, axis=1).T, rtol=1e-5, atol=1e-5)


@given(tables(ANY))
def test_percentiles_are_of_the_finite_values_alone(values):
    with np.errstate(invalid="ignore"):
        table = percentiles(np.sort(values, axis=1), QUANTILES)
    for row, ours in zip(values, table, strict=True):
        finite = row[np.isfinite(row)]
        oracle = np.percentile(finite, QUANTILES) if len(finite) else np.full(len(QUANTILES), np.nan)
        np.testing.assert_allclose(ours, oracle, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("beside", [0.0, 7.0, np.nan])
def test_the_last_bin_holds_its_upper_edge_whatever_is_beside(beside):
    counts = histograms(np.sort(np.float32([[6.0, beside]])), EDGES[None])[0]

    assert counts[-3] == 1


@given(tables(st.one_of(FINITE, st.sampled_from([-6.0, 6.0, 0.25, 0.0]))))
def test_histograms_are_numpys(values):
    ours = histograms(np.sort(values, axis=1), np.repeat(EDGES[None], len(values), 0))
    for row, counts in zip(values, ours, strict=True):
        np.testing.assert_array_equal(counts[1:-2], np.histogram(row, EDGES)[0])
        assert counts[0] == (row < EDGES[0]).sum()
        assert counts[-2] == (row > EDGES[-1]).sum()
        assert counts[-1] == 0


@given(tables(ANY))
def test_histograms_are_numpys_with_what_lies_outside_and_what_is_no_number(values):
    values[values == EDGES[-1]] = 0  # see test_the_last_bin_holds_its_upper_edge_whatever_is_beside
    ours = histograms(np.sort(values, axis=1), np.repeat(EDGES[None], len(values), 0))
    for row, counts in zip(values, ours, strict=True):
        finite = row[np.isfinite(row)]
        np.testing.assert_array_equal(counts[1:-2], np.histogram(finite, EDGES)[0])
        assert counts[0] == (finite < EDGES[0]).sum()
        assert counts[-2] == (finite > EDGES[-1]).sum()
        assert counts[-1] == len(row) - len(finite)
        assert counts.sum() == len(row)


@given(hnp.arrays(np.float32, (2, 3, 17), elements=FINITE))
def test_the_wasserstein_distance_is_scipys(values):
    ours = wasserstein(*np.sort(values, axis=-1))
    oracle = [stats.wasserstein_distance(a, b) for a, b in zip(*values, strict=True)]

    np.testing.assert_allclose(ours, oracle, rtol=1e-4, atol=1e-4)


@given(tables(FINITE), st.floats(-5, 0), st.floats(0, 5))
def test_the_share_outside_is_counted(values, low, high):
    low, high = float(np.float32(low)), float(np.float32(high))
    oracle = ((values < low) | (values > high)).mean(1)

    assert outside(np.sort(values, axis=1), low, high) == pytest.approx(oracle, abs=1e-6)
