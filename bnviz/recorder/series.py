"""What one call of a layer gave in one step, gathered over the step's forward passes."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numpy import not_equal, vdot
from torch import Tensor, float32, nn
from torch.utils.hooks import RemovableHandle, unserializable_hook

from bnviz.recorder.sampling import (
    ROW,
    Floats,
    Sampler,
    as_array,
    nonfinite_in_array,
    nonfinite_in_tensor,
    sum_of_squares,
)

# Slope under 5 % of its largest: tanh' = 1 - y^2 < .05; sigmoid' = y (1 - y) < .05 / 4, y the output.
_EDGE = math.sqrt(0.95)
SATURATION: dict[type[nn.Module], tuple[float, float]] = {
    nn.Tanh: (-_EDGE, _EDGE),
    nn.Sigmoid: ((1 - _EDGE) / 2, (1 + _EDGE) / 2),
}
_NOTHING = np.empty(0, np.float32)
_ZERO = np.zeros((), np.float32)
MAX_WAITING = 2**16  # values; of more it is counted at once which are 0
Fired = npt.NDArray[np.bool_]


class Series:
    """One call of one layer in one step; counts are of all values, `sample` holds at most `MAX_VALUES` of them.

    Of activations, `zeros` counts exact zeros and `alive` says which units gave anything else. `squares` are of the
    gradient, as numbers, or as tensors that wait on their device.
    """

    __slots__ = ("alive", "call", "count", "layer", "nonfinite", "sample", "squares", "waiting", "zeros")

    def __init__(self, layer: int, call: int) -> None:
        self.layer, self.call = layer, call
        self.count = self.nonfinite = 0
        self.zeros: int | None = None
        self.sample: Floats = _NOTHING
        self.alive: Fired | None = None
        self.waiting: tuple[Fired, int] | None = None  # where the first pass was not 0, and its units' axis
        self.squares: list[Any] = []

    def add(self, tensor: Tensor, sampler: Sampler, unit_axis: int | None) -> None:
        """Take in one forward pass's output at once; its values are copied, as the next module may work in place.

        `unit_axis` is where an activation's units lie, None for other layers.
        """
        flat = as_array(tensor)
        size = tensor.numel() if flat is None else flat.size
        if not size:
            return
        if flat is not None:
            values = sampler.from_array(flat)
            square = vdot(flat, flat) if size <= ROW else sum_of_squares(flat)
            nonfinite = 0 if isfinite(square) else nonfinite_in_array(flat)
        else:
            values, nonfinite = sampler.from_tensor(tensor), nonfinite_in_tensor(tensor)
        first = not self.count
        if first:
            self.sample, self.count, self.nonfinite = values, size, nonfinite
        else:
            self.take(values, size, nonfinite, sampler)
        if unit_axis is None:
            return
        if first and flat is not None and size <= MAX_WAITING:
            self.waiting = not_equal(tensor.numpy(), _ZERO), unit_axis
        else:
            self.settle()
            self.take_fired(size, *_fired(tensor, unit_axis))

    def settle(self) -> None:
        """Count what was put off: where the first pass was 0."""
        if self.waiting is not None:
            fired, axis = self.waiting
            count, alive = _fired_in(fired, axis)  # of the first pass: nothing was counted before
            self.zeros, self.alive, self.waiting = fired.size - count, alive, None  # at once: an interrupt may come

    def take(self, values: Floats, size: int, nonfinite: int, sampler: Sampler) -> None:
        """Take in a sample of `size` values, of which so many are not finite."""
        self.sample = sampler.merge(self.sample, self.count, values, size) if self.count else values
        self.count += size
        self.nonfinite += nonfinite

    def take_fired(self, size: int, fired: int, alive: Fired) -> None:
        """Take in how many of `size` values are not 0, and which units [units] gave any of those."""
        self.zeros = (self.zeros or 0) + size - fired
        before = self.alive
        self.alive = alive if before is None or before.shape != alive.shape else before | alive

    def watch_gradient(self, output: Tensor, fail: Callable[[int, Exception], None]) -> None:
        """Add up the squares of the loss's gradient with respect to the output, until the step is made.

        `output` has a `grad_fn`: on a leaf, as a parameter is, each step's hook would stay. What can't be measured is
        NaN, and `fail` is told the layer and why.
        """
        squares = self.squares

        @unserializable_hook  # type: ignore[untyped-decorator]  # so that to save the output gives no warning
        def add(gradient: Tensor) -> None:
            if self.squares is not squares:
                return
            try:
                if gradient.dtype is float32 and gradient.is_cpu and not gradient.requires_grad:
                    squares.append(squared_in_array(gradient.numpy().ravel()))
                else:
                    squares.append(squared(gradient.detach()))
            except Exception as error:  # noqa: BLE001 - it would end the backward pass of the user
                squares.append(math.nan)
                fail(self.layer, error)

        if type(output) is Tensor and output._backward_hooks is None:  # noqa: SLF001
            hooks: OrderedDict[int, Any] = OrderedDict()  # as register_hook does, in half the time: no handle is made
            output._backward_hooks = hooks  # noqa: SLF001
            output.grad_fn._register_hook_dict(output)  # type: ignore[union-attr]  # noqa: SLF001
            hooks[RemovableHandle.next_id] = add
            RemovableHandle.next_id += 1
        else:
            output.register_hook(add)  # type: ignore[no-untyped-call]

    def gradient_norm(self) -> float:
        """The norm of the gradient over all forward passes; NaN where none came."""
        return math.sqrt(sum(map(float, self.squares))) if self.squares else math.nan


def copied(series: Sequence[Series]) -> int:
    """Return the memory of what was copied, in bytes."""
    size = 0
    for one in series:
        size += one.sample.nbytes
        if one.waiting is not None:
            size += one.waiting[0].nbytes
        if one.alive is not None:
            size += one.alive.nbytes
    return size


def squared(tensor: Tensor) -> Any:
    """Return the sum of the squares: a number from the CPU, a tensor from elsewhere, so that nothing waits for it."""
    if tensor.is_cpu and tensor.dtype is torch.float32:
        return squared_in_array(tensor.numpy().ravel())
    squares = torch.linalg.vector_norm(tensor.to(torch.promote_types(tensor.dtype, torch.float32))).double().square()
    return float(squares) if squares.is_cpu else squares


def squared_in_array(flat: Floats) -> float:
    """Return the sum of the squares of a flat array, in double precision where single may have lost digits."""
    total = float(vdot(flat, flat)) if flat.size <= ROW else sum_of_squares(flat)
    if 1e-28 < total < 1e36:
        return total
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.square(flat, dtype=np.float64).sum())


def _fired(tensor: Tensor, axis: int) -> tuple[int, Fired]:
    if tensor.is_cpu and tensor.dtype is torch.float32:
        return _fired_in(tensor.numpy() != 0, axis)
    others = _others(tensor.ndim, axis)
    largest = torch.maximum(tensor.amax(others), -tensor.amin(others)) if others else tensor
    return int(torch.count_nonzero(tensor)), (largest != 0).cpu().numpy()


def _fired_in(fired: Fired, axis: int) -> tuple[int, Fired]:
    return int(np.count_nonzero(fired)), np.logical_or.reduce(fired, axis=_others(fired.ndim, axis))


@lru_cache(maxsize=64)
def _others(axes: int, axis: int) -> tuple[int, ...]:
    return tuple(other for other in range(axes) if other != axis % axes)
