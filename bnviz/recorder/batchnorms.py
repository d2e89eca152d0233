"""What batch-norm layers have learnt, keep, and saw in a step's batches, for a few channels of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from bnviz.experiment.snapshot import Array, kept_channels
from bnviz.recorder.layers import BATCH_NORM, Watched
from bnviz.recorder.memory import Views, same

MAX_CHANNELS = 16
MAX_WAITING = 1024  # samples; of larger batches no copy is kept
Table = npt.NDArray[np.float32]
Sizes = tuple[int, ...]  # of vectors; -1 where there is none
Moments = tuple[Tensor, Tensor]  # mean and variance [channels]
NAMES = ("gamma", "beta", "running_mean", "running_variance", "batch_mean", "batch_variance")
_ATTRIBUTES = ("weight", "bias", "running_mean", "running_var")


@dataclass(slots=True)
class Taken:
    """What a step has shown of so many layers: vectors, and batches of which it has no moments yet.

    The vectors stand in one row, to be kept from a name's row of the table on. Batches are [samples, channels], by the
    layers' rows.
    """

    layers: int
    vectors: list[tuple[int, Sizes, Table]]
    waiting: dict[int, Table]

    @property
    def nbytes(self) -> int:
        """Memory of both."""
        return sum([row.nbytes for _, _, row in self.vectors]) + sum([table.nbytes for table in self.waiting.values()])

    def table(self) -> Table:
        """Return the kept channels of the vectors [names, layers, MAX_CHANNELS], NaN where there is no data."""
        table = np.full((len(NAMES), self.layers, MAX_CHANNELS), np.nan, np.float32)
        for name, sizes, row in self.vectors:
            source, target = _kept(sizes)
            table[name:].reshape(-1)[target] = row[source]
        return table


def columns(steps: Sequence[Taken]) -> list[dict[str, Array]]:
    """Return the columns [layers, MAX_CHANNELS] of several steps' tables; batches of a shape are measured together."""
    tables = [taken.table() for taken in steps]
    places: dict[tuple[int, ...], list[tuple[Table, int, Table]]] = {}
    for taken, table in zip(steps, tables, strict=True):
        for row, batch in taken.waiting.items():
            places.setdefault(batch.shape, []).append((table, row, batch))
    for (_, channels), found in places.items():
        side_by_side = np.concatenate([batch for _, _, batch in found], axis=1)
        mean, variance = _measured(side_by_side.reshape(len(side_by_side), len(found), channels))
        for (table, row, _), *moments in zip(found, mean, variance, strict=True):
            table[-2:, row, :channels] = moments
    return [dict(zip(NAMES, table, strict=True)) if table.size else {} for table in tables]


def _measured(batches: Table) -> tuple[Table, Table]:
    """Mean and biased variance [batches, channels] of [samples, batches, channels], in two passes."""
    samples = np.float32(len(batches))
    mean: Table = np.add.reduce(batches, axis=0) / samples
    rest = batches - mean
    variance: Table = np.add.reduce(np.multiply(rest, rest, out=rest), axis=0) / samples
    return mean, variance


