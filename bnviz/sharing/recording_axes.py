"""The axes that one or two recordings are drawn on: all layers and calls that ever fired, by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bnviz.experiment.layout import Layout
from bnviz.experiment.snapshot import Array, kept_channels
from bnviz.sharing.recording_digest import Digest, Series
from bnviz.sharing.recording_lines import Header
from bnviz.sharing.recording_schema import CHANNELS

POINTS = ("output",)
Key = tuple[str, int, int]  # a layer's name, how many before it bear that name, its call


@dataclass(frozen=True)
class Axes:
    """Where a file's series and batch-norm layers stand on the axes that it shares with another file.

    series: the place on the axis layer of each (layer of the header, call).
    owners: of the header's layers, those with a place, and `places`, that of their first call.
    norms: of the header's batch-norm layers, by their number among these, the row of the channels' quantities.
    """

    series: Mapping[Series, int]
    owners: npt.NDArray[np.intp]
    places: npt.NDArray[np.intp]
    norms: Mapping[int, int]


def shared_axes(digests: Sequence[Digest]) -> tuple[Layout, list[Axes]]:
    """Return the layout of all files together, its edges and channels not yet known, and each file's place in it."""
    keys = [_keys(digest) for digest in digests]
    merged: list[Key] = []
    for one in keys:
        merged = _merged(merged, list(one.values()))
    place = {key: index for index, key in enumerate(merged)}
    normed = [_norms(digest.header, one) for digest, one in zip(digests, keys, strict=True)]
    norms = sorted({place[key] for found in normed for key in found})
    rows = {layer: row for row, layer in enumerate(norms)}
    names = _names(merged)
    layout = Layout(
        layers=names,
        weights=names,
        points=POINTS,
        edges=np.zeros((1, len(names), 0), np.float32),
        norms=tuple(norms),
        channels=((),) * len(norms),
        scalars=tuple(dict.fromkeys(name for digest in digests for name in digest.scalars if name != "loss")),
    )
    return layout, [_axes(digest.header, one, place, rows) for digest, one in zip(digests, keys, strict=True)]


def _keys(digest: Digest) -> dict[Series, Key]:
    """A file's series in the model's order, by what they are called in any file."""
    before: dict[str, int] = {}
    numbers = []
    for layer in digest.header.layers:
        numbers.append(before.get(layer.name, 0))
        before[layer.name] = numbers[-1] + 1
    return {(n, call): (digest.header.layers[n].name, numbers[n], call) for n, call in sorted(digest.series)}


def _merged(first: list[Key], second: list[Key]) -> list[Key]:
    """All of the first, and each of the second that is new behind the one that it follows there."""
    known, following = set(first), dict[Key | None, list[Key]]()
    if known.isdisjoint(second):
        return first + second
    before: Key | None = None
    for key in second:
        if key in known:
            before = key
        else:
            following.setdefault(before, []).append(key)
    return following.get(None, []) + [item for key in first for item in (key, *following.get(key, []))]


def _names(keys: Sequence[Key]) -> tuple[str, ...]:
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


def _norms(header: Header, keys: Mapping[Series, Key]) -> list[Key]:
    return [keys[layer, 0] for layer in header.norms if (layer, 0) in keys]


def _axes(header: Header, keys: Mapping[Series, Key], place: Mapping[Key, int], rows: Mapping[int, int]) -> Axes:
    firsts = [(layer, place[key]) for (layer, call), key in keys.items() if call == 0]
    owners, places = (np.array([pair[end] for pair in firsts], np.intp) for end in (0, 1))
    norms = {number: rows[place[keys[layer, 0]]] for number, layer in enumerate(header.norms) if (layer, 0) in keys}
    return Axes({series: place[key] for series, key in keys.items()}, owners, places, norms)


def with_channels(layout: Layout, header: Header, axes: Axes, found: Sequence[Array]) -> Layout:
    """Return the layout with the kept channels' numbers; `found` are columns [n, norm rows, CHANNELS] of the file.

    Where the header doesn't say how many channels a layer has, it has those that there are numbers of.
    """
    known = np.zeros((len(layout.norms), CHANNELS), bool)
    for column in found:
        known |= np.isfinite(column).any(0)
    channels: list[tuple[int, ...]] = [()] * len(layout.norms)
    for number, row in axes.norms.items():
        size = header.layers[header.norms[number]].channels
        last = int(np.flatnonzero(known[row])[-1]) + 1 if known[row].any() else 0
        channels[row] = tuple(kept_channels(size, CHANNELS).tolist()) if size else tuple(range(last))
    return replace(layout, channels=tuple(channels))
