"""Batch normalization step by step, forwards and backwards: every number between the input and its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnviz.experiment.anatomy import NODES
from bnviz.training.anatomy.inputs import as_batch, as_eps, as_row
from bnviz.training.normalization import BatchNorm, NormSettings


@dataclass(frozen=True, eq=False, repr=False)
class ForwardSteps:
    """What batch normalization computes on one batch, in its order (Ioffe & Szegedy 2015, algorithm 1).

    [B, C]: x, centered, normalized, scaled, output; [C]: mean, variance (biased), std = sqrt(variance + eps), gamma,
    beta.
    """

    x: Tensor
    gamma: Tensor
    beta: Tensor
    eps: float
    mean: Tensor
    centered: Tensor
    variance: Tensor
    std: Tensor
    normalized: Tensor
    scaled: Tensor
    output: Tensor

    def node(self, name: str) -> Tensor:
        """Return the value of one of `NODES`."""
        value: Tensor = getattr(self, _node("node", name))
        return value

    def backward(self, dy: Any) -> BackwardSteps:
        """Return the gradient of every node for dy [B, C], the loss's gradient with respect to the output."""
        dy = as_batch("backward", "dy", dy, like=self.x)
        B = len(dy)
        dnormalized = self.gamma * dy
        along = (dy * self.normalized).sum(0)
        dstd = -(dnormalized * self.centered).sum(0) / self.std.square()
        dvariance = dstd / (2 * self.std)
        direct = dnormalized / self.std
        dcentered = direct + dvariance * 2 * self.centered / B
        through_mean = (-self.gamma / (B * self.std) * dy.sum(0)).expand_as(dy)
        through_variance = -self.gamma / (B * self.std) * self.normalized * along
        return BackwardSteps(
            forward=self, dy=dy, dgamma=along, dbeta=dy.sum(0), direct=direct, through_mean=through_mean,
            through_variance=through_variance, dx=direct + through_mean + through_variance, dscaled=dy.clone(),
            dnormalized=dnormalized, dstd=dstd, dvariance=dvariance, dcentered=dcentered, dmean=-dcentered.sum(0),
        )  # fmt: skip

    def __repr__(self) -> str:
        B, C = self.x.shape
        rows = [f"ForwardSteps of {B} samples in {C} channels, {self.x.dtype}, eps {self.eps:g}"]
        for name in NODES:
            value = self.node(name)
            shown = f"[{B}, {C}]" if value.ndim == 2 else ", ".join(f"{number:.4g}" for number in value[:8].tolist())
            rows.append(f"  {name:<10} {shown}" + (", ..." if value.ndim == 1 and C > 8 else ""))
        return "\n".join(rows)


@dataclass(frozen=True, eq=False, repr=False)
class BackwardSteps:
    """The gradient of every node, and the three ways on which dy reaches x (Ioffe & Szegedy 2015, section 3).

    dx [B, C] is the sum of `direct` = gamma / std * dy, `through_mean` = -gamma / (B std) * sum(dy) and
    `through_variance` = -gamma / (B std) * xhat * sum(dy * xhat). Each other gradient has its node's shape and counts
    every way from that node to the loss: dcentered also what comes through the variance, dx everything.
    """

    forward: ForwardSteps
    dy: Tensor
    dgamma: Tensor
    dbeta: Tensor
    direct: Tensor
    through_mean: Tensor
    through_variance: Tensor
    dx: Tensor
    dscaled: Tensor
    dnormalized: Tensor
    dstd: Tensor
    dvariance: Tensor
    dcentered: Tensor
    dmean: Tensor

    def node(self, name: str) -> Tensor:
        """Return the gradient of one of `NODES`."""
        value: Tensor = self.dy if _node("node", name) == "output" else getattr(self, f"d{name}")
        return value

    @property
    def sum_dx(self) -> Tensor:
        """Sum of dx over the batch [C]: 0, since a shift of the whole batch changes nothing."""
        return self.dx.sum(0)

    @property
    def dot(self) -> Tensor:
        """<dx, xhat> of each channel [C]: 0 but for eps, since a stretch of the whole batch changes nothing."""
        return (self.dx * self.forward.normalized).sum(0)

    @property
    def dot_exact(self) -> Tensor:
        """What eps leaves of <dx, xhat> [C]: gamma / std * sum(dy * xhat) * eps / (v + eps)."""
        steps = self.forward
        return steps.gamma / steps.std * self.dgamma * steps.eps / (steps.variance + steps.eps)

    @property
    def dx_size(self) -> Tensor:
        """Sum of |dx| over the batch [C], to judge by how small `sum_dx` and `dot` are."""
        return self.dx.abs().sum(0)


