"""A sink that keeps what a recording hands over, and small models with their training loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnviz.recorder.recording import Recording


class Kept:
    """Keeps records in a list; `columns(i)` of one, by layer name and call."""

    left = 1.0

    def __init__(self) -> None:
        self.head: dict[str, Any] = {}
        self.records: list[dict[str, Any]] = []
        self.ended: dict[str, Any] | None = None

    def header(self, values: Mapping[str, Any]) -> None:
        self.head = dict(values)

    def record(self, values: Mapping[str, Any]) -> None:
        self.records.append(dict(values))

    def tick(self) -> None:
        pass

    def flush(self) -> None:
        pass

    def end(self, values: Mapping[str, Any]) -> None:
        self.ended = dict(values)

    @property
    def names(self) -> list[str]:
        return [layer["name"] for layer in self.head["layers"]]

    def series(self, record: int = -1) -> list[tuple[str, int]]:
        found = self.records[record]
        return [(self.names[layer], int(call)) for layer, call in zip(found["layer"], found["call"], strict=True)]

    def get(self, column: str, name: str, call: int = 0, record: int = -1) -> Any:
        """A series' or a layer's number of one record."""
        values = self.records[record][column]
        if column in ("weight_norm", "gradient_weight", "update_ratio"):
            return values[self.names.index(name)]
        return values[self.series(record).index((name, call))]

    def norm(self, column: str, name: str, record: int = -1) -> Any:
        """A batch-norm layer's kept channels."""
        norms = [layer["name"] for layer in self.head["layers"] if layer["kind"] == "batch_norm"]
        row = self.records[record][column][norms.index(name)]
        return row[~np.isnan(row)]


def watched(model: nn.Module, every: int = 1, **options: Any) -> tuple[Recording, Kept]:
    sink = Kept()
    return Recording(model, lambda: sink, every=every, **options), sink


@pytest.fixture
def watch() -> Callable[..., tuple[Recording, Kept]]:
    return watched


def mlp(*, dropout: float = 0.0, inplace: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(8, 40), nn.BatchNorm1d(40), nn.ReLU(inplace), nn.Dropout(dropout), nn.Linear(40, 3)
    )  # fmt: skip


def sgd(model: nn.Module, rate: float = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=rate)


def batch(size: int = 32, features: int = 8, seed: int = 1) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(size, features, generator=random), torch.randint(3, (size,), generator=random)


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 1, size: int = 32) -> list[float]:
    """Make so many steps of the tutorial's loop; the losses."""
    losses = []
    for step in range(steps):
        x, y = batch(size, seed=step)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def hook_state(model: nn.Module) -> list[dict[str, Any]]:
    """Every hook dictionary there is: of each module, each parameter, all optimizers, and GradScaler's own step."""
    from torch.amp.grad_scaler import GradScaler
    from torch.nn.modules import module
    from torch.optim import optimizer

    found = [{k: dict(v) for k, v in vars(m).items() if "hook" in k and v is not None and not isinstance(v, bool)}
             for m in model.modules()]  # fmt: skip
    found += [{"backward": dict(p._backward_hooks or {})} for p in model.parameters()]
    found.append({k: dict(v) for k, v in vars(module).items() if k.startswith("_global") and isinstance(v, dict)})
    found.append({k: dict(v) for k, v in vars(optimizer).items() if k.startswith("_global") and isinstance(v, dict)})
    found.append({"scaler": GradScaler.step})
    return found
