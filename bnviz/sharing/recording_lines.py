"""From a recording's lines to checked values: unknown keys are left out, anything else unexpected is refused."""

from __future__ import annotations

import json
import math
import re
from binascii import a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from bnviz.experiment.snapshot import Array
from bnviz.sharing.recording_schema import (
    COLUMNS,
    FORMAT,
    KINDS,
    MAX_COUNT,
    MAX_DEPTH,
    MAX_LAYERS,
    MAX_LINE,
    MAX_NUMBER,
    MAX_SCALARS,
    MAX_SERIES,
    MAX_STEP,
    MAX_TEXT,
    SIZES,
    VERSION,
    Column,
    RecordingError,
)

_NOTHING = np.empty(0, np.uint32)
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True)
class Layer:
    """One watched layer: the module's own name and class, and what sort of layer that is.

    `channels` of a batch-norm layer is None where it wasn't known yet; `tied_to` names the layer that owns its weights.
    """

    name: str
    module: str
    kind: str
    frozen: bool = False
    channels: int | None = None
    tied_to: str | None = None


@dataclass(frozen=True)
class Header:
    """What a recording is of: a `model` of somebody's own, or a run of the `lab` with its configuration."""

    kind: str
    every: int
    model: str
    layers: tuple[Layer, ...]
    started: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    parameters: int | None = None

    @cached_property
    def norms(self) -> tuple[int, ...]:
        """Indices of the batch-norm layers: the rows of gamma, beta and the batch and running statistics."""
        return tuple(index for index, layer in enumerate(self.layers) if layer.kind == "batch_norm")


@dataclass(frozen=True)
class Record:
    """One captured step: `columns` maps names of `COLUMNS` to arrays, NaN where there is no data.

    `time` is in seconds since the recording began, `forwards` how many forward passes the step was made of, `skipped`
    whether a GradScaler left the update out. `scalars` holds `loss` and whatever else the loop gave; None: not finite.
    """

    step: int
    time: float
    forwards: int
    skipped: bool
    learning_rate: float | None
    scalars: Mapping[str, float | None]
    columns: Mapping[str, Array]


@dataclass(frozen=True)
class End:
    """How the recording was left: after how many `steps`, `finished` or by which exception."""

    steps: int
    reason: str


def parse(line: bytes) -> dict[str, Any]:
    """Return a line's JSON object; raises `RecordingError` for what is too long, too deep, or no strict JSON."""
    if len(line) > MAX_LINE:
        refuse(f"a line has at most {MAX_LINE} bytes; this one has {len(line)}")
    if _depth(line) > MAX_DEPTH:
        refuse(f"a line's brackets nest at most {MAX_DEPTH} deep")
    try:
        value = json.loads(line.decode(), parse_constant=lambda word: refuse(f"{word} is no number of JSON"))
    except RecordingError:
        raise
    except (ValueError, RecursionError):
        refuse("a line is not JSON")
    if not isinstance(value, dict):
        refuse("a line is not a JSON object")
    return value


def _depth(line: bytes) -> int:
    depth = deepest = 0
    for bracket in _STRINGS.sub(b"", line).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def header(values: dict[str, Any]) -> Header:
    """Return the first line's description; raises `RecordingError`, above all for a newer version."""
    if values.get("type") != "header" or values.get("format") != FORMAT:
        refuse("this is not a recording of bnviz: its first line is no header")
    version = whole(values, "version", 1)
    if version > VERSION:
        refuse(
            f"this recording has format version {version}, and this bnviz reads up to {VERSION}: "
            "a newer bnviz made it, so open it with that one"
        )
    kind = text(values, "kind")
    if kind not in KINDS:
        refuse(f"kind must be one of {', '.join(KINDS)}; got {kind!r:.60}")
    layers = values.get("layers", [])
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS:
        refuse(f"layers must be a list of at most {MAX_LAYERS}")
    versions = mapping(values, "versions")
    return Header(
        kind=kind,
        every=whole(values, "every", 1),
        model=text(values, "model", ""),
        layers=tuple(_layer(item) for item in layers),
        started=text(values, "started", ""),
        versions={key: text(versions, key) for key in versions},
        config=mapping(values, "config"),
        parameters=None if values.get("parameters") is None else whole(values, "parameters", 0),
    )


