"""What is taken from a tensor while it passes: an unbiased sample of its values, and counts of all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import Parameter

MAX_VALUES = 1024
ROW = 10_000  # values whose squares are added in single precision; BLAS gives longer ones to threads of its own
LARGEST = float(np.finfo(np.float32).max)
Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
Vector = npt.NDArray[np.float64]
PLAIN = (Tensor, Parameter)  # of other classes nobody knows what lies at their address, if anything
DRAWN = 8  # steps whose random numbers are drawn at once
_STRETCHES = np.arange(MAX_VALUES, dtype=np.float64)
_END = MAX_VALUES * (1 - 1e-12)  # so that no place comes out beyond the last


def first_tensor(output: Any, depth: int = 4) -> Tensor | None:
    """Return the first floating tensor of an output: itself, or in a tuple, list, mapping or dataclass.

    So it is the sequence of a recurrent layer, not its state; of a packed one the data.
    """
    if isinstance(output, Tensor):
        return output if output.is_floating_point() or output.is_complex() else None
    if depth == 0:
        return None
    if isinstance(output, Mapping):
        parts = list(output.values())
    elif isinstance(output, list | tuple):
        parts = list(output)
    elif is_dataclass(output):
        parts = [getattr(output, item.name) for item in fields(output)]
    else:
        return None
    found = (first_tensor(part, depth - 1) for part in parts)
    return next((tensor for tensor in found if tensor is not None), None)


def as_array(tensor: Tensor) -> Floats | None:
    """Return a CPU tensor's own memory as a flat array, in no particular order; None where that takes a copy."""
    if tensor.dtype is not torch.float32 or not tensor.is_cpu or type(tensor) not in PLAIN:
        return None
    if not tensor.is_contiguous():
        if not torch.ops.aten.is_non_overlapping_and_dense(tensor):
            return None
        tensor = tensor.as_strided((tensor.numel(),), (1,), tensor.storage_offset())
    flat: Floats = tensor.numpy().ravel()
    return flat


class Sampler:
    """Draws which values of large tensors are looked at, with a generator of its own; `redraw` once a captured step.

    Every value has the same chance: of `MAX_VALUES` equal stretches of the memory, each gives one at random. A stride
    would see one column of an image again and again. `row` gives memory for a sample as long as there is some.
    """

    def __init__(self, seed: int = 0, row: Callable[[], Floats | None] = lambda: None) -> None:
        self._random = np.random.default_rng(seed)
        self._row = row
        self._offsets: list[Vector] = []
        self._places: dict[int, Places] = {}
        self.redraw()

    def redraw(self) -> None:
        """Forget the places that were drawn, so that the next step looks at others."""
        self._places.clear()
        if not self._offsets:
            drawn = self._random.random((DRAWN, MAX_VALUES))
            self._offsets = list(np.minimum(np.add(drawn, _STRETCHES, out=drawn), _END, out=drawn))
        self._current = self._offsets.pop()

    def places(self, size: int) -> Places:
        """Return `MAX_VALUES` rising places below `size`, one at random in each of as many equal stretches."""
        found = self._places.get(size)
        if found is None:
            found = self._places[size] = (self._current * (size / MAX_VALUES)).astype(np.int64)
        return found

    def from_array(self, flat: Floats) -> Floats:
        """Return a copy of the values, or of `MAX_VALUES` of them."""
        size = flat.size
        if size <= MAX_VALUES:
            return flat.copy()
        places = self._places.get(size)
        return flat.take(self.places(size) if places is None else places, 0, self._row(), "clip")

    def from_tensor(self, tensor: Tensor) -> Floats:
        """Return the same as float32 [n], from any device, type and layout."""
        if tensor.numel() > MAX_VALUES:
            places = torch.from_numpy(self.places(tensor.numel())).to(tensor.device)
            tensor = tensor[torch.unravel_index(places, tensor.shape)]  # no copy of the whole
        if tensor.is_complex():
            tensor = tensor.abs()
        if tensor.dtype is torch.float64:  # what float32 can't hold is still no infinity
            tensor = torch.where(tensor.isfinite(), tensor.clamp(-LARGEST, LARGEST), tensor)
        values: Floats = tensor.to("cpu", torch.float32, copy=True).numpy().reshape(-1)
        return values

    def merge(self, old: Floats, old_count: int, new: Floats, new_count: int) -> Floats:
        """Return a sample of two sets of values from a sample of each, each with its share of all of them."""
        if old_count + new_count <= MAX_VALUES:
            return np.concatenate([old, new])
        share = round(MAX_VALUES * old_count / (old_count + new_count))
        kept = [(old, min(share, len(old))), (new, min(MAX_VALUES - share, len(new)))]
        return np.concatenate([self._random.choice(values, size, replace=False) for values, size in kept])


def sum_of_squares(flat: Floats) -> float:
    """Return the sum of the squares of a flat array, without warnings where it is infinite or NaN."""
    size = len(flat)
    if size <= ROW:
        return float(np.vdot(flat, flat))  # dot would warn, and to say that it mustn't takes twice its time
    with np.errstate(over="ignore", invalid="ignore"):
        whole = size // ROW * ROW
        rows, rest = flat[:whole].reshape(-1, ROW), flat[whole:]
        return float(np.vecdot(rows, rows).sum(dtype=np.float64)) + float(rest.dot(rest))


def nonfinite_in_array(flat: Floats) -> int:
    """Return how many values are NaN or infinite: none, where the sum of their squares is finite."""
    if math.isfinite(sum_of_squares(flat)):
        return 0
    return len(flat) - int(np.count_nonzero(np.isfinite(flat)))


def nonfinite_in_tensor(tensor: Tensor) -> int:
    """Return the same of any tensor; a finite sum has finite terms, so that nothing is copied."""
    wide = torch.promote_types(tensor.dtype, torch.float32)
    if bool(torch.isfinite(tensor.sum(dtype=wide))):
        return 0
    return tensor.numel() - int(torch.count_nonzero(torch.isfinite(tensor)))
