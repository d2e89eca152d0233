"""A training's next step on a copy: what would happen can be tried out, as often as asked, and nothing happens."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from bnviz.experiment.snapshot import Divergence
from bnviz.training.networks import Block, Network
from bnviz.training.normalization import NoisyBatchNorm

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """A copy of a network, in train mode, as its next step will find it; and that step's batch and learning rate.

    `step` counts the updates made so far. Every pass through the copy may draw the same random numbers (dropout
    masks, the noise of noisy batch normalization), those that the next step will draw: two losses then differ by the
    parameters alone.
    """

    step: int
    network: Network
    x: Tensor
    y: Tensor
    learning_rate: float
    diverged: Divergence | None
    _draws: list[list[Tensor]] = field(init=False)

    def __post_init__(self) -> None:
        draws = [[source.get_state() for source in _sources(block)] for block in self.network.hidden()]
        object.__setattr__(self, "_draws", draws)

    def again(self, first: int = 0) -> None:
        """Have the hidden layers from `first` on draw the next step's random numbers again."""
        for block, states in zip(self.network.hidden()[first:], self._draws[first:], strict=True):
            for source, state in zip(_sources(block), states, strict=True):
                source.set_state(state)

    def loss(self, x: Tensor | None = None, first: int = 0) -> Tensor:
        """The batch's loss; `x` is the batch, or what hidden layer `first` is given in its place."""
        self.again(first)
        x = self.x if x is None else x
        for block in self.network.hidden()[first:]:
            x = block(x)
        return F.cross_entropy(self.network.output(x), self.y)

    @property
    def why_not(self) -> str | None:
        """Why there is no gradient to measure, if the training has broken."""
        if self.diverged is None:
            return None
        where = "the output layer" if self.diverged.where == "output layer" else self.diverged.where
        return f"this network diverged at step {self.diverged.step}, in {where}"


def _sources(block: Block) -> list[torch.Generator]:
    """The random generators that one hidden layer draws from in train mode."""
    found = [block.dropout.source] if block.dropout is not None else []
    return [*found, block.norm.noise] if isinstance(block.norm, NoisyBatchNorm) else found


def finish(slices: Generator[None, None, Result]) -> Result:
    """Work through all slices at once and return their result."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            result: Result = end.value
            return result


def norm(tensors: Sequence[Tensor]) -> float:
    """The Euclidean norm of all values together, added up in float64: squares of float32 may over- or underflow."""
    squares = [torch.linalg.vector_norm(tensor, dtype=torch.float64).square() for tensor in tensors]
    return float(torch.stack(squares).sum().sqrt())
