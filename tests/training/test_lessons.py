"""What each lesson says, measured over five seeds."""

from __future__ import annotations

import numpy as np
import pytest

from bnviz.experiment.history import History
from bnviz.experiment.presets import PRESETS
from bnviz.training.comparison import Comparison
from bnviz.training.datasets import load

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("seed", range(5))]


def lesson(name: str, seed: int, steps: int, every: int = 5) -> list[History]:
    comparison = Comparison([arm.replace(seed=seed) for arm in PRESETS[name].arms], every=every)
    comparison.advance(steps=steps + 1)
    return comparison.histories


def steps_to(history: History, accuracy: float) -> float:
    """The first captured step at which the test accuracy is reached; infinite where it never is."""
    reached = history["test_accuracy"] >= accuracy
    return float(history["step"][reached.argmax()]) if reached.any() else np.inf


def median_path(history: History, until: int) -> float:
    """How far the medians of the last layer's traced units travel, in units of their own spread (15th to 85th)."""
    rows = history["unit_percentiles"][history["step"] <= until, -1].astype(float)
    spread = rows[:-1, :, 2] - rows[:-1, :, 0]
    return float((np.abs(np.diff(rows[..., 1], axis=0)) / spread).sum(0).mean())


def accuracy(history: History, recent: int = 5) -> float:
    return float(np.median(history["test_accuracy"][-recent:]))


def chance(name: str) -> float:
    return load(PRESETS[name].arms[0]).chance


def test_headline_reaches_ninety_percent_six_times_sooner_with_batch_normalization(seed):
    plain, normed = lesson("headline", seed, 700, every=1)

    assert steps_to(normed, 0.9) <= 60
    assert 300 <= steps_to(plain, 0.9) <= 600
    assert steps_to(plain, 0.9) >= 6 * steps_to(normed, 0.9)


def test_headline_drifts_many_times_more_without_batch_normalization(seed):
    plain, normed = lesson("headline", seed, 100, every=1)

    assert median_path(plain, 100) > 20 * median_path(normed, 100)
    assert plain["drift_start"][-1, -1] > 3 * normed["drift_start"][-1, -1]


def test_noisy_batch_normalization_drifts_more_than_none_a_step_and_learns_as_fast_as_batch_normalization(seed):
    plain, normed, noisy = lesson("noisy-batch", seed, 100, every=1)

    assert noisy["drift_last"][1:, -1].mean() > 7 * plain["drift_last"][1:, -1].mean()
    assert steps_to(noisy, 0.9) <= 40
    assert steps_to(noisy, 0.9) <= 1.5 * steps_to(normed, 0.9)
    assert steps_to(plain, 0.9) == np.inf


def test_circles_stay_at_chance_without_and_are_closed_with_batch_normalization(seed):
    plain, normed = lesson("circles", seed, 600)

    assert plain["test_accuracy"].max() <= chance("circles") + 0.02
    assert normed["test_accuracy"].max() >= 0.98
    assert accuracy(normed) >= 0.9  # this late, at this rate, it still sways
    picture = plain.sparse("surface")[int(plain.ids[-1])] // 64
    ring = normed.sparse("surface")[int(normed.ids[-1])] // 64
    assert len(np.unique(picture)) == 1
    assert ring[16, 16] != ring[0, 0]
    assert len({int(ring[corner]) for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1))}) == 1


def test_spirals_break_the_plain_network_within_ten_steps_and_are_solved_with_batch_normalization(seed):
    plain, normed = lesson("spirals", seed, 600)

    assert plain.diverged is not None
    assert plain.diverged.step <= 12
    assert normed.diverged is None
    assert accuracy(normed) >= 0.95


def test_a_learning_rate_of_1_breaks_the_plain_network_and_trains_the_other(seed):
    plain, normed = lesson("learning-rate", seed, 300)

    assert plain.diverged is not None
    assert plain.diverged.step <= 8
    assert accuracy(normed) >= 0.95


def test_small_initial_weights_shrink_the_signal_and_hold_the_plain_network_at_chance(seed):
    plain, normed = lesson("initialisation", seed, 300)

    assert plain["test_accuracy"].max() <= chance("initialisation") + 0.02
    assert normed["test_accuracy"].max() >= 0.95
    assert plain["deviation"][0, 2, -1] < 1e-4 * plain["deviation"][0, 2, 0]
    np.testing.assert_allclose(normed["deviation"][0, 1], 1, atol=0.03)


def test_gradients_grow_with_depth_in_the_lesson_that_says_so(seed):
    plain, normed = lesson("exploding-gradients", seed, 0)
    factors = [(h["gradient_z"][0, 5] / h["gradient_z"][0, 17]) ** (2 / 12) for h in (plain, normed)]

    assert factors == pytest.approx([1, 1.467], rel=0.06)


def test_batch_normalization_lags_at_batches_of_two_where_the_others_do_not_care(seed):
    two, thirty_two, group, layer = lesson("small-batch", seed, 1000, every=20)

    assert accuracy(two) < 0.75
    assert two["test_accuracy_train_mode"][-1] < 0.6
    assert min(accuracy(thirty_two), accuracy(group), accuracy(layer)) > 0.9


def test_a_well_initialised_network_learns_as_fast_without(seed):
    plain, normed = lesson("no-difference", seed, 300)

    assert abs(accuracy(plain) - accuracy(normed)) < 0.02
    assert 0.5 < steps_to(plain, 0.9) / steps_to(normed, 0.9) < 2
