"""Where parameters lie in memory: found once, and found again only where one was exchanged or has moved."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_

import torch
from torch import Tensor

from bnviz.recorder.sampling import Floats, as_array

Place = tuple[int, Sequence[int], Sequence[int]]  # address, shape, strides


class Views:
    """The memory of the same tensors, asked for again and again, as flat arrays.

    To make an array of a tensor takes several times as long as to see that it lies where it did.
    """

    def __init__(self) -> None:
        self._tensors: Sequence[Tensor] = ()
        self._places: list[Place] = []
        self._arrays: list[Floats] | None = None

    def of(self, tensors: Sequence[Tensor]) -> list[Floats] | None:
        """Return an array of each, or None where one is no float32 of the CPU in one piece."""
        if self._arrays is not None and same(tensors, self._tensors) and _places(tensors) == self._places:
            return self._arrays
        arrays = [as_array(tensor.detach()) if tensor.layout is torch.strided else None for tensor in tensors]
        found = [array for array in arrays if array is not None]
        if len(found) < len(arrays):
            self._tensors, self._places, self._arrays = (), [], None
            return None
        self._tensors, self._places, self._arrays = tensors, _places(tensors), found
        return found


def same(some: Sequence[object], others: Sequence[object]) -> bool:
    """Whether both hold the same objects; that tensors have equal numbers says nothing."""
    return len(some) == len(others) and all(map(is_, some, others))


def _places(tensors: Sequence[Tensor]) -> list[Place]:
    return [(tensor.data_ptr(), tensor.shape, tensor.stride()) for tensor in tensors]
