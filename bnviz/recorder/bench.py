"""What recording costs: CPU time of a training step under several ways of watching, as ratios to the bare loop.

All contestants train the same kind of network, the 10-layer MLP with batch normalization or a small convolutional
one. They take turns in random order, a block of steps each, and a ratio is of two blocks of the same round, so that a
machine that slows down or warms up slows all of them. How a recording is made is handed in: `bnviz.record`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROUNDS = 20
BLOCKS = {"mlp": 60, "conv": 20}  # steps; whole tens, so that each block has its share of captured ones
TARGETS = {"mlp": 1.10, "conv": 1.05}
BATCH = 64

Record = Callable[..., AbstractContextManager[Any]]  # as `bnviz.record`


@dataclass(frozen=True)
class Cost:
    """CPU time a step in microseconds, and its ratio to the bare loop: median of the rounds, and their quartiles."""

    network: str
    name: str
    microseconds: float
    ratio: float
    low: float
    high: float
    target: float | None


class Loop:
    """A tutorial's loop over images of noise, 8 x 8 for the MLP and 28 x 28 for the convolutions."""

    def __init__(self, network: str) -> None:
        self.network = NETWORKS[network]()
        side = 8 if network == "mlp" else 28
        self._x, self._y = torch.randn(20, BATCH, 1, side, side), torch.randint(10, (20, BATCH))
        self._optimizer = torch.optim.SGD(self.network.parameters(), lr=0.01)
        self._count = 0

    def __call__(self, steps: int) -> None:
        """Make so many training steps."""
        for _ in range(steps):
            x, y = self._x[self._count % 20], self._y[self._count % 20]
            self._optimizer.zero_grad()
            F.cross_entropy(self.network(x), y).backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            self._count += 1


def _mlp() -> nn.Module:
    sizes = [64, *[100] * 10]
    blocks = [(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU()) for a, b in pairwise(sizes)]
    return nn.Sequential(nn.Flatten(), *(module for block in blocks for module in block), nn.Linear(100, 10))


def _conv() -> nn.Module:
    sizes = [1, 16, 32, 32]
    blocks = [
        (nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)) for a, b in pairwise(sizes)
    ]
    return nn.Sequential(*(module for block in blocks for module in block), nn.Flatten(), nn.Linear(32 * 9, 10))


NETWORKS: dict[str, Callable[[], nn.Module]] = {"mlp": _mlp, "conv": _conv}
Contestant = Callable[[str, ExitStack], Loop]


def contestants(record: Record) -> dict[str, Contestant]:
    """Return the ways of watching that can run here, the bare loop first; others' where they are installed."""
    found: dict[str, Contestant] = {
        "bare": lambda network, _: Loop(network),
        "recorder_tenth": _recorded(record, 10),
        "recorder_step": _recorded(record, 1),
    }
    if find_spec("tensorboard") is not None:
        found["tensorboard_tenth"] = _tensorboard
    if find_spec("wandb") is not None:
        found["wandb_watch_tenth"] = _wandb
    return found


def _recorded(record: Record, every: int) -> Contestant:
    def make(network: str, stack: ExitStack) -> Loop:
        loop = Loop(network)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bnviz-bench-"))
        stack.enter_context(record(loop.network, Path(folder) / "run.bnviz", every=every))
        return loop

    return make


def _tensorboard(network: str, stack: ExitStack) -> Loop:
    from torch.utils.tensorboard import SummaryWriter

    loop, calls = Loop(network), [0]
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bnviz-bench-"))
    writer: Any = stack.enter_context(SummaryWriter(folder))
    layers = [module for module in loop.network.modules() if not list(module.children())]

    def watch(module: nn.Module, _inputs: object, output: Tensor) -> None:
        step, layer = divmod(calls[0], len(layers))
        calls[0] += 1
        if step % 10 == 0:
            writer.add_histogram(f"{layer}/{type(module).__name__}", output, step)

    for module in layers:
        module.register_forward_hook(watch)
    return loop


def _wandb(network: str, stack: ExitStack) -> Loop:
    from importlib import import_module

    wandb: Any = import_module("wandb")
    loop = Loop(network)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bnviz-bench-"))
    stack.enter_context(wandb.init(mode="offline", dir=folder))
    wandb.watch(loop.network, log="all", log_freq=10)
    return loop


def measure(
    network: str, record: Record, rounds: int = ROUNDS, *, block: int = 0, finished: Callable[[], None] = lambda: None
) -> list[Cost]:
    """Time all contestants on `mlp` or `conv`, recording with `record`; calls `finished` after every round."""
    order, makers = np.random.default_rng(0), contestants(record)
    block = block or BLOCKS[network]
    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {name: [] for name in makers}
    with ExitStack() as stack, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        loops = {name: make(network, stack) for name, make in makers.items()}
        for loop in loops.values():
            loop(block)
        for _ in range(rounds):
            for name in order.permutation(list(loops)):
                start = time.process_time()
                loops[name](block)
                seconds[name].append(time.process_time() - start)
            finished()
    return [_cost(network, name, seconds[name], seconds["bare"], block) for name in makers]


def _cost(network: str, name: str, seconds: list[float], bare: list[float], block: int) -> Cost:
    low, ratio, high = np.percentile(np.asarray(seconds) / np.asarray(bare), (25, 50, 75)).tolist()
    microseconds = float(np.median(seconds)) / block * 1e6
    target = TARGETS[network] if name == "recorder_tenth" else None
    return Cost(network, name, microseconds, ratio, low, high, target)
