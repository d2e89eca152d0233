"""What an update does to the weights: their norm, their gradient's, and how far they move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bnviz.experiment.snapshot import Array
from bnviz.recorder.layers import UNWEIGHTED, Watched
from bnviz.recorder.series import squared

MAX_COPIED = 2**14  # of a larger weight this many values at random show how far it moves: to 1 %, and no second copy
Vector = npt.NDArray[np.float64]


class Update:
    """One update of the weights: `before` it, `take_gradients` that it is given, and what is different `after` it.

    Norms are of all of a layer's weights together; NaN where there is none.
    """

    def __init__(self, layers: Sequence[Watched], seed: int = 0) -> None:
        self._layers = [(index, layer) for index, layer in enumerate(layers) if layer.kind not in UNWEIGHTED]
        self._random = np.random.default_rng(seed)
        self._places: dict[int, Tensor] = {}
        self._found: list[tuple[int, nn.Parameter]] = []
        self._parts: list[Tensor] = []
        self._old: list[Tensor] = []
        self._nothing = np.full(len(layers), np.nan)
        self._gradient = self._norm = self._whole = self._nothing
        self._in_part = False

    @torch.no_grad()
    def before(self) -> None:
        """Remember the weights; large ones in part, so that a model's memory is never needed twice."""
        self._found = [(index, weight) for index, layer in self._layers for weight in layer.weights()]
        self._parts = [self._part(weight) for _, weight in self._found]
        self._in_part = any(part.data_ptr() != weight.data_ptr() for part, (_, weight) in self._pairs())
        if [old.shape for old in self._old] != [part.shape for part in self._parts]:
            self._old = [torch.empty_like(part, memory_format=torch.contiguous_format) for part in self._parts]
        if self._old:
            torch._foreach_copy_(self._old, self._parts)
        self._gradient = self._nothing

    @torch.no_grad()
    def take_gradients(self, scale: float = 1.0) -> None:
        """Read the gradients, before the optimizer or `zero_grad` has its way with them; `scale` is what they carry.

        The remembered weights' norms come along in the same calls.
        """
        size = len(self._nothing)
        owners, tensors = [owner for owner, _ in self._found], list(self._old)
        for owner, weight in self._found:
            if weight.grad is not None:
                owners.append(size + owner)
                tensors.append(_values(weight.grad))
        if self._in_part:
            owners += [2 * size + owner for owner, _ in self._found]
            tensors += [_values(weight) for _, weight in self._found]
        norms = _norms(tensors, owners, 3 * size).reshape(3, size)
        self._norm, self._gradient, self._whole = norms[0], norms[1] / scale, norms[2 if self._in_part else 0]

    @torch.no_grad()
    def after(self) -> dict[str, Array]:
        """Return the columns of the update that was made; forgets how the weights were."""
        parts = [self._part(weight) for _, weight in self._found] if self._in_part else self._parts
        if parts:
            torch._foreach_sub_(self._old, parts)
        change = _norms(self._old, [owner for owner, _ in self._found], len(self._nothing))
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = change / self._norm
        return {"weight_norm": self._whole, "gradient_weight": self._gradient, "update_ratio": ratio}

    def _pairs(self) -> Iterator[tuple[Tensor, tuple[int, nn.Parameter]]]:
        return zip(self._parts, self._found, strict=True)

    def _part(self, weight: nn.Parameter) -> Tensor:
        values = _values(weight).reshape(-1)
        size = values.numel()
        if size <= MAX_COPIED:
            return values
        if size not in self._places:
            self._places[size] = torch.from_numpy(np.sort(self._random.integers(0, size, MAX_COPIED)))
        return values.index_select(0, self._places[size].to(values.device))


def _norms(tensors: list[Tensor], owners: list[int], size: int) -> Vector:
    """The norm of each owner's tensors together, NaN for owners without any."""
    result = np.full(size, np.nan)
    if tensors:
        squares = np.bincount(owners, _squares(tensors), size)
        result[owners] = np.sqrt(squares[owners])
    return result


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