def _layer(values: Any) -> Layer:
    if not isinstance(values, dict):
        refuse("a layer of the header is not an object")
    return Layer(
        name=text(values, "name"),
        module=text(values, "module", ""),
        kind=text(values, "kind", "other"),
        frozen=values.get("frozen") is True,
        channels=None if values.get("channels") is None else whole(values, "channels", 0),
        tied_to=None if values.get("tied_to") is None else text(values, "tied_to"),
    )


def record(values: dict[str, Any], about: Header) -> Record:
    """Return a captured step, its arrays' lengths checked against each other and the header."""
    data = {name: decoded(name, values[name]) for name in COLUMNS if name in values}
    series = len(data.get("layer", b"")) // np.dtype(COLUMNS["layer"].dtype).itemsize
    if series > MAX_SERIES:
        refuse(f"a record has at most {MAX_SERIES} series; this one has {series}")
    sizes = {**SIZES, "series": series, "layer": len(about.layers), "norm": len(about.norms)}
    columns = {name: _column(COLUMNS[name], part, sizes) for name, part in data.items()}
    if np.any(columns.get("layer", _NOTHING) >= len(about.layers)):
        refuse("a series belongs to a layer that the header doesn't have")
    scalars = mapping(values, "scalars")
    return Record(
        step=whole(values, "step", 0, MAX_STEP),
        time=number(values, "time") or 0.0,
        forwards=whole(values, "forwards", 0),
        skipped=values.get("skipped") is True,
        learning_rate=number(values, "learning_rate"),
        scalars={key: number(scalars, key) for key in scalars},
        columns=columns,
    )


def end(values: dict[str, Any]) -> End:
    """Return how the recording was left."""
    return End(steps=whole(values, "steps", 0), reason=text(values, "reason", ""))


def decoded(name: str, value: Any) -> bytes:
    """Return an array's bytes from its base64."""
    if not isinstance(value, str):
        refuse(f"{name} must be a text: the base64 of its numbers")
    try:
        return a2b_base64(value, strict_mode=True)
    except ValueError:
        refuse(f"{name} is not base64")


def _column(column: Column, data: bytes, sizes: Mapping[str, int]) -> Array:
    dtype, shape = np.dtype(column.dtype), tuple(sizes[axis] for axis in column.axes)
    if len(data) != math.prod(shape) * dtype.itemsize:
        refuse(f"{column.name} must hold {' x '.join(map(str, shape))} numbers; it has {len(data)} bytes")
    numbers = np.frombuffer(data, dtype).reshape(shape)
    if dtype.kind == "f" and np.isinf(numbers).any():
        refuse(f"{column.name} holds an infinity")
    if dtype.itemsize == 8 and np.any(numbers > MAX_COUNT):  # counts
        refuse(f"{column.name} holds a number beyond {MAX_COUNT}")
    return numbers


def mapping(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object of not too many short names."""
    value = values.get(name, {})
    if not isinstance(value, dict) or len(value) > MAX_SCALARS or any(len(key) > MAX_TEXT for key in value):
        refuse(f"{name} must be an object of at most {MAX_SCALARS} short names")
    return value


def whole(values: Mapping[str, Any], name: str, low: int, high: int = MAX_COUNT) -> int:
    """Return a whole number from `low` to `high`."""
    value = values.get(name)
    if type(value) is not int or not low <= value <= high:
        refuse(f"{name} must be a whole number from {low} to {high}; got {value!r:.40}")
    return value


def number(values: Mapping[str, Any], name: str) -> float | None:
    """Return a finite number, or None for null and what is missing."""
    value = values.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not abs(value) <= MAX_NUMBER or not math.isfinite(value):
        refuse(f"{name:.40} must be a finite number or null; got {value!r:.40}")
    return float(value)


def text(values: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a short text."""
    value = values.get(name, default)
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        refuse(f"{name:.40} must be a text of at most {MAX_TEXT} characters")
    return value


def refuse(why: str) -> NoReturn:
    """Raise the one error that opening a file may end in."""
    raise RecordingError(why)