def batch_norm_steps(x: Any, gamma: Any = 1.0, beta: Any = 0.0, eps: float = 1e-5) -> ForwardSteps:
    """Batch normalization of x [B, C] in train mode with every step kept (Ioffe & Szegedy 2015, algorithm 1).

    x is a tensor, an array or nested lists; float32 stays float32, lists and whole numbers become float64. gamma and
    beta are numbers or one for each channel.
    """
    caller = "batch_norm_steps"
    x = as_batch(caller, "x", x)
    if len(x) < 2:
        raise ValueError(f"{caller}: x needs at least 2 samples: one sample has no batch variance")
    gamma, beta, eps = as_row(caller, "gamma", gamma, x), as_row(caller, "beta", beta, x), as_eps(caller, eps)
    mean, variance = moments(x, (0,))
    if not variance.isfinite().all():
        raise ValueError(f"{caller}: x is too large for {x.dtype}: its squares are not finite any more")
    centered, std = x - mean, torch.sqrt(variance + eps)
    normalized = centered / std
    scaled = gamma * normalized
    return ForwardSteps(
        x=x, gamma=gamma, beta=beta, eps=eps, mean=mean[0], centered=centered, variance=variance[0], std=std[0],
        normalized=normalized, scaled=scaled, output=scaled + beta,
    )  # fmt: skip


def moments(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance of x over the axes, which are kept with length 1.

    The mean is corrected by the mean of what is left: the variance of equal numbers is then 0, not a rounding error.
    """
    mean = x.mean(axes, keepdim=True)
    mean = mean + (x - mean).mean(axes, keepdim=True)
    return mean, (x - mean).square().mean(axes, keepdim=True)


def undoing(x: Any, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Return the gamma = sqrt(var + eps) and beta = mean [C] with which the layer returns x [B, C] unchanged."""
    steps = batch_norm_steps(x, eps=eps)
    return steps.std, steps.mean


def make_layer(steps: ForwardSteps, momentum: float = 0.1) -> BatchNorm:
    """Return the networks' own batch normalization with the steps' gamma, beta and eps, nothing learnt yet."""
    layer = BatchNorm(NormSettings(width=steps.x.shape[1], norm_eps=steps.eps, norm_momentum=momentum))
    _load(layer, steps)
    return layer


def layer_difference(steps: ForwardSteps) -> float:
    """Largest |output - output of the networks' own layer in train mode| on the same batch."""
    return _largest(steps.output - make_layer(steps)(steps.x))


def torch_difference(steps: ForwardSteps) -> float:
    """Largest |output - output of `nn.BatchNorm1d` in train mode| on the same batch."""
    layer = nn.BatchNorm1d(steps.x.shape[1], eps=steps.eps)
    _load(layer, steps)
    return _largest(steps.output - layer(steps.x))


def autograd_difference(steps: ForwardSteps, dy: Any) -> dict[str, float]:
    """Largest absolute differences of dx, dgamma and dbeta to what autograd finds through `F.batch_norm`.

    `relative` is the largest of them divided by the largest gradient, 0 where all gradients are 0.
    """
    ours = steps.backward(dy)
    leaves = [value.clone().requires_grad_() for value in (steps.x, steps.gamma, steps.beta)]
    output = F.batch_norm(leaves[0], None, None, leaves[1], leaves[2], True, 0.0, steps.eps)
    theirs = torch.autograd.grad(output, leaves, ours.dy)
    names = ("dx", "dgamma", "dbeta")
    differences = {name: _largest(getattr(ours, name) - grad) for name, grad in zip(names, theirs, strict=True)}
    size = max(_largest(grad) for grad in theirs)
    return {**differences, "relative": max(differences.values()) / size if size else 0.0}


@torch.no_grad()
def _load(layer: BatchNorm | nn.BatchNorm1d, steps: ForwardSteps) -> None:
    layer.to(steps.x).train()
    assert layer.weight is not None
    assert layer.bias is not None
    layer.weight.copy_(steps.gamma)
    layer.bias.copy_(steps.beta)


def _largest(values: Tensor) -> float:
    return float(values.detach().abs().max())


def _node(caller: str, name: str) -> str:
    if name not in NODES:
        raise ValueError(f"{caller}: there is no node {name!r}; the nodes are {', '.join(NODES)}")
    return name
