from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from bnviz.experiment.config import ExperimentConfig
from bnviz.training.anatomy.mistakes import divided_by_variance
from bnviz.training.anatomy.steps import batch_norm_steps
from bnviz.training.facts import formula
from bnviz.training.unfold import Training

CONFIG = ExperimentConfig(
    hidden_layers=2, width=12, samples=200, batch_size=20, activation="tanh", normalization="batch", learning_rate=0.3
)


def trained(config: ExperimentConfig = CONFIG, steps: int = 7) -> Training:
    training = Training(config)
    for _ in range(steps):
        training.advance()
    return training


@pytest.mark.parametrize("position", ["before", "after"])
def test_the_values_are_what_the_next_step_gives_to_the_normalizations(position):
    training = trained(CONFIG.replace(norm_position=position))
    found = formula.norm_inputs(training)
    seen = []
    for block in training.network.hidden():
        block.norm.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].detach().double()))

    training.advance()

    torch.testing.assert_close(found, torch.stack(seen), rtol=0, atol=1e-5)


def test_division_by_the_variance_is_the_mistake_that_the_anatomy_page_shows():
    training = trained()
    values = formula.norm_inputs(training)
    wrong = torch.stack([divided_by_variance(layer).per_channel for layer in values])
    right = torch.stack([divided_by_variance(layer).per_channel_right for layer in values])

    assert formula.deviation_over_variance(training) == pytest.approx(float(wrong.log().mean().exp()))
    assert formula.deviation_over_root(training) == pytest.approx(float(right.log().mean().exp()))
    assert formula.deviation_over_root(training) == pytest.approx(1, abs=1e-3)


def test_only_the_root_of_the_variance_undoes_the_normalization():
    training = trained()
    values = formula.norm_inputs(training)
    missed = []
    for x in values:
        variance = x.var(0, correction=0)
        y = batch_norm_steps(x, variance, x.mean(0)).output
        missed.append(((y - x) / variance.sqrt()).square().mean())

    assert formula.undone_by_variance(training) == pytest.approx(math.sqrt(torch.stack(missed).mean()), rel=1e-6)
    assert formula.undone_by_root(training) < 1e-12


def test_the_smallest_deviation_is_that_of_torchs_own_layer_and_follows_the_formula():
    training = trained(CONFIG.replace(init="normal", init_std=1e-3), steps=0)
    layers = [nn.BatchNorm1d(12, affine=False).double()(x) for x in formula.norm_inputs(training)]

    found = formula.smallest_deviation(training)

    assert found == pytest.approx(min(float(y.std(0, correction=0).min()) for y in layers))
    assert found < 0.9
    assert formula.deviation_formula_error(training) < 1e-12


def test_asking_leaves_the_training_as_it_was():
    asked, other = trained(), trained()
    for name in ("deviation_over_variance", "undone_by_root", "smallest_deviation", "deviation_formula_error"):
        getattr(formula, name)(asked)

    for training in (asked, other):
        training.advance()

    for one, two in zip(asked.network.state_dict().values(), other.network.state_dict().values(), strict=True):
        assert torch.equal(one, two)
