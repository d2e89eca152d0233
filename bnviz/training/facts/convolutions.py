"""A configuration's network with convolutions in the place of its dense layers, trained on digits as images."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnviz.experiment.config import ExperimentConfig
from bnviz.training import datasets
from bnviz.training.initialization import blank_linear, initialize
from bnviz.training.networks import ACTIVATIONS, OUTPUT
from bnviz.training.randomness import generator
from bnviz.training.unfold import Training

CHANNELS = 8
SIDE = 8  # of a digit
STEPS = 150
KINDS = {"none": nn.Identity, "batch": nn.BatchNorm2d}


def convolutional_accuracy(training: Training) -> float:
    """The test accuracy of the configuration's convolutional network after `STEPS` steps, eval mode."""
    config = training.config
    data = datasets.load(config)
    network = _train(config, data)
    with torch.no_grad():
        answers = network.eval()(_images(data.test_x)).argmax(1)
    return float((answers == data.test_y).float().mean())


def _train(config: ExperimentConfig, data: datasets.Data) -> Convolutional:
    network, order = Convolutional(config, len(data.classes)).train(), generator(config.seed, "batches")
    optimizer = torch.optim.SGD(network.parameters(), config.learning_rate)
    rows = torch.empty(0, dtype=torch.long)
    for _ in range(STEPS):
        if len(rows) < config.batch_size:  # an incomplete last batch is left out, as in every training here
            rows = torch.randperm(len(data.train_y), generator=order)
        batch, rows = rows[: config.batch_size], rows[config.batch_size :]
        loss = F.cross_entropy(network(_images(data.train_x[batch])), data.train_y[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network


def _images(x: Tensor) -> Tensor:
    return x.view(-1, 1, SIDE, SIDE)


class Convolutional(nn.Module):
    """As many 3 x 3 convolutions of `CHANNELS` channels as the configuration has hidden layers, and a linear output.

    Batch normalization, before the activation, is torch's own `BatchNorm2d`. Raises `ValueError` for other kinds.
    """

    def __init__(self, config: ExperimentConfig, classes: int) -> None:
        super().__init__()
        if config.normalization not in KINDS:
            raise ValueError(f"normalization must be one of {', '.join(KINDS)}; got {config.normalization!r}")
        depths = [1] + [CHANNELS] * config.hidden_layers
        self.kernels = nn.ModuleList(blank_linear(9 * depth, CHANNELS) for depth in depths[:-1])
        self.norms = nn.ModuleList(KINDS[config.normalization](CHANNELS) for _ in self.kernels)
        self.activation = ACTIVATIONS[config.activation]()
        self.output = blank_linear(CHANNELS * SIDE * SIDE, classes)
        for position, kernel in enumerate([*self.kernels, self.output]):
            initialize(cast("nn.Linear", kernel), config, OUTPUT if kernel is self.output else position)

    def forward(self, x: Tensor) -> Tensor:
        """Map images [batch, 1, 8, 8] to logits [batch, classes]."""
        for kernel, norm in zip(self.kernels, self.norms, strict=True):
            linear = cast("nn.Linear", kernel)
            x = F.conv2d(x, linear.weight.view(CHANNELS, -1, 3, 3), linear.bias, padding=1)
            x = self.activation(norm(x))
        return self.output(x.flatten(1))  # type: ignore[no-any-return]
