"""Four ways to get batch normalization wrong, and what each does to the batch at hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bnviz.training.anatomy.steps import batch_norm_steps, make_layer

NOTICED = 0.02  # a difference of 2 % or more is called one


@dataclass(frozen=True, kw_only=True, eq=False)
class Mistake:
    """One mistake on one batch: its output [B, C], one telling number with its unit, and a reading of the case.

    `noticed` is False where the mistake makes no difference to speak of on this batch. `per_channel` and
    `per_channel_right` [C] set one quantity, named by `per_channel_name`, against its right value.
    """

    title: str
    code_wrong: str
    code_right: str
    output: Tensor
    number: float
    unit: str
    reading: str
    noticed: bool
    per_channel: Tensor
    per_channel_right: Tensor
    per_channel_name: str


def right(x: Any, gamma: Any = 1.0, beta: Any = 0.0, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Return the right output [B, C] in train mode, and in eval mode once the layer has learnt this batch.

    In eval mode the running statistics are the batch's mean and its unbiased variance, as after many such batches.
    """
    steps = batch_norm_steps(x, gamma, beta, eps)
    layer = make_layer(steps, momentum=1.0)
    with torch.no_grad():
        layer(steps.x)
        return steps.output, layer.eval()(steps.x)


def divided_by_variance(x: Any, gamma: Any = 1.0, beta: Any = 0.0, eps: float = 1e-5) -> Mistake:
    """Dividing by v + eps instead of its root leaves deviation 1 / std instead of 1: the unit is not removed."""
    steps = batch_norm_steps(x, gamma, beta, eps)
    wrong = steps.centered / (steps.variance + steps.eps)
    ours, theirs = deviation(wrong), deviation(steps.normalized)
    factor = 1 / steps.std[steps.variance > 0]
    worst = float(factor[factor.log().abs().argmax()]) if len(factor) else 1.0
    noticed = abs(worst - 1) >= NOTICED
    if not len(factor):
        reading = "Here nobody notices: every channel is constant, and 0 divided by anything is 0."
    elif not noticed:
        reading = (
            f"Here nobody notices: where a channel varies, sqrt(variance + eps) is within {100 * NOTICED:g} % of 1."
        )
    else:
        how = f"{said(worst)} times too large" if worst > 1 else f"{said(1 / worst)} times too small"
        reading = f"The worst channel's normalized values are {how}: they are divided by sqrt(variance + eps) twice."
    return Mistake(
        title="Divide by the variance",
        code_wrong="xhat = (x - mean) / (variance + eps)",
        code_right="xhat = (x - mean) / sqrt(variance + eps)",
        output=steps.gamma * wrong + steps.beta, number=worst, unit="times the right size in the worst channel",
        reading=reading, noticed=noticed, per_channel=ours, per_channel_right=theirs,
        per_channel_name="deviation of the normalized values",
    )  # fmt: skip


def without_eps(x: Any, gamma: Any = 1.0, beta: Any = 0.0, eps: float = 1e-5) -> Mistake:
    """Without eps a constant channel is 0 / 0, and noise in a quiet channel is blown up to full size."""
    steps = batch_norm_steps(x, gamma, beta, eps)
    wrong = steps.centered / torch.sqrt(steps.variance)
    output = steps.gamma * wrong + steps.beta
    broken = int((~output.isfinite()).sum())
    quiet = steps.variance[steps.variance > 0]
    blown = math.sqrt((float(quiet.min()) + steps.eps) / float(quiet.min())) if len(quiet) else 1.0
    if broken:
        number, unit = float(broken), f"of {output.numel()} outputs are not finite"
        reading = (
            f"{broken} of {output.numel()} outputs are not finite: they are divided by the root of a variance of 0."
        )
    else:
        number, unit = blown, "times the right size in the quietest channel"
        reading = _blown_up(math.sqrt(float(quiet.min())), blown, steps.eps)
    return Mistake(
        title="Forget eps",
        code_wrong="xhat = (x - mean) / sqrt(variance)",
        code_right="xhat = (x - mean) / sqrt(variance + eps)",
        output=output, number=number, unit=unit, reading=reading, noticed=bool(broken) or blown - 1 >= NOTICED,
        per_channel=deviation(wrong),
        per_channel_right=deviation(steps.normalized), per_channel_name="deviation of the normalized values",
    )  # fmt: skip


