"""Every number that the charts are drawn from, as one long table: a row a number, exact.

`COLUMNS` says what each column holds. Rows stand in the order of arms, of quantities (as in `FIELDS`), of steps, and
then of the quantity's own axes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv as pa_csv  # type: ignore[import-untyped]
import pyarrow.parquet as pa_parquet  # type: ignore[import-untyped]

from bnviz.experiment.history import History
from bnviz.experiment.layout import Layout
from bnviz.experiment.snapshot import FIELDS, POINTS, QUANTILES, UNIT_QUANTILES, Array
from bnviz.sharing.recording_axes import POINTS as RECORDED_POINTS

MAX_CSV_ROWS = 2**20 - 1  # what a spreadsheet opens, less the line of names
EDGE = "histogram_edge"
QUANTITIES = (*FIELDS, EDGE)
PLACES = (*POINTS, *RECORDED_POINTS)
MAX_WORD = 80  # bytes of a name in a line of CSV: a name from a stranger may stand in each of a million lines
NOWHERE = -1  # in a column of whole numbers: nothing stands there
COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "arm": "the network's number, from 0",
        "name": "the network's name",
        "step": "training step: updates made so far",
        "quantity": "what was measured: `python -m bnviz run --fields` lists all with their units; histogram_edge is "
        "the lower edge of a histogram's cell",
        "point": "where values were taken: before_norm, after_norm or after_activation; of a recorded model: output",
        "layer": "1 is next to the input; the output layer's number is one more than the last hidden layer's",
        "label": "recorded models: the layer's own name; scalar: the name under which the number was given",
        "unit": "the unit's or channel's number in its layer, from 0",
        "percentile": "5, 15, ..., 95",
        "cell": "histogram: 0 is below the bins, 1 to 48 are the bins, 49 is above them, 50 is not finite; surface: "
        "32 * row + column; predictions, confidences: the image's number",
        "value": "the number; nan where it could not be measured",
    }
)
_TYPES = {
    "arm": pa.int8(), "name": pa.dictionary(pa.int8(), pa.string()), "step": pa.int64(),
    "quantity": pa.dictionary(pa.int8(), pa.string()), "point": pa.dictionary(pa.int8(), pa.string()),
    "layer": pa.int32(), "label": pa.dictionary(pa.int16(), pa.string()), "unit": pa.int64(),
    "percentile": pa.int8(), "cell": pa.int32(), "value": pa.float64(),
}  # fmt: skip


@dataclass(frozen=True)
class _Part:
    """One quantity of one arm: steps [n], values [n, ...], and what stands in the other columns.

    `labels` are as large as one snapshot's values, or can be spread to that; those of the column label index `words`.
    """

    arm: int
    quantity: str
    steps: Array
    values: Array
    labels: Mapping[str, Array]
    words: tuple[str, ...] = ()

    def thinned(self, most: int) -> _Part:
        """At most so many rows: whole snapshots, evenly spread, the first and the last among them."""
        count = len(self.steps)
        wanted = max(1, most * count // max(1, self.values.size))
        if wanted >= count:
            return self
        picked = np.unique(np.linspace(0, count - 1, wanted).round().astype(np.intp))
        return replace(self, steps=self.steps[picked], values=self.values[picked])


def count_rows(histories: Sequence[History]) -> int:
    """Return how many rows the whole table has."""
    return sum(part.values.size for arm, history in enumerate(histories) for part in _parts(arm, history))


def to_csv(histories: Sequence[History], names: Sequence[str], *, max_rows: int = MAX_CSV_ROWS) -> bytes:
    """Return the table as CSV in UTF-8, numbers in the fewest digits that read back exactly.

    Where there would be more than `max_rows` rows, the largest quantities (histograms, channels) are given at fewer
    snapshots, evenly spread over the run but at least one; the others stay whole. Names beyond `MAX_WORD` bytes are
    cut, and end in their number.
    """
    parts = [part for arm, history in enumerate(histories) for part in _parts(arm, history)]
    most = _cap([part.values.size for part in parts], max_rows)
    sink, bare, called = io.BytesIO(), pa_csv.WriteOptions(include_header=False), _harmless(names)
    sink.write((",".join(COLUMNS) + "\n").encode())
    for part in parts:
        harmless = replace(part.thinned(most), words=_harmless(part.words))
        pa_csv.write_csv(_table(harmless, called, exact=True), sink, bare)
    return sink.getvalue()


def to_parquet(histories: Sequence[History], names: Sequence[str], *, version: str = "") -> bytes:
    """Return the whole table as Parquet; the schema's metadata under "bnviz" are JSON.

    They hold the version that is given, and per network its name, its configuration and how far it got.
    """
    schema = pa.schema([pa.field(name, kind, metadata={"doc": COLUMNS[name]}) for name, kind in _TYPES.items()])
    about = {
        "version": version,
        "networks": [_described(history, name) for history, name in zip(histories, names, strict=True)],
    }
    sink = io.BytesIO()
    schema = schema.with_metadata({"bnviz": json.dumps(about)})
    with pa_parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for arm, history in enumerate(histories):
            for part in _parts(arm, history):
                writer.write_table(_table(part, [_utf8(name) for name in names]).cast(schema))
    return sink.getvalue()


def _described(history: History, name: str) -> dict[str, Any]:
    last = history.last
    return {
        "name": _utf8(name),
        "configuration": asdict(last.config) if last and last.config else None,
        "step": last.step if last else None,
        "diverged": asdict(last.diverged) if last and last.diverged else None,
    }


def _parts(arm: int, history: History) -> Iterator[_Part]:
    """An arm's quantities that were measured, in the order of `FIELDS`, and its histograms' edges at the end."""
    layout = history.layout
    if layout is None or not len(history):
        return
    for name, field in FIELDS.items():
        if name not in history or (field.sparse and not history.sparse(name)):
            continue
        steps, values = _sparse(history, name) if field.sparse else (history["step"], history[name])
        if field.axes == ("row", "column"):
            values = values.reshape(len(values), -1)
        axes = ("cell",) if field.axes == ("row", "column") else field.axes
        labels = _labels(axes, values.shape[1:], layout)
        words = layout.scalars if "scalar" in axes else layout.layers
        yield _Part(arm, name, steps, values, labels, tuple(_utf8(word) for word in words))
    yield _edges(arm, history["step"][:1], layout)


def _edges(arm: int, step: Array, layout: Layout) -> _Part:
    """The lower edges of the cells: in the lab they are the same for all layers."""
    edges, axes = (layout.edges, ("point", "layer", "cell")) if layout.config is None else (
        layout.edges[:, 0], ("point", "cell"),
    )  # fmt: skip
    labels = _labels(axes, edges.shape, layout)
    labels["cell"] = labels["cell"] + 1
    return _Part(arm, EDGE, step, edges[None], labels, tuple(_utf8(word) for word in layout.layers))


def _sparse(history: History, name: str) -> tuple[Array, Array]:
    rows = history.sparse(name)
    places = np.searchsorted(history.ids, np.fromiter(rows, np.int64, len(rows)))
    return history["step"][places], np.stack(list(rows.values()))


def _labels(axes: Sequence[str], shape: Sequence[int], layout: Layout) -> dict[str, Array]:
    """What stands in the columns of a quantity's axes, each spread along its own axis."""
    found: dict[str, Array] = {}
    for place, (axis, size) in enumerate(zip(axes, shape, strict=True)):
        after = (1,) * (len(shape) - place - 1)
        column, numbers = _numbers(axis, size, layout, detail="channel" in axes)
        found[column] = numbers.reshape(*numbers.shape, *after)
    if "layer" in found and layout.config is None:
        found["label"] = found["layer"] - 1
    return found


