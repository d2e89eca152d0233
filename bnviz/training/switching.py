"""Exchange a network's normalization while it trains, keeping its function where mathematics allows.

Batch normalization OFF is folded into the neighbouring linear layer: the eval-mode function stays the same to float
precision. Batch normalization ON is inserted with gamma = sqrt(v + eps) and beta = mu of the current values on one
training batch: the function stays the same on that batch and in eval mode (with learnt gamma and beta; without,
nothing can undo the normalization). Layer and group normalization depend on each sample alone and can't be folded:
they are put in with gamma 1 and beta 0 and taken out as they are, and the function jumps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnviz.experiment.config import ExperimentConfig
from bnviz.training.networks import Block, Network
from bnviz.training.normalization import BatchNorm, make_norm
from bnviz.training.randomness import generator


@torch.no_grad()
def exchange(network: Network, config: ExperimentConfig, kind: str, batch: Tensor) -> set[nn.Parameter]:
    """Give every hidden layer the normalization `kind`, calibrated on `batch` [samples, features].

    Returns the linear parameters whose values were changed by folding: what an optimizer remembers of them is void.
    """
    old = [block.norm for block in network.hidden()]
    new = [make_norm(config, kind, position) for position in range(len(old))]
    folded: set[nn.Parameter] = set()
    for block, following, before, after in zip(network.hidden(), network.linears()[1:], old, new, strict=True):
        if isinstance(before, BatchNorm) and isinstance(after, BatchNorm):
            after.take_over(before)
        elif isinstance(before, BatchNorm):
            folded |= fold(block, following)
        block.norm = None
    if kind in ("batch", "noisy_batch") and not isinstance(old[0], BatchNorm):
        signals, _ = network.observe(batch, "running", generator(config.seed, "evaluation"))
        for norm, signal in zip(new, signals, strict=True):
            assert isinstance(norm, BatchNorm)
            calibrate(norm, signal.z if config.norm_position == "before" else signal.activated)
    for block, norm in zip(network.hidden(), new, strict=True):
        block.norm = norm.train(network.training) if norm is not None else None
    return folded


def fold(block: Block, following: nn.Linear) -> set[nn.Parameter]:
    """Fold the block's batch normalization into a linear layer; return the parameters that changed.

    Before the activation: W' = diag(s) W, b' = s (b - mu) + beta with s = gamma / sqrt(v + eps), in this block's
    linear layer. After the activation, W' = W diag(s), b' = b + W (beta - s mu) in the following one.
    """
    norm = block.norm
    assert isinstance(norm, BatchNorm)
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    gamma = norm.weight.double() if norm.weight is not None else torch.ones_like(mean)
    beta = norm.bias.double() if norm.bias is not None else torch.zeros_like(mean)
    scale = gamma / torch.sqrt(variance + norm.eps)
    target = block.linear if block.norm_first else following
    weight, bias = target.weight.double(), target.bias.double()
    if block.norm_first:
        target.weight.copy_(scale[:, None] * weight)
        target.bias.copy_(scale * (bias - mean) + beta)
    else:
        target.bias.copy_(bias + weight @ (beta - scale * mean))  # first: in float64 `weight` is the parameter itself
        target.weight.copy_(weight * scale)
    return set(target.parameters())


def calibrate(norm: BatchNorm, values: Tensor) -> None:
    """Set the layer so that it returns `values` [batch, channels] unchanged, in train and in eval mode.

    The running statistics are set to the batch's mean and its biased variance.
    """
    variance, mean = torch.var_mean(values, dim=0, correction=0)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    if norm.weight is not None and norm.bias is not None:
        norm.weight.copy_(torch.sqrt(variance + norm.eps))
        norm.bias.copy_(mean)
