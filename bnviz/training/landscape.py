"""The loss along the gradient's direction, and how fast the gradient changes on that line.

After Santurkar, Tsipras, Ilyas and Madry, "How Does Batch Normalization Help Optimization?" (NeurIPS 2018), section
3.2 and Fig. 4: (a) the variation of the loss when moving in the gradient's direction, (b) the l2 distance between the
gradient at the start and those on the way ("gradient predictiveness"), (c) the largest of these distances over the
distance moved ("effective beta-smoothness").
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bnviz.experiment.snapshot import Array
from bnviz.training.rehearsal import Rehearsal, finish, norm
from bnviz.training.unfold import Training

MULTIPLES = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
MAX_MULTIPLES = 100


@dataclass(frozen=True, eq=False)
class Landscape:
    """What is met on the line W - m * learning_rate * grad L(W), for each m of `multiples` [points], at a step.

    `start` is the loss at W and `gradient` the norm of grad L(W). On the way: `losses`, the `distances` moved, and the
    `changes` of the gradient, ||grad L(there) - grad L(W)||, all [points]. Values that are not finite stay as they
    are; a number over all points is NaN where one of them is not finite, and `reason` says why.
    """

    step: int
    learning_rate: float
    multiples: Array
    start: float
    gradient: float
    losses: Array
    distances: Array
    changes: Array
    reason: str | None = None

    @property
    def minimum(self) -> float:
        """The smallest loss on the line."""
        return float(self.losses.min()) if np.isfinite(self.losses).all() else math.nan

    @property
    def maximum(self) -> float:
        """The largest loss on the line."""
        return float(self.losses.max()) if np.isfinite(self.losses).all() else math.nan

    @property
    def range(self) -> float:
        """By how much the loss varies on the line."""
        return self.maximum - self.minimum

    @property
    def smoothness(self) -> float:
        """Effective beta-smoothness: the gradient's largest change over the distance moved. Smaller is smoother."""
        if not (np.isfinite(self.changes).all() and (self.distances > 0).all()):
            return math.nan
        return float((self.changes / self.distances).max())


def landscape(training: Training, multiples: Sequence[float] = MULTIPLES) -> Landscape:
    """Measure the loss along the gradient at the training's next step; the training is left as it was, to the last bit.

    The line runs through all parameters together, against their gradient, in steps that are multiples of the learning
    rate in force. Train mode, the batch that comes next, and its dropout masks and noise at every point. Raises
    `ValueError` for multiples that are no line.
    """
    return finish(landscape_in_slices(training.rehearse(), multiples))


def landscape_in_slices(
    rehearsal: Rehearsal, multiples: Sequence[float] = MULTIPLES
) -> Generator[None, None, Landscape]:
    """As `landscape`, resting after each point; no slice takes longer than a training step. Moves the copy."""
    _check(multiples)
    loss = rehearsal.loss() if rehearsal.why_not is None else torch.tensor(math.nan)
    if not loss.isfinite():
        return _nothing(rehearsal, multiples, rehearsal.why_not or "the loss is not finite at this step")
    parameters = list(rehearsal.network.parameters())
    home = [parameter.detach().clone() for parameter in parameters]
    gradients = list(torch.autograd.grad(loss, parameters))
    found = []
    for multiple in multiples:
        yield
        distance = _move(parameters, home, gradients, multiple * rehearsal.learning_rate)
        there = rehearsal.loss()
        change = norm(torch._foreach_sub(list(torch.autograd.grad(there, parameters)), gradients))
        found.append((there.item(), distance, change))
    losses, distances, changes = np.array(found).T
    length = norm(gradients)
    reason = _reason(np.array(multiples), losses, distances, changes)
    return Landscape(
        rehearsal.step, rehearsal.learning_rate, np.array(multiples, float), loss.item(), length,
        losses, distances, changes, reason,
    )  # fmt: skip


@torch.no_grad()
def _move(parameters: list[nn.Parameter], home: list[Tensor], gradients: list[Tensor], size: float) -> float:
    """Put the parameters at home - size * gradients; return how far that is in float32, where small steps get lost."""
    for parameter, start, gradient in zip(parameters, home, gradients, strict=True):
        parameter.copy_(start - size * gradient)
    return norm(torch._foreach_sub([parameter.detach() for parameter in parameters], home))


def _reason(multiples: Array, losses: Array, distances: Array, changes: Array) -> str | None:
    """Why a number over all points can't be told, if so."""
    bad = multiples[~(np.isfinite(losses) & np.isfinite(changes))]
    if len(bad):
        return f"the loss or its gradient is not finite at {bad[0]:g} times the learning rate"
    if not (distances > 0).all():
        return "the gradient is too small to move the weights: there is no way to look along"
    return None


def _check(multiples: Sequence[float]) -> None:
    values = np.asarray(multiples, float)
    rising = values.ndim == 1 and len(values) > 0 and np.isfinite(values).all() and (np.diff(values) > 0).all()
    if not (rising and values[0] > 0 and len(values) <= MAX_MULTIPLES):
        raise ValueError(
            f"multiples must be 1 to {MAX_MULTIPLES} positive numbers in rising order, as in (.5, 1, 2, 4); "
            f"got {multiples!r:.80}"
        )


def _nothing(rehearsal: Rehearsal, multiples: Sequence[float], reason: str) -> Landscape:
    nan = np.full(len(multiples), np.nan)
    return Landscape(
        rehearsal.step, rehearsal.learning_rate, np.array(multiples, float), math.nan, math.nan, nan, nan, nan, reason
    )
