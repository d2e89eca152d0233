from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.studies.predictions import (
    Prediction,
    about,
    above,
    below,
    presupposed,
    times,
    weigh,
    weigh_slip,
)
from bnviz.studies.rules import Estimate

OUTCOMES = ("borne out", "contradicted", "not borne out", "undecided", "open")


@pytest.mark.parametrize(
    ("prediction", "low", "high", "outcome"),
    [
        (times(2), 2.1, 3, "borne out"),
        (times(2), 1.9, 3, "undecided"),
        (times(2), 0.2, 0.4, "contradicted"),
        (times(2), 0.2, 0.6, "not borne out"),
        (times(2), 1.5, 2, "not borne out"),
        (above(0.1, -0.1), 0.11, 0.2, "borne out"),
        (above(0.1, -0.1), -0.3, -0.2, "contradicted"),
        (above(0.1, -0.1), -0.05, 0.05, "not borne out"),
        (above(0.1, -0.1), -0.3, 0.2, "undecided"),
        (below(1, 2), 0.1, 0.9, "borne out"),
        (below(1, 2), 2.1, 5, "contradicted"),
        (below(1, 2), 1.1, 1.9, "not borne out"),
        (below(1, 2), 1.5, 2.5, "not borne out"),
        (below(1, 2), 0.5, 1.5, "undecided"),
        (about(1, 0.1), 0.95, 1.05, "borne out"),
        (about(1, 0.1), 0.5, 0.6, "contradicted"),
        (about(1, 0.1), 1.5, 1.6, "contradicted"),
        (about(1, 0.1), 0.8, 1.2, "undecided"),
    ],
)
def test_a_prediction_needs_the_whole_interval(prediction, low, high, outcome):
    assert prediction.outcome(Estimate((low + high) / 2, low, high, 5)) == outcome


@given(st.floats(-10, 10), st.floats(0, 5), st.floats(-10, 10), st.floats(-10, 10))
def test_more_certainty_never_turns_an_outcome_around(middle, width, limit, contrary):
    if contrary > limit:
        limit, contrary = contrary, limit
    prediction = above(limit, contrary)
    wide = prediction.outcome(Estimate(middle, middle - width, middle + width, 5))
    narrow = prediction.outcome(Estimate(middle, middle - width / 2, middle + width / 2, 5))

    told = {"undecided": 0, "not borne out": 1, "borne out": 2, "contradicted": 2}
    assert wide == narrow or told[wide] < told[narrow]
    assert (wide, narrow) != ("not borne out", "borne out")


def test_four_runs_are_too_few_for_an_outcome():
    assert times(2).outcome(Estimate(10, 9, 11, 4)) == "open"
    assert times(2).outcome(Estimate(10, 9, 11, 5)) == "borne out"


def test_what_bears_out_and_what_contradicts_must_not_overlap():
    with pytest.raises(ValueError, match="overlap"):
        Prediction((0, 2), ((1, 3),))


@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        (times(1.25), "borne out above 1.25; contradicted below 0.8"),
        (below(1, 2), "borne out below 1; contradicted above 2"),
        (about(1, 0.5), "borne out between 0.5 and 1.5; contradicted below 0.5 or above 1.5"),
        (Prediction((0, 1), ()), "borne out between 0 and 1; no contrary"),
    ],
)
def test_a_prediction_says_its_ranges(prediction, words):
    assert prediction.words(lambda value: f"{value:g}") == words


@pytest.mark.parametrize(
    ("outcomes", "kind"),
    [
        (["borne out"] * 3, "supported"),
        (["borne out", "undecided"], "conditional"),
        (["contradicted", "borne out"], "conditional"),
        (["contradicted"] * 2, "refuted"),
        (["contradicted", "undecided"], "unsupported"),
        (["undecided"], "unsupported"),
        (["not borne out", "borne out"], "conditional"),
        (["not borne out", "contradicted"], "unsupported"),
        (["not borne out"], "unsupported"),
        (["borne out", "open"], "open"),
        ([], "open"),
    ],
)
def test_outcomes_are_weighed_by_the_stated_rule(outcomes, kind):
    assert weigh(outcomes) == kind


@pytest.mark.parametrize(
    ("statement", "corrected", "kind"),
    [
        (["contradicted"], ["borne out"], "slip"),
        (["borne out"], ["borne out"], "supported"),
        (["contradicted"], ["contradicted"], "refuted"),
        (["undecided"], ["borne out"], "unsupported"),
        (["contradicted"], ["open"], "open"),
    ],
)
def test_a_slip_is_wrong_as_it_stands_and_right_once_it_is_corrected(statement, corrected, kind):
    assert weigh_slip(statement, corrected) == kind


@pytest.mark.parametrize(
    ("outcomes", "kind"),
    [
        (["borne out"] * 3, "supported"),
        (["borne out", "contradicted", "borne out"], "refuted"),
        (["contradicted", "open"], "refuted"),
        (["borne out", "undecided"], "unsupported"),
        (["borne out", "not borne out"], "unsupported"),
        (["borne out", "open"], "open"),
        ([], "open"),
    ],
)
def test_words_that_allow_no_exception_are_refuted_by_one(outcomes, kind):
    assert weigh(outcomes, universal=True) == kind


@given(st.lists(st.sampled_from(OUTCOMES), max_size=6))
def test_a_claim_without_exceptions_never_fares_better_than_one_with_conditions(outcomes):
    ranks = {"refuted": 0, "unsupported": 1, "conditional": 2, "supported": 3}
    strict, mild = weigh(outcomes, universal=True), weigh(outcomes)

    assert strict != "conditional"
    assert strict == mild == "supported" or mild != "supported"
    if "open" not in (strict, mild):
        assert ranks[strict] <= ranks[mild]


def test_a_statement_without_exceptions_is_a_slip_where_one_exception_refutes_it_and_it_can_be_corrected():
    assert weigh_slip(["borne out", "contradicted"], ["borne out"], universal=True) == "slip"
    assert weigh_slip(["borne out", "contradicted"], ["borne out"]) == "conditional"


@pytest.mark.parametrize(
    ("kind", "premises", "left"),
    [
        ("refuted", [], "refuted"),
        ("refuted", ["borne out", "borne out"], "refuted"),
        ("refuted", ["borne out", "contradicted"], "unsupported"),
        ("supported", ["borne out", "undecided"], "conditional"),
        ("unsupported", ["borne out", "not borne out"], "unsupported"),
        ("conditional", ["borne out", "contradicted"], "conditional"),
        ("refuted", ["contradicted", "undecided"], "open"),
        ("supported", ["contradicted"], "open"),
        ("supported", ["borne out", "open"], "open"),
        ("open", ["borne out"], "open"),
    ],
)
def test_a_premise_that_fails_weakens_a_verdict_and_where_all_fail_nothing_is_decided(kind, premises, left):
    assert presupposed(kind, premises) == left
