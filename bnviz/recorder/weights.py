"""What an update does to the weights: their norm, their gradient's, and how far they move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bnviz.experiment.snapshot import Array
from bnviz.recorder.layers import UNWEIGHTED, Watched
from bnviz.recorder.sampling import Floats
from bnviz.recorder.series import squared, squared_in_array

MAX_COPIED = 2**14  # of a larger weight this many values at random show how far it moves: to 1 %, and no second copy
Vector = npt.NDArray[np.float64]
NAMES = ("weight_norm", "gradient_weight", "update_ratio")


@dataclass(slots=True)
class Squares:
    """Sums of squares, each with the layer that it belongs to; those of one layer belong together."""

    owners: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)  # numbers, or tensors that wait on their device

    def add(self, owner: int, value: Any) -> None:
        """Take in one sum."""
        self.owners.append(owner)
        self.values.append(value)


@dataclass(slots=True)
class Moved:
    """What one update showed of `size` layers, in sums of squares.

    `whole` is of the weights and `copied` of those values of them whose `change` is known; `gradient` carries `scale`.
    """

    size: int
    scale: float
    whole: Squares
    copied: Squares
    gradient: Squares
    change: Squares


def columns(updates: Sequence[Moved]) -> list[dict[str, Array]]:
    """Return the columns [layers] of several updates: norms of all of a layer's weights, NaN where there is none."""
    if not updates:
        return []
    size = updates[0].size
    whole, copied, gradient, change = (
        _norms([getattr(update, name) for update in updates], size)
        for name in ("whole", "copied", "gradient", "change")
    )
    gradient /= np.array([[update.scale] for update in updates])
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = change / copied
    return [dict(zip(NAMES, rows, strict=True)) for rows in zip(whole, gradient, ratio, strict=True)]


def _norms(steps: Sequence[Squares], size: int) -> Vector:
    """The norm [steps, layers] of each layer's tensors together."""
    owners = [step * size + owner for step, squares in enumerate(steps) for owner in squares.owners]
    values = [float(value) for squares in steps for value in squares.values]
    result = np.full(len(steps) * size, np.nan)
    if owners:
        result[owners] = np.sqrt(np.bincount(owners, values, len(result))[owners])
    return result.reshape(len(steps), size)


class Update:
    """One update of the weights: `before` it, `take_gradients` that it is given, and what is different `after` it."""

    def __init__(self, layers: Sequence[Watched], seed: int = 0) -> None:
        self._layers = [(index, layer) for index, layer in enumerate(layers) if layer.kind not in UNWEIGHTED]
        self._size = len(layers)
        self._random = np.random.default_rng(seed)
        self._places: dict[int, Tensor] = {}
        self._found: list[tuple[int, nn.Parameter]] = []
        self._parts: list[Any] = []
        self._old: list[Any] = []
        self._memory: Floats = np.empty(0, np.float32)
        self._moved = Moved(self._size, 1.0, Squares(), Squares(), Squares(), Squares())

    @torch.no_grad()
    def before(self) -> None:
        """Remember the weights; large ones in part, so that a model's memory is never needed twice."""
        self._found = [(index, weight) for index, layer in self._layers for weight in layer.weights()]
        self._parts = [self._part(weight) for _, weight in self._found]
        self._old = self._copies(self._parts)
        whole, copied = Squares(), Squares()
        for (owner, weight), old in zip(self._found, self._old, strict=True):
            square = _squared(old)
            copied.add(owner, square)
            whole.add(owner, square if _size(old) == weight.numel() else _squared(_values(weight)))
        self._moved = Moved(self._size, 1.0, whole, copied, Squares(), Squares())

    @torch.no_grad()
    def take_gradients(self, scale: float = 1.0) -> None:
        """Read the gradients, before the optimizer or `zero_grad` has its way with them; `scale` is what they carry."""
        self._moved.scale, self._moved.gradient = scale, Squares()
        for owner, weight in self._found:
            gradient = weight.grad
            if gradient is not None:
                self._moved.gradient.add(owner, _squared(_values(gradient)))

    @torch.no_grad()
    def after(self) -> Moved:
        """Return what the update was; forgets how the weights were."""
        change = Squares()
        for (owner, weight), part, old in zip(self._found, self._parts, self._old, strict=True):
            new = part if _size(part) == weight.numel() else self._part(weight)
            if isinstance(old, Tensor):
                old.sub_(new)
            else:
                np.subtract(old, new, out=old)
            change.add(owner, _squared(old))
        self._moved.change = change
        self._found, self._parts = [], []
        return self._moved

    def _copies(self, parts: list[Any]) -> list[Any]:
        """Copies of flat tensors and arrays; those of arrays stand in memory that is used again."""
        arrays = [part for part in parts if not isinstance(part, Tensor)]
        size = sum(map(len, arrays))
        if len(self._memory) != size:
            self._memory = np.empty(size, np.float32)
        if arrays:
            np.concatenate(arrays, out=self._memory)
        start, copies = 0, list[Any]()
        for part in parts:
            if isinstance(part, Tensor):
                copies.append(part.clone())
            else:
                copies.append(self._memory[start : start + len(part)])
                start += len(part)
        return copies

    def _part(self, weight: nn.Parameter) -> Any:
        """A weight's own memory as a flat array, or some of its values; a tensor of what is no float32 of the CPU."""
        values = _values(weight)
        size = values.size if isinstance(values, np.ndarray) else values.numel()
        if size <= MAX_COPIED:
            return values.reshape(-1)
        if size not in self._places:
            self._places[size] = torch.from_numpy(np.sort(self._random.integers(0, size, MAX_COPIED)))
        places = self._places[size]
        if isinstance(values, np.ndarray):
            return values[places.numpy()]
        return values.reshape(-1).index_select(0, places.to(values.device))


def _size(part: Any) -> int:
    return part.numel() if isinstance(part, Tensor) else len(part)


def _squared(values: Any) -> Any:
    return squared(values) if isinstance(values, Tensor) else squared_in_array(values)


def _values(tensor: Tensor) -> Any:
    """The numbers of a tensor, of a sparse one those that are there: a flat array of its own memory where it can be."""
    values = tensor.detach()
    if values.layout is torch.strided:
        if values.dtype is torch.float32 and values.is_cpu and values.is_contiguous():
            return values.numpy().reshape(-1)
        return values
    return values.coalesce().values() if values.layout is torch.sparse_coo else values.values()
