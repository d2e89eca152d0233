"""Recordings of models as histories on shared axes, so that whatever draws the lab's arms draws them as well.

What a recording has no probe batch for is estimated: `drift_start` and `drift_last` are Wasserstein-1 distances of the
layer's OUTPUT on the training batch to that of the first record in which it fired, and to that of the record before.
The distributions are the stored histograms of one or two thousand sampled values, taken as piecewise linear
(`recording_bins`). So not only the parameters move them: other samples and other data do too. Two batches of one and
the same normal distribution of deviation s are some 0.06 s apart, or 0.04 s where 2,048 values were sampled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bnviz.experiment.history import History
from bnviz.experiment.layout import Layout
from bnviz.experiment.snapshot import CELLS, FIELDS, QUANTILES, Array, Snapshot
from bnviz.sharing.recording import RecordingFile
from bnviz.sharing.recording_axes import Axes, shared_axes, with_channels
from bnviz.sharing.recording_bins import Distributions, rebin, shared_edges, wasserstein
from bnviz.sharing.recording_digest import ON_SCREEN, Digest, Room, divergence
from bnviz.sharing.recording_lines import Record
from bnviz.sharing.recording_schema import CHANNELS, COLUMNS, RecordingError

CHUNK = 2**12  # histograms that are worked on at once: some 30 MB
PER_SERIES = {"mean": "mean", "deviation": "deviation", "percentiles": "percentiles", "saturated": "saturated",
              "dead": "dead", "gradient_z": "gradient_output"}  # fmt: skip
PER_LAYER = ("weight_norm", "gradient_weight", "update_ratio")
PER_NORM = ("gamma", "beta", "batch_mean", "batch_variance", "running_mean", "running_variance")
AT_POINT = ("percentiles", "mean", "deviation", "histogram")
Columns = dict[str, Array]


def histories(files: Sequence[RecordingFile], *, room: Room = ON_SCREEN) -> list[History]:
    """Return a history of each of one or two recorded models, all on the axes of both; raises `RecordingError`.

    Where there are more records than have room, the newest quarter stays and the older ones are thinned evenly.
    """
    return from_digests([Digest.of(file.header, file.records, room) for file in files])


def from_digests(digests: Sequence[Digest]) -> list[History]:
    """Return the histories of recordings that were digested while they were read."""
    if any(digest.header.kind != "model" for digest in digests):
        raise RecordingError("only recordings of models share axes: open a run of the lab alone")
    if not digests:
        return []
    layout, axes = shared_axes(digests)
    for digest in digests:
        digest.limit(digest.room.history // (_row_bytes(layout) + 1))
    ranges = [_series(digest, one, len(layout.layers), "range") for digest, one in zip(digests, axes, strict=True)]
    edges = shared_edges([(found[..., 0], found[..., 1]) for found in ranges])
    layout = replace(layout, edges=edges[None])
    return [_history(digest, one, layout) for digest, one in zip(digests, axes, strict=True)]


def _row_bytes(layout: Layout) -> int:
    """What a snapshot takes where everything was measured."""
    sizes = {
        "point": 1, "layer": len(layout.layers), "weight": len(layout.weights), "quantile": len(QUANTILES),
        "cell": CELLS, "channel": CHANNELS, "scalar": len(layout.scalars),
    }  # fmt: skip
    total = 0
    for field in FIELDS.values():
        if all(axis in sizes for axis in field.axes):
            shape = [len(layout.norms), CHANNELS] if field.detail else [sizes[axis] for axis in field.axes]
            total += int(np.prod(shape, dtype=np.int64)) * np.dtype(field.dtype).itemsize
    return total


def _history(digest: Digest, axes: Axes, layout: Layout) -> History:
    columns = _singles(digest, layout) | _distributions(digest, axes, layout) | _of_weights(digest, axes, layout)
    norms = {name: _of_norms(digest, axes, layout, name) for name in PER_NORM}
    columns |= norms
    layout = with_channels(layout, digest.header, axes, list(norms.values()))
    columns = {name: values for name, values in columns.items() if name == "skipped" or _has_data(values)}
    history = History(max(8, len(digest.kept)), max_bytes=digest.room.history, layout=layout)
    broken = divergence(digest, dict(axes.series), layout.layers)
    for row, kept in enumerate(digest.kept):
        values = {name: _row(name, column[row]) for name, column in columns.items()}
        ours = broken if broken is not None and broken.step <= kept.record.step else None
        history.append(Snapshot(kept.record.step, None, values, ours), kept.number)
    history.thinned = max(history.thinned, digest.thinned)
    return history


def _has_data(values: Array) -> bool:
    return bool(np.isfinite(values).any() if values.dtype.kind == "f" else values.any())


def _row(name: str, values: Array) -> Array:
    """A snapshot's values: what has a point has but one."""
    return values[None] if name in AT_POINT else values


