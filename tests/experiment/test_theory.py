from __future__ import annotations

import math

import pytest
import torch
from scipy import integrate, stats

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.theory import ACTIVATIONS, gaussian_moments, gradient_factor, weight_variance
from bnviz.training import networks


def factor(**changes: object) -> float:
    return gradient_factor(ExperimentConfig(**changes)).value


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({"normalization": "batch"}, math.pi / (math.pi - 1)),
        ({"normalization": "batch", "activation": "tanh"}, 1.178),
        ({"normalization": "batch", "activation": "sigmoid"}, 1.034),
        ({"normalization": "batch", "activation": "linear"}, 1.0),
        ({"normalization": "layer"}, 1.0),
        ({"normalization": "none"}, 1.0),
        ({"normalization": "none", "init": "pytorch"}, 1 / 6),
        ({"normalization": "none", "init": "normal", "init_std": 0.5, "width": 8}, 8 * 0.25 / 2),
        ({"normalization": "none", "init": "normal", "init_std": 2 * math.sqrt(2 / 100)}, 4.0),
    ],
)
def test_the_known_factors_come_out(changes, value):
    assert factor(**changes) == pytest.approx(value, rel=5e-4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_moments_are_those_of_numerical_integration(activation):
    module = networks.ACTIVATIONS[activation]()

    def value(z: float) -> float:
        return module(torch.tensor(z, dtype=torch.float64)).item()

    def slope(z: float) -> float:
        at = torch.tensor(z, dtype=torch.float64, requires_grad=True)
        module(at).backward()
        return at.grad.item()

    def expect(f):
        return sum(
            integrate.quad(lambda z: f(z) * stats.norm.pdf(z), *part, limit=30, epsabs=1e-6)[0]
            for part in ((-9, 0), (0, 9))
        )

    oracle = expect(value), expect(lambda z: value(z) ** 2), expect(lambda z: slope(z) ** 2)

    assert gaussian_moments(activation) == pytest.approx(oracle, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("init", ["he", "xavier", "lecun", "pytorch", "normal"])
def test_the_weight_variance_is_that_of_the_drawn_weights(init):
    config = ExperimentConfig(init=init, width=300, hidden_layers=2)
    weights = networks.Network(config, 5, 2).hidden()[1].linear.weight

    assert weights.var().item() == pytest.approx(weight_variance(config), rel=0.02)


def test_a_multiplier_of_the_initial_weights_does_not_change_the_factor_under_batch_normalization():
    values = {factor(normalization="batch", init=init) for init in ("he", "xavier", "lecun", "pytorch", "normal")}

    assert len(values) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"normalization": "batch", "norm_position": "after"},
        {"normalization": "noisy_batch"},
        {"normalization": "none", "activation": "tanh"},
        {"normalization": "batch", "dropout": 0.1},
    ],
)
def test_nothing_is_said_where_theory_has_no_constant_factor(changes):
    assert gradient_factor(ExperimentConfig(**changes)) is None


def test_the_text_holds_the_number():
    assert "1.467 a layer for ||dL/dz||^2" in gradient_factor(ExperimentConfig(normalization="batch")).text
