"""Batch normalization where there is more than a batch of features: images under a convolution, padded sequences."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnviz.training.randomness import generator
from bnviz.training.unfold import Training

CHANNELS = 8
SIDE = 8  # of a digit
PADDING = 8  # time steps of nothing that are added


def batch_and_space(training: Training) -> float:
    """How far BatchNorm2d is from one mean and variance a channel over batch and space: largest |difference|."""
    return _distance(training, (0, 2, 3))


def batch_alone(training: Training) -> float:
    """The same for a mean at every place, over the batch alone."""
    return _distance(training, (0,))


def space_alone(training: Training) -> float:
    """The same for a mean in every image, over its space alone."""
    return _distance(training, (2, 3))


@torch.no_grad()
def _distance(training: Training, axes: tuple[int, ...]) -> float:
    values = _feature_maps(training)
    mean, variance = values.mean(axes, keepdim=True), values.var(axes, keepdim=True, correction=0)
    eps = training.config.norm_eps
    theirs = nn.BatchNorm2d(CHANNELS, eps).double().train()(values)
    return float(((values - mean) / torch.sqrt(variance + eps) - theirs).abs().max())


def _feature_maps(training: Training) -> Tensor:
    """A batch of digits behind one random 3 x 3 convolution [B, channels, 8, 8], float64."""
    config = training.config
    images = training.data.train_x[: config.batch_size].double().view(-1, 1, SIDE, SIDE)
    kernels = torch.randn((CHANNELS, 1, 3, 3), generator=generator(config.seed, "weights"), dtype=torch.float64)
    return nn.functional.conv2d(images, kernels, padding=1)


def padding_moves_batch_norm(training: Training) -> float:
    """How far longer padding moves a batch-normalised sequence's own values, in deviations of these."""
    return _moved_by_padding(training, nn.BatchNorm1d(CHANNELS).double())


def padding_moves_layer_norm(training: Training) -> float:
    """The same for layer normalization."""
    return _moved_by_padding(training, nn.LayerNorm(CHANNELS).double())


@torch.no_grad()
def _moved_by_padding(training: Training, norm: nn.Module) -> float:
    """Normalise all time steps, padding included, before and after each sequence gets `PADDING` more of it."""
    sequences, real = _sequences(training)
    longer = nn.functional.pad(sequences, (0, 0, 0, PADDING))
    one, other = (_normalized(norm, values)[:, :SIDE][real] for values in (sequences, longer))
    return float((one - other).square().mean().sqrt() / one.std(correction=0))


def _normalized(norm: nn.Module, values: Tensor) -> Tensor:
    out: Tensor = norm(values.flatten(0, 1))
    return out.view_as(values)


def _sequences(training: Training) -> tuple[Tensor, Tensor]:
    """Digits read row by row [B, time, channels] by a random linear layer, cut to random lengths; which are real."""
    config = training.config
    rows = training.data.train_x[: config.batch_size].double().view(-1, SIDE, SIDE)
    weight = torch.randn((CHANNELS, SIDE), generator=generator(config.seed, "weights"), dtype=torch.float64)
    lengths = torch.randint(SIDE // 2, SIDE + 1, (len(rows),), generator=generator(config.seed, "batches"))
    real = torch.arange(SIDE) < lengths[:, None]
    return rows @ weight.T * real[..., None], real
