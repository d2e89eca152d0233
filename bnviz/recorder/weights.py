"""What an update does to the weights: their norm, their gradient's, and how far they move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from bnviz.experiment.snapshot import Array
from bnviz.recorder.layers import UNWEIGHTED, Watched
from bnviz.recorder.memory import Views, same
from bnviz.recorder.sampling import Floats, as_array
from bnviz.recorder.series import squared, squared_in_array

MAX_COPIED = 2**14  # of a larger weight this many values at random show how far it moves: to 1 %, and no second copy
Vector = npt.NDArray[np.float64]
NAMES = ("weight_norm", "gradient_weight", "update_ratio")


@dataclass(slots=True)
class Squares:
    """Sums of squares, each with the layer that it belongs to; those of one layer belong together."""

    owners: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)  # numbers, or tensors that wait on their device

    def add(self, owners: list[int], parts: list[Any]) -> None:
        """Take in those of flat arrays and tensors; of tensors on one device in as few calls as there can be."""
        self.owners += owners
        if _are_alike(parts):
            self.values += torch.stack(torch._foreach_norm(parts)).double().square().unbind()  # noqa: SLF001
        else:
            self.values += [_squared(part) for part in parts]

    def numbers(self) -> list[float]:
        """The sums; what waits on a device comes from there in one copy."""
        if _are_alike(self.values, torch.float64):
            return list(torch.stack(self.values).tolist())
        return [float(value) for value in self.values]


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
    values = [value for squares in steps for value in squares.numbers()]
    result = np.full(len(steps) * size, np.nan)
    if owners:
        result[owners] = np.sqrt(np.bincount(owners, values, len(result))[owners])
    return result.reshape(len(steps), size)


class Weights:
    """The weights that layers have at the moment, with the layers that own them; searched for only where some changed.

    Lazy parameters come late, and some loops exchange parameters or what is inside a layer.
    """

    def __init__(self, layers: Sequence[Watched]) -> None:
        self._layers = [(index, layer) for index, layer in enumerate(layers) if layer.kind not in UNWEIGHTED]
        self._holders: list[Mapping[str, Any]] = []
        self._held: list[Any] | None = None
        self.owners: list[int] = []
        self.found: list[nn.Parameter] = []

    def find(self) -> None:
        """See to it that `found` are the weights of now, of layers `owners`."""
        held = [value for holder in self._holders for value in holder.values()]
        if self._held is not None and same(held, self._held):
            return
        modules = [module for _, layer in self._layers for module in layer.module.modules()]
        self._holders = [holder for module in modules for holder in (module._parameters, module._modules)]  # noqa: SLF001
        held = [value for holder in self._holders for value in holder.values()]
        self._held = None if any(is_lazy(value) for value in held) else held  # it stays the same when it comes to be
        pairs = [(index, weight) for index, layer in self._layers for weight in layer.weights()]
        self.owners, self.found = [owner for owner, _ in pairs], [weight for _, weight in pairs]


class Update:
    """One update of the weights: `before` it, `take_gradients` that it is given, and what is different `after` it."""

    def __init__(self, layers: Sequence[Watched], seed: int = 0) -> None:
        self._weights, self._views = Weights(layers), Views()
        self._size = len(layers)
        self._random = np.random.default_rng(seed)
        self._places: dict[int, Tensor] = {}
        self._old: list[Any] = []
        self._memory: Floats = np.empty(0, np.float32)
        self._copied: list[Floats] = []  # each weight's part of the memory
        self._moved = Moved(self._size, 1.0, Squares(), Squares(), Squares(), Squares())

    def before(self) -> None:
        """Remember the weights; large ones in part, so that a model's memory is never needed twice."""
        self._weights.find()
        values = self._values()
        self._old = self._copies(self._parts(values))
        copied = whole = Squares()
        copied.add(self._weights.owners, self._old)
        if any(_size(value) > MAX_COPIED for value in values):
            whole = Squares()
            whole.add(self._weights.owners, values)
        self._moved = Moved(self._size, 1.0, whole, copied, Squares(), Squares())

    def take_gradients(self, scale: float = 1.0) -> None:
        """Read the gradients, before the optimizer or `zero_grad` has its way with them; `scale` is what they carry."""
        self._moved.scale, self._moved.gradient = scale, Squares()
        owners, values = [], []
        for owner, weight in zip(self._weights.owners, self._weights.found, strict=True):
            gradient = weight.grad
            if gradient is not None:
                owners.append(owner)
                values.append(_values(gradient))
        self._moved.gradient.add(owners, values)

    def after(self) -> Moved:
        """Return what the update was; forgets how the weights were."""
        new = self._parts(self._values())
        if self._old and isinstance(self._old[0], Tensor):
            torch._foreach_sub_(self._old, _as_tensors(new))
        else:
            for old, part in zip(self._old, new, strict=True):
                np.subtract(old, part, out=old)
        self._moved.change = Squares()
        self._moved.change.add(self._weights.owners, self._old)
        self._old = []
        return self._moved

    def _values(self) -> list[Any]:
        """The numbers of each weight: as flat arrays of their own memory where all of them can be."""
        weights = self._weights.found
        arrays = self._views.of(weights)
        return [_values(weight) for weight in weights] if arrays is None else arrays

    def _copies(self, parts: list[Any]) -> list[Any]:
        """Copies of the parts: arrays in memory that is used again, or tensors where there is one among them."""
        if any(isinstance(part, Tensor) for part in parts):
            tensors = _as_tensors(parts)
            copies = [torch.empty_like(part, memory_format=torch.contiguous_format) for part in tensors]
            torch._foreach_copy_(copies, tensors)
            return copies
        sizes = [part.size for part in parts]
        if sizes != [copy.size for copy in self._copied]:
            self._memory = np.empty(sum(sizes), np.float32)
            self._copied = np.split(self._memory, np.cumsum(sizes)[:-1]) if sizes else []
        if parts:
            np.concatenate(parts, out=self._memory)
        return self._copied

    def _parts(self, values: list[Any]) -> list[Any]:
        """Each weight's values, or of many the same ones each time."""
        return [value.reshape(-1) if _size(value) <= MAX_COPIED else self._part(value) for value in values]

    def _part(self, values: Any) -> Any:
        size = _size(values)
        if size not in self._places:
            self._places[size] = torch.from_numpy(np.sort(self._random.integers(0, size, MAX_COPIED)))
        places = self._places[size]
        if isinstance(values, np.ndarray):
            return values[places.numpy()]
        return values.reshape(-1).index_select(0, places.to(values.device))


def _as_tensors(parts: list[Any]) -> list[Tensor]:
    return [part if isinstance(part, Tensor) else torch.from_numpy(part) for part in parts]


def _are_alike(parts: list[Any], dtype: torch.dtype = torch.float32) -> bool:
    """Whether all are tensors of the type, on one device."""
    if not parts or not all(isinstance(part, Tensor) and part.dtype is dtype for part in parts):
        return False
    return len({part.device for part in parts}) == 1


def _size(part: Any) -> int:
    return part.numel() if isinstance(part, Tensor) else len(part)


def _squared(values: Any) -> Any:
    return squared(values) if isinstance(values, Tensor) else squared_in_array(values)


def _values(tensor: Tensor) -> Any:
    """The numbers of a tensor, of a sparse one those that are there: a flat array of its own memory where it can be."""
    values = tensor.detach() if tensor.requires_grad else tensor
    if values.layout is torch.strided:
        array = as_array(values) if values.is_contiguous() else None
        return values if array is None else array
    return values.coalesce().values() if values.layout is torch.sparse_coo else values.values()
