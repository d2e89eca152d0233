from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bnviz.studies import rules
from bnviz.studies.predictions import about, above, times
from bnviz.studies.rules import Between, Estimate

sizes = st.integers(rules.FEWEST, 10)
numbers = st.floats(0.01, 100)
pairs = sizes.flatmap(
    lambda n: st.tuples(st.lists(numbers, min_size=n, max_size=n), st.lists(numbers, min_size=n, max_size=n))
)
few = settings(max_examples=15, deadline=None)


def arrays(pair):
    return np.array(pair[0]), np.array(pair[1])


@few
@given(pairs)
def test_an_interval_holds_its_effect(pair):
    for estimate in (rules.difference(*arrays(pair)), rules.ratio(*arrays(pair)), rules.mean(arrays(pair)[0])):
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.pairs == len(pair[0])


@few
@given(pairs)
def test_swapping_the_arms_turns_the_effect_around(pair):
    first, second = arrays(pair)

    assert rules.difference(second, first).value == pytest.approx(-rules.difference(first, second).value, abs=1e-9)
    assert rules.ratio(second, first).value == pytest.approx(1 / rules.ratio(first, second).value)
    one, other = rules.ratio(second, first), rules.ratio(first, second)
    assert (one.low, one.high) == pytest.approx((1 / other.high, 1 / other.low), rel=1e-6)


@few
@given(pairs, st.floats(0.1, 10))
def test_a_ratio_knows_no_unit_and_a_difference_no_origin(pair, factor):
    first, second = arrays(pair)

    assert rules.ratio(first * factor, second * factor).low == pytest.approx(rules.ratio(first, second).low)
    moved = rules.difference(first + factor, second + factor)
    assert moved.low == pytest.approx(rules.difference(first, second).low, abs=1e-6)


@few
@given(pairs)
def test_the_order_of_seeds_does_not_matter_to_the_effect(pair):
    first, second = arrays(pair)

    assert rules.ratio(first[::-1], second[::-1]).value == pytest.approx(rules.ratio(first, second).value)


def test_pairs_matter_to_the_interval():
    first, second = np.array([1.0, 2, 3, 4, 5, 6]), np.array([1.1, 1.9, 3.2, 3.9, 5.2, 5.9])
    paired, crossed = rules.difference(first, second), rules.difference(first, second[::-1])

    assert paired.value == pytest.approx(crossed.value)
    assert crossed.high - crossed.low > 5 * (paired.high - paired.low)


