"""In which order a recorded model's layers are called, from the order of the series in its records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

from bnviz.sharing.recording_lines import Header, Record
from bnviz.sharing.recording_schema import MAX_SERIES, RecordingError

Series = tuple[int, int]  # layer, call
Key = tuple[str, int, int]  # a layer's name, how many before it bear that name, its call
_MANY = 64  # orders of series that are remembered
_T = TypeVar("_T")


class Merged(Generic[_T]):
    """Sequences made one: all items of the first, and each new one of the next behind the one that it follows there.

    Where nothing is known of a sequence, it comes last; what it has before all that is known comes first. Taking one
    in costs as much as it is long.
    """

    def __init__(self) -> None:
        self._next: dict[_T | None, _T | None] = {None: None}  # None: before the first, and behind the last
        self._last: _T | None = None

    def add(self, items: Sequence[_T]) -> None:
        """Take in another sequence."""
        before = None if any(item in self._next for item in items) else self._last
        for item in items:
            if item not in self._next:
                self._next[item], self._next[before] = self._next[before], item
                self._last = item if self._next[item] is None else self._last
            before = item

    def __iter__(self) -> Iterator[_T]:
        item = self._next[None]
        while item is not None:
            yield item
            item = self._next[item]

    def __len__(self) -> int:
        return len(self._next) - 1


class Calls:
    """Takes a model's records one by one; iterates over the (layer, call) that ever fired, as the forward calls them.

    A record's series stand in the order of the calls. Older files have them in the model's order, as have those of
    models that call their layers in that order: where all records agree with it, it is the order of all series.
    """

    def __init__(self) -> None:
        self._merged = Merged[Series]()
        self._seen: set[bytes] = set()
        self._in_model_order = True

    def add(self, record: Record) -> None:
        """Take in a record's series; raises `RecordingError` where a file has more than can be shown."""
        layers, calls = (record.columns.get(name) for name in ("layer", "call"))
        if layers is None:
            return
        calls = np.zeros_like(layers) if calls is None else calls
        key = layers.tobytes() + calls.tobytes()
        if key in self._seen:
            return
        if len(self._seen) < _MANY:
            self._seen.add(key)
        found = list(zip(layers.tolist(), calls.tolist(), strict=True))
        self._in_model_order = self._in_model_order and all(map(tuple.__le__, found, found[1:]))
        self._merged.add(found)
        if len(self._merged) > MAX_SERIES:
            raise RecordingError(f"a recording has at most {MAX_SERIES} different series; this file has more")

    def __iter__(self) -> Iterator[Series]:
        return iter(sorted(self._merged) if self._in_model_order else self._merged)


def keys(header: Header, series: Iterable[Series]) -> dict[Series, Key]:
    """Return what the series are called in any file, in the order given."""
    before: dict[str, int] = {}
    numbers = []
    for layer in header.layers:
        numbers.append(before.get(layer.name, 0))
        before[layer.name] = numbers[-1] + 1
    return {(n, call): (header.layers[n].name, numbers[n], call) for n, call in series}


def names(keys: Iterable[Key]) -> tuple[str, ...]:
    """The layer's own name, "name (2)" for its second call; a number more where that would not be unique."""
    found: dict[str, None] = {}
    free: dict[str, int] = {}  # of each wanted label the number to try next: a file may have thousands of one name
    for name, _, call in keys:
        wanted = label = name if call == 0 else f"{name} ({call + 1})"
        number = free.get(wanted, 2)
        while label in found:
            label, number = f"{wanted} #{number}", number + 1
        found[label], free[wanted] = None, number
    return tuple(found)
