"""Train and eval mode of one channel over a stream of batches: what the running statistics know, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bnviz.experiment.anatomy import DISTRIBUTIONS, STREAM_STEPS
from bnviz.training.normalization import BatchNorm, NormSettings
from bnviz.training.randomness import generator

Series = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Batches of one channel, the same for the same `draw` whatever the momentum; from `shift_step` on, shifted.

    Every distribution has the given mean and deviation ("skewed" is an exponential, moved); the shift moves and
    stretches the very same draws. `momentum` is PyTorch's: the weight of the newest batch; Keras writes 1 - m.
    """

    distribution: str
    mean: float
    std: float
    batch_size: int
    momentum: float
    shift_step: int
    shifted_mean: float
    shifted_std: float
    draw: int
    steps: int = STREAM_STEPS

    def __post_init__(self) -> None:
        if self.distribution not in DISTRIBUTIONS:
            raise ValueError(
                f"Stream: distribution must be one of {', '.join(DISTRIBUTIONS)}; got {self.distribution!r}"
            )
        if self.batch_size < 1 or self.steps < 1:
            raise ValueError("Stream: batch_size and steps must be at least 1")
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"Stream: momentum must be from 0 to 1, a weight of the new batch; got {self.momentum}")
        if not (self.std > 0 and self.shifted_std > 0):
            raise ValueError(
                "Stream: std and shifted_std must be above 0: without spread there is nothing to normalise"
            )

    @property
    def true_mean(self) -> Tensor:
        """The distribution's mean at each step [steps]."""
        return torch.where(self._is_shifted(), float(self.shifted_mean), float(self.mean)).double()

    @property
    def true_std(self) -> Tensor:
        """The distribution's standard deviation at each step [steps]."""
        return torch.where(self._is_shifted(), float(self.shifted_std), float(self.std)).double()

    def batches(self) -> Tensor:
        """Return all batches [steps, batch_size], float64, from a generator of their own."""
        source, shape = generator(self.draw, "batches"), (self.steps, self.batch_size)
        if self.distribution == "normal":
            standard = torch.randn(shape, generator=source, dtype=torch.float64)
        else:
            standard = torch.rand(shape, generator=source, dtype=torch.float64)
            standard = math.sqrt(12) * (standard - 0.5) if self.distribution == "uniform" else _exponential(standard)
        return self.true_mean[:, None] + self.true_std[:, None] * standard

    def _is_shifted(self) -> Tensor:
        return torch.arange(self.steps) >= self.shift_step


def _exponential(uniform: Tensor) -> Tensor:
    """The exponential distribution's quantiles, less its mean 1; its deviation is 1."""
    return -torch.log1p(-uniform) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Modes:
    """One sample through both modes along a stream; every series is [steps], statistics after that step's update.

    `train_output` normalises the sample as the first of that step's batch, in place of the value that stood there, so
    by `sample_mean` and `sample_variance`; the running statistics see the batch as it was. `batch_variance`,
    `sample_variance` and `keras_variance` are biased, `running_variance` is unbiased as in PyTorch. Where PyTorch
    refuses the batch, `error` holds its words and what it would have computed is empty; `keras_output` is then what
    Keras gives for the sample in train mode.
    """

    error: str | None
    keras_output: float | None
    step: npt.NDArray[np.int64]
    true_mean: Series
    true_variance: Series
    batch_mean: Series
    batch_variance: Series
    running_mean: Series
    running_variance: Series
    keras_variance: Series
    initial_weight: Series
    train_output: Series
    eval_output: Series
    sample_mean: Series
    sample_variance: Series
    batch: Series
    half_life: int | None


def run_modes(stream: Stream, sample: float, step: int, eps: float = 1e-5) -> Modes:
    """Send `sample` through a layer in train and in eval mode at each step; `batch` is the batch of step `step`."""
    if not 0 <= step < stream.steps:
        raise ValueError(f"run_modes: step must be from 0 to {stream.steps - 1}; got {step}")
    batches = stream.batches()
    joined = batches.clone()
    joined[:, 0] = sample
    running, error = _run(stream, batches, joined, eps)
    steps = np.arange(stream.steps)
    variance = batches.var(1, correction=0)
    return Modes(
        error=error,
        keras_output=_keras_alone(sample, eps) if error else None,
        step=steps,
        true_mean=stream.true_mean.numpy(),
        true_variance=stream.true_std.square().numpy(),
        batch_mean=batches.mean(1).numpy(),
        batch_variance=variance.numpy(),
        **running,
        keras_variance=_keras_variance(variance.numpy(), stream.momentum),
        initial_weight=np.power(1 - stream.momentum, steps + 1, dtype=np.float64),
        sample_mean=joined.mean(1).numpy(),
        sample_variance=joined.var(1, correction=0).numpy(),
        batch=batches[step].numpy(),
        half_life=half_life(stream.momentum),
    )


@torch.no_grad()
def _run(stream: Stream, batches: Tensor, joined: Tensor, eps: float) -> tuple[dict[str, Series], str | None]:
    """Feed the networks' own layer with the batches; return its series, or none and the words of its refusal."""
    settings = NormSettings(width=1, norm_eps=eps, norm_momentum=stream.momentum, norm_affine=False)
    layer, noise = BatchNorm(settings).double().train(), torch.Generator()
    rows: list[tuple[float, float, float]] = []
    try:
        for batch, with_sample in zip(batches, joined, strict=True):
            layer(batch[:, None])
            evaluated = layer.observe(with_sample[:1, None], "running", 1, noise)
            rows.append((float(layer.running_mean), float(layer.running_var), float(evaluated)))
    except ValueError as refusal:
        names = ("running_mean", "running_variance", "eval_output", "train_output")
        return {name: np.empty(0) for name in names}, str(refusal)
    trained = layer.observe(joined.reshape(-1, 1), "batch", len(joined), noise).view_as(joined)[:, 0]
    mean, variance, evaluation = np.asarray(rows).T
    series = {"running_mean": mean, "running_variance": variance, "eval_output": evaluation}
    return {**series, "train_output": trained.numpy()}, None


def _keras_variance(variance: Series, momentum: float) -> Series:
    """The moving variance of Keras 3's `BatchNormalization`, which averages the biased variances.

    From its source: moving_variance * momentum + variance * (1 - momentum), its momentum being 1 - m.
    """
    moving, kept = np.empty_like(variance), 1.0
    for index, value in enumerate(variance):
        kept = moving[index] = kept * (1 - momentum) + value * momentum
    return moving


def _keras_alone(sample: float, eps: float) -> float:
    """What Keras 3 gives in train mode for a batch of this one sample: (x - x) / sqrt(0 + eps), with beta 0."""
    mean, variance = sample, 0.0
    return (sample - mean) / math.sqrt(variance + eps)


def half_life(momentum: float) -> int | None:
    """Return after how many steps the initial value weighs less than one half; None where it never does."""
    steps = math.log(0.5) / math.log1p(-momentum) if 0 < momentum < 1 else 0.0
    return math.floor(steps) + 1 if momentum and math.isfinite(steps) else None
