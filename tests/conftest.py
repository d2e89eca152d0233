"""Shared fixtures: oracles made of torch's own modules, and histories that are made up."""

from __future__ import annotations

import copy
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from torch import Tensor, nn

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.history import History
from bnviz.experiment.snapshot import Divergence, Snapshot
from bnviz.training import datasets
from bnviz.training.networks import ACTIVATIONS, Network
from bnviz.training.randomness import generator

settings.register_profile("bnviz", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bnviz")
CLOCK = time.monotonic
torch.set_num_threads(1)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """A test that needs another time gives it to the module that it tests, as in `setattr(module, "time", ...)`.

    Servers of other tests run beside it: one that saw the process's clock leap sleeps until the leap is made up for.
    """
    changed = time.monotonic is not CLOCK
    yield
    assert not changed, f"{item.name} has changed the clock of the whole process"


def _torch_norm(config: ExperimentConfig) -> nn.Module | None:
    width, eps, affine = config.width, config.norm_eps, config.norm_affine
    return {
        "none": lambda: None,
        "batch": lambda: nn.BatchNorm1d(width, eps, config.norm_momentum, affine),
        "layer": lambda: nn.LayerNorm(width, eps, affine),
        "group": lambda: nn.GroupNorm(config.norm_groups, width, eps, affine),
    }[config.normalization]()


def _reference(config: ExperimentConfig, network: Network) -> nn.Sequential:
    """The same network of torch's own modules, with a copy of the parameters and running statistics."""
    modules: list[nn.Module] = []
    for block in network.hidden():
        norm = _torch_norm(config)
        if norm is not None:
            norm.load_state_dict(block.norm.state_dict(), strict=False)  # torch also counts the batches
        rest = [norm, ACTIVATIONS[config.activation]()]
        modules += [copy.deepcopy(block.linear), *(rest if config.norm_position == "before" else rest[::-1])]
    chain = [module for module in (*modules, copy.deepcopy(network.output)) if module is not None]
    for module in chain:
        module._forward_hooks.clear()
    return nn.Sequential(*chain).train(network.training)


def pytest_collection_finish() -> None:
    """What modules hold is never garbage: Python's collector need not go through all of it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _one_thread_each() -> Iterator[None]:
    """A process that a test starts computes with one thread too: several would wait for each other's cores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture
def reference() -> Callable[[ExperimentConfig, Network], nn.Sequential]:
    return _reference


class Trace:
    """Every layer's values of one pass of the reference: z, normalized, activated, and the activation's input."""

    def __init__(self, config: ExperimentConfig, model: nn.Sequential, x: Tensor) -> None:
        self.z: list[Tensor] = []
        self.normalized: list[Tensor] = []
        self.activated: list[Tensor] = []
        self.inputs: list[Tensor] = []
        kinds = {type(ACTIVATIONS[config.activation]()): self.activated}
        kinds |= dict.fromkeys((nn.BatchNorm1d, nn.LayerNorm, nn.GroupNorm), self.normalized)
        kinds[nn.Linear] = self.z
        for module in model:
            if kinds[type(module)] is self.activated:
                self.inputs.append(x)
            x = module(x)
            kinds[type(module)].append(x)
        self.logits = x
        if not self.normalized:
            self.normalized = self.z[:-1]

    @property
    def points(self) -> list[list[Tensor]]:
        return [self.z[:-1], self.normalized, self.activated]


@pytest.fixture
def trace() -> type[Trace]:
    return Trace


def _batches(config: ExperimentConfig) -> Iterator[tuple[Tensor, Tensor]]:
    """The promised batches: slices of a new permutation in every epoch, an incomplete last one left out."""
    data, source, size = datasets.load(config), generator(config.seed, "batches"), config.batch_size
    while True:
        order = torch.randperm(len(data.train_y), generator=source)
        for start in range(0, len(order) - size + 1, size):
            rows = order[start : start + size]
            yield data.train_x[rows], data.train_y[rows]


@pytest.fixture
def batches() -> Callable[[ExperimentConfig], Iterator[tuple[Tensor, Tensor]]]:
    return _batches


def _assert_same(ours: Sequence[Snapshot], others: Sequence[Snapshot], *, but: tuple[str, ...] = ()) -> None:
    assert [s.step for s in ours] == [s.step for s in others]
    for one, other in zip(ours, others, strict=True):
        assert one.values.keys() == other.values.keys()
        assert one.diverged == other.diverged
        for name in one.values:
            if name not in but:
                np.testing.assert_array_equal(one.values[name], other.values[name], err_msg=f"{name} at {one.step}")


@pytest.fixture
def assert_same() -> Callable[..., None]:
    """Asserts that two lists of snapshots are equal bit for bit, NaN equal to NaN."""
    return _assert_same


def _made_up(
    accuracy: Sequence[float] | float = 0.5,
    *,
    steps: Sequence[int] | None = None,
    saturated: Sequence[float] = (np.nan,) * 3,
    dead: Sequence[float] = (np.nan,) * 3,
    gradients: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
    diverged: Divergence | None = None,
    max_snapshots: int = 2000,
    losses: Callable[[int], float] | None = None,
    **others: Any,
) -> History:
    """A history with the given test accuracies, every tenth step; `losses` gives the training loss of a step."""
    losses = losses or (lambda _: 2.3)
    curve = [accuracy] * 30 if isinstance(accuracy, float) else list(accuracy)
    steps = list(range(0, 10 * len(curve), 10)) if steps is None else list(steps)
    history = History(max_snapshots)
    for index, (step, value) in enumerate(zip(steps, curve, strict=True)):
        values = {
            "test_accuracy": np.float32(value), "train_loss": np.float32(losses(step)),
            "saturated": np.float32(saturated), "dead": np.float32(dead),
            "gradient_z": np.float32(gradients), **{name: np.float32(column) for name, column in others.items()},
        }  # fmt: skip
        last = index == len(curve) - 1
        history.append(Snapshot(step, ExperimentConfig(), values, diverged if last else None))
    return history


@pytest.fixture
def made_up() -> Callable[..., History]:
    return _made_up
