"""What a recording holds in short: its first and last record, and of each series the record in which it last fired."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from bnviz.sharing import recording_calls
from bnviz.sharing.recording_calls import Calls, Series
from bnviz.sharing.recording_lines import Header, Layer, Record


@dataclass(frozen=True)
class Fired:
    """A call of a layer, under the name that it has on the page too, and the record in which it last fired.

    `series` is the row in that record; a layer that never fired has neither.
    """

    name: str
    layer: Layer
    number: int  # among the header's layers
    call: int
    record: Record | None = None
    series: int | None = None


@dataclass(frozen=True)
class Overview:
    """How many records there are, the first and the last; `layers` in the order of their calls, silent ones last."""

    records: int
    first: Record | None
    last: Record | None
    layers: tuple[Fired, ...]


def overview(header: Header, records: Iterable[Record]) -> Overview:
    """Go through all records, one in memory at a time, and for each series the one in which it last fired."""
    count, first, last, calls, fired = 0, None, None, Calls(), dict[Series, tuple[Record, int]]()
    for last in records:
        count, first = count + 1, first or last
        calls.add(last)
        fired |= {series: (last, row) for row, series in enumerate(_series(last))}
    keys = recording_calls.keys(header, [*calls])
    silent = sorted(set(range(len(header.layers))) - {number for number, _ in keys})
    keys |= recording_calls.keys(header, [(number, 0) for number in silent])
    names = recording_calls.names(keys.values())
    layers = [
        Fired(name, header.layers[number], number, call, *fired.get((number, call), ()))
        for name, (number, call) in zip(names, keys, strict=True)
    ]
    return Overview(count, first, last, tuple(layers))


def _series(record: Record) -> Iterator[Series]:
    layers = record.columns.get("layer", np.empty(0, np.uint32))
    calls = record.columns.get("call", np.zeros_like(layers))
    return zip(layers.tolist(), calls.tolist(), strict=True)
