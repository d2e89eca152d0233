"""What becomes of the weights' scale: BN(a W x) = BN(W x), and the gradient is divided by a, until eps is felt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bnviz.experiment.anatomy import LARGEST_LOG_SCALE
from bnviz.training.anatomy.inputs import as_batch, as_eps
from bnviz.training.normalization import BatchNorm, NormSettings
from bnviz.training.randomness import generator
from bnviz.training.switching import calibrate

POINTS = 73


@dataclass(frozen=True, kw_only=True)
class At:
    """The readings at one scale a: plain numbers, NaN where a ratio would be 0 / 0."""

    a: float
    output_change: float
    output_change_eval: float
    gradient: float
    relative_step: float
    alignment: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """y = BN(x (a W)^T) and the gradient with respect to the scaled weights, along a; all but the last rows [73].

    Changes are the largest |y(a) - y(1)| in deviations of y(1); `gradient` is the norm of dL/dW at a over that at 1;
    `relative_step` is |gradient| / |W| the same way, and the ideals are what they are without eps. Ratios without a
    denominator are NaN: of a batch of equal samples, or of a gradient that is zero but for rounding.
    """

    weight: Tensor
    log_scale: Tensor
    output_change: Tensor
    output_change_eval: Tensor
    gradient: Tensor
    relative_step: Tensor
    ideal_gradient: Tensor
    ideal_step: Tensor
    at: At
    eps_scale: float
    batch: Tensor
    batch_at_1: Tensor
    eval_at: Tensor


def scale_study(x: Any, upstream: Any, eps: float = 1e-5, log_scale: float = 0.0, channel: int = 0) -> Scale:
    """Scale the weights W of a layer without bias below BN by a = 10 ** (-6 ... 6), and read off what changes.

    x and upstream = dL/dy are [B, C]; `at` and the rows [B] of `channel` belong to a = 10 ** log_scale. In eval mode
    the running statistics are the batch's own at a = 1. Float64 throughout.
    """
    x = as_batch("scale_study", "x", x).double()
    upstream, eps = as_batch("scale_study", "upstream", upstream, like=x), as_eps("scale_study", eps)
    if len(x) < 2:
        raise ValueError("scale_study: x needs at least 2 samples: one sample has no batch variance")
    if not -LARGEST_LOG_SCALE <= log_scale <= LARGEST_LOG_SCALE:
        raise ValueError(
            f"scale_study: log_scale must be from {-LARGEST_LOG_SCALE:g} to {LARGEST_LOG_SCALE:g}; got {log_scale}"
        )
    if not 0 <= channel < x.shape[1]:
        raise ValueError(f"scale_study: channel must be from 0 to {x.shape[1] - 1}; got {channel}")
    grid = torch.linspace(-LARGEST_LOG_SCALE, LARGEST_LOG_SCALE, POINTS, dtype=torch.float64)
    logs = torch.cat([grid, torch.tensor([log_scale, 0.0], dtype=torch.float64)])  # last but one: a; last: 1
    weight = first_weights(x.shape[1])
    a = 10.0**logs
    trained, evaluated, gradient = _both_modes(x, upstream, a[:, None, None] * weight, eps)
    size = torch.linalg.vector_norm(gradient, dim=(1, 2))
    size = torch.where(size > _rounding(x, upstream, weight, a, eps), size, torch.nan)
    growth, norm = size / size[-1], torch.linalg.vector_norm(weight)
    changes = [_change(y, x) for y in (trained, evaluated)]
    alignment = (gradient * weight).sum((1, 2)) / (norm * size)
    at = At(
        a=float(a[-2]), output_change=float(changes[0][-2]), output_change_eval=float(changes[1][-2]),
        gradient=float(growth[-2]), relative_step=float(growth[-2] / a[-2]),
        alignment=float(alignment[-2]),
    )  # fmt: skip
    return Scale(
        weight=weight, log_scale=grid, output_change=changes[0][:POINTS], output_change_eval=changes[1][:POINTS],
        gradient=growth[:POINTS], relative_step=(growth / a)[:POINTS], ideal_gradient=1 / a[:POINTS],
        ideal_step=1 / a[:POINTS].square(), at=at, eps_scale=_eps_scale(x @ weight.T, eps),
        batch=trained[-2, :, channel], batch_at_1=trained[-1, :, channel], eval_at=evaluated[-2, :, channel],
    )  # fmt: skip


def first_weights(channels: int) -> Tensor:
    """Return the fixed W [C, C] of the layer below: N(0, 1 / C), float64."""
    source = generator(0, "weights")
    return torch.randn((channels, channels), generator=source, dtype=torch.float64) / math.sqrt(channels)


def _both_modes(x: Tensor, upstream: Tensor, weights: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return y [scales, B, C] in train and in eval mode, and dL/dW [scales, C, C] in train mode, by autograd.

    Channels are normalised each by itself, so all scales go through one layer as channels side by side.
    """
    scales, C = weights.shape[:2]
    weights = weights.requires_grad_()
    z = x @ weights.transpose(1, 2)
    wide = BatchNorm(NormSettings(width=scales * C, norm_eps=eps, norm_affine=False)).double().train()
    trained = wide(z.transpose(0, 1).reshape(len(x), -1)).view(len(x), scales, C).transpose(0, 1)
    (gradient,) = torch.autograd.grad((trained * upstream).sum(), weights)
    with torch.no_grad():
        layer = BatchNorm(NormSettings(width=C, norm_eps=eps, norm_affine=False)).double().eval()
        calibrate(layer, z[-1])
        evaluated = layer(z.reshape(-1, C)).view_as(z)
    return trained.detach(), evaluated, gradient


def _change(y: Tensor, x: Tensor) -> Tensor:
    """Largest |y - y at a = 1| [scales] in deviations of the latter; NaN where all samples x are equal."""
    if (x == x[0]).all():
        return y.new_full((len(y),), torch.nan)
    return (y - y[-1]).abs().amax((1, 2)) / y[-1].std(correction=0)


def _rounding(x: Tensor, upstream: Tensor, weight: Tensor, a: Tensor, eps: float) -> Tensor:
    """How large a gradient [scales] rounding alone may feign, where the terms of the backward pass cancel.

    A far mean makes it larger: of z = 1e6 +- 1 only ten digits are left after centring.
    """
    z = x @ weight.T
    std = torch.sqrt(a[:, None].square() * z.var(0, correction=0) + eps)
    far = 1 + a[:, None] * z.abs().amax(0) / std
    arriving = torch.linalg.vector_norm(upstream, dim=0) / std
    noise: Tensor = 1e-13 * torch.linalg.vector_norm(x) * torch.linalg.vector_norm(far * arriving, dim=1)
    return noise


def _eps_scale(z: Tensor, eps: float) -> float:
    """The scale at which eps is as large as the variance of the median channel; infinite where that is constant."""
    variance = float(z.var(0, correction=0).median())
    return math.sqrt(eps / variance) if variance else math.inf
