"""A history as TensorBoard's event files: scalars, a scalar a layer, and histograms.

Needs the package tensorboard, which is no dependency of bnviz; TensorFlow is not needed. A history keeps no clock, so
all events bear the time at which the run began: look at them over steps.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from bnviz.experiment.history import History
from bnviz.experiment.layout import Layout
from bnviz.experiment.snapshot import FIELDS, Array
from bnviz.sharing.recording_schema import RecordingError

LAYERED = (
    "mean", "deviation", "gradient_z", "gradient_weight", "update_ratio", "weight_norm", "drift_start", "saturated",
    "dead", "zeros", "nonfinite",
)  # fmt: skip
MOST_HISTOGRAMS = 200  # steps with histograms, evenly spread; TensorBoard itself shows 50
MISSING = "TensorBoard is not installed here, and its event files need it: python -m pip install tensorboard"


def write_events(folder: Path, history: History, *, wall_time: float | None = None) -> int:
    """Write one network's history into a folder of its own and return how many events there are.

    Raises `RecordingError` where the folder holds event files already, as TensorBoard would mix two runs in one line,
    or where TensorBoard is not installed.
    """
    refuse_taken(folder)
    event, summary, histogram, writer_to, events = *_classes(), 0
    with closing(writer_to(str(folder))) as writer:
        for step, scalars, histograms in summaries(history):
            values = [summary.Value(tag=tag, simple_value=value) for tag, value in scalars]
            values += [summary.Value(tag=tag, histo=histogram(**buckets)) for tag, buckets in histograms]
            began = time.time() if wall_time is None else wall_time
            writer.add_event(event(wall_time=began, step=step, summary=summary(value=values)))
            events += 1
    return events


def _classes() -> tuple[Any, Any, Any, Any]:
    """TensorBoard's Event, Summary, HistogramProto and EventFileWriter."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError:
        raise RecordingError(MISSING) from None
    return Event, Summary, HistogramProto, EventFileWriter


def refuse_taken(folder: Path) -> None:
    """Raise `RecordingError` where events can't be written into this folder, which need not be there yet."""
    _classes()
    for part in (folder, *folder.parents):
        if part.exists() and not part.is_dir():
            raise RecordingError(f"{str(part)!r} is a file: choose another folder")
    if any(folder.glob("*tfevents*")):
        raise RecordingError(f"{str(folder)!r} holds the event files of another run already: choose another folder")


Scalars = list[tuple[str, float]]
Histograms = list[tuple[str, dict[str, Any]]]


def summaries(history: History) -> Iterator[tuple[int, Scalars, Histograms]]:
    """Yield of each snapshot its step, its scalars and histograms with their tags; what is not finite is left out."""
    layout, count = history.layout, len(history)
    if layout is None or not count:
        return
    columns = list(_scalars(history, layout))
    shown = set(np.linspace(0, count - 1, min(count, MOST_HISTOGRAMS)).round().astype(int).tolist())
    for row, step in enumerate(history["step"].tolist()):
        scalars = [(tag, float(values[row])) for tag, values in columns if np.isfinite(values[row])]
        yield step, scalars, list(_histograms(history, layout, row)) if row in shown else []


def _scalars(history: History, layout: Layout) -> Iterator[tuple[str, Array]]:
    """Every line [snapshots] with its tag: TensorBoard groups tags by what stands before the first slash."""
    for name, field in FIELDS.items():
        if name not in history or field.sparse or field.dtype != "float32":
            continue
        values = history[name]
        if not field.axes:
            yield name, values
        elif field.axes == ("scalar",):
            yield from ((f"reported/{word}", values[:, place]) for place, word in enumerate(layout.scalars))
        elif name in LAYERED:
            table = values.reshape(len(values), -1)
            yield from ((f"{name}/{where}", table[:, place]) for place, where in enumerate(_places(name, layout)))


def _places(name: str, layout: Layout) -> list[str]:
    """What the cells of a layered quantity are called, in their order."""
    axes = FIELDS[name].axes
    if axes == ("weight",):
        return [layout.called_weight(index) for index in range(len(layout.weights))]
    layers = [layout.called(index) for index in range(len(layout.layers))]
    if axes == ("layer",) or len(layout.points) == 1:
        return layers
    return [f"{point}/{layer}" for point in layout.points for layer in layers]


def _histograms(history: History, layout: Layout, row: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if "histogram" not in history:
        return
    counts, mean, deviation = (
        history[name][row].reshape(-1, *history[name].shape[3:]) for name in ("histogram", "mean", "deviation")
    )
    edges = layout.edges.reshape(-1, layout.edges.shape[-1]).astype(float)
    for place, where in enumerate(_places("histogram", layout)):
        if counts[place, :-1].any():
            yield (
                f"histogram/{where}",
                buckets(counts[place], edges[place], float(mean[place]), float(deviation[place])),
            )


def buckets(counts: Array, edges: Array, mean: float, deviation: float) -> dict[str, Any]:
    """Return the fields of a `HistogramProto`: values beyond the bins lie in one bin more at each end that has any."""
    cells, width, total = counts[:-1].astype(float), edges[1] - edges[0], float(counts[:-1].sum())
    limits = np.append(edges, edges[-1] + width)
    kept = slice(0 if cells[0] else 1, len(cells) if cells[-1] else -1)
    known = np.isfinite(mean) and np.isfinite(deviation)
    return {
        "min": float(edges[0] - (width if cells[0] else 0)), "max": float(limits[kept][-1]), "num": total,
        "sum": mean * total if known else 0.0, "sum_squares": (mean**2 + deviation**2) * total if known else 0.0,
        "bucket_limit": limits[kept].tolist(), "bucket": cells[kept].tolist(),
    }  # fmt: skip


def folder_names(names: Sequence[str]) -> list[str]:
    """Return a folder's name for each network: letters, digits, dots and dashes of its name; unique, never hidden."""
    found: list[str] = []
    for name in names:
        wanted = folder = re.sub(r"[^\w.+-]+", "_", name, flags=re.ASCII).strip("._") or "network"
        number = 2
        while folder.lower() in [other.lower() for other in found]:
            folder, number = f"{wanted}_{number}", number + 1
        found.append(folder)
    return found
