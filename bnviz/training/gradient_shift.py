"""Gradient shift: how each layer's gradient changes when the layers below it take their step first.

The second of the two meanings of internal covariate shift, after Santurkar, Tsipras, Ilyas and Madry, "How Does Batch
Normalization Help Optimization?" (NeurIPS 2018), Definition 2.1. With the loss L, the parameters W_1 ... W_k of the k
layers and the batch (x, y) at step t, the shift of layer i is ||G_i - G'_i||, where

    G_i  = grad_{W_i} L(W_1^t,     ..., W_{i-1}^t,     W_i^t, ..., W_k^t; x, y)
    G'_i = grad_{W_i} L(W_1^{t+1}, ..., W_{i-1}^{t+1}, W_i^t, ..., W_k^t; x, y)
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bnviz.experiment.snapshot import Array
from bnviz.training.rehearsal import Rehearsal, finish, norm
from bnviz.training.unfold import Training


@dataclass(frozen=True, eq=False)
class GradientShift:
    """One value a layer [hidden layers + 1], from the input on, the output layer last, at a step.

    `absolute` is ||G - G'||, `relative` that over ||G||, `cosine` the cosine of the angle between G and G'. The first
    layer has none below it: 0, 0 and 1 by construction. A layer whose gradient is zero has no relative shift and no
    angle: NaN. Where nothing could be measured all are NaN, and `reason` says why.
    """

    step: int
    absolute: Array
    relative: Array
    cosine: Array
    reason: str | None = None


def gradient_shift(training: Training) -> GradientShift:
    """Measure the gradient shift at the training's next step; the training is left as it was, to the last bit.

    A layer is a hidden layer's linear part with its normalization, or the output's linear part. Its gradient is that
    of its weights alone, which networks with and without normalization both have. The step of the layers below is one
    of plain gradient descent, at the learning rate in force, in all that they learn: weights, biases, gamma and beta;
    momentum, Adam's scaling and weight decay are left out, so that the measure is of the loss and not of the
    optimizer. Train mode, the batch that comes next, and its dropout masks and noise in every pass.
    """
    return finish(shift_in_slices(training.rehearse()))


def shift_in_slices(rehearsal: Rehearsal) -> Generator[None, None, GradientShift]:
    """As `gradient_shift`, resting after each layer; no slice takes longer than a training step. Uses the copy up."""
    layers = [*rehearsal.network.hidden(), rehearsal.network.output]
    weights = [linear.weight for linear in rehearsal.network.linears()]
    parameters = [list(layer.parameters()) for layer in layers]
    if rehearsal.why_not is not None:
        return _nothing(rehearsal, rehearsal.why_not)
    loss = rehearsal.loss()
    if not loss.isfinite():
        return _nothing(rehearsal, "the loss is not finite at this step")
    flat = iter(torch.autograd.grad(loss, [one for layer in parameters for one in layer]))
    gradients = [[next(flat) for _ in layer] for layer in parameters]
    x, found = rehearsal.x, [(0.0, norm([gradients[0][0]]), 1.0)]
    for below in range(len(layers) - 1):
        yield
        x = _step(rehearsal, below, x, parameters[below], gradients[below])
        (shifted,) = torch.autograd.grad(rehearsal.loss(x, below + 1), weights[below + 1])
        found.append(_compare(gradients[below + 1][0], shifted))
    absolute, length, cosine = np.array(found).T
    relative = np.divide(absolute, length, out=np.full_like(absolute, np.nan), where=length > 0)
    relative[0] = 0.0
    broken = None if np.isfinite(absolute).all() else "the layers' own steps make the gradient above infinite"
    return GradientShift(rehearsal.step, absolute, relative, cosine, broken)


@torch.no_grad()
def _step(
    rehearsal: Rehearsal, number: int, x: Tensor, parameters: list[nn.Parameter], gradients: list[Tensor]
) -> Tensor:
    """Let hidden layer `number` take its step, and return what it then hands on for its input x."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.sub_(rehearsal.learning_rate * gradient)
    rehearsal.again(number)
    return rehearsal.network.hidden()[number](x)  # type: ignore[no-any-return]


def _compare(before: Tensor, after: Tensor) -> tuple[float, float, float]:
    """||before - after||, ||before|| and the cosine between them; NaN where one of them has no direction."""
    one, other = before.double().ravel(), after.double().ravel()
    absolute, length, reached = norm([one - other]), norm([one]), norm([other])
    if not (length > 0 and 0 < reached < np.inf):
        return absolute, length, np.nan
    return absolute, length, min(1.0, max(-1.0, float((one / length) @ (other / reached))))


def _nothing(rehearsal: Rehearsal, reason: str) -> GradientShift:
    nan = np.full(len(rehearsal.network.linears()), np.nan)
    return GradientShift(rehearsal.step, nan, nan, nan, reason)