@pytest.mark.parametrize("size", rules.COVERAGE)
def test_intervals_hold_the_truth_about_as_often_as_is_said(size):
    assert held(size, 300) == pytest.approx(rules.COVERAGE[size], abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("size", rules.COVERAGE)
def test_intervals_hold_the_truth_as_often_as_is_said(size):
    assert held(size, 8000) == pytest.approx(rules.COVERAGE[size], abs=0.006)


def held(size: int, tries: int) -> float:
    """The share of intervals that hold the mean of so many normal pairs."""
    random = np.random.default_rng(3)
    found = [rules.mean(random.normal(7, 2, size)) for _ in range(tries)]
    return float(np.mean([one.low <= 7 <= one.high for one in found]))


@pytest.mark.parametrize("size", [6, 8, 12])
def test_an_interval_is_about_as_wide_as_students(size):
    values = np.random.default_rng(size).normal(0, 1, size)
    half = stats.t.ppf(0.975, size - 1) * np.std(values, ddof=1) / math.sqrt(size)

    found = rules.mean(values)

    assert found.high - found.low == pytest.approx(2 * half, rel=0.15)


def test_an_interval_is_about_what_the_normal_approximation_gives_for_many_pairs():
    random = np.random.default_rng(1)
    first, second = random.normal(3, 1, 400), random.normal(1, 1, 400)
    half = 1.96 * np.std(first - second) / math.sqrt(400)

    estimate = rules.difference(first, second)

    assert estimate.low == pytest.approx(estimate.value - half, abs=0.03)
    assert estimate.high == pytest.approx(estimate.value + half, abs=0.03)


def test_pairing_narrows_the_interval_of_arms_that_go_up_and_down_together():
    together = np.array([1.0, 5, 9, 13, 17])

    assert rules.difference(together + 1, together) == Estimate(1, 1, 1, 5)


@pytest.mark.parametrize("values", [[2.0] * 6, [2.0, 2, 2, 2, 2, 3], [0.0] * 5])
def test_ties_and_equal_values_have_an_interval_too(values):
    found = rules.mean(np.array(values))

    assert min(values) <= found.low <= found.value <= found.high <= max(values)


def test_pairs_in_which_both_arms_lack_a_value_are_left_out_and_counted():
    first, second = np.array([1.0, np.nan, 3, 4, 5, 6]), np.array([0.0, np.inf, 2, 3, 4, 5])

    assert rules.difference(first, second) == Estimate(1, 1, 1, 5, missing=1)


@pytest.mark.parametrize("compare", [rules.difference, rules.ratio])
@pytest.mark.parametrize("gone", [np.nan, np.inf])
def test_where_one_arm_alone_lacks_a_value_nothing_is_decided(compare, gone):
    whole, holed = np.arange(1.0, 9), np.array([1.0, 2, gone, 4, 5, 6, 7, 8])
    for pair in ((whole, holed), (holed, whole)):
        found = compare(*pair)
        assert (found.pairs, found.missing, found.lopsided) == (7, 1, True)
        assert above(-9, -9).outcome(found) == "open"
    assert not compare(whole, whole).lopsided


def test_a_mean_of_runs_of_which_some_gave_no_number_decides_nothing():
    found = rules.mean(np.array([1.0, 1, 1, 1, 1, 1, np.nan]))

    assert (found.pairs, found.missing, found.value) == (6, 1, 1)
    assert above(0, 0).outcome(found) == "open"


def test_what_is_not_positive_has_no_ratio_and_is_counted_as_missing():
    found = rules.ratio(np.array([4.0, 4, 4, 4, 4, 0, -1]), np.array([2.0, 2, 2, 2, 2, 2, 2]))

    assert (found.value, found.pairs, found.missing) == (pytest.approx(2), 5, 2)
    assert found.lopsided


def test_fewer_pairs_than_an_interval_needs_have_an_effect_alone():
    found = rules.difference(np.array([3.0, 4, 5, 6]), np.ones(4))

    assert found.value == 3.5
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert above(0, 0).outcome(found) == "open"


def test_runs_that_never_got_there_make_the_first_arm_at_least_so_slow():
    found = rules.duration_ratio(np.array([np.nan, 400, 500.0, 400, 400]), np.full(5, 10.0), 1000, 300)

    assert found.bound == "at least"
    assert found.value == pytest.approx((100 * 40 * 50 * 40 * 40) ** (1 / 5))
    assert (found.pairs, found.missing) == (5, 0)
    assert math.isinf(found.high)
    assert times(20).outcome(found) == "borne out"
    assert about(50, 40).outcome(found) == "undecided"


def test_runs_that_never_got_there_make_the_second_arm_at_most_so_fast():
    found = rules.duration_ratio(np.full(5, 10.0), np.array([np.nan, 400, 500.0, 400, 400]), 300, 1000)

    assert found.bound == "at most"
    assert found.value == pytest.approx(1 / (100 * 40 * 50 * 40 * 40) ** (1 / 5))
    assert found.low == 0
    assert times(1.25).outcome(found) == "contradicted"


def test_where_both_arms_were_cut_off_nothing_is_known():
    nan = np.nan
    mixed = rules.duration_ratio(np.array([nan, 10, 10, 10]), np.array([10, nan, 10, 10]), 100, 100)
    never = rules.duration_ratio(np.array([nan] * 4), np.array([nan] * 4), 100, 100)

    assert not mixed.known
    assert not never.known
    assert times(2).outcome(mixed) == "open"


def test_a_pair_in_which_nobody_arrived_says_nothing():
    nan = np.nan
    found = rules.duration_ratio(np.array([20, nan, 20, 20, 20, 20]), np.array([10, nan, 10, 10, 10, 10]), 100, 100)

    assert (found.value, found.low, found.high) == pytest.approx((2, 2, 2))
    assert (found.pairs, found.missing, found.lopsided) == (5, 1, False)


def test_a_network_trains_above_halfway_from_chance_to_the_best():
    found = rules.trained(np.array([0.1, 0.54, 0.56, np.nan]), 0.1, 1.0)

    assert found.tolist() == [False, False, True, False]


def test_the_largest_value_and_the_span_lie_between_what_is_good_a_seed_and_the_next_try():
    good = np.array([[0, 1, 0, 0], [1, 1, 0, 1], [1, 0, 0, 0]], bool)

    np.testing.assert_equal(rules.largest([0.1, 1, 10], good), ([10, 1, np.nan, 1], [np.inf, 10, np.nan, 10]))
    np.testing.assert_allclose(rules.span([0.1, 1, 10], good), ([10, 10, np.nan, 1], [np.inf, np.inf, np.nan, 100]))


def test_a_ratio_of_numbers_between_limits_has_no_end_where_one_of_them_has_none():
    sure, open_ended = Between(np.full(5, 8.0), np.full(5, 10.0)), Between(np.full(5, 8.0), np.full(5, np.inf))
    unit = Between(np.full(5, 1.0), np.full(5, 2.0))

    assert rules.ratio_between(sure, unit) == Estimate(pytest.approx(8), pytest.approx(4), pytest.approx(10), 5)
    assert rules.ratio_between(open_ended, unit).value == pytest.approx(4)
    assert rules.ratio_between(unit, open_ended).value == pytest.approx(2 / 8)
    assert rules.ratio_between(open_ended, open_ended).missing == 5
