"""What is kept of a recording while it is read: some of its records, evenly spread, and what all of them have shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bnviz.experiment.history import MAX_SNAPSHOTS, History
from bnviz.experiment.snapshot import Divergence, Snapshot
from bnviz.sharing.recording_calls import Calls, Series
from bnviz.sharing.recording_lines import Header, Record
from bnviz.sharing.recording_schema import MAX_RECORDS

MAX_NAMES = 256  # of numbers that the loop gave; the first ones


@dataclass(frozen=True)
class Kept:
    """A record that stays, its number among all of them, and the record before it."""

    number: int
    record: Record
    before: Record | None


@dataclass(frozen=True)
class Room:
    """How much of a recording is kept: so many records, bytes of them while it is read, bytes of its history."""

    records: int = MAX_SNAPSHOTS
    waiting: int = 80 * 2**20
    history: int = 24 * 2**20


ON_SCREEN = Room()
WHOLE = Room(MAX_RECORDS, 2**32, 2**32)  # a file's own limits come first


class Digest:
    """Takes a model's records one by one and keeps as many as have room, thinned as a history thins its snapshots.

    `calls` are the (layer, call) that ever fired, `scalars` the names that the loop gave, in the order in which they
    came first; `count` is how many records there were. `broken` is the first record from which on the loss was not
    finite to the end (where the loop gave none: an output that was finite before), and the layer that showed it first.
    """

    def __init__(self, header: Header, room: Room = ON_SCREEN) -> None:
        self.header, self.room = header, room
        self.calls = Calls()
        self.scalars: dict[str, None] = {}
        self.count = 0
        self.first: Record | None = None
        self.last: Record | None = None
        self.broken: tuple[int, int | None] | None = None
        self._kept = dict[int, Kept]()
        self._thinning = History(room.records)
        self._fired: set[int] = set()
        self._never_finite: set[int] = set()

    @classmethod
    def of(cls, header: Header, records: Iterable[Record], room: Room = ON_SCREEN) -> Digest:
        """Take all records of a file."""
        digest = cls(header, room)
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
        self.calls.add(record)
        self.scalars |= dict.fromkeys(list(record.scalars)[: MAX_NAMES - len(self.scalars)])
        self._note_break(record)
        self._make_room(record)
        self._kept[self.count] = Kept(self.count, record, self.last)
        self._thinning.append(Snapshot(record.step, None, {}), self.count)
        self.limit(self._thinning.max_snapshots)
        self.first = self.first or record
        self.last, self.count = record, self.count + 1

    def limit(self, most: int) -> None:
        """Keep at most so many records from now on, and of those that are kept."""
        self._thinning.shrink(max(8, most))
        if len(self._kept) > len(self._thinning):
            kept = self._thinning.ids.tolist()
            self._kept = {number: self._kept[number] for number in kept}

    def _note_break(self, record: Record) -> None:
        fired, wrong = _judged_layers(record)
        layers = set(wrong)
        self._never_finite |= layers - self._fired  # as where a mask of minus infinity is a layer's output
        fresh = [layer for layer in wrong if layer not in self._never_finite]
        self._never_finite -= fired - layers
        self._fired |= fired
        loss = record.scalars.get("loss", 0.0)
        if loss is None or ("loss" not in record.scalars and fresh):
            self.broken = self.broken or (record.step, next(iter(fresh), None))
        else:
            self.broken = None

    def _make_room(self, record: Record) -> None:
        self.limit(self.room.waiting // (_size(record) + (_size(self.last) if self.last else 0)))


def _size(record: Record) -> int:
    """About how many bytes a record takes, with the names of its numbers: no two records share them."""
    columns = sum(values.nbytes + 200 for values in record.columns.values())
    return 500 + columns + sum(len(name) + 100 for name in record.scalars)


def _judged_layers(record: Record) -> tuple[set[int], list[int]]:
    """The header's layers whose values were counted, and of these the ones that gave something not finite, in order."""
    layers, nonfinite = record.columns.get("layer"), record.columns.get("nonfinite")
    if layers is None or nonfinite is None:
        return set(), []
    return set(layers.tolist()), layers[nonfinite > 0].tolist()


def divergence(digest: Digest, axis: dict[Series, int], names: tuple[str, ...]) -> Divergence | None:
    """Return where the training broke and never came back, in words of the axis layer; None where it didn't."""
    if digest.broken is None:
        return None
    step, layer = digest.broken
    place = min((index for (number, _), index in axis.items() if number == layer), default=len(names))
    return Divergence(step, place, names[place] if place < len(names) else "loss")
