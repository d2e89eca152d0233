"""The axes that one or two recordings are drawn on: all layers and calls that ever fired, by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bnviz.experiment.layout import Layout
from bnviz.experiment.snapshot import Array, kept_channels
from bnviz.sharing import recording_calls
from bnviz.sharing.recording_calls import Key, Merged, Series
from bnviz.sharing.recording_digest import Digest
from bnviz.sharing.recording_lines import Header
from bnviz.sharing.recording_schema import CHANNELS

POINTS = ("output",)


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
    keys = [recording_calls.keys(digest.header, digest.calls) for digest in digests]
    merged = Merged[Key]()
    for one in keys:
        merged.add(list(one.values()))
    place = {key: index for index, key in enumerate(merged)}
    normed = [_norms(digest.header, one) for digest, one in zip(digests, keys, strict=True)]
    norms = sorted({place[key] for found in normed for key in found})
    rows = {layer: row for row, layer in enumerate(norms)}
    names = recording_calls.names(merged)
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
