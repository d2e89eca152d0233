"""What is said of the formula, tried on the values that a training's layers are about to normalise."""

from __future__ import annotations

import torch
from torch import Tensor

from bnviz.training.randomness import generator
from bnviz.training.unfold import Training


@torch.no_grad()
def norm_inputs(training: Training) -> Tensor:
    """Return what each hidden layer's normalization is given by the next batch [layers, B, C], float64.

    In float64 the rounding of float32 is not mistaken for an effect. The training is left untouched.
    """
    rehearsal, config = training.rehearse(), training.config
    signals, _ = rehearsal.network.observe(rehearsal.x, "batch", generator(config.seed, "probe", training.step))
    values = [signal.z if config.norm_position == "before" else signal.activated for signal in signals]
    return torch.stack(values).double()


def deviation_over_variance(training: Training) -> float:
    """The deviation of (x - mean) / (variance + eps), geometric mean over all channels."""
    centered, variance = _moments(norm_inputs(training))
    return _typical_deviation(centered / (variance + training.config.norm_eps))


def deviation_over_root(training: Training) -> float:
    """The deviation of (x - mean) / sqrt(variance + eps), geometric mean over all channels."""
    centered, variance = _moments(norm_inputs(training))
    return _typical_deviation(centered / torch.sqrt(variance + training.config.norm_eps))


def undone_by_variance(training: Training) -> float:
    """How far gamma = Var[x], beta = E[x] miss x: |y - x| in deviations of x, root mean square over all values."""
    centered, variance = _moments(norm_inputs(training))
    return _missed(centered, variance, variance, training.config.norm_eps)


def undone_by_root(training: Training) -> float:
    """The same for gamma = sqrt(Var[x] + eps)."""
    centered, variance = _moments(norm_inputs(training))
    eps = training.config.norm_eps
    return _missed(centered, variance, torch.sqrt(variance + eps), eps)


def smallest_deviation(training: Training) -> float:
    """The normalized values' deviation in the channel where it is smallest."""
    return float(_normalized(training)[1].var(1, correction=0).sqrt().min())


def deviation_formula_error(training: Training) -> float:
    """The largest distance between a channel's normalized variance and v / (v + eps)."""
    variance, normalized = _normalized(training)
    formula = variance / (variance + training.config.norm_eps)
    return float((normalized.var(1, keepdim=True, correction=0) - formula).abs().max())


def _normalized(training: Training) -> tuple[Tensor, Tensor]:
    """The inputs' variances [layers, 1, C] and what torch's own batch normalization makes of the inputs."""
    values = norm_inputs(training)
    wide = values.transpose(0, 1).reshape(values.shape[1], -1)  # layers side by side: channels don't mix
    out = torch.nn.functional.batch_norm(wide, None, None, training=True, eps=training.config.norm_eps)
    return _moments(values)[1], out.view(values.shape[1], len(values), -1).transpose(0, 1)


def _moments(values: Tensor) -> tuple[Tensor, Tensor]:
    return values - values.mean(1, keepdim=True), values.var(1, keepdim=True, correction=0)


def _typical_deviation(values: Tensor) -> float:
    return float(values.std(1, correction=0).log().mean().exp())


def _missed(centered: Tensor, variance: Tensor, gamma: Tensor, eps: float) -> float:
    output = gamma * centered / torch.sqrt(variance + eps)
    return float(((output - centered) / variance.sqrt()).square().mean().sqrt())
