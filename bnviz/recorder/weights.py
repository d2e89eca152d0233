"""What an update does to the weights: their norm, their gradient's, and how far they move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bnviz.experiment.snapshot import Array
from bnviz.recorder.layers import Watched
from bnviz.recorder.series import squared

MAX_COPIED = 2**14  # of a larger weight this many values at random show how far it moves: to 1 %, and no second copy
Vector = npt.NDArray[np.float64]


class Update:
    """One update of the weights: `before` it, `take_gradients` that it is given, and what is different `after` it.

    Norms are of all of a layer's weights together; NaN where there is none.
    """

    def __init__(self, layers: Sequence[Watched], seed: int = 0) -> None:
        self._layers = layers
        self._random = np.random.default_rng(seed)
        self._places: dict[int, Tensor] = {}
        self._found: list[tuple[int, nn.Parameter]] = []
        self._parts: list[Tensor] = []
        self._old: list[Tensor] = []
        self._nothing = np.full(len(layers), np.nan)
        self._gradient = self._nothing
        self._in_part = False

    @torch.no_grad()
    def before(self) -> None:
        """Remember the weights; large ones in part, so that a model's memory is never needed twice."""
        self._found = [(index, weight) for index, layer in enumerate(self._layers) for weight in layer.weights()]
        self._parts = [self._part(weight) for _, weight in self._found]
        self._in_part = any(part.data_ptr() != weight.data_ptr() for part, (_, weight) in self._pairs())
        if [old.shape for old in self._old] != [part.shape for part in self._parts]:
            self._old = [torch.empty_like(part, memory_format=torch.contiguous_format) for part in self._parts]
        if self._old:
            torch._foreach_copy_(self._old, self._parts)
        self._gradient = self._nothing

    @torch.no_grad()
    def take_gradients(self, scale: float = 1.0) -> None:
        """Read the gradients, before the optimizer or `zero_grad` has its way with them; `scale` is what they carry."""
        found = [(index, weight.grad) for index, weight in self._found if weight.grad is not None]
        norms = self._per_layer([_values(gradient) for _, gradient in found], [index for index, _ in found])
        self._gradient = norms[: len(self._layers)] / scale

    @torch.no_grad()
    def after(self) -> dict[str, Array]:
        """Return the columns of the update that was made."""
        owners = [index for index, _ in self._found]
        parts = [self._part(weight) for _, weight in self._found] if self._in_part else self._parts
        moved = list(torch._foreach_sub(parts, self._old)) if parts else []
        norms = self._per_layer([*moved, *self._old], [*owners, *(len(self._layers) + owner for owner in owners)])
        change, old = np.split(norms, 2)
        whole = self._per_layer([_values(w) for _, w in self._found], owners)[: len(old)] if self._in_part else old
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"weight_norm": whole, "gradient_weight": self._gradient, "update_ratio": change / old}

    def _pairs(self) -> Iterator[tuple[Tensor, tuple[int, nn.Parameter]]]:
        return zip(self._parts, self._found, strict=True)

    def _per_layer(self, tensors: list[Tensor], owners: list[int]) -> Vector:
        if not tensors:
            return np.full(2 * len(self._layers), np.nan)
        size = 2 * len(self._layers)
        squares = np.bincount(owners, _squares(tensors), size)
        result: Vector = np.where(np.bincount(owners, minlength=size) > 0, np.sqrt(squares), np.nan)
        return result

    def _part(self, weight: nn.Parameter) -> Tensor:
        values = _values(weight).reshape(-1)
        size = values.numel()
        if size <= MAX_COPIED:
            return values
        if size not in self._places:
            self._places[size] = torch.from_numpy(np.sort(self._random.integers(0, size, MAX_COPIED)))
        return values.index_select(0, self._places[size].to(values.device))


def _squares(tensors: list[Tensor]) -> Vector:
    """The sum of each tensor's squares; those of one device in one call."""
    if len({(tensor.dtype, tensor.device) for tensor in tensors}) == 1 and tensors[0].dtype is torch.float32:
        norms = torch.stack(torch._foreach_norm(tensors)).cpu().numpy()  # noqa: SLF001
        squares: Vector = np.square(norms, dtype=np.float64)
        return squares
    return np.array([float(squared(tensor)) for tensor in tensors])


def _values(tensor: Tensor) -> Tensor:
    """The numbers of a tensor, of a sparse one those that are there."""
    values = tensor.detach()
    if values.layout is torch.strided:
        return values
    return values.coalesce().values() if values.layout is torch.sparse_coo else values.values()
