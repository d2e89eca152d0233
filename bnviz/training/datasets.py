"""The data sets, split and standardised by the training split.

Pixels and coordinates are all of one kind: one mean and deviation for all. The columns of a table have units of their
own: one of each a column. Tables of somebody's own are given with each call and kept nowhere: who doesn't have one
can't train on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bnviz.experiment.config import PLANAR_DATASETS, REAL_SIZES, TABLES, TEST_SHARE, ExperimentConfig
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.own_table import CONSTANT, NO_TABLES, OwnTable, Tables
from bnviz.experiment.snapshot import SHOWN_IMAGES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Data:
    """A split data set; inputs are float32 [samples, features], standardised; labels int64 [samples].

    source: the table of somebody's own that it was made of, if it was.
    """

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    classes: tuple[str, ...]
    images: npt.NDArray[np.uint8] | None
    source: OwnTable | None = None

    @property
    def features(self) -> int:
        """The number of input features."""
        return int(self.train_x.shape[1])

    @property
    def chance(self) -> float:
        """The accuracy on the test split of always answering with its most frequent class."""
        return float(torch.bincount(self.test_y).max() / len(self.test_y))


def load(config: ExperimentConfig, tables: Tables = NO_TABLES) -> Data:
    """Return the configuration's data; equal configurations share the same tensors, which nobody may change.

    Raises `ConfigError` where it is about somebody's own table that is not in `tables`.
    """
    if config.own_table is None:
        return _load(config.dataset, config.total_samples, config.noise, config.data_seed)
    table = tables.get(config.table)
    if table is None:
        raise ConfigError("table", f"the table {config.data_name} is not here: it is needed to train on it")
    key = (id(table), config.total_samples, config.noise, config.data_seed)
    found = _shared.get(key)  # a table with data in there lives as long as they do
    if found is None:
        found = _shared[key] = _of_table(table, *key[1:])
    return found


@lru_cache(maxsize=32)
def _load(dataset: str, samples: int, noise: float, data_seed: int) -> Data:
    random = np.random.RandomState(data_seed)
    if dataset not in REAL_SIZES:
        x, y = GENERATED[dataset](samples, noise, random)
        classes = tuple(f"class {k}" for k in range(int(y.max()) + 1))
        return _split(x, y, classes, random, data_seed)
    x, y, classes = REAL[dataset]()
    x, y = _part(x, y, samples, len(classes), random)
    return _split(
        x, y, classes, random, data_seed, noise=noise, columnwise=dataset in TABLES, images=dataset == "digits"
    )


_shared: WeakValueDictionary[tuple[int, int, float, int], Data] = WeakValueDictionary()


def _of_table(table: OwnTable, samples: int, noise: float, data_seed: int) -> Data:
    random = np.random.RandomState(data_seed)
    x, y = _part(table.x, table.y, samples, len(table.classes), random)
    return _split(x, y, table.classes, random, data_seed, noise=noise, columnwise=True, source=table)


def _part(x: Floats, y: Ints, samples: int, classes: int, random: np.random.RandomState) -> tuple[Floats, Ints]:
    """As many of the samples as are asked for, the classes in their shares."""
    from sklearn.model_selection import train_test_split

    if samples == len(y):
        return x, y
    balanced = y if len(y) - samples >= classes else None  # too few are left over to hold every class
    x, _, y, _ = train_test_split(x, y, train_size=samples, stratify=balanced, random_state=random)
    return x, y


def _split(
    x: Floats,
    y: Ints,
    classes: tuple[str, ...],
    random: np.random.RandomState,
    data_seed: int,
    *,
    noise: float = 0.0,
    columnwise: bool = False,
    images: bool = False,
    source: OwnTable | None = None,
) -> Data:
    """Both splits, standardised by the training split, with noise added afterwards."""
    from sklearn.model_selection import train_test_split

    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=TEST_SHARE, stratify=y, random_state=data_seed)
    axis = 0 if columnwise else None
    mean, deviation = train_x.mean(axis), train_x.std(axis)
    if source is not None:
        deviation[deviation <= CONSTANT * np.abs(x).max(0)] = 1  # a constant column, or one but for rounding, is 0
    shown = test_x[:SHOWN_IMAGES].astype(np.uint8) if images else None
    train_x, test_x = (train_x - mean) / deviation, (test_x - mean) / deviation
    if noise:
        train_x = train_x + noise * random.standard_normal(train_x.shape)
        test_x = test_x + noise * random.standard_normal(test_x.shape)
    return Data(_inputs(train_x), _labels(train_y), _inputs(test_x), _labels(test_y), classes, shown, source)


def _inputs(x: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x, np.float32))


def _labels(y: Ints) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(y, np.int64))


def _bundled(name: str) -> Callable[[], tuple[Floats, Ints, tuple[str, ...]]]:
    def fetch() -> tuple[Floats, Ints, tuple[str, ...]]:
        from sklearn import datasets

        bunch: Any = getattr(datasets, f"load_{name}")()
        return bunch.data, bunch.target, tuple(str(n) for n in bunch.target_names)

    return fetch


def _moons(samples: int, noise: float, random: np.random.RandomState) -> tuple[Floats, Ints]:
    from sklearn.datasets import make_moons

    return make_moons(samples, noise=noise, random_state=random)  # type: ignore[no-any-return]


def _circles(samples: int, noise: float, random: np.random.RandomState) -> tuple[Floats, Ints]:
    from sklearn.datasets import make_circles

    return make_circles(samples, noise=noise, factor=0.5, random_state=random)  # type: ignore[no-any-return]


def _clusters(samples: int, noise: float, random: np.random.RandomState) -> tuple[Floats, Ints]:
    from sklearn.datasets import make_blobs

    centers = [(-2.0, -2.0), (-2.0, 2.0), (2.0, -2.0), (2.0, 2.0)]
    x, y = make_blobs(samples, centers=centers, cluster_std=0.5 + noise, random_state=random)
    return x, y


def _spirals(samples: int, noise: float, random: np.random.RandomState) -> tuple[Floats, Ints]:
    """Three arms of one turn each, radius from .1 to 1."""
    y = np.arange(samples) % 3
    radius = np.sqrt(random.uniform(0.01, 1.0, samples))
    angle = 2 * np.pi * (radius + y / 3)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return x + noise * random.standard_normal(x.shape), y.astype(np.int64)


def _xor(samples: int, noise: float, random: np.random.RandomState) -> tuple[Floats, Ints]:
    """A square whose opposite quarters share a class; the class is of the point before the noise."""
    x = random.uniform(-1, 1, (samples, 2))
    y = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(np.int64)
    return x + noise * random.standard_normal(x.shape), y


REAL = {name: _bundled(name) for name in REAL_SIZES}
GENERATED = {"moons": _moons, "circles": _circles, "spirals": _spirals, "xor": _xor, "clusters": _clusters}
assert set(GENERATED) == set(PLANAR_DATASETS)
