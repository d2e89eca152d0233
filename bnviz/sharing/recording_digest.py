"""What is kept of a recording while it is read: some of its records, evenly spread, and what all of them have shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bnviz.experiment.history import MAX_SNAPSHOTS, History
from bnviz.experiment.snapshot import Divergence, Snapshot
from bnviz.sharing.recording_lines import Header, Record
from bnviz.sharing.recording_schema import MAX_SERIES, RecordingError

MAX_KEPT_BYTES = 80 * 2**20  # of arrays that wait to be converted
MAX_NAMES = 256  # of numbers that the loop gave; the first ones
Series = tuple[int, int]  # layer, call


@dataclass(frozen=True)
class Kept:
    """A record that stays, its number among all of them, and the record before it."""

    number: int
    record: Record
    before: Record | None


class Digest:
    """Takes a model's records one by one and keeps as many as `limit`, thinned as a history thins its snapshots.

    `series` are the (layer, call) that ever fired, `scalars` the names that the loop gave, in the order in which they
    came first; `count` is how many records there were. `broken` is the first record from which on the loss was not
    finite to the end (where the loop gave none: an output that was finite before), and the layer that showed it first.
    """

    def __init__(self, header: Header, limit: int = MAX_SNAPSHOTS) -> None:
        self.header = header
        self.series: dict[Series, None] = {}
        self.scalars: dict[str, None] = {}
        self.count = 0
        self.first: Record | None = None
        self.last: Record | None = None
        self.broken: tuple[int, int | None] | None = None
        self._kept = dict[int, Kept]()
        self._thinning = History(limit)
        self._seen: set[bytes] = set()
        self._never_finite: set[int] | None = None

    @classmethod
    def of(cls, header: Header, records: Iterable[Record], limit: int = MAX_SNAPSHOTS) -> Digest:
        """Take all records of a file."""
        digest = cls(header, limit)
        for record in records:
            digest.add(record)
        return digest

    @property
    def kept(self) -> list[Kept]:
        """The records that stayed, in order."""
        return list(self._kept.values())

    @property
    def thinned(self) -> int:
        """Of the older records every so many-th stayed."""
        return self._thinning.thinned

    def add(self, record: Record) -> None:
        """Take in the next record; raises `RecordingError` where a file has more series than can be shown."""
        self._note_series(record)
        self.scalars |= dict.fromkeys(list(record.scalars)[: MAX_NAMES - len(self.scalars)])
        self._note_break(record)
        self._make_room(record)
        self._kept[self.count] = Kept(self.count, record, self.last)
        self._thinning.append(Snapshot(record.step, None, {}), self.count)
        self.limit(self._thinning.max_snapshots)
        self.first = self.first or record
        self.last, self.count = record, self.count + 1

    def limit(self, room: int) -> None:
        """Keep at most so many records from now on, and of those that are kept."""
        self._thinning.shrink(max(8, room))
        if len(self._kept) > len(self._thinning):
            kept = self._thinning.ids.tolist()
            self._kept = {number: self._kept[number] for number in kept}

    def _note_series(self, record: Record) -> None:
        layers, calls = (record.columns.get(name) for name in ("layer", "call"))
        if layers is None:
            return
        calls = np.zeros_like(layers) if calls is None else calls
        key = layers.tobytes() + calls.tobytes()
        if key in self._seen:
            return
        if len(self._seen) < 64:
            self._seen.add(key)
        self.series |= dict.fromkeys(zip(layers.tolist(), calls.tolist(), strict=True))
        if len(self.series) > MAX_SERIES:
            raise RecordingError(f"a recording has at most {MAX_SERIES} different series; this file has more")

    def _note_break(self, record: Record) -> None:
        layers = _broken_layers(record)
        if self._never_finite is None:
            self._never_finite = set(layers)  # as where a mask of minus infinity is a layer's output
        fresh = [layer for layer in layers if layer not in self._never_finite]
        self._never_finite &= set(layers)
        loss = record.scalars.get("loss", 0.0)
        if loss is None or ("loss" not in record.scalars and fresh):
            self.broken = self.broken or (record.step, min(fresh, default=None))
        else:
            self.broken = None

    def _make_room(self, record: Record) -> None:
        size = sum(values.nbytes + 200 for values in record.columns.values())
        if size:
            self.limit(MAX_KEPT_BYTES // size)


def _broken_layers(record: Record) -> list[int]:
    """The header's layers that gave something that is not finite."""
    layers, nonfinite = record.columns.get("layer"), record.columns.get("nonfinite")
    return [] if layers is None or nonfinite is None else np.unique(layers[nonfinite > 0]).tolist()


def divergence(digest: Digest, axis: dict[Series, int], names: tuple[str, ...]) -> Divergence | None:
    """Return where the training broke and never came back, in words of the axis layer; None where it didn't."""
    if digest.broken is None:
        return None
    step, layer = digest.broken
    place = min((index for (number, _), index in axis.items() if number == layer), default=len(names))
    return Divergence(step, place, names[place] if place < len(names) else "loss")
