"""Makes the recordings that ship: python scripts/record_examples.py [--check]

Two networks learn scikit-learn's digits inside `bnviz.record`, each from one seed and on one thread, so that the same
machine writes the same numbers every time. `--check` makes them anew elsewhere and says what is different from those
that ship; times and versions may be. Takes some ten seconds.
"""

from __future__ import annotations

import sys
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import bnviz  # noqa: E402
from bnviz.sharing.recording import RecordingFile, read_recording  # noqa: E402

FOLDER = ROOT / "bnviz" / "sharing" / "examples"
BATCH, TESTED = 64, 12  # every so many steps the network is also tested, on what it never trains on


class Digits:
    """The digits as images in one scale, three quarters of them to train on; batches in an order of the seed's."""

    def __init__(self, seed: int) -> None:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = torch.tensor(digits.images, dtype=torch.float32)[:, None]
        images = (images - images.mean()) / images.std()
        labels = torch.tensor(digits.target)
        self._random = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(images), generator=self._random)
        train, test = order[:1347], order[1347:]
        self.x, self.y, self.test_x, self.test_y = images[train], labels[train], images[test], labels[test]

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches for ever, whole ones only, each epoch in an order of its own."""
        while True:
            for rows in torch.split(torch.randperm(len(self.x), generator=self._random), BATCH):
                if len(rows) == BATCH:
                    yield self.x[rows], self.y[rows]

    @torch.no_grad()
    def accuracy(self, model: nn.Module) -> float:
        """Return the share of the test images that the model, in eval mode, gets right."""
        model.eval()
        right = int(torch.count_nonzero(model(self.test_x).argmax(1) == self.test_y))
        model.train()
        return right / len(self.test_y)


class ConvNet(nn.Sequential):
    """Three convolutions with batch normalization."""

    def __init__(self) -> None:
        blocks = {
            f"block{number}": nn.Sequential(
                OrderedDict(conv=nn.Conv2d(a, b, 3, padding=1), norm=nn.BatchNorm2d(b), relu=nn.ReLU())
            )
            for number, (a, b) in enumerate(pairwise((1, 16, 32, 32)), 1)
        }
        super().__init__(OrderedDict(**blocks, pool=nn.MaxPool2d(2), flat=nn.Flatten(), output=nn.Linear(512, 10)))


class DeepMLP(nn.Sequential):
    """Twelve hidden layers of 64 units without any normalization, from He's initialisation."""

    def __init__(self) -> None:
        hidden = {
            f"hidden{number}": nn.Sequential(OrderedDict(linear=nn.Linear(64, 64), relu=nn.ReLU()))
            for number in range(1, 13)
        }
        super().__init__(OrderedDict(flat=nn.Flatten(), **hidden, output=nn.Linear(64, 10)))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)


def digits_conv(path: Path) -> None:
    """A small convolutional network that learns: plain SGD, 300 steps."""
    torch.manual_seed(0)
    digits, model = Digits(0), ConvNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    with bnviz.record(model, path, every=3, overwrite=True) as recording:
        for step, (x, y) in zip(range(300), digits.batches(), strict=False):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            recording.step(loss=loss)
            if step % TESTED == 0:
                recording.step(test_accuracy=digits.accuracy(model))


def dying_mlp(path: Path) -> None:
    """A deep network whose learning rate warms up too far: it learns, then its units die and the gradient ends.

    All of it is everyday practice: momentum, warm-up, clipped gradients; only that the rate should have stopped at a
    quarter of where it goes.
    """
    torch.manual_seed(1)
    digits, model = Digits(1), DeepMLP()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 300))
    with bnviz.record(model, path, every=4, overwrite=True) as recording:
        for step, (x, y) in zip(range(320), digits.batches(), strict=False):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            recording.step(loss=loss)
            if step % TESTED == 0:
                recording.step(test_accuracy=digits.accuracy(model))
            warm_up.step()


EXAMPLES: dict[str, Callable[[Path], None]] = {"digits-conv": digits_conv, "dying-mlp": dying_mlp}


def make(name: str, folder: Path) -> Path:
    """Train and record one of the examples; PyTorch's threads and random generator are afterwards as before."""
    path, threads = folder / f"{name}.bnviz", torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            EXAMPLES[name](path)
    finally:
        torch.set_num_threads(threads)
    return path


def differences(one: RecordingFile, other: RecordingFile) -> list[str]:
    """Return in words where two recordings say different things; times and versions may be."""
    found = []
    if replace(one.header, started="", versions={}) != replace(other.header, started="", versions={}):
        found.append("the headers say different things")
    if one.end != other.end or [record.step for record in one.records] != [record.step for record in other.records]:
        return [*found, "the recordings have different steps"]
    for a, b in zip(one.records, other.records, strict=True):
        if replace(a, time=0.0, columns={}) != replace(b, time=0.0, columns={}):
            found.append(f"step {a.step}: other single numbers, {a.scalars} and {b.scalars}")
        found += [
            f"step {a.step}: other numbers in {name!r}"
            for name in sorted({*a.columns, *b.columns})
            if not np.array_equal(a.columns.get(name), b.columns.get(name), equal_nan=True)  # type: ignore[arg-type]
        ]
    return found


def check() -> bool:
    """Make all of them anew in another folder, and print what is different from those that ship."""
    whole = True
    with tempfile.TemporaryDirectory() as folder:
        for name in EXAMPLES:
            anew = read_recording(make(name, Path(folder)))
            found = differences(read_recording(FOLDER / f"{name}.bnviz"), anew)
            whole &= not found
            print(f"{name}: {'equal' if not found else f'{len(found)} differences'}", *found[:5], sep="\n  ")
    return whole


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        return 0 if check() else 1
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    for name in EXAMPLES:
        path = make(name, FOLDER)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
