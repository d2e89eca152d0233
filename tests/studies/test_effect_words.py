from __future__ import annotations

import math

import pytest

from bnviz.studies.effect_words import digits, left_out, said, sentence
from bnviz.studies.rules import Estimate


def estimate(value: float, low: float, high: float, pairs: int = 8) -> Estimate:
    return Estimate(value, low, high, pairs)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (13.09, "times", "13.1"),
        (1903.4, "times", "1,900"),
        (0.9996, "", "0.9996"),
        (0.99994, "", "0.99994"),
        (1.0004, "times", "1.0004"),
        (1.0, "", "1"),
        (0.5003, "%", "50"),
        (0.1303, "points", "+13.0"),
        (-0.00001, "points", "+0.0"),
        (8.18e-7, "times", "8.18 · 10⁻⁷"),
        (2e12, "", "2 · 10¹²"),
        (0.0, "", "0"),
        (1e-9, "", "10⁻⁹"),
    ],
)
def test_three_digits_and_as_many_as_tell_a_number_from_one(value, unit, text):
    assert digits(value, unit) == text


@pytest.mark.parametrize("value", [3.91e-17, 1.5e-14, -2e-16])
def test_what_rounding_leaves_of_nothing_is_said_to_be_that(value):
    assert said(estimate(value, min(value, value / 2), max(value, value / 2)), "") == "0, to rounding"
    assert said(estimate(0, 0, 0), "") == "0"
    assert said(estimate(8e-7, 7e-7, 9e-7), "times") == "8 · 10⁻⁷ times (95 % interval 7 · 10⁻⁷ to 9 · 10⁻⁷)"


def test_a_difference_is_higher_or_lower_with_its_interval_in_that_direction():
    says = "In eval mode it is {effect} {higher} than in train mode."

    up, down = estimate(0.13, 0.119, 0.142), estimate(-0.0067, -0.0197, 0.0056)

    assert sentence(says, up, "points") == (
        "In eval mode it is 13.0 points (95 % interval 11.9 to 14.2) higher than in train mode."
    )
    assert sentence(says, down, "points") == (
        "In eval mode it is 0.7 points (95 % interval -0.6 to 2.0) lower than in train mode."
    )


def test_a_difference_of_too_few_seeds_has_no_interval_and_a_direction():
    found = sentence("It is {effect} {higher}.", estimate(-0.02, math.nan, math.nan, 3), "points")

    assert found == "It is 2.0 points (3 seeds: too few for an interval) lower."


def test_an_effect_that_is_not_known_is_said_to_be():
    nothing = Estimate(math.nan, math.nan, math.nan, 0)

    assert "not known yet" in sentence("It is {effect} {higher}.", nothing, "points")
    assert left_out(nothing) == ""
