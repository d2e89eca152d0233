from __future__ import annotations

import pytest
import torch
from torch import nn

from bnviz.experiment.config import ExperimentConfig
from bnviz.training.facts import convolutions
from bnviz.training.facts.convolutions import CHANNELS, Convolutional, convolutional_accuracy
from bnviz.training.unfold import Training

CONFIG = ExperimentConfig(hidden_layers=2, samples=200, batch_size=20)


@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_the_network_is_the_one_that_torchs_own_layers_make(normalization):
    ours = Convolutional(CONFIG.replace(normalization=normalization, activation="tanh"), 10)
    layers = []
    for kernel in ours.kernels:
        layer = nn.Conv2d(kernel.in_features // 9, CHANNELS, 3, padding=1)
        layer.load_state_dict({"weight": kernel.weight.view_as(layer.weight), "bias": kernel.bias})
        layers += [layer, nn.BatchNorm2d(CHANNELS) if normalization == "batch" else nn.Identity(), nn.Tanh()]
    theirs = nn.Sequential(*layers, nn.Flatten(), ours.output)
    images = torch.randn((5, 1, 8, 8), generator=torch.Generator().manual_seed(0))

    torch.testing.assert_close(ours(images), theirs(images))


def test_kernels_are_drawn_for_their_nine_places():
    network = Convolutional(CONFIG.replace(hidden_layers=3), 10)

    assert float(network.kernels[1].weight.detach().std()) == pytest.approx((2 / (9 * CHANNELS)) ** 0.5, rel=0.1)
    assert not network.kernels[1].bias.any()


def test_convolutions_learn_digits_and_equal_configurations_learn_equally(monkeypatch):
    monkeypatch.setattr(convolutions, "STEPS", 60)
    training = Training(CONFIG.replace(normalization="batch", learning_rate=0.3))

    assert convolutional_accuracy(training) == convolutional_accuracy(training) > 0.6


def test_other_normalizations_are_refused_in_words():
    with pytest.raises(ValueError, match="one of none, batch"):
        Convolutional(CONFIG.replace(normalization="layer"), 10)
