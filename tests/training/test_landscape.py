from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bnviz.experiment.config import Intervention
from bnviz.training.landscape import MULTIPLES, landscape
from bnviz.training.unfold import Training
from tests.training.test_gradient_shift import SMALL, gradients, trained


def step_by_step(training: Training, multiples) -> dict[str, list[float]]:
    """The line, a whole copy for each of its points."""
    ahead = copy.deepcopy(training)
    x, y = ahead._next_batch()
    ahead._intervene(x)
    before = gradients(ahead.network, x, y)
    found: dict[str, list[float]] = {"losses": [], "distances": [], "changes": []}
    for multiple in multiples:
        there = copy.deepcopy(ahead.network)
        with torch.no_grad():
            for parameter, gradient in zip(there.parameters(), before, strict=True):
                parameter.sub_(multiple * ahead.learning_rate * gradient)
        moved = [one - other for one, other in zip(gradients(there, x, y), before, strict=True)]
        found["changes"].append(float(torch.cat([tensor.double().ravel() for tensor in moved]).norm()))
        length = torch.cat([tensor.double().ravel() for tensor in before]).norm()
        found["distances"].append(float(length) * multiple * ahead.learning_rate)
        found["losses"].append(F.cross_entropy(there(x), y).item())
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"normalization": "batch", "activation": "relu", "init": "he"},
        {"normalization": "batch", "norm_position": "after", "optimizer": "adam", "learning_rate": 0.01},
        {"normalization": "layer", "activation": "sigmoid", "momentum": 0.9},
        {"normalization": "group", "norm_groups": 2, "weight_decay": 0.1},
        {"normalization": "noisy_batch", "dropout": 0.3},
        {"interventions": (Intervention(step=7, normalization="batch"), Intervention(step=7, learning_rate=0.5))},
    ],
    ids=str,
)
def test_it_is_what_copies_meet_that_take_the_steps_one_by_one(changes):
    training = trained(SMALL.replace(**changes))
    expected = step_by_step(training, MULTIPLES)
    found = landscape(training)

    assert (found.step, found.reason, found.multiples.tolist()) == (7, None, list(MULTIPLES))
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(found, name), values, rtol=2e-4, err_msg=name)
    assert found.minimum == pytest.approx(min(expected["losses"]), rel=1e-5)
    assert found.maximum == pytest.approx(max(expected["losses"]), rel=1e-5)
    assert found.range == pytest.approx(max(expected["losses"]) - min(expected["losses"]), rel=1e-3, abs=1e-6)
    ratios = np.divide(expected["changes"], expected["distances"])
    assert found.smoothness == pytest.approx(ratios.max(), rel=2e-4)


def test_a_step_of_once_the_learning_rate_is_the_next_training_step_itself():
    training = trained(SMALL)
    found = landscape(training, (1.0,))
    x, y = copy.deepcopy(training)._next_batch()
    training.advance()

    assert found.losses[0] == pytest.approx(F.cross_entropy(training.network(x), y).item(), rel=1e-6)


def test_smoothness_is_the_curvature_where_the_loss_is_a_bowl():
    """For tiny steps the change over the distance is ||H g|| / ||g||, here by two backward passes."""
    training = trained(SMALL, 3)
    found = landscape(training, (1e-2,))
    x, y = copy.deepcopy(training)._next_batch()
    network = copy.deepcopy(training.network).double()
    parameters = list(network.parameters())
    gradient = torch.autograd.grad(F.cross_entropy(network(x.double()), y), parameters, create_graph=True)
    product = sum((g * g.detach()).sum() for g in gradient)
    curved = torch.cat([part.ravel() for part in torch.autograd.grad(product, parameters)])
    length = torch.cat([g.detach().ravel() for g in gradient]).norm()

    assert found.smoothness == pytest.approx(float(curved.norm() / length), rel=0.02)


def test_the_loss_falls_at_first_against_the_gradient():
    found = landscape(trained(SMALL), (0.01, 0.02))

    assert found.start > found.losses[0] > found.losses[1]
    assert found.start - found.losses[0] == pytest.approx(found.gradient**2 * 0.01 * SMALL.learning_rate, rel=0.02)


def test_a_broken_network_gives_no_numbers_and_says_where_it_broke():
    training = Training(SMALL.replace(hidden_layers=8, activation="linear", learning_rate=1e4))
    while training.diverged is None:
        unnoticed = landscape(training)
        training.advance()
    found = landscape(training)

    assert unnoticed.reason == "the loss is not finite at this step"
    assert found.reason == f"this network diverged at step {training.step}, in {training.diverged.where}"
    for broken in (unnoticed, found):
        assert broken.multiples.tolist() == list(MULTIPLES)
        numbers = [broken.start, broken.minimum, broken.maximum, broken.range, broken.smoothness, broken.gradient]
        assert np.isnan([*numbers, *broken.losses, *broken.distances, *broken.changes]).all()


def test_where_the_line_leaves_the_floats_the_finite_part_stays_and_the_rest_is_explained():
    training = trained(SMALL.replace(activation="linear", hidden_layers=8, learning_rate=1.0), 0)
    found = landscape(training, (1e-3, 1e9, 1e12))

    assert np.isfinite(found.losses[0])
    assert np.isnan([found.minimum, found.maximum, found.range, found.smoothness]).all()
    assert found.reason == "the loss or its gradient is not finite at 1e+09 times the learning rate"


def test_where_no_weight_moves_there_is_no_way_to_look_along():
    training = trained(SMALL.replace(learning_rate=1e-8))
    with torch.no_grad():
        for parameter in training.network.parameters():
            parameter.fill_(1.0)  # steps of 1e-10 are lost beside it
    found = landscape(training)

    assert found.gradient > 0
    assert (found.losses == found.start).all()
    assert (found.range, np.isnan(found.smoothness)) == (0, True)
    assert "too small to move the weights" in found.reason


@pytest.mark.parametrize(
    "multiples", [(), (0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (-1.0,), (np.nan,), (np.inf,), range(1, 200)]
)
def test_a_line_has_rising_positive_points(multiples):
    with pytest.raises(ValueError, match="positive numbers in rising order"):
        landscape(Training(SMALL), multiples)
