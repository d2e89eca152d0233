"""Initial weights, drawn so that arms share them wherever their shapes allow."""

from __future__ import annotations

import math

import torch
from torch import nn

from bnviz.experiment.config import ExperimentConfig
from bnviz.training.randomness import generator


def blank_linear(inputs: int, outputs: int) -> nn.Linear:
    """Return a linear layer without values yet: torch's own draws would be from the global generator."""
    return nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")


def initialize(layer: nn.Linear, config: ExperimentConfig, position: int) -> None:
    """Draw the weight (and bias) of the linear layer at `position` in the network.

    he: N(0, 2/fan_in) (He et al. 2015, eq. 10); xavier: N(0, 2/(fan_in + fan_out)) (Glorot & Bengio 2010, eq. 12);
    lecun: N(0, 1/fan_in) (LeCun et al. 1998, eq. 16); normal: N(0, init_std^2); all with zero bias. pytorch:
    U(-1, 1)/sqrt(fan_in) for weight and bias, as `nn.Linear` does. Each layer has its own generator and a scheme
    only scales its standard normal numbers, so equal shapes give equal draws at any depth.
    """
    source = generator(config.seed, "weights", position)
    fan_out, fan_in = layer.weight.shape
    with torch.no_grad():
        layer.bias.zero_()
        if config.init == "pytorch":
            bound = 1 / math.sqrt(fan_in)
            layer.weight.uniform_(-bound, bound, generator=source)
            layer.bias.uniform_(-bound, bound, generator=source)
        else:
            layer.weight.normal_(0, 1, generator=source).mul_(_deviation(config, fan_in, fan_out))


def _deviation(config: ExperimentConfig, fan_in: int, fan_out: int) -> float:
    return {
        "he": math.sqrt(2 / fan_in),
        "xavier": math.sqrt(2 / (fan_in + fan_out)),
        "lecun": math.sqrt(1 / fan_in),
        "normal": config.init_std,
    }[config.init]