def _blown_up(smallest: float, blown: float, eps: float) -> str:
    if blown - 1 < NOTICED:
        return (
            f"Here nobody notices: even the quietest channel has variance {said(smallest**2)}, "
            f"far above eps = {said(eps)}."
        )
    return (
        f"The quietest channel, of deviation {said(smallest)}, is blown up to deviation 1; "
        f"eps = {said(eps)} keeps it at {said(1 / blown)}."
    )


def unbiased_variance(x: Any, gamma: Any = 1.0, beta: Any = 0.0, eps: float = 1e-5) -> Mistake:
    """Normalising by the unbiased variance makes the output too small, by sqrt((B - 1) / B)."""
    steps = batch_norm_steps(x, gamma, beta, eps)
    B = len(steps.x)
    wrong = steps.centered / torch.sqrt(steps.variance * B / (B - 1) + steps.eps)
    ours, theirs = deviation(wrong), deviation(steps.normalized)
    missing = torch.sqrt((steps.variance * B / (B - 1) + steps.eps) / (steps.variance + steps.eps))
    percent = 100 * (1 - 1 / float(missing.max()))
    varies = bool((steps.variance > 0).any())
    noticed = varies and percent >= 100 * NOTICED
    if not varies:
        reading = "Here nobody notices: every channel is constant, and its output is beta."
    else:
        opening = "" if noticed else "Here nobody notices: "
        word = "with" if opening else "With"
        reading = f"{opening}{word} {B} samples the normalized values are up to {said(percent)} % too small."
    return Mistake(
        title="Normalise by the unbiased variance",
        code_wrong="xhat = (x - x.mean(0)) / sqrt(x.var(0) + eps)  # torch divides by B - 1",
        code_right="xhat = (x - x.mean(0)) / sqrt(x.var(0, correction=0) + eps)",
        output=steps.gamma * wrong + steps.beta, number=percent, unit="% too small", reading=reading,
        noticed=noticed, per_channel=ours, per_channel_right=theirs,
        per_channel_name="deviation of the normalized values",
    )  # fmt: skip


def frozen_statistics(x: Any, gamma: Any = 1.0, beta: Any = 0.0, eps: float = 1e-5) -> Mistake:
    """Running statistics that are never updated stay 0 and 1: in eval mode nothing is normalised."""
    steps = batch_norm_steps(x, gamma, beta, eps)
    with torch.no_grad():
        output = make_layer(steps).eval()(steps.x)
    distance = (output - steps.output).abs().amax(0)
    worst = int(distance.argmax())
    mean, spread, target = (float(v[worst]) for v in (output.mean(0), deviation(output), deviation(steps.output)))
    noticed = bool((distance > NOTICED * steps.gamma.abs()).any())
    if not noticed:
        reading = (
            f"Here nobody notices: eval mode gives what train mode gives, to within {said(float(distance[worst]))}."
        )
    else:
        reading = (
            f"In eval mode the worst channel has mean {said(mean)} and deviation {said(spread)}; "
            f"in train mode it has {said(float(steps.beta[worst]))} and {said(target)}."
        )
    return Mistake(
        title="Never update the running statistics",
        code_wrong="running_mean, running_var = 0, 1  # and never again",
        code_right="running_mean = (1 - m) * running_mean + m * mean  # and so for running_var",
        output=output, number=float(distance[worst]), unit="largest distance of eval mode to train mode",
        reading=reading, noticed=noticed, per_channel=output.mean(0), per_channel_right=steps.beta,
        per_channel_name="mean of the output in eval mode",
    )  # fmt: skip


def said(value: float) -> str:
    """Return a number as a sentence has it: three digits, 15,700 and 0.00001 written out, beyond that as 1.2e-7."""
    if value == 0 or 1e-5 <= abs(value) < 1e7:
        text = f"{float(f'{value:.3g}'):,.8f}".rstrip("0").rstrip(".")
    else:
        text = f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e")
    return text


def deviation(values: Tensor) -> Tensor:
    """Return the standard deviation [C] of values [B, C] over the batch, biased as in batch normalization."""
    return values.std(0, correction=0)


MISTAKES: dict[str, Callable[..., Mistake]] = {
    "variance": divided_by_variance,
    "no_eps": without_eps,
    "unbiased": unbiased_variance,
    "frozen": frozen_statistics,
}
