"""What watching costs: CPU time of a training step under several ways of watching, as ratios to the bare loop.

All contestants train the same kind of network: digits, hidden layers x 100, batch normalization, batches of 64, one
thread. They take turns in random order, a short block of steps each, and a ratio is of two blocks of the same round, so
that a machine that slows down or warms up slows all of them. CPU time, not the clock, so that others don't count.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.snapshot import BINS, QUANTILES, Array
from bnviz.training import datasets
from bnviz.training.evaluation import Evaluation
from bnviz.training.unfold import Training

LAYERS = (3, 10, 30)
ROUNDS = 20
BLOCK = 20
WARM_UP = 2

Steps = Callable[[int], None]  # makes so many training steps


@dataclass(frozen=True)
class Contestant:
    """A way of watching: `make` builds its training; `target` is the ratio that it should stay under, if any."""

    name: str
    doc: str
    make: Callable[[ExperimentConfig, ExitStack], Steps]
    target: float | None = None


@dataclass(frozen=True)
class Cost:
    """CPU time a step in microseconds, and its ratio to the bare loop: median of the rounds, and their quartiles."""

    hidden_layers: int
    name: str
    microseconds: float
    ratio: float
    low: float
    high: float
    target: float | None


class Plain:
    """The loop as a tutorial writes it: `nn.Sequential`, PyTorch's own layers, SGD with its defaults, tensor slices."""

    def __init__(self, config: ExperimentConfig) -> None:
        self.data, self.batch = datasets.load(config), config.batch_size
        sizes = [self.data.features, *[config.width] * config.hidden_layers]
        blocks = [(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU()) for a, b in pairwise(sizes)]
        hidden = [module for block in blocks for module in block]
        self.network = nn.Sequential(*hidden, nn.Linear(config.width, len(self.data.classes)))
        self.watched = list(self.network)[:-1]
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=config.learning_rate)
        self._position = len(self.data.train_y)
        self._random = torch.Generator().manual_seed(config.seed)

    def __call__(self, steps: int) -> None:
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        """Make one training step."""
        x, y = self._next_batch()
        self.optimizer.zero_grad()
        F.cross_entropy(self.network(x), y).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def _next_batch(self) -> tuple[Tensor, Tensor]:
        if self._position + self.batch > len(self.data.train_y):
            order = torch.randperm(len(self.data.train_y), generator=self._random)
            self._x, self._y, self._position = self.data.train_x[order], self.data.train_y[order], 0
        part = slice(self._position, self._position + self.batch)
        self._position += self.batch
        return self._x[part], self._y[part]


class Hooked(Plain):
    """The plain loop, with a forward hook on every hidden module that keeps its output and the gradient."""

    def __init__(self, config: ExperimentConfig, summarise: Callable[[int, int, Tensor], None]) -> None:
        super().__init__(config)
        self._outputs: list[Tensor] = []
        self._summarise, self._count = summarise, 0
        for module in self.watched:
            module.register_forward_hook(self._keep)

    def _keep(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        output.retain_grad()
        self._outputs.append(output)

    def step(self) -> None:
        """Make one training step and summarise every output."""
        self._outputs.clear()
        super().step()
        for index, output in enumerate(self._outputs):
            self._summarise(index, self._count, output)
        self._count += 1


class Unevaluated(Evaluation):
    """Measures nothing, so that the training step's own statistics are timed alone."""

    def measure(self, *_args: Any, **_options: Any) -> dict[str, Array]:
        return {}


def _ours(every: int, *, whole: bool = False) -> Callable[[ExperimentConfig, ExitStack], Steps]:
    def make(config: ExperimentConfig, _stack: ExitStack) -> Steps:
        training = Training(config)
        if not whole:
            training.evaluation = Unevaluated(config, training.data)

        def steps(count: int) -> None:
            for index in range(count):
                training.advance(capture=every > 0 and index % every == 0)

        return steps

    return make


def _naive(config: ExperimentConfig, _stack: ExitStack) -> Steps:
    def summarise(_index: int, _step: int, output: Tensor) -> None:
        values = output.detach().numpy()
        np.histogram(values, BINS)
        np.percentile(values, QUANTILES)
        values.mean(), values.std(), output.grad.norm().item()  # type: ignore[union-attr]

    return Hooked(config, summarise)


def _tensorboard(config: ExperimentConfig, stack: ExitStack) -> Steps:
    from torch.utils.tensorboard import SummaryWriter

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bnviz-bench-"))
    writer: Any = stack.enter_context(SummaryWriter(folder))
    return Hooked(config, lambda index, step, output: writer.add_histogram(f"output/{index}", output, step))


def contestants() -> dict[str, Contestant]:
    """Return the contestants that can run here, the bare loop first; TensorBoard is one where it is installed."""
    found = [
        Contestant("bare", "bare loop: nn.Sequential, SGD, tensor slices", lambda config, _: Plain(config)),
        Contestant("uncaptured", "bnviz, nothing captured", _ours(0)),
        Contestant("step", "bnviz, capture at every step", _ours(1), 1.25),
        Contestant("tenth", "bnviz, capture at every tenth step", _ours(10), 1.05),
        Contestant("snapshot_step", "bnviz, whole snapshot at every step", _ours(1, whole=True)),
        Contestant("snapshot_tenth", "bnviz, whole snapshot at every tenth", _ours(10, whole=True)),
        Contestant("naive_hooks", "hooks, np.histogram, np.percentile, every step", _naive),
    ]
    if find_spec("tensorboard") is not None:
        found.append(Contestant("tensorboard", "TensorBoard add_histogram, every step", _tensorboard))
    return {contestant.name: contestant for contestant in found}


def measure(
    hidden_layers: int, rounds: int = ROUNDS, *, block: int = BLOCK, finished: Callable[[], None] = lambda: None
) -> list[Cost]:
    """Time all contestants on a network of so many hidden layers; calls `finished` after every round."""
    config = ExperimentConfig(
        hidden_layers=hidden_layers, width=100, normalization="batch", batch_size=64, learning_rate=0.01
    )
    order, field = np.random.default_rng(0), contestants()
    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {name: [] for name in field}
    with ExitStack() as stack, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        trainings = {name: contestant.make(config, stack) for name, contestant in field.items()}
        for _ in range(rounds):
            for name in order.permutation(list(field)):
                seconds[name].append(_cpu_time(trainings[name], block))
            finished()
    return [_cost(hidden_layers, field[name], seconds[name], seconds["bare"], block) for name in field]


def _cpu_time(steps: Steps, count: int) -> float:
    steps(WARM_UP)
    start = time.process_time()
    steps(count)
    return time.process_time() - start


def _cost(hidden_layers: int, contestant: Contestant, seconds: list[float], bare: list[float], block: int) -> Cost:
    low, ratio, high = np.percentile(np.asarray(seconds) / np.asarray(bare), (25, 50, 75)).tolist()
    microseconds = float(np.median(seconds)) / block * 1e6
    return Cost(hidden_layers, contestant.name, microseconds, ratio, low, high, contestant.target)
