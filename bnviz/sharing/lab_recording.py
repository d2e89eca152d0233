"""A run of the lab as a recording: its link, and every number of its histories, which come back exactly.

The configuration in it is a link and is read as one; everything else is checked against the networks that it describes.
"""

from __future__ import annotations

import json
import math
from binascii import b2a_base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from bnviz.experiment.config import NORMALIZATIONS, ExperimentConfig
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.history import History
from bnviz.experiment.layout import lab_layout
from bnviz.experiment.snapshot import (
    CELLS,
    FIELDS,
    POINTS,
    QUANTILES,
    SHOWN_IMAGES,
    SURFACE_SIDE,
    TRACED_UNITS,
    UNIT_QUANTILES,
    Array,
    Divergence,
    Field,
    Snapshot,
    kept_channels,
)
from bnviz.sharing import link
from bnviz.sharing.line_seal import sealed
from bnviz.sharing.link import Link
from bnviz.sharing.recording import RecordingReader
from bnviz.sharing.recording_lines import decoded, refuse, whole
from bnviz.sharing.recording_schema import FORMAT, MAX_STEP, MAX_TEXT, VERSION
from bnviz.sharing.recording_writer import FLUSH_BYTES, gzip_member

MEASURED: Mapping[str, Field] = {name: field for name, field in FIELDS.items() if not field.recorded}
REQUIRED = frozenset({
    "loss", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "test_accuracy_train_mode", "learning_rate",
    "normalization", "percentiles", "mean", "deviation", "histogram", "saturated", "dead", "gradient_z",
    "gradient_weight", "update_ratio", "drift_last", "drift_start", "unit_percentiles", "batch_mean", "batch_variance",
})  # fmt: skip
FILED_NAME_LENGTH = 80  # of a network's name in a file; a link takes shorter ones
MAX_CLASSES = 10


@dataclass(frozen=True)
class LabRecording:
    """A run of the lab that was read: its networks' names and histories, and the link that asks for it again.

    `query` is written anew from what was read, so that nothing else of a stranger's text is in it.
    """

    link: Link
    query: str
    names: tuple[str, ...]
    histories: tuple[History, ...]
    records: int


def lab_recording(
    histories: Sequence[History], names: Sequence[str], link_query: str, *, version: str = "", started: str = ""
) -> bytes:
    """Return a comparison as a recording; `link_query` is its link, one history and name an arm.

    Raises `LinkError` for a link that can't be read, `ValueError` for another number of arms than histories.
    """
    arms = len(link.parse(link_query).arms)
    if not len(histories) == len(names) == arms:
        raise ValueError(f"the link has {arms} networks, but there are {len(histories)} histories, {len(names)} names")
    head = {
        "type": "header", "format": FORMAT, "version": VERSION, "kind": "lab", "every": 1,
        "started": started[:MAX_TEXT], "versions": {"bnviz": version[:MAX_TEXT]} if version else {}, "layers": [],
        "config": {
            "link": link_query, "names": [name[:FILED_NAME_LENGTH] for name in names],
            "thinned": [history.thinned for history in histories],
        },
    }  # fmt: skip
    steps = max((int(history["step"][-1]) + 1 for history in histories if len(history)), default=0)
    end = {"type": "end", "steps": steps, "reason": "finished"}
    members, waiting = [_line(head)], bytearray()
    for line in _records(histories):
        waiting += line
        if len(waiting) >= FLUSH_BYTES:
            members, waiting = [*members, bytes(waiting)], bytearray()
    return b"".join(gzip_member(member) for member in [*members, bytes(waiting), _line(end)] if member)


def _line(values: Mapping[str, Any]) -> bytes:
    return sealed(json.dumps(values, allow_nan=False, separators=(",", ":")).encode()) + b"\n"


def _records(histories: Sequence[History]) -> Iterator[bytes]:
    """A line a snapshot, as they were captured: so of a file that is cut short all arms are there as far as one is."""
    ids = [history.ids.tolist() for history in histories]
    order = sorted((number, arm, row) for arm, numbers in enumerate(ids) for row, number in enumerate(numbers))
    for number, arm, row in order:
        history = histories[arm]
        head: dict[str, Any] = {"type": "record", "arm": arm, "id": number, "step": int(history["step"][row])}
        if history.diverged is not None and row == len(history) - 1:
            head["broken_layer"] = history.diverged.layer
        yield _line(head | {name: _packed(name, values) for name, values in _measured(history, number, row)})


def _measured(history: History, number: int, row: int) -> Iterator[tuple[str, Array]]:
    for name, field in MEASURED.items():
        if field.sparse:
            found = history.sparse(name).get(number)
            if found is not None:
                yield name, found
        elif name in history:
            yield name, history[name][row]


def _packed(name: str, values: Array) -> str:
    numbers = np.ascontiguousarray(values, _little(MEASURED[name]))
    return b2a_base64(numbers.tobytes(), newline=False).decode()


def _little(field: Field) -> np.dtype[Any]:
    return np.dtype(field.dtype).newbyteorder("<")


# --- reading ---------------------------------------------------------------------------------------------------------


