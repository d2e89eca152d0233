from __future__ import annotations

import math

import numpy as np
import pytest

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.theory import gradient_factor
from bnviz.studies.measures import MEASURES, WATCHES
from bnviz.studies.trial import Trial, run_trial
from bnviz.training.comparison import Comparison
from bnviz.training.gradient_shift import gradient_shift
from bnviz.training.landscape import landscape
from bnviz.training.unfold import Training

CONFIG = ExperimentConfig(hidden_layers=3, width=16, samples=200, batch_size=20, normalization="batch")


def measured(config, steps, *names, every=5):
    return run_trial(Trial(config=config, steps=steps, measures=names, every=every))


def test_every_measure_gives_a_number_for_a_network_with_batch_normalization():
    found = measured(CONFIG.replace(dropout=0.1), 10, *MEASURES)

    assert set(found) == set(MEASURES)
    assert all(isinstance(value, float) for value in found.values())
    missing = {name for name, value in found.items() if math.isnan(value)}
    assert missing <= {"steps_to_90"}
    assert all(measure.doc and measure.watch in ("", *WATCHES) for measure in MEASURES.values())


def test_what_is_watched_on_the_way_changes_nothing_else():
    alone = measured(CONFIG, 20, "accuracy", "test_loss", "drift_path")

    together = measured(CONFIG, 20, "accuracy", "test_loss", "drift_path", "gradient_shift", "loss_range")

    assert {name: together[name] for name in alone} == alone


@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_gradients_grow_at_initialisation_as_theory_says(normalization):
    config = PRESETS["exploding-gradients"].arms[0].replace(width=128, normalization=normalization)
    theory = gradient_factor(config)
    assert theory is not None

    found = np.mean([measured(config.replace(seed=seed), 0, "gradient_growth")["gradient_growth"] for seed in (0, 1)])

    assert found == pytest.approx(theory.value, rel=0.08)


def test_the_gradient_that_is_left_is_the_first_hidden_layers_over_the_last_ones():
    comparison = Comparison([CONFIG], every=1)
    comparison.advance(steps=1)
    norms = comparison.histories[0]["gradient_z"][0]

    assert measured(CONFIG, 0, "gradient_left")["gradient_left"] == pytest.approx(float(norms[0] / norms[2]))


def test_a_gradient_that_vanishes_is_a_small_one_and_one_that_never_was_is_none():
    vanishing = CONFIG.replace(normalization="none", hidden_layers=12, init="normal", init_std=1e-3)
    without = vanishing.replace(hidden_layers=30)  # the activations underflow already, and ReLU lets nothing back

    assert 0 < measured(vanishing, 0, "gradient_left")["gradient_left"] < 1e-20
    assert math.isnan(measured(without, 0, "gradient_left")["gradient_left"])


def test_drift_is_what_the_history_shows():
    comparison = Comparison([CONFIG], every=1)
    comparison.advance(steps=11)
    history = comparison.histories[0]

    found = measured(CONFIG, 10, "drift_per_look", "drift_from_start", "drift_path", every=1)

    assert found["drift_per_look"] == pytest.approx(history["drift_last"][1:, -1].mean(), rel=1e-5)
    assert found["drift_from_start"] == pytest.approx(history["drift_start"][-1, -1])
    assert found["drift_path"] > 0
    assert math.isnan(measured(CONFIG, 0, "drift_per_look")["drift_per_look"])


def test_shift_and_landscape_are_those_of_the_looks():
    training, shifts, ranges = Training(CONFIG), [], []
    for step in range(11):
        if step % 5 == 0:
            shifts.append(gradient_shift(training).relative[1:-1].mean())
            ranges.append(landscape(training).range)
        training.advance()

    found = measured(CONFIG, 10, "gradient_shift", "loss_range")

    assert found["gradient_shift"] == pytest.approx(np.mean(shifts))
    assert found["loss_range"] == pytest.approx(np.median(ranges))


def test_looks_that_give_no_number_are_left_out():
    stuck = CONFIG.replace(normalization="none", init="normal", init_std=1e-6, hidden_layers=20)

    found = measured(stuck, 5, "gradient_cosine", "smoothness")

    assert all(math.isnan(value) or math.isfinite(value) for value in found.values())
