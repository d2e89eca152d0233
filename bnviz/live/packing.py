"""Pack what is newer than a page's cursor into one binary message.

Layout: uint32 length N of the header (little endian), N bytes of JSON padded with spaces to a multiple of 4, then for
each arm the columns that its header entry names, in that order, each padded to a multiple of 4 bytes: float32, except
step (uint32), normalization, surface, predictions (uint8) and histogram (uint16, share of all values times 65535).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bnviz.experiment.history import History
from bnviz.experiment.snapshot import FIELDS, Array

MAX_ROWS = 256
MAX_WINDOW = 4 * 2**20  # bytes: packing one takes some 10 ms, and no client has to swallow more at once


def window(histories: Sequence[History], cursor: int, row_bytes: int = 0) -> int:
    """Return the highest snapshot id that the next message holds: at most 256 ids beyond `cursor`, and 4 MiB.

    `row_bytes` are those of one id in all histories together; where one alone takes more, it comes alone.
    """
    newer = np.unique(np.concatenate([history.ids[history.ids > cursor] for history in histories]))
    most = max(1, min(MAX_ROWS, MAX_WINDOW // max(1, row_bytes)))
    return int(newer[:most][-1]) if len(newer) else cursor


def row_bytes(histories: Sequence[History]) -> int:
    """Return how many bytes one snapshot of each history takes on the wire, channels and pictures left out."""
    dense = [history[name][:1] for history in histories if len(history) for name in _dense(history)]
    return sum(column.nbytes // (2 if column.dtype == np.uint32 else 1) for column in dense)


def _dense(history: History) -> list[str]:
    return [f.name for f in FIELDS.values() if f.name in history and not (f.detail or f.sparse)]


def pack(
    state: Mapping[str, Any], histories: Sequence[History], arms: Sequence[Mapping[str, Any]], *,
    cursor: int, layer: int, layer_cursor: int,
) -> bytes:  # fmt: skip
    """Return one message: `state`, the arms' own states, and all columns newer than the cursors.

    `layer_cursor` counts for the channels' columns of the one layer `layer`; where it has none, none come.
    """
    end, layer_end = window(histories, cursor, row_bytes(histories)), window(histories, layer_cursor)
    entries, chunks = [], []
    for history, arm in zip(histories, arms, strict=True):
        entry, columns = _arm(history, cursor, end)
        detail, detail_columns = _detail(history, layer, layer_cursor, layer_end)
        entries.append({**arm, **entry, "layer": detail})
        chunks += [_padded(column) for column in (*columns, *detail_columns)]
    header = json.dumps({**state, "arms": entries}, separators=(",", ":"), allow_nan=False).encode()
    header += b" " * (-len(header) % 4)
    return b"".join([len(header).to_bytes(4, "little"), header, *chunks])


def _arm(history: History, cursor: int, end: int) -> tuple[dict[str, Any], list[Array]]:
    rows = _rows(history, cursor, end)
    ids = history.ids[rows].tolist()
    names = ["step", *_dense(history)]
    columns = [_wire(name, history[name][rows]) for name in names]
    sparse: dict[str, list[int]] = {}
    for field in FIELDS.values():
        if field.sparse:
            at = [position for position, number in enumerate(ids) if number in history.sparse(field.name)]
            if at:
                sparse[field.name] = at
                columns.append(np.stack([history.sparse(field.name)[ids[position]] for position in at]))
    entry = {
        "count": len(ids), "cursor": end, "ids": ids, "fields": [*names, *sparse], "sparse": sparse,
        "thinned": history.thinned,
    }  # fmt: skip
    return entry, columns


def _detail(history: History, layer: int, cursor: int, end: int) -> tuple[dict[str, Any], list[Array]]:
    rows = _rows(history, cursor, end)
    layout = history.layout
    row = layer if layout is None else layout.norm_row(layer)
    if row is None:
        rows = slice(0, 0)
    names = [f.name for f in FIELDS.values() if f.detail and f.name in history] if row is not None else []
    columns = [np.ascontiguousarray(history[name][rows, row]) for name in names]
    steps = history["step"][rows].tolist()
    return {"layer": layer, "count": len(steps), "cursor": end, "steps": steps, "fields": names}, columns


def _rows(history: History, cursor: int, end: int) -> slice:
    first, last = np.searchsorted(history.ids, [cursor, end], "right")
    return slice(int(first), int(last))


def _wire(name: str, column: Array) -> Array:
    if name == "step":
        return column.astype("<u4")
    if name == "histogram":
        total = column.sum(-1, keepdims=True, dtype=np.float64)
        shares: npt.NDArray[np.uint16] = np.rint(column / np.maximum(total, 1) * 65535).astype("<u2")
        return shares
    return column


def _padded(column: Array) -> bytes:
    data = column.tobytes()
    return data + b"\0" * (-len(data) % 4)
