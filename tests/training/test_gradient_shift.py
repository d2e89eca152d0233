from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.training.gradient_shift import gradient_shift
from bnviz.training.unfold import Training

SMALL = ExperimentConfig(dataset="moons", noise=0.2, hidden_layers=3, width=8, batch_size=32, activation="tanh", seed=2)


def trained(config: ExperimentConfig, steps: int = 7) -> Training:
    training = Training(config)
    for _ in range(steps):
        training.advance()
    return training


def gradients(network, x, y) -> list[torch.Tensor]:
    """Plain autograd through a copy, whose generators are where the next step's are."""
    fresh = copy.deepcopy(network)
    F.cross_entropy(fresh(x), y).backward()
    return [parameter.grad for parameter in fresh.parameters()]


def by_definition(training: Training) -> tuple[list[float], list[float], list[float]]:
    """Definition 2.1, a whole copy for each layer, without a word from the code under test."""
    ahead = copy.deepcopy(training)
    x, y = ahead._next_batch()
    ahead._intervene(x)
    network, rate = ahead.network, ahead.learning_rate
    before = gradients(network, x, y)
    names = [name for name, _ in network.named_parameters()]
    absolute, relative, cosine = [], [], []
    for layer in range(training.config.hidden_layers + 1):
        stepped = copy.deepcopy(network)
        below = tuple(f"blocks.{number}." for number in range(layer))
        with torch.no_grad():
            for (name, parameter), gradient in zip(stepped.named_parameters(), before, strict=True):
                if name.startswith(below):
                    parameter.sub_(rate * gradient)
        weight = "output.weight" if layer == training.config.hidden_layers else f"blocks.{layer}.linear.weight"
        index = names.index(weight)
        one = before[index].double().ravel()
        other = gradients(stepped, x, y)[index].double().ravel()
        absolute.append(float((one - other).norm()))
        relative.append(float((one - other).norm() / one.norm()))
        cosine.append(float(one @ other / one.norm() / other.norm()))
    return absolute, relative, cosine


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"normalization": "batch"},
        {"normalization": "batch", "norm_position": "after", "activation": "relu", "init": "he"},
        {"normalization": "batch", "norm_affine": False, "activation": "gelu"},
        {"normalization": "layer", "optimizer": "adam", "learning_rate": 0.01},
        {"normalization": "group", "norm_groups": 2, "momentum": 0.9, "weight_decay": 0.01},
        {"normalization": "noisy_batch", "dropout": 0.3},
        {"hidden_layers": 1, "activation": "sigmoid", "dropout": 0.5},
        {"normalization": "batch", "interventions": (Intervention(step=3, normalization="none"),)},
        {"interventions": (Intervention(step=7, normalization="batch"), Intervention(step=7, learning_rate=0.5))},
    ],
    ids=str,
)
def test_it_is_the_definition_computed_by_plain_autograd_on_copies(changes):
    training = trained(SMALL.replace(**changes))
    absolute, relative, cosine = by_definition(training)
    found = gradient_shift(training)

    assert (found.step, found.reason) == (7, None)
    assert max(relative) > 1e-3, "there is something to compare"
    np.testing.assert_allclose(found.absolute, absolute, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(found.relative, relative, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.cosine, cosine, rtol=1e-5)


@pytest.mark.parametrize("normalization", ["none", "batch", "noisy_batch"])
def test_the_first_layer_has_none_below_and_does_not_shift(normalization):
    found = gradient_shift(trained(SMALL.replace(normalization=normalization)))

    assert (found.absolute[0], found.relative[0], found.cosine[0]) == (0, 0, 1)
    assert (found.relative[1:] > 0).all()


def test_it_vanishes_with_the_learning_rate_in_proportion():
    shifts = [gradient_shift(trained(SMALL.replace(learning_rate=rate), 0)).relative[1:] for rate in (1e-3, 1e-2)]

    np.testing.assert_allclose(shifts[1] / shifts[0], 10, rtol=0.1)


def test_noise_and_dropout_alone_are_no_shift():
    config = SMALL.replace(normalization="noisy_batch", dropout=0.4, learning_rate=1e-8)

    assert gradient_shift(trained(config)).relative.max() < 1e-5


def test_a_layer_without_a_gradient_has_no_direction_that_could_turn():
    training = trained(SMALL.replace(activation="relu"))
    with torch.no_grad():
        training.network.hidden()[1].linear.bias.fill_(-1e6)  # every unit of the second layer is dead
    found = gradient_shift(training)

    assert found.reason is None
    np.testing.assert_array_equal(found.absolute[:3], 0)
    np.testing.assert_array_equal(found.relative[:3], [0, np.nan, np.nan])
    np.testing.assert_array_equal(found.cosine[:3], [1, np.nan, np.nan])


def test_a_broken_network_gives_no_numbers_and_says_where_it_broke():
    training = Training(SMALL.replace(hidden_layers=8, activation="linear", learning_rate=1e4))
    while training.diverged is None:
        unnoticed = gradient_shift(training)
        training.advance()
    found = gradient_shift(training)

    assert unnoticed.reason == "the loss is not finite at this step"
    assert found.reason == f"this network diverged at step {training.step}, in {training.diverged.where}"
    for broken in (unnoticed, found):
        assert [len(column) for column in (broken.absolute, broken.relative, broken.cosine)] == [9, 9, 9]
        assert np.isnan([broken.absolute, broken.relative, broken.cosine]).all()


def test_steps_that_overflow_are_named_and_raise_nothing():
    training = trained(
        SMALL.replace(activation="relu", hidden_layers=6, init="normal", init_std=10.0, learning_rate=1e4), 0
    )
    found = gradient_shift(training)

    assert not np.isfinite(found.absolute).all()
    assert "infinite" in found.reason