class BatchNorms:
    """The batch-norm layers among the watched ones; `take` gives a row a layer, NaN where there is no data.

    Of wide layers `MAX_CHANNELS` evenly spaced channels are kept. A layer that saw several batches in a step is given
    their average mean and variance.
    """

    def __init__(self, layers: Sequence[Watched]) -> None:
        self._modules = {index: layer.module for index, layer in enumerate(layers) if layer.kind == BATCH_NORM}
        self._moments: dict[int, list[Moments]] = {index: [] for index in self._modules}
        self._waiting: dict[int, Table] = {}
        self._views = Views()
        self._held: list[Tensor | None] = []
        self._learnt: list[Tensor | None] = []
        self._known: list[Tensor] = []
        self._arrays: list[Table] | None = None
        self._sizes: Sizes = ()
        self._places = [(_holder(module, name), name) for name in _ATTRIBUTES for module in self._modules.values()]

    def add(self, layer: int, values: Tensor) -> None:
        """Take in one batch, [samples, channels, ...]; a step's first small one waits for those of other layers."""
        values, shape = values.detach(), values.shape
        if 0 in shape:
            return
        if len(shape) == 2 and shape[0] <= MAX_WAITING and values.dtype is torch.float32 and values.is_cpu:
            table = values.numpy().take(_channels(shape[1]), 1)
            if self._waiting.setdefault(layer, table) is table:
                return
        self._moments[layer].append(kept_moments(values))

    def clear(self) -> None:
        """Forget the batches that were seen."""
        self._waiting.clear()
        for batches in self._moments.values():
            batches.clear()

    @torch.no_grad()
    def take(self) -> Taken:
        """Return what the step has shown and forget its batches; all of it comes from its device in one copy.

        Where it is on several devices, each comes by itself.
        """
        if not self._modules:
            return Taken(0, [], {})
        waiting = {}
        for row, (layer, batches) in enumerate(self._moments.items()):
            table = self._waiting.get(layer)
            if table is not None and batches:
                mean, variance = _measured(table[:, None])
                batches.append((torch.from_numpy(mean[0]), torch.from_numpy(variance[0])))
            elif table is not None:
                waiting[row] = table
        self._find()
        arrays = self._views.of(self._known)
        seen: list[Tensor | None] = []
        if any(self._moments.values()):
            averages = [_average(batches) for batches in self._moments.values()]
            seen = [None if average is None else average[part] for part in (0, 1) for average in averages]
        self.clear()
        if arrays is None:
            return Taken(len(self._modules), _vectors(0, self._learnt + seen), waiting)
        if arrays is not self._arrays:
            self._arrays, self._sizes = arrays, _sizes(self._learnt)
        vectors = [(0, self._sizes, np.concatenate(arrays))] if arrays else []
        return Taken(len(self._modules), vectors + _vectors(len(_ATTRIBUTES), seen), waiting)

    def _find(self) -> None:
        """See to it that `_learnt` are the layers' tensors of now and `_known` those that are there."""
        held = [holder.get(name) for holder, name in self._places]
        if not same(held, self._held):
            self._learnt = [None if tensor is None or is_lazy(tensor) else tensor for tensor in held]
            self._known = [tensor for tensor in self._learnt if tensor is not None]
            lazy = len(self._known) < sum(tensor is not None for tensor in held)
            self._held = [] if lazy else held  # a lazy one stays the same when it comes to be


def _holder(module: torch.nn.Module, name: str) -> Mapping[str, Tensor | None]:
    """Where a module holds this tensor; to ask the module itself is slow."""
    return module._parameters if name in module._parameters else module._buffers  # noqa: SLF001


def kept_moments(values: Tensor) -> Moments:
    """Return mean and biased variance of the channels of a batch [samples, channels, ...] that are kept, in two passes.

    An order of magnitude faster than `torch.var_mean` over these axes.
    """
    kept = _channels(values.shape[1])
    if len(kept) < values.shape[1]:
        values = values.index_select(1, torch.from_numpy(kept).to(values.device))
    values = values.to(torch.promote_types(values.dtype, torch.float32))
    others = [axis for axis in range(values.ndim) if axis != 1]
    mean = values.mean(others, keepdim=True)
    return mean.flatten(), (values - mean).square_().mean(others)


@lru_cache(maxsize=64)
def _channels(count: int) -> npt.NDArray[np.intp]:
    return kept_channels(count, MAX_CHANNELS)


def _average(batches: list[Moments]) -> Moments | None:
    if len(batches) <= 1:
        return batches[0] if batches else None
    means, variances = zip(*batches, strict=True)
    return torch.stack(means).mean(0), torch.stack(variances).mean(0)


def _vectors(name: int, tensors: Sequence[Tensor | None]) -> list[tuple[int, Sizes, Table]]:
    """The numbers of tensors in one row, if there is any, for the table's rows from this name on."""
    known = [tensor for tensor in tensors if tensor is not None]
    return [(name, _sizes(tensors), _joined(known).float().cpu().numpy())] if known else []


def _sizes(tensors: Sequence[Tensor | None]) -> Sizes:
    return tuple([-1 if tensor is None else tensor.numel() for tensor in tensors])


def _joined(tensors: list[Tensor]) -> Tensor:
    if len({tensor.device for tensor in tensors}) > 1:  # a model in parts, each on a device of its own
        tensors = [tensor.cpu() for tensor in tensors]
    return torch.cat(tensors)


@lru_cache(maxsize=16)
def _kept(sizes: Sizes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Where kept channels are when vectors of these sizes stand in one row, and where they belong in the table."""
    source, target, start = [], [], 0
    for row, size in enumerate(sizes):
        if size > 0:
            kept = kept_channels(size, MAX_CHANNELS)
            source.append(start + kept)
            target.append(row * MAX_CHANNELS + np.arange(len(kept)))
            start += size
    return np.concatenate(source), np.concatenate(target)
