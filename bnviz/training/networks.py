"""The network of a configuration: hidden blocks of linear, normalization, activation, dropout, and a linear output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnviz.experiment.config import ExperimentConfig
from bnviz.training.initialization import blank_linear, initialize
from bnviz.training.normalization import Norm, Statistics, make_norm
from bnviz.training.randomness import generator

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "linear": nn.Identity,
}
OUTPUT = 1000  # the output layer's position, the same in networks of any depth, so that they share its weights


class Dropout(nn.Module):
    """Inverted dropout (Srivastava et al. 2014) whose masks come from a generator of its own."""

    def __init__(self, share: float, source: torch.Generator) -> None:
        super().__init__()
        self.share, self.source = share, source

    def forward(self, x: Tensor) -> Tensor:
        """Zero a share of x and scale the rest by 1 / (1 - share), in train mode only."""
        return self.drop(x, self.source) if self.training else x

    def drop(self, x: Tensor, source: torch.Generator) -> Tensor:
        """Drop as in train mode, with masks from the given generator."""
        mask = torch.empty_like(x).bernoulli_(1 - self.share, generator=source)
        return x * mask.div_(1 - self.share)


@dataclass(frozen=True)
class Signals:
    """One hidden layer's values [batch, width] in one forward pass, and what it hands to the next layer."""

    z: Tensor
    normalized: Tensor
    activated: Tensor
    out: Tensor
    activation_input: Tensor


class Block(nn.Module):
    """One hidden layer; `norm` may be exchanged while training."""

    def __init__(self, config: ExperimentConfig, position: int, features: int) -> None:
        super().__init__()
        self.norm_first = config.norm_position == "before"
        self.linear = blank_linear(features, config.width)
        self.norm: Norm | None = make_norm(config, config.normalization, position)
        self.activation = ACTIVATIONS[config.activation]()
        source = generator(config.seed, "dropout", position)
        self.dropout = Dropout(config.dropout, source) if config.dropout else None

    def forward(self, x: Tensor) -> Tensor:
        """Map x [batch, features] to [batch, width]."""
        x = self.linear(x)
        if self.norm is None:
            x = self.activation(x)
        elif self.norm_first:
            x = self.activation(self.norm(x))
        else:
            x = self.norm(self.activation(x))
        return x if self.dropout is None else self.dropout(x)

    def observe(
        self, x: Tensor, statistics: Statistics, batches: int, noise: torch.Generator, dropout: bool
    ) -> Signals:
        """Return every value on the way, leaving statistics, generators and hooks untouched."""
        z = F.linear(x, self.linear.weight, self.linear.bias)
        normalize = self._identity if self.norm is None else self.norm.observe
        if self.norm_first:
            normalized = normalize(z, statistics, batches, noise)
            activated = out = self.activation.forward(normalized)
        else:
            activated = self.activation.forward(z)
            normalized = out = normalize(activated, statistics, batches, noise)
        if dropout and self.dropout is not None:
            out = self.dropout.drop(out, noise)
        return Signals(z, normalized, activated, out, normalized if self.norm_first else z)

    @staticmethod
    def _identity(x: Tensor, statistics: Statistics, batches: int, noise: torch.Generator) -> Tensor:
        return x


class Network(nn.Module):
    """The network of a configuration, with its initial weights; [batch, features] to logits [batch, classes]."""

    def __init__(self, config: ExperimentConfig, features: int, classes: int) -> None:
        super().__init__()
        widths = [features] + [config.width] * config.hidden_layers
        self.blocks = nn.Sequential(*(Block(config, i, widths[i]) for i in range(config.hidden_layers)))
        self.output = blank_linear(config.width, classes)
        for position, block in enumerate(self.hidden()):
            initialize(block.linear, config, position)
        initialize(self.output, config, OUTPUT)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, in the mode (train or eval) that the network is in."""
        return self.output(self.blocks(x))  # type: ignore[no-any-return]

    def hidden(self) -> list[Block]:
        """The hidden layers, from the input on."""
        return [cast("Block", block) for block in self.blocks]

    def linears(self) -> list[nn.Linear]:
        """The linear layers, the output's last."""
        return [*(block.linear for block in self.hidden()), self.output]

    @torch.no_grad()
    def observe(
        self,
        x: Tensor,
        statistics: Statistics,
        noise: torch.Generator,
        *,
        batches: int = 1,
        dropout: bool = False,
    ) -> tuple[list[Signals], Tensor]:
        """Return each hidden layer's signals and the logits, and leave no trace in the network.

        `statistics="running"` is eval mode; `"batch"` normalises x as `batches` equal batches of their own.
        """
        signals = []
        for block in self.hidden():
            signals.append(block.observe(x, statistics, batches, noise, dropout))
            x = signals[-1].out
        return signals, F.linear(x, self.output.weight, self.output.bias)
