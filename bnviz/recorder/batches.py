"""Captured steps that wait, and what is computed of several at once.

A captured step in the middle of a training finds the processor's caches full of that training. What needs nothing but
the copied values (sorting, histograms, tables, text) therefore waits for other steps like it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from bnviz.experiment.snapshot import Array
from bnviz.recorder import batchnorms, summary, weights
from bnviz.recorder.room import Room
from bnviz.recorder.sampling import MAX_VALUES
from bnviz.recorder.series import Series, copied
from bnviz.recorder.sink import Sink

MAX_STEPS = 16
MAX_BYTES = 4 * 2**20  # of copied values; a step that is larger waits for no other
MAX_SECONDS = 1.0  # and as long again until the file has it: what a killed program loses


@dataclass(slots=True)
class Capture:
    """One captured step as it was copied; `single` are the numbers that are ready, `scale` is what gradients carry."""

    single: dict[str, Any]
    series: list[Series]
    scale: float
    update: weights.Moved
    norms: batchnorms.Taken

    def come_home(self) -> None:
        """Copy what still waits on its device: what comes later may be done by another thread, at any time."""
        for one in self.series:
            if one.squares and isinstance(one.squares[0], Tensor):
                one.squares = [float(value) for value in one.squares]
        for squares in (self.update.whole, self.update.copied, self.update.gradient, self.update.change):
            if squares.values and isinstance(squares.values[0], Tensor):
                squares.values = squares.numbers()

    @property
    def nbytes(self) -> int:
        """Memory of what was copied."""
        return copied(self.series) + self.norms.nbytes


class Batch:
    """Captured steps that wait for their records; `classes` are the layers' modules'.

    The first steps wait for few others, so that a disk that can't be written to is known soon. Holds nothing of the
    model's.
    """

    def __init__(self, classes: Sequence[type[Any]], room: Room) -> None:
        self._classes, self._room, self._rows = classes, room, 0
        self.waiting: list[Capture] = []
        self.made: list[dict[str, Any]] = []  # records that nobody has taken yet
        self._bytes, self._since, self._enough = 0, 0.0, 1

    def add(self, capture: Capture) -> None:
        """Take in a step; its `single` numbers must not change any more."""
        if not self.waiting:
            self._since = time.monotonic()
        capture.come_home()
        self.waiting.append(capture)
        self._bytes += capture.nbytes

    @property
    def due(self) -> bool:
        """Whether the steps have waited long enough, or are enough."""
        return bool(self.waiting) and (
            len(self.waiting) >= self._enough
            or self._bytes >= MAX_BYTES
            or time.monotonic() - self._since >= MAX_SECONDS
        )

    def pop(self) -> list[dict[str, Any]]:
        """Return the records of the steps that waited, in order, and forget the steps, even where they can't be made.

        Where an interrupt comes in between they wait on.
        """
        captures, found = self.waiting, []
        if captures:
            try:
                found = records(captures, self._classes, self._room)
            except Exception:
                self.waiting, self._bytes = [], 0
                raise
            self._rows = min(MAX_STEPS * len(captures[-1].series), MAX_BYTES // (4 * MAX_VALUES))
        self._enough = min(2 * self._enough, MAX_STEPS)
        self.made, self.waiting, self._bytes = self.made + found, [], 0  # at once: no interrupt comes in between
        return found

    def hand_to(self, sink: Sink) -> None:
        """Make the records and hand them over; one that the sink can't take is forgotten."""
        self.pop()
        while self.made:  # the sink leaves out what it has: an interrupt may come before it is forgotten here
            try:
                sink.record(self.made[0])
            except Exception:
                del self.made[0]
                raise
            del self.made[0]

    def clear(self) -> None:
        """Give the samples' memory to those that come: those that there are have been made records."""
        self._room.clear(self._rows)


def records(captures: Sequence[Capture], classes: Sequence[type[Any]], room: Room) -> list[dict[str, Any]]:
    """Return each step's record, the same as of each alone."""
    sizes = [len(capture.series) for capture in captures]
    stops = np.cumsum(sizes).tolist()
    scales = np.repeat([capture.scale for capture in captures], sizes)
    together = summary.columns([one for capture in captures for one in capture.series], classes, scales, room)
    moved = weights.columns([capture.update for capture in captures])
    tables = batchnorms.columns([capture.norms for capture in captures])
    found = []
    for row, (capture, size, stop) in enumerate(zip(captures, sizes, stops, strict=True)):
        series: dict[str, Array] = {name: values[stop - size : stop] for name, values in together.items()}
        found.append({**capture.single, **series, **moved[row], **tables[row]})
    return found