def _singles(digest: Digest, layout: Layout) -> Columns:
    """What is one number a record, or one a name."""
    records = [kept.record for kept in digest.kept]

    def numbers(found: Sequence[float | None]) -> Array:
        return np.array([np.nan if value is None else value for value in found], np.float32)

    table = [[record.scalars.get(name) for name in layout.scalars] for record in records]
    scalars = np.array(table, np.float32).reshape(len(records), len(layout.scalars))
    return {
        "loss": numbers([record.scalars.get("loss") for record in records]),
        "learning_rate": numbers([record.learning_rate for record in records]),
        "skipped": np.array([record.skipped for record in records], np.uint8),
        "scalar": scalars,
    }


def _series(digest: Digest, axes: Axes, layers: int, name: str, *, before: bool = False) -> Array:
    """A quantity of every series [kept records, layers, ...]; `before` is that of the record before each."""
    tail = {"range": (2,), "histogram": (CELLS,), "percentiles": (len(QUANTILES),)}.get(name, ())
    dtype = np.dtype(np.uint32 if name == "histogram" else np.float32)
    found = np.full((len(digest.kept), layers, *tail), 0 if dtype.kind == "u" else np.nan, dtype)
    for row, record in enumerate(_records(digest, before=before)):
        if record is not None and name in record.columns:
            found[row, _places(record, axes)] = record.columns[name]
    return found


def _records(digest: Digest, *, before: bool = False) -> Iterator[Record | None]:
    for kept in digest.kept:
        yield kept.before if before else kept.record


def _places(record: Record, axes: Axes) -> list[int]:
    """Where a record's series stand on the axis layer."""
    layers = record.columns["layer"].tolist()
    calls = record.columns["call"].tolist() if "call" in record.columns else [0] * len(layers)
    return [axes.series[series] for series in zip(layers, calls, strict=True)]


def _distributions(digest: Digest, axes: Axes, layout: Layout) -> Columns:
    layers = len(layout.layers)
    found = {name: _series(digest, axes, layers, source) for name, source in PER_SERIES.items()}
    counts = {name: _series(digest, axes, layers, name) for name in ("count", "zeros", "nonfinite")}
    with np.errstate(invalid="ignore", divide="ignore"):
        found |= {name: np.clip(counts[name] / counts["count"], 0, 1) for name in ("zeros", "nonfinite")}
    now = {name: _series(digest, axes, layers, name) for name in ("histogram", "range")}
    before = {name: _series(digest, axes, layers, name, before=True) for name in ("histogram", "range", "percentiles")}
    found |= _binned(now | {"percentiles": found["percentiles"]}, before, layout)
    return found


def _binned(now: Mapping[str, Array], before: Mapping[str, Array], layout: Layout) -> Columns:
    """Histograms over the shared edges, and how far each distribution is from the first one and the one before."""
    count, layers = now["histogram"].shape[:2]
    starts = np.argmax(now["histogram"][..., :-1].any(-1), axis=0) if count else np.zeros(layers, np.intp)
    histogram = np.zeros((count, layers, CELLS), np.uint32)
    drift_start, drift_last = (np.full((count, layers), np.nan, np.float32) for _ in range(2))
    edges = layout.edges[0].astype(np.float64)
    start = {name: values[starts, np.arange(layers)] for name, values in now.items()} if count else {}
    step = max(1, CHUNK // max(1, layers))
    for first in range(0, count, step):
        rows = slice(first, first + step)
        size = len(now["histogram"][rows])
        ours = _flat({name: values[rows] for name, values in now.items()})
        histogram[rows] = rebin(ours, np.tile(edges, (size, 1))).reshape(size, layers, CELLS)
        origin = _flat({name: np.broadcast_to(values, (size, *values.shape)) for name, values in start.items()})
        drift_start[rows] = wasserstein(ours, origin).reshape(size, layers)
        last = _flat({name: values[rows] for name, values in before.items()})
        drift_last[rows] = wasserstein(ours, last).reshape(size, layers)
    return {"histogram": histogram, "drift_start": drift_start, "drift_last": drift_last}


def _flat(values: Mapping[str, Array]) -> Distributions:
    flat = {name: found.reshape(-1, found.shape[-1]) for name, found in values.items()}
    return Distributions.of(flat["histogram"], flat["range"], flat["percentiles"])


def _of_weights(digest: Digest, axes: Axes, layout: Layout) -> Columns:
    """What belongs to a layer and not to its calls: it stands at the first one."""
    found = {name: np.full((len(digest.kept), len(layout.weights)), np.nan, np.float32) for name in PER_LAYER}
    for row, record in enumerate(_records(digest)):
        for name in PER_LAYER:
            if record is not None and name in record.columns:
                found[name][row, axes.places] = record.columns[name][axes.owners]
    return found


def _of_norms(digest: Digest, axes: Axes, layout: Layout, name: str) -> Array:
    assert COLUMNS[name].axes == ("norm", "channel")
    found = np.full((len(digest.kept), len(layout.norms), CHANNELS), np.nan, np.float32)
    numbers, rows = list(axes.norms), list(axes.norms.values())
    for place, record in enumerate(_records(digest)):
        if record is not None and name in record.columns:
            found[place, rows] = record.columns[name][numbers]
    return found
