"""What is measured on the next step leaves the run as it was: nothing moves, and it goes on as it would have."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from bnviz.experiment.config import NORMALIZATIONS, ExperimentConfig, Intervention
from bnviz.experiment.snapshot import Divergence
from bnviz.training.comparison import Comparison
from bnviz.training.gradient_shift import gradient_shift
from bnviz.training.landscape import landscape
from bnviz.training.unfold import Training

SMALL = ExperimentConfig(dataset="xor", noise=0.1, hidden_layers=2, width=8, batch_size=64, seed=4, samples=200)
CASES: dict[str, dict[str, Any]] = {
    **{kind: {"normalization": kind, "dropout": 0.2} for kind in NORMALIZATIONS},
    **{name: {"activation": name, "normalization": "batch"} for name in ("leaky_relu", "tanh", "sigmoid", "gelu")},
    "momentum": {"normalization": "batch", "momentum": 0.9, "weight_decay": 0.01},
    "adam": {"normalization": "noisy_batch", "optimizer": "adam", "learning_rate": 0.01, "norm_position": "after"},
    "a cumulative mean": {"normalization": "batch", "norm_momentum": 1.0, "norm_affine": False},
    "a switch to come": {"momentum": 0.5, "interventions": (Intervention(step=5, normalization="batch"),)},
    "a switch that was": {
        "normalization": "noisy_batch", "momentum": 0.5, "interventions": (Intervention(step=3, normalization="none"),),
    },
    "divergence": {"learning_rate": 1e4, "hidden_layers": 8, "activation": "linear"},
}  # fmt: skip

FIELDS = (
    "loss", "learning_rate", "test_accuracy", "percentiles", "histogram", "batch_mean", "running_mean", "gamma",
    "gradient_z", "gradient_weight", "update_ratio", "drift_last", "unit_percentiles",
)  # fmt: skip


def state(training: Training) -> dict[str, Any]:
    """All that a training holds, by name, copied."""
    found: dict[str, Any] = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}
    for name, parameter in training.network.named_parameters():
        found[f"{name} gradient"] = None if parameter.grad is None else parameter.grad.clone()
        found[f"{name} is learnt"] = parameter.requires_grad
        for key, value in training.optimizer.state.get(parameter, {}).items():
            found[f"{name} {key}"] = value.clone()
    for number, block in enumerate(training.network.hidden()):
        for source in (getattr(block.dropout, "source", None), getattr(block.norm, "noise", None)):
            found[f"random numbers of {number}, {type(source)}"] = None if source is None else source.get_state()
    found["order"] = training._order.get_state()
    found["torch's own random numbers"] = torch.get_rng_state()
    found["modes"] = [module.training for module in training.network.modules()]
    found["hooks"] = [len(module._forward_hooks) for module in training.network.modules()]
    found["parts"] = [id(part) for part in (training.network, training.optimizer, training.capture, training.data)]
    found["where"] = [training.step, training.learning_rate, training.normalization, training._position]
    found["diverged"] = training.diverged
    return found


def assert_equal(ours: dict[str, Any], others: dict[str, Any]) -> None:
    assert ours.keys() == others.keys()
    for name, value in ours.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value.view(-1).view(torch.uint8), others[name].view(-1).view(torch.uint8)), name
        else:
            assert value == others[name], name


def measure(training: Training) -> None:
    gradient_shift(training)
    landscape(training)


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
@pytest.mark.parametrize("steps", [0, 3, 5])  # an epoch has two batches: 3 and 5 lie in the middle of one
def test_measuring_changes_nothing_that_a_training_holds(changes, steps):
    training = Training(SMALL.replace(**changes))
    for _ in range(steps):
        if training.diverged is None:
            training.advance()
    before = state(training)
    measure(training)

    assert_equal(before, state(training))


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_a_run_that_is_measured_at_every_step_goes_on_as_one_that_is_not_to_the_last_bit(changes):
    arms = [SMALL.replace(**changes), SMALL.replace(**changes, seed=5)]
    measured, alone = Comparison(arms, every=1), Comparison(arms, every=1)
    for _ in range(8):
        for training in measured.trainings:
            measure(training)
        measured.advance(steps=1)
        alone.advance(steps=1)

    for one, other in zip(measured.histories, alone.histories, strict=True):
        np.testing.assert_array_equal(one["step"], other["step"])
        for name in FIELDS:
            assert (name in one) == (name in other)
            if name not in one:
                continue
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    for one, other in zip(measured.trainings, alone.trainings, strict=True):
        assert_equal({**state(one), "parts": 0}, {**state(other), "parts": 0})


def test_the_rehearsed_step_is_the_one_that_comes(batches):
    config = SMALL.replace(
        interventions=(Intervention(step=2, normalization="batch"), Intervention(step=2, learning_rate=0.7))
    )
    training = Training(config)
    source = batches(config)
    for step in range(4):
        rehearsal = training.rehearse()
        x, y = next(source)

        assert rehearsal.step == step
        assert torch.equal(rehearsal.x, x)
        assert torch.equal(rehearsal.y, y)
        snapshot = training.advance(capture=True)
        assert rehearsal.loss().item() == snapshot.loss
        assert rehearsal.learning_rate == snapshot.learning_rate == (0.1 if step < 2 else 0.7)
        assert (rehearsal.network.hidden()[0].norm is None) == (step < 2)


@pytest.mark.parametrize("normalization", ["none", "noisy_batch"])
def test_its_random_numbers_are_those_of_the_next_step_as_often_as_asked(normalization):
    training = Training(SMALL.replace(dropout=0.5, normalization=normalization))
    rehearsal = training.rehearse()
    losses = [rehearsal.loss().item() for _ in range(3)]

    assert losses == [training.advance(capture=True).loss] * 3
    assert training.rehearse().loss().item() != losses[0]


@pytest.mark.parametrize(
    ("where", "said"), [("hidden layer 2", "hidden layer 2"), ("output layer", "the output layer")]
)
def test_a_broken_network_is_not_measured_and_says_where_it_broke(where, said):
    rehearsal = dataclasses.replace(Training(SMALL).rehearse(), diverged=Divergence(7, 1, where))

    assert rehearsal.why_not == f"this network diverged at step 7, in {said}"


def test_a_copy_of_a_copy_is_as_good():
    rehearsal = Training(SMALL.replace(dropout=0.5)).rehearse()

    assert copy.deepcopy(rehearsal).loss().item() == rehearsal.loss().item()
