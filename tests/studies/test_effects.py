"""Each kind of effect on numbers that are made by hand, whatever any claim predicts."""

from __future__ import annotations

import math

import pytest

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


def test_a_group_that_trains_at_the_end_of_the_sweep_makes_a_bound():
    found = swept(wide=[0.1, 0.9, 0.9, 0.9], narrow=[0.9, 0.9, 0.1, 0.1])

    assert Reach("wide", "narrow").estimate(found).bound == "at least"
    assert Reach("narrow", "wide").estimate(found).bound == "at most"


def test_a_span_that_begins_at_the_first_place_is_a_bound_too():
    found = swept(wide=[0.9, 0.9, 0.9, 0.1], narrow=[0.1, 0.9, 0.1, 0.1])

    assert Reach("wide", "narrow", span=True).estimate(found).bound == "at least"
    assert Reach("wide", "narrow", span=True).estimate(found).value == pytest.approx(100)
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
