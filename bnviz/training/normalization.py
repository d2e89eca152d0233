"""The normalization layers, each able to use its batch's or its running statistics without being changed by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnviz.experiment.config import ExperimentConfig
from bnviz.training.randomness import generator

Statistics = Literal["batch", "running"]


@dataclass(frozen=True, kw_only=True)
class NormSettings:
    """What one batch normalization by itself needs to know, free of the limits of a whole experiment."""

    width: int
    norm_eps: float = 1e-5
    norm_momentum: float = 0.1
    norm_affine: bool = True


class Norm(nn.Module):
    """A normalization over [batch, channels] with optional scale gamma (`weight`) and shift beta (`bias`)."""

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, config: ExperimentConfig | NormSettings) -> None:
        super().__init__()
        self.width, self.eps = config.width, config.norm_eps
        affine = config.norm_affine
        self.weight = nn.Parameter(torch.ones(config.width)) if affine else None
        self.bias = nn.Parameter(torch.zeros(config.width)) if affine else None

    def observe(self, x: Tensor, statistics: Statistics, batches: int, noise: torch.Generator) -> Tensor:
        """Normalise x [batches * B, channels] as batches of their own, leaving the layer untouched."""
        return self(x)  # type: ignore[no-any-return]


class LayerNorm(Norm):
    """Layer normalization (Ba et al. 2016): mean and biased variance over the features of one sample."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each row of x [batch, channels]."""
        return F.layer_norm(x, (self.width,), self.weight, self.bias, self.eps)


class GroupNorm(Norm):
    """Group normalization (Wu & He 2018): mean and biased variance over a group of channels of one sample."""

    def __init__(self, config: ExperimentConfig) -> None:
        super().__init__(config)
        self.groups = config.norm_groups

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each group of each row of x [batch, channels]."""
        return F.group_norm(x, self.groups, self.weight, self.bias, self.eps)


class BatchNorm(Norm):
    """Batch normalization (Ioffe & Szegedy 2015, algorithm 1); running statistics are kept as in `nn.BatchNorm1d`."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, config: ExperimentConfig | NormSettings) -> None:
        super().__init__(config)
        self.momentum = config.norm_momentum
        self.register_buffer("running_mean", torch.zeros(config.width))
        self.register_buffer("running_var", torch.ones(config.width))

    def take_over(self, other: BatchNorm) -> None:
        """Go on with the other's own parameters, so that an optimizer's memory of them holds, and its statistics."""
        self.weight, self.bias = other.weight, other.bias
        self.load_state_dict(other.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x [batch, channels] by its batch in train mode, by the running statistics in eval mode."""
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
        )

    def observe(self, x: Tensor, statistics: Statistics, batches: int, noise: torch.Generator) -> Tensor:
        """Normalise x as `batches` batches by their own statistics, or by the running ones; updates nothing."""
        if statistics == "running":
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        if batches == 1:
            return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        grouped = x.view(batches, -1, self.width)
        mean, variance = channel_moments(grouped)
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None and self.bias is not None:
            scale = scale * self.weight
            return torch.addcmul(self.bias, grouped - mean, scale).view_as(x)
        return ((grouped - mean) * scale).view_as(x)


class NoisyBatchNorm(BatchNorm):
    """Batch normalization followed by a random shift and scale, new each step, after Santurkar et al. (2018, app. A).

    In train mode, each step draws per channel a shift m ~ U(-.5, .5) and a scale s ~ U(1, 1.25); each sample is
    scaled by N(s, .1^2) and shifted by U(m - .1, m + .1): the mean and variance that BN has just fixed move each step.
    """

    SHIFT, SCALE, SPREAD = 0.5, 1.25, 0.1

    def __init__(self, config: ExperimentConfig, position: int) -> None:
        super().__init__(config)
        self.noise = generator(config.seed, "noise", position)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x [batch, channels]; in train mode disturb the result."""
        out = super().forward(x)
        return self._disturb(out, self.noise) if self.training else out

    def observe(self, x: Tensor, statistics: Statistics, batches: int, noise: torch.Generator) -> Tensor:
        """As `BatchNorm.observe`, disturbed from the given generator where batch statistics are used."""
        out = super().observe(x, statistics, batches, noise)
        if statistics == "running":
            return out
        parts = [self._disturb(part, noise) for part in out.chunk(batches)]
        return torch.cat(parts)

    def _disturb(self, x: Tensor, source: torch.Generator) -> Tensor:
        low_high = torch.rand((2, x.shape[1]), generator=source, dtype=x.dtype)
        shift = self.SHIFT * (2 * low_high[0] - 1)
        scale = 1 + (self.SCALE - 1) * low_high[1]
        scales = scale + self.SPREAD * torch.randn(x.shape, generator=source, dtype=x.dtype)
        shifts = shift + self.SPREAD * (2 * torch.rand(x.shape, generator=source, dtype=x.dtype) - 1)
        return x * scales + shifts


def channel_moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance [n, 1, channels] of each batch in values [n, B, channels], in two passes.

    A product with 1 / B is some 20 times faster than `torch.var_mean` over a middle axis.
    """
    size = values.shape[1]
    average = values.new_full((1, 1, 1), 1 / size).expand(len(values), 1, size)
    mean = torch.bmm(average, values)
    return mean, torch.bmm(average, (values - mean).square_())


def make_norm(config: ExperimentConfig, kind: str, position: int) -> Norm | None:
    """Return the normalization layer of a kind for the hidden layer at `position`; None for "none"."""
    if kind == "none":
        return None
    if kind == "noisy_batch":
        return NoisyBatchNorm(config, position)
    return {"batch": BatchNorm, "layer": LayerNorm, "group": GroupNorm}[kind](config)
