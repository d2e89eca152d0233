"""What batch-norm layers have learnt, keep, and saw in a step's batches, for a few channels of each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from bnviz.experiment.snapshot import Array, kept_channels
from bnviz.recorder.layers import BATCH_NORM, Watched

MAX_CHANNELS = 16
MAX_WAITING = 1024  # samples; of larger batches no copy is kept
Table = npt.NDArray[np.float32]
Moments = tuple[Tensor, Tensor]  # mean and variance [channels]
_NAMES = {"gamma": "weight", "beta": "bias", "running_mean": "running_mean", "running_variance": "running_var"}


class BatchNorms:
    """The batch-norm layers among the watched ones; `columns` gives a row a layer, NaN where there is no data.

    Of wide layers `MAX_CHANNELS` evenly spaced channels are kept. A layer that saw several batches in a step is given
    their average mean and variance.
    """

    def __init__(self, layers: Sequence[Watched]) -> None:
        self._modules = {index: layer.module for index, layer in enumerate(layers) if layer.kind == BATCH_NORM}
        self._moments: dict[int, list[Moments]] = {index: [] for index in self._modules}
        self._waiting: dict[int, Table] = {}

    def add(self, layer: int, values: Tensor) -> None:
        """Take in one batch, [samples, channels, ...]; a step's first small one waits for those of other layers."""
        if not values.numel():
            return
        values = values.detach()
        if values.ndim == 2 and values.is_cpu and values.dtype is torch.float32 and len(values) <= MAX_WAITING:
            table = values.numpy().take(_channels(values.shape[1]), axis=1)
            if self._waiting.setdefault(layer, table) is table:
                return
        self._moments[layer].append(kept_moments(values))

    def clear(self) -> None:
        """Forget the batches that were seen."""
        self._waiting.clear()
        for batches in self._moments.values():
            batches.clear()

    def _stop_waiting(self) -> None:
        """Measure the tables of a shape together."""
        layers_of: dict[tuple[int, ...], list[int]] = {}
        for layer, table in self._waiting.items():
            layers_of.setdefault(table.shape, []).append(layer)
        for layers in layers_of.values():
            tables = np.stack([self._waiting[layer] for layer in layers])
            mean = np.add.reduce(tables, axis=1) / np.float32(tables.shape[1])
            tables -= mean[:, None]
            variance = np.add.reduce(np.multiply(tables, tables, out=tables), axis=1) / np.float32(tables.shape[1])
            for layer, moments in zip(layers, zip(mean, variance, strict=True), strict=True):
                self._moments[layer].append((torch.from_numpy(moments[0]), torch.from_numpy(moments[1])))

    @torch.no_grad()
    def columns(self) -> dict[str, Array]:
        """Return gamma, beta, running and batch statistics, each [layers, MAX_CHANNELS]; forgets the batches.

        All of them come from their device in one copy; where they are on several, each by itself.
        """
        if not self._modules:
            return {}
        columns = {
            name: [self._tensor(module, attribute) for module in self._modules.values()]
            for name, attribute in _NAMES.items()
        }
        self._stop_waiting()
        averages = [_average(batches) for batches in self._moments.values()]
        columns["batch_mean"] = [None if average is None else average[0] for average in averages]
        columns["batch_variance"] = [None if average is None else average[1] for average in averages]
        self.clear()
        return dict(zip(columns, _table(list(columns.values())), strict=True))

    @staticmethod
    def _tensor(module: torch.nn.Module, attribute: str) -> Tensor | None:
        value = module._parameters.get(attribute, module._buffers.get(attribute))  # noqa: SLF001 - getattr is slow
        return value if isinstance(value, Tensor) and not is_lazy(value) else None


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


def _table(columns: list[list[Tensor | None]]) -> Table:
    """The kept channels [column, layer, MAX_CHANNELS] of vectors, NaN behind the last and where there is none."""
    tensors = [tensor for column in columns for tensor in column if tensor is not None]
    sizes = tuple(-1 if tensor is None else tensor.numel() for column in columns for tensor in column)
    table = np.full((len(columns), len(columns[0]), MAX_CHANNELS), np.nan, np.float32)
    if tensors:
        source, target = _kept(sizes)
        table.reshape(-1)[target] = _joined(tensors).float().cpu().numpy()[source]
    return table


def _joined(tensors: list[Tensor]) -> Tensor:
    if len({tensor.device for tensor in tensors}) > 1:  # a model in parts, each on a device of its own
        tensors = [tensor.cpu() for tensor in tensors]
    return torch.cat(tensors)


@lru_cache(maxsize=16)
def _kept(sizes: tuple[int, ...]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Where kept channels are when vectors of these sizes stand in one row, and where they belong in the table."""
    source, target, start = [], [], 0
    for row, size in enumerate(sizes):
        if size > 0:
            kept = kept_channels(size, MAX_CHANNELS)
            source.append(start + kept)
            target.append(row * MAX_CHANNELS + np.arange(len(kept)))
            start += size
    return np.concatenate(source), np.concatenate(target)
