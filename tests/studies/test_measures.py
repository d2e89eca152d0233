from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.theory import gradient_factor
from bnviz.studies import measures
from bnviz.studies.measures import MEASURES, WATCHES, Run
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
    rows = np.asarray(history["unit_percentiles"], float)[:, -1]
    moves = np.abs(rows[1:, :, 1] - rows[:-1, :, 1]) / (rows[:-1, :, 2] - rows[:-1, :, 0])
    assert found["drift_path"] == pytest.approx(moves.sum(0).mean(), rel=1e-5)
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


def observed(**looks):
    """A run whose watched objects are made by hand."""
    watched = {name: [SimpleNamespace(**one) for one in values] for name, values in looks.items()}
    return Run(SimpleNamespace(), SimpleNamespace(diverged=None), watched=watched)


def test_looks_that_give_no_number_are_left_out():
    ranges = [{"range": math.nan}, {"range": 1.0}, {"range": math.inf}, {"range": 4.0}, {"range": 2.0}]

    assert MEASURES["loss_range"].read(observed(landscape=ranges)) == 2
    assert math.isnan(MEASURES["loss_range"].read(observed(landscape=ranges[:1])))
    shifts = [{"relative": np.array([0.0, inner, 0.0])} for inner in (1.0, math.nan, 3.0)]
    assert MEASURES["gradient_shift"].read(observed(shift=shifts)) == 2


def run(diverged=None, **paths):
    """A run whose snapshots hold these quantities, one entry a look."""
    looks = [dict(zip(paths, values, strict=True)) for values in zip(*paths.values(), strict=True)]
    snapshots = [SimpleNamespace(step=step, values=values) for step, values in enumerate(looks)]
    training = SimpleNamespace(diverged=diverged, data=SimpleNamespace(chance=0.1))
    return Run(SimpleNamespace(), training, snapshots)


def test_the_way_of_the_medians_is_in_spreads_of_where_each_step_begins():
    first, second, third = [[0, 1, 2]], [[0, 3, 4]], [[5, 5, 15]]  # one unit: 15th, 50th, 85th percentile
    other = [[9, 9, 9]]  # of a lower layer
    paths = [[other, one] for one in (first, second, third)]

    assert measures.drift_path(run(unit_percentiles=paths)) == pytest.approx(2 / 2 + 2 / 4)


def test_the_way_of_the_medians_is_the_mean_over_units():
    paths = [[[[0, 1, 2], [0, 1, 2]]], [[[0, 3, 4], [0, 1, 2]]]]

    assert measures.drift_path(run(unit_percentiles=paths)) == pytest.approx((1 + 0) / 2)


def test_a_network_that_broke_is_worth_a_guess_however_good_it_was_before():
    accuracies = [0.9] * 6

    assert measures.final(run(test_accuracy=accuracies)) == pytest.approx(0.9)
    assert measures.final(run("at step 7", test_accuracy=accuracies)) == 0.1


def test_the_accuracy_at_the_end_is_the_median_of_the_last_five_looks():
    assert measures.final(run(test_accuracy=[0.0, 0.0, 0.5, 0.6, 0.7, 0.8, 0.1])) == pytest.approx(0.6)


def test_growth_is_told_without_the_first_five_and_the_last_two_layers_of_deep_networks():
    inner = [16.0, 8.0, 4.0, 2.0, 1.0]  # halved from layer to layer: squared, four times a layer towards the input
    norms = [1e9, 1e-9, 1e9, 1e-9, 1e9, *inner, 1e5, 1e-5, 7.0]  # the last is the output layer's

    assert measures.gradient_growth(run(gradient_z=[norms, [1.0] * 13])) == pytest.approx(4)


def test_growth_is_told_by_all_hidden_layers_of_shallow_networks():
    assert measures.gradient_growth(run(gradient_z=[[9.0, 3.0, 1.0, 50.0]])) == pytest.approx(9)
