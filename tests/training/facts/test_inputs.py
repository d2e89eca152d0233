from __future__ import annotations

import pytest
import torch

from bnviz.experiment.config import ExperimentConfig
from bnviz.training.facts import inputs
from bnviz.training.unfold import Training

CONFIG = ExperimentConfig(hidden_layers=2, width=16, samples=200, batch_size=20, normalization="batch")


def test_permuted_labels_move_the_weights_and_never_the_statistics():
    training = Training(CONFIG)

    assert inputs.statistics_moved_by_labels(training) == 0
    assert inputs.weights_moved_by_labels(training) > 1e-3


def test_other_inputs_would_move_the_statistics():
    one, other = (inputs._with_permuted_labels(CONFIG.replace(data_seed=seed))[0] for seed in (0, 1))

    assert float((inputs._statistics(one) - inputs._statistics(other)).abs().max()) > 1e-3


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_company_counts_in_train_mode_with_batch_normalization_alone(normalization):
    training = Training(CONFIG.replace(normalization=normalization))
    for _ in range(5):
        training.advance()

    assert inputs.company_in_eval_mode(training) == pytest.approx(0, abs=1e-6)
    moved = inputs.company_in_train_mode(training)
    assert moved > 0.05 if normalization == "batch" else moved == pytest.approx(0, abs=1e-6)


def test_a_test_samples_company_are_training_samples_in_a_batch_of_the_usual_size(monkeypatch):
    training, seen = Training(CONFIG), []
    observe = training.network.observe

    def noted(batch, *arguments, **options):
        seen.append(batch)
        return observe(batch, *arguments, **options)

    monkeypatch.setattr(training.network, "observe", noted)
    inputs.company_in_train_mode(training)

    assert len(seen) == inputs.WATCHED * inputs.COMPANIES
    known = {tuple(row.tolist()) for row in training.data.train_x}
    for index, batch in enumerate(seen):
        assert len(batch) == CONFIG.batch_size
        assert torch.equal(batch[0], training.data.test_x[index // inputs.COMPANIES])
        assert {tuple(row.tolist()) for row in batch[1:]} <= known
        assert len({tuple(row.tolist()) for row in batch[1:]}) == CONFIG.batch_size - 1


def test_dropout_loses_no_samples_unless_it_drops_all_that_a_sample_has():
    usual = Training(CONFIG.replace(dropout=0.5, activation="tanh"))
    drastic = Training(CONFIG.replace(dropout=0.95, activation="tanh", width=2, hidden_layers=1, batch_size=150))

    assert inputs.samples_lost(usual) == 0
    assert inputs.samples_lost(drastic) == pytest.approx(0.95**2, abs=0.1)


def test_dropout_zeroes_its_share_of_activations_in_train_mode_alone():
    training = Training(CONFIG.replace(dropout=0.3, activation="tanh"))

    assert inputs.activations_zeroed(training) == pytest.approx(0.3, abs=0.05)
    assert inputs.activations_zeroed_in_eval_mode(training) == 0


def test_asking_leaves_the_training_as_it_was():
    asked, other = (Training(CONFIG.replace(dropout=0.3)) for _ in range(2))
    for name in ("statistics_moved_by_labels", "company_in_train_mode", "samples_lost", "activations_zeroed"):
        getattr(inputs, name)(asked)

    for training in (asked, other):
        training.advance()

    for one, two in zip(asked.network.state_dict().values(), other.network.state_dict().values(), strict=True):
        assert torch.equal(one, two)
