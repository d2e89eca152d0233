"""Appends a recording's lines to a file, so that whatever interrupts the program, all but the last seconds stay."""

from __future__ import annotations

import json
import time
import zlib
from binascii import b2a_base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bnviz.sharing.line_seal import sealed
from bnviz.sharing.recording_schema import (
    COLUMNS,
    FORMAT,
    MAX_LINE,
    MAX_NUMBER,
    MAX_PLAIN,
    MAX_RECORDS,
    MAX_SCALARS,
    MAX_TEXT,
    SINGLE,
    VERSION,
)

FLUSH_SECONDS = 1.0  # what is handed over has waited as long before
FLUSH_LINES = 64
FLUSH_BYTES = 2**20
LEVEL, WRAPPED_IN_GZIP = 1, 31
RESERVE = MAX_LINE  # kept free for the last lines


class RecordingWriter:
    """Collects lines and appends them as one gzip member every second, 64 lines or 1 MiB.

    The file is made at once; raises `FileExistsError` for one that is there, unless it may be overwritten.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = False) -> None:
        self.path = Path(path)
        self._size = self._records = 0
        self._lines: list[bytes] = []
        self._waiting = 0
        self._step = -1  # of the last record
        self._member, self._end = memoryview(b""), 0  # what is being written, and where it ends in the file
        self._flushed = time.monotonic()
        try:
            self._file = self.path.open("wb" if overwrite else "xb", buffering=0)
        except FileExistsError:
            raise FileExistsError(
                f"{self.path} is there already: choose another name, or say overwrite=True to replace it"
            ) from None

    @property
    def left(self) -> float:
        """The share of what readers accept, in bytes of text and in records, that is still free."""
        return 1 - max(self._size / (MAX_PLAIN - RESERVE), self._records / MAX_RECORDS)

    def header(self, values: Mapping[str, Any]) -> None:
        """Write the first line at once; see `docs/recording-format.md` for what it says."""
        try:
            self._append(plain({"type": "header", "format": FORMAT, "version": VERSION, **values}))
            self.flush()
        except BaseException:
            self._file.close()
            raise

    def record(self, values: Mapping[str, Any]) -> None:
        """Append one captured step: single values, `scalars` and the arrays of `COLUMNS`.

        A step that is there already, as an interrupt came before anybody could know, is left out.
        """
        if values["step"] <= self._step:
            return
        arrays = {name: value for name, value in values.items() if name in COLUMNS}
        rest = {name: values[name] for name in SINGLE if name in values}
        rest["scalars"] = dict(list(rest.get("scalars", {}).items())[:MAX_SCALARS])
        parts = [plain({"type": "record", **rest})[:-1]]
        parts += [f'"{name}":"{text}"' for name, text in _packed(arrays).items()]
        self._append(",".join(parts) + "}", values["step"])
        self._records += 1
        self.tick()

    def end(self, values: Mapping[str, Any]) -> None:
        """Write the last line and close the file."""
        try:
            self._append(plain({"type": "end", **values}))
            self.flush()
        finally:
            self._file.close()

    def tick(self) -> None:
        """Write what has waited long enough; cheap enough for every step."""
        if self._lines and (
            len(self._lines) >= FLUSH_LINES
            or self._waiting >= FLUSH_BYTES
            or time.monotonic() - self._flushed >= FLUSH_SECONDS
        ):
            self.flush()

    def flush(self) -> None:
        """Append the waiting lines as one gzip member, in as few writes as the system allows.

        Whatever interrupts it, nothing is lost: what is left is written first the next time, and nothing twice.
        """
        self._write()
        if self._lines:
            member = memoryview(gzip_member(b"".join(self._lines)))
            flushed, end = time.monotonic(), self._position() + len(member)
            self._member, self._end, self._lines, self._waiting = member, end, [], 0  # at once, for an interrupt
            self._flushed = flushed
            self._write()

    def _write(self) -> None:
        if self._member:  # the file knows how much of it is there, even where an interrupt came before we did
            self._member = self._member[max(0, len(self._member) - (self._end - self._position())) :]
        while self._member:
            self._member = self._member[self._file.write(self._member) :]

    def _position(self) -> int:
        return self._file.tell() if self._file.seekable() else self._end - len(self._member)

    def _append(self, text: str, step: int | None = None) -> None:
        line = sealed(text.encode()) + b"\n"
        if len(line) > MAX_LINE:
            raise ValueError(f"a line of a recording has at most {MAX_LINE} bytes; this one would have {len(line)}")
        step = self._step if step is None else step
        self._lines, self._step = [*self._lines, line], step  # at once, for an interrupt
        self._waiting += len(line)
        self._size += len(line)


def plain(value: Mapping[str, Any]) -> str:
    """Return strict JSON in one line; what is not finite becomes null, long texts are cut."""
    return json.dumps(_clean(value), allow_nan=False, separators=(",", ":"))


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key)[:MAX_TEXT]: _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, float):
        return value if abs(value) <= MAX_NUMBER else None
    return value


@np.errstate(over="ignore", invalid="ignore")
def _packed(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, str]:
    """Columns' numbers as base64, a tenth of the time that decimal digits take; those of a type are made in one go."""
    names_of: dict[str, list[str]] = {}
    for name in arrays:
        names_of.setdefault(COLUMNS[name].dtype, []).append(name)
    found = dict.fromkeys(arrays, "")
    for dtype, names in names_of.items():
        whole = np.concatenate([arrays[name] for name in names], axis=None, dtype=dtype, casting="unsafe")
        if whole.dtype.kind == "f":
            whole[np.isinf(whole)] = np.nan
        data, start = whole.view(np.uint8).data, 0
        for name in names:
            stop = start + arrays[name].size * whole.itemsize
            found[name], start = b2a_base64(data[start:stop], newline=False).decode(), stop
    return found


def gzip_member(data: bytes) -> bytes:
    """Return one gzip member; base64 has runs but no words: looking for runs alone is as good and much faster."""
    engine = zlib.compressobj(LEVEL, zlib.DEFLATED, WRAPPED_IN_GZIP, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return engine.compress(data) + engine.flush()
