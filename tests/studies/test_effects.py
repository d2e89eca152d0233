"""Each kind of effect on numbers that are made by hand, whatever any claim predicts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.claim import Arm
from bnviz.studies.effects import Duration, Evidence, Gain, Gap, Level, Ratio, Reach
from bnviz.studies.trial import Trial

CONFIG = ExperimentConfig()


def arm(name: str, steps: int = 100, group: str = "", at: float = math.nan) -> Arm:
    return Arm(name=name, trial=Trial(config=CONFIG, steps=steps, measures=("accuracy",)), group=group, at=at)


def evidence(*arms: Arm, **columns: dict[str, list[float]]) -> Evidence:
    """The measures of arms a and b: columns[arm][measure] over seeds."""
    measures = {
        name: [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        for name, values in columns.items()
    }
    return Evidence(measures, {one.name: one for one in arms})


TWO = evidence(
    arm("a"), arm("b"),
    a={"accuracy": [0.9, 0.8, 0.7, 0.6, 0.5], "loss": [4.0, 4, 4, 4, 4]},
    b={"accuracy": [0.5, 0.5, 0.5, 0.5, 0.5], "loss": [1.0, 1, 1, 1, 1]},
)  # fmt: skip


def test_a_level_is_its_own_arms_mean():
    assert Level("a", "accuracy").estimate(TWO).value == pytest.approx(0.7)
    assert Level("b", "accuracy").estimate(TWO).value == pytest.approx(0.5)


def test_a_gain_is_by_how_much_the_first_is_above_the_second():
    assert Gain("a", "b").estimate(TWO).value == pytest.approx(0.2)
    assert Gain("b", "a").estimate(TWO).value == pytest.approx(-0.2)


def test_a_gap_is_by_how_much_one_measure_of_an_arm_is_above_another():
    assert Gap("a", ("loss", "accuracy"), ("loss", "accuracy")).estimate(TWO).value == pytest.approx(3.3)
    assert Gap("b", ("accuracy", "loss"), ("accuracy", "loss")).estimate(TWO).value == pytest.approx(-0.5)


def test_a_ratio_is_how_many_times_the_second_the_first_is():
    assert Ratio("a", "b", "loss").estimate(TWO).value == pytest.approx(4)
    assert Ratio("b", "a", "loss").estimate(TWO).value == pytest.approx(0.25)


def test_a_duration_counts_each_arm_that_never_arrives_with_its_own_last_step():
    never, fast = [math.nan] * 5, [10.0] * 5
    raced = evidence(arm("a", 400), arm("b", 100), a={"steps_to_90": never}, b={"steps_to_90": fast})
    slower = Duration("a", "b").estimate(raced)
    assert (slower.value, slower.bound) == (pytest.approx(40), "at least")
    faster = Duration("b", "a").estimate(raced)
    assert (faster.value, faster.bound) == (pytest.approx(1 / 40), "at most")


PLACES = (0.1, 1.0, 10.0, 100.0)


def swept(**accuracies: list[float]) -> Evidence:
    """Groups along PLACES with chance 0; equal seeds."""
    arms = [
        (arm(f"{group} {place}", group=group, at=place), accuracy)
        for group, values in accuracies.items()
        for place, accuracy in zip(PLACES, values, strict=True)
    ]
    return evidence(
        *(one for one, _ in arms),
        **{one.name: {"accuracy": [accuracy] * 5, "chance": [0.0] * 5} for one, accuracy in arms},
    )


def test_a_reach_compares_the_largest_values_that_train():
    found = swept(wide=[0.9, 0.9, 0.9, 0.1], narrow=[0.9, 0.1, 0.1, 0.1])

    assert Reach("wide", "narrow").estimate(found).value == pytest.approx(100)
    assert Reach("narrow", "wide").estimate(found).value == pytest.approx(0.01)
    assert Reach("wide", "narrow").estimate(found).bound == ""


def test_the_interval_of_a_reach_holds_all_that_lies_between_the_tries():
    found = Reach("wide", "narrow").estimate(swept(wide=[0.9, 0.9, 0.9, 0.1], narrow=[0.9, 0.1, 0.1, 0.1]))

    assert (found.low, found.high) == pytest.approx((10 / 1, 100 / 0.1))


def test_a_group_that_trains_at_the_end_of_the_sweep_makes_a_bound():
    found = swept(wide=[0.1, 0.9, 0.9, 0.9], narrow=[0.9, 0.9, 0.1, 0.1])

    wider, narrower = Reach("wide", "narrow").estimate(found), Reach("narrow", "wide").estimate(found)
    assert (wider.bound, wider.value, wider.low) == ("at least", pytest.approx(100 / 10), pytest.approx(100 / 10))
    assert (narrower.bound, narrower.value, narrower.high) == ("at most", pytest.approx(0.1), pytest.approx(0.1))


def test_a_span_that_begins_at_the_first_place_is_a_bound_too():
    found = swept(wide=[0.9, 0.9, 0.9, 0.1], narrow=[0.1, 0.9, 0.1, 0.1])

    wider = Reach("wide", "narrow", span=True).estimate(found)
    assert (wider.bound, wider.value) == ("at least", pytest.approx((10 / 0.1) / (10 / 0.1)))
    assert Reach("narrow", "wide", span=True).estimate(found).bound == "at most"
    assert Reach("wide", "narrow").estimate(found).bound == ""


def test_where_both_groups_train_at_the_end_nothing_is_known():
    found = Reach("wide", "narrow").estimate(swept(wide=[0.9] * 4, narrow=[0.1, 0.1, 0.9, 0.9]))

    assert not found.known
    assert found.missing == 5


def test_the_share_says_how_good_a_network_must_be_to_count():
    found = swept(wide=[0.9, 0.6, 0.6, 0.1], narrow=[0.9, 0.1, 0.1, 0.1])

    assert Reach("wide", "narrow", share=0.5).estimate(found).value == pytest.approx(100)
    assert Reach("wide", "narrow", share=0.95).estimate(found).value == pytest.approx(1)


def coarse(wide: tuple[float, float], narrow: tuple[float, float]) -> Evidence:
    """Networks that train at a place exactly where it lies between their group's ends, looked at at PLACES."""
    return swept(
        wide=[0.9 if wide[0] <= place <= wide[1] else 0.1 for place in PLACES],
        narrow=[0.9 if narrow[0] <= place <= narrow[1] else 0.1 for place in PLACES],
    )


