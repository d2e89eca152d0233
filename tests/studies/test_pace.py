"""How long is left, with trainings whose lengths are known: an oracle is the sum of those that are to come."""

from __future__ import annotations

import random

import pytest

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.pace import ENOUGH, Pace, foreseen
from bnviz.studies.study import as_row
from bnviz.studies.trial import Trial
from tests.pages.studies import as_result


def trial(seed: int, depth: int, steps: int = 10) -> Trial:
    config = ExperimentConfig(seed=seed, data_seed=seed, hidden_layers=depth)
    return Trial(config=config, steps=steps, measures=("accuracy",))


def study(seeds: int, depths: tuple[int, ...]) -> list[Trial]:
    return [trial(seed, depth) for seed in range(seeds) for depth in depths]


def seconds(one: Trial) -> float:
    """Arms that differ a hundredfold, as a claim's do."""
    return {1: 0.1, 5: 10.0, 20: 3.0}[one.config.hidden_layers]


def test_nothing_is_said_before_there_is_evidence():
    trials = [trial(0, depth) for depth in range(1, 21)]
    pace = Pace.of(trials)
    for place, one in enumerate(trials[: ENOUGH + 1]):
        assert pace.seconds_left(1) is None, place
        pace.learn(one, 1.0, 1)
    assert pace.seconds_left(1) is not None


def test_a_worker_s_first_training_which_also_starts_things_up_tells_nothing():
    trials = study(3, (1, 5, 20))
    pace = Pace.of(trials)
    for one in trials[:2]:
        pace.learn(one, seconds(one) + 60.0, 2)
    assert pace.seconds_left(2) is None
    for one in trials[2:6]:
        pace.learn(one, seconds(one), 2)
    assert pace.seconds_left(2) == pytest.approx(sum(map(seconds, trials[6:])) / 2)


def test_arms_that_differ_a_hundredfold_are_each_expected_to_take_their_own_time():
    trials = study(6, (1, 5, 20))
    pace = Pace.of(trials)
    for place, one in enumerate(trials):
        if place > 3:
            assert pace.seconds_left(1) == pytest.approx(sum(map(seconds, trials[place:])))
        pace.learn(one, seconds(one), 1)
    assert pace.seconds_left(1) == 0.0


def test_a_map_s_cells_which_never_come_twice_are_estimated_by_depth_and_steps():
    depths = (1, 2, 3, 5, 8, 12, 16, 20)
    trials = [trial(0, depth, steps) for depth in depths for steps in (10, 20, 30)]
    noise = random.Random(0)
    times = [0.01 * one.steps * (1 + one.config.hidden_layers) * noise.uniform(0.8, 1.25) for one in trials]
    pace = Pace.of(trials)
    for place, (one, took) in enumerate(zip(trials, times, strict=True)):
        guess = pace.seconds_left(1)
        if place > ENOUGH:
            assert guess == pytest.approx(sum(times[place:]), rel=0.35), place
        pace.learn(one, took, 1)


def test_it_counts_down_while_a_training_runs_and_never_below_nothing():
    trials = study(4, (5,))
    pace = Pace.of(trials)
    for one in trials[:2]:
        pace.learn(one, 10.0, 1)
    assert [pace.seconds_left(1, since) for since in (0.0, 4.0, 1000.0)] == [20.0, 16.0, 0.0]


def test_more_workers_than_trainings_are_not_of_use():
    trials = study(3, (5,))
    pace = Pace.of(trials)
    for one in trials[:2]:
        pace.learn(one, 10.0, 1)
    assert pace.seconds_left(16) == 10.0


def test_before_anything_has_come_back_others_of_its_kind_tell_how_long_it_will_take():
    rows = [as_result(as_row(one, {})) | {"seconds": seconds(one)} for one in study(4, (1, 5, 20))]
    coming = [trial(seed, depth) for seed in (7, 8) for depth in (1, 5, 20)]
    assert foreseen(coming, rows, 1) == pytest.approx(sum(map(seconds, coming)))
    assert foreseen(coming, rows, 2) == pytest.approx(sum(map(seconds, coming)) / 2)
    assert foreseen(coming, [row | {"failure": "no good"} for row in rows], 1) is None
    assert foreseen(coming, [], 1) is None


def test_of_what_nobody_has_measured_it_is_foreseen_by_what_it_costs():
    rows = [as_result(as_row(trial(seed, 1), {})) | {"seconds": 1.0} for seed in range(ENOUGH)]
    assert foreseen([trial(0, 3), trial(0, 7)], rows, 1) == pytest.approx(2 + 4)  # seconds: 1 + depth, in halves