def _numbers(axis: str, size: int, layout: Layout, *, detail: bool) -> tuple[str, Array]:
    """An axis' column, and what stands along it; channels are numbered in each layer [layers, channels]."""
    if axis in ("quantile", "unit_quantile"):
        return "percentile", np.array(QUANTILES if axis == "quantile" else UNIT_QUANTILES)
    if axis == "unit":
        return "unit", np.array(layout.units[:size])
    if axis == "channel":
        rows = [[*numbers, *[NOWHERE] * (size - len(numbers))][:size] for numbers in layout.channels]
        return "unit", np.array(rows).reshape(len(rows), size)
    if axis in ("layer", "weight"):
        return "layer", (np.array(layout.norms[:size]) if detail else np.arange(size)) + 1
    if axis == "point":
        return "point", np.array([PLACES.index(name) for name in layout.points])
    return ("label" if axis == "scalar" else "cell"), np.arange(size)


def _table(part: _Part, names: Sequence[str], *, exact: bool = False) -> pa.Table:
    """A quantity's rows; with `exact`, values are of the type in which they were measured, else all are float64."""
    count, size = len(part.steps), part.values[0].size
    rows = count * size
    columns = {name: pa.nulls(rows, kind) for name, kind in _TYPES.items()}
    columns |= {
        "arm": pa.array(np.full(rows, part.arm, np.int8)),
        "name": _words(np.full(rows, part.arm), names),
        "step": pa.array(np.repeat(part.steps, size)),
        "quantity": _words(np.full(rows, QUANTITIES.index(part.quantity)), QUANTITIES),
        "value": pa.array(part.values.ravel() if exact else part.values.ravel().astype(np.float64)),
    }
    for name, labels in part.labels.items():
        tiled = np.tile(np.broadcast_to(labels, part.values.shape[1:]).ravel(), count)
        if name == "point":
            columns[name] = _words(tiled, PLACES)
        elif name == "label":
            columns[name] = _words(tiled, part.words, np.int16)
        else:
            columns[name] = pa.array(tiled, _TYPES[name], mask=tiled == NOWHERE)
    return pa.table(columns)


def _words(numbers: Array, words: Sequence[str], kind: type[np.signedinteger[Any]] = np.int8) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(kind)), pa.array(list(words), pa.string()))


def _cap(sizes: Sequence[int], most: int) -> int:
    """The largest size to which the larger ones can be cut so that all together are at most `most`."""
    left = most
    for place, size in enumerate(ordered := sorted(sizes)):
        share = left // (len(ordered) - place)
        if size > share:
            return share
        left -= size
    return most


def _utf8(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def _harmless(names: Sequence[str]) -> tuple[str, ...]:
    """Names that a spreadsheet does not take for formulas, and of bounded length: they come from strangers."""
    return tuple(_short(_no_formula(_utf8(name)), number) for number, name in enumerate(names, 1))


def _no_formula(name: str) -> str:
    return f"'{name}" if name.lstrip()[:1] in ("=", "+", "-", "@") else name


def _short(name: str, number: int) -> str:
    """A name that takes at most `MAX_WORD` bytes where it is written, each of its quotes twice."""
    written = name.replace('"', '""').encode()
    if len(written) <= MAX_WORD:
        return name
    end = f"… {number}"
    cut = written[: MAX_WORD - len(end.encode())]
    cut = cut[: len(cut) - cut.count(b'"') % 2]  # never between a quote and its second
    return cut.decode(errors="ignore").replace('""', '"') + end