def read_lab(reader: RecordingReader) -> LabRecording:
    """Return the run of the lab that a reader has opened; raises `RecordingError`, also where its link can't be read.

    Like a model's recording it stops at the first line that fails, and the snapshots before it stay.
    """
    config = reader.header.config
    query = config.get("link")
    if not isinstance(query, str):
        refuse("a run of the lab must say its link: config.link is missing")
    try:
        asked = link.parse(query)
    except ConfigError as error:
        refuse(f"the link in this run of the lab can't be read: {error}")
    arms = [
        _Arm(number, arm, thinned)
        for number, (arm, thinned) in enumerate(zip(asked.arms, _thinned(config, len(asked.arms)), strict=True))
    ]
    records = sum(1 for _ in reader.entries(lambda values: _take(values, arms)))
    for arm in arms:
        arm.history.thinned = max(arm.history.thinned, arm.thinned)
    return LabRecording(asked, link.to_query(asked), _names(config, asked), tuple(arm.history for arm in arms), records)


def _names(config: Mapping[str, Any], asked: Link) -> tuple[str, ...]:
    names = config.get("names", list(asked.names))
    if not isinstance(names, list) or len(names) != len(asked.arms):
        refuse(f"config.names must be a list of {len(asked.arms)} names")
    for name in names:
        if not isinstance(name, str) or len(name) > FILED_NAME_LENGTH:
            refuse(f"a network's name must be a text of at most {FILED_NAME_LENGTH} characters")
    return tuple(names)


def _thinned(config: Mapping[str, Any], arms: int) -> list[int]:
    found = config.get("thinned", [1] * arms)
    if not isinstance(found, list) or len(found) != arms:
        refuse(f"config.thinned must be a list of {arms} whole numbers")
    numbers = [whole({"thinned": item}, "thinned", 1) for item in found]
    if any(number & (number - 1) for number in numbers):
        refuse("config.thinned must be powers of two")
    return numbers


class _Arm:
    """One network while its records are read."""

    def __init__(self, number: int, config: ExperimentConfig, thinned: int) -> None:
        self.number, self.config, self.thinned = number, config, thinned
        self.history = History(layout=lab_layout(config))
        self.columns: frozenset[str] | None = None

    def take(self, values: Mapping[str, Any]) -> None:
        """Append a record; raises `RecordingError`, and changes nothing, where it can't follow the ones before."""
        step, number = whole(values, "step", 0, MAX_STEP), whole(values, "id", 0)
        if self.history.diverged is not None:
            refuse(f"something follows the step at which network {self.number} broke")
        if len(self.history) and (step <= self.history["step"][-1] or number <= self.history.ids[-1]):
            refuse(f"step {step} with id {number} follows step {self.history['step'][-1]}")
        found = {name: _column(field, values[name], self.config) for name, field in MEASURED.items() if name in values}
        dense = frozenset(name for name in found if not MEASURED[name].sparse)
        if missing := sorted(REQUIRED - dense):
            refuse(f"a record of the lab must hold {missing[0]}, as every snapshot does")
        if self.columns not in (None, dense):
            refuse(f"the records of network {self.number} must all hold the same quantities")
        broken = self._broken(values, step)
        self.columns = dense
        self.history.append(Snapshot(step, self.config, found, broken), number)

    def _broken(self, values: Mapping[str, Any], step: int) -> Divergence | None:
        if values.get("broken_layer") is None:
            return None
        layer, last = whole(values, "broken_layer", 0), self.config.hidden_layers
        if layer > last:
            refuse(f"broken_layer must be from 0 to {last}; got {layer}")
        return Divergence(step, layer, "output layer" if layer == last else f"hidden layer {layer + 1}")


def _take(values: dict[str, Any], arms: Sequence[_Arm]) -> bool:
    arm = whole(values, "arm", 0)
    if arm >= len(arms):
        refuse(f"arm must be from 0 to {len(arms) - 1}; got {arm}")
    arms[arm].take(values)
    return True


def _column(field: Field, value: Any, config: ExperimentConfig) -> Array:
    data, dtype = decoded(field.name, value), _little(field)
    shape = tuple(_sizes(config)[axis] for axis in field.axes)
    if len(data) != math.prod(shape) * dtype.itemsize:
        refuse(f"{field.name} must hold {' x '.join(map(str, shape)) or 'one'} numbers; it has {len(data)} bytes")
    numbers = np.frombuffer(data, dtype).astype(field.dtype, copy=False).reshape(shape)
    most = {"normalization": len(NORMALIZATIONS) - 1, "predictions": MAX_CLASSES - 1}.get(field.name)
    if most is not None and np.any(numbers > most):
        refuse(f"{field.name} must be from 0 to {most}")
    return numbers


@lru_cache(maxsize=16)
def _sizes(config: ExperimentConfig) -> Mapping[str, int]:
    tested = config.total_samples - config.training_samples
    return {
        "point": len(POINTS), "layer": config.hidden_layers, "weight": config.hidden_layers + 1, "cell": CELLS,
        "quantile": len(QUANTILES), "unit": TRACED_UNITS, "unit_quantile": len(UNIT_QUANTILES),
        "channel": len(kept_channels(config.width)), "row": SURFACE_SIDE, "column": SURFACE_SIDE,
        "image": min(SHOWN_IMAGES, tested),
    }  # fmt: skip