@settings(max_examples=25, deadline=None)
@given(low=st.floats(0.001, 1), high=st.floats(1, 5000), top=st.floats(1, 5000), span=st.booleans())
def test_no_reach_says_what_is_not_true_of_networks_whose_ends_lie_between_the_tries(low, high, top, span):
    wide, narrow = (low, high), (0.5, top)
    truth = high / low / (top / 0.5) if span else high / top

    for one, other, true in (("wide", "narrow", truth), ("narrow", "wide", 1 / truth)):
        found = Reach(one, other, span=span).estimate(coarse(wide, narrow))
        if math.isnan(found.value):
            assert all(ends[1] >= PLACES[-1] or (span and ends[0] <= PLACES[0]) for ends in (wide, narrow))
            continue
        assert found.low * (1 - 1e-9) <= true <= found.high * (1 + 1e-9)
        if found.bound == "at least":
            assert true >= found.value * (1 - 1e-9)
        if found.bound == "at most":
            assert true <= found.value * (1 + 1e-9)


def test_the_interval_of_a_reach_holds_the_mean_ratio_of_seeds_that_differ():
    random, tries, held = np.random.default_rng(5), 60, 0
    places = 10.0 ** np.arange(-1, 3.01, 0.25)
    for _ in range(tries):
        limits = {"wide": 10 ** random.normal(1.5, 0.3, 8), "narrow": 10 ** random.normal(0.3, 0.2, 8)}
        arms = {arm(f"{group} {place}", group=group, at=place): (place, limits[group]) for group in limits
                for place in places}  # fmt: skip
        measures = {
            one.name: [{"accuracy": 0.9 if place <= limit else 0.1, "chance": 0.0} for limit in ends]
            for one, (place, ends) in arms.items()
        }
        found = Reach("wide", "narrow").estimate(Evidence(measures, {one.name: one for one in arms}))
        held += found.bound == "" and found.low <= 10**1.2 <= found.high
    assert held >= 0.95 * tries
