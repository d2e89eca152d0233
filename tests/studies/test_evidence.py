"""What the shipped verdicts rest on, measured again: long trainings of several seeds."""

from __future__ import annotations

import dataclasses

import pytest

from bnviz.studies.catalogue import CLAIMS
from bnviz.studies.study import Finding, as_row
from bnviz.studies.trial import run_trial

pytestmark = pytest.mark.slow
SEEDS = range(5)


def measure(claim: str, experiment: str) -> Finding:
    """One experiment of a claim, measured by this process."""
    chosen = next(one for one in CLAIMS[claim].experiments if one.key == experiment)
    trials = {trial.key: trial for arm in chosen.arms for seed in SEEDS for trial in [arm.seeded(seed)]}
    rows = [as_row(trial, run_trial(trial)) for trial in trials.values()]
    return chosen.find({row["key"]: row["measures"] for row in rows}, list(SEEDS))


def test_batch_normalization_reaches_ninety_percent_at_least_six_times_sooner():
    found = measure("faster", "sigmoid")

    assert found.low >= 6
    assert found.bound == ""


def test_a_well_initialised_network_is_about_as_fast_without():
    found = measure("faster", "well-initialised")

    assert 0.67 < found.low < found.high < 1.5


def test_the_largest_learning_rate_of_deep_relu_layers_is_several_times_larger():
    found = measure("higher-learning-rates", "relu")

    assert found.low >= 5
    assert found.outcome == "borne out"


def test_the_span_of_initial_weights_that_train_is_ten_times_wider():
    assert measure("initialisation", "span").low >= 10


def test_batches_of_two_are_too_small_for_batch_normalization_and_not_for_layer_normalization():
    assert measure("any-batch-size", "two").high < -0.1
    assert measure("any-batch-size", "others").high < -0.1


def test_noisy_batch_normalization_drifts_more_than_none_and_is_about_as_fast_as_batch_normalization():
    assert measure("because-of-shift", "none-step").low > 2
    assert measure("because-of-shift", "drift-start").low > 1.25
    found = measure("because-of-shift", "noisy")
    assert 0.5 < found.low < found.high < 2
    assert measure("because-of-shift", "plain").low > 5


def test_behind_noisy_batch_normalization_the_shift_is_the_noise_and_is_there_with_weights_that_hold_still():
    arms = {arm.name: arm for arm in CLAIMS["because-of-shift"].arms if "drift_path" in arm.trial.measures}
    noisy, plain = arms["noisy BN"], arms["without BN"]

    def drift(arm, learning_rate: float) -> dict[str, float]:
        config = arm.trial.config.replace(learning_rate=learning_rate)
        return run_trial(dataclasses.replace(arm.trial, config=config))

    still, learning = drift(noisy, 1e-8), drift(noisy, noisy.trial.config.learning_rate)
    for measure in ("drift_path", "drift_per_look", "drift_from_start"):
        assert 0.75 < still[measure] / learning[measure] < 1.25
        assert drift(plain, 1e-8)[measure] < 1e-6
