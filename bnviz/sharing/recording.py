"""Opens a recording, from strangers too: every whole record of a file that was cut short, or one clear error.

Nothing is unpickled, nothing is trusted: what the file decompresses to is bounded while it streams, and every line is
checked against the header (`docs/recording-format.md`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from bnviz.sharing import recording_lines
from bnviz.sharing.gzip_members import DAMAGED, Member, members
from bnviz.sharing.line_seal import is_intact
from bnviz.sharing.recording_lines import End, Header, Record, parse
from bnviz.sharing.recording_overview import Fired, overview
from bnviz.sharing.recording_schema import MAX_LINES, MAX_RECORDS, RecordingError

_T = TypeVar("_T")


@dataclass(frozen=True)
class RecordingFile:
    """A whole recording in memory.

    `problem` says in words where reading had to stop before the end, and is empty otherwise; `end` is None where the
    recorder had no chance to say goodbye.
    """

    header: Header
    records: tuple[Record, ...]
    end: End | None
    problem: str


class RecordingReader:
    """Iterates over a recording's records, one in memory at a time; `header` is read at once.

    After the last one, `end` and `problem` are as in `RecordingFile`. Raises `RecordingError` where not even the
    header can be read, and while iterating only where a limit is passed.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.end: End | None = None
        self.problem = ""
        self._count = 0
        self._lines = self._read(stream)
        first = next(self._lines, None)
        if first is None:
            why = ", or it is damaged or was cut short before its first line" if self.problem else ": it is empty"
            raise RecordingError(f"this is not a recording of bnviz{why}")
        self.header = recording_lines.header(parse(first))

    def __iter__(self) -> Iterator[Record]:
        """The records of a model; of a run of the lab, see `lab_recording`."""
        if self.header.kind != "model":
            raise RecordingError("this is a run of the lab, not a recording of somebody's own model")
        last = -1

        def check(values: dict[str, Any]) -> Record:
            nonlocal last
            record = recording_lines.record(values, self.header)
            if record.step <= last:
                raise RecordingError(f"step {record.step} follows step {last}")
            last = record.step
            return record

        return self.entries(check)

    def entries(self, check: Callable[[dict[str, Any]], _T]) -> Iterator[_T]:
        """Yield what `check` makes of each record's line; where it raises `RecordingError`, reading stops there."""
        count, place = 0, "before the first record"
        for line in self._lines:
            try:
                values = self._record(line)
                entry = None if values is None else check(values)
            except RecordingError as error:
                self.problem = f"{place}: {error}"
                return
            if values is None or entry is None:
                continue
            count += 1
            if count > MAX_RECORDS:
                raise RecordingError(f"a recording has at most {MAX_RECORDS} records; this file has more")
            place = f"after record {count} (step {values['step']})"
            yield entry
        if self.problem:
            self.problem = f"{place} {self.problem}"

    def _record(self, line: bytes) -> dict[str, Any] | None:
        """A line's values if it is a record; a later version may say more than those and an end."""
        values = parse(line)
        if self.end is not None:
            raise RecordingError("something follows the line that ends a recording")
        if values.get("type") == "end":
            self.end = recording_lines.end(values)
        return values if values.get("type") == "record" else None

    def _read(self, stream: BinaryIO) -> Iterator[bytes]:
        for member in members(stream):
            self.problem = member.problem
            self._note_lines(0 if member.data else 1)  # an empty member takes its time too
            for line in io.BytesIO(member.data):  # millions of short lines never stand beside each other
                self._note_lines(1)
                text, ends = line.removesuffix(b"\n"), line.endswith(b"\n")
                if not _is_sure(text, member, ends=ends):
                    self.problem = (
                        DAMAGED if ends else member.problem or "a part of the file ends in the middle of a line"
                    )
                    return
                yield text

    def _note_lines(self, more: int) -> None:
        self._count += more
        if self._count > MAX_LINES:
            raise RecordingError(f"a recording has at most {MAX_LINES} lines; this file has more")


def _is_sure(line: bytes, member: Member, *, ends: bool) -> bool:
    """Whether a line is as it was written, as far as anybody can know.

    In a damaged member it must prove it with a seal of its own: that it is valid proves nothing, as a bit that flips in
    a number's base64 gives another valid number. Of files from before there were seals, the whole members before that
    one stay. What was cut short is right as far as it goes, so there only a wrong seal counts. A line that does not end
    may be whole all the same: decompressing keeps the last byte to itself where the member's checksum is wrong.
    """
    if not member.problem:
        return ends
    intact = is_intact(line)
    return intact is True if member.damaged or not ends else intact is not False


def read_recording(source: str | Path | BinaryIO) -> RecordingFile:
    """Return a model's whole recording of a file or an open binary stream; raises `RecordingError`, or `OSError`."""
    with _opened(source) as stream:
        reader = RecordingReader(stream)
        records = tuple(reader)
    return RecordingFile(reader.header, records, reader.end, reader.problem)


def _opened(source: str | Path | BinaryIO) -> AbstractContextManager[BinaryIO]:
    return Path(source).open("rb") if isinstance(source, str | Path) else nullcontext(source)


def describe(source: str | Path | BinaryIO) -> str:
    """Return a recording's summary as text: steps, loss, a line a layer's call, 'no data' where it never fired."""
    with _opened(source) as stream:
        return description(RecordingReader(stream))


def description(reader: RecordingReader) -> str:
    """Return the summary of a model's recording that a reader has opened."""
    head, found = reader.header, overview(reader.header, reader)
    first, last = found.first, found.last
    state = reader.problem or (reader.end.reason if reader.end else "the recorder had no chance to end it")
    count = "1 record" if found.records == 1 else f"{found.records} records"
    every = "every step" if head.every == 1 else f"every {head.every} steps"
    lines = [f"{head.model or head.kind}: {count}, {every} ({state})"]
    if first is not None and last is not None:
        lines.append(f"steps {first.step} to {last.step}; loss {_loss(first)} to {_loss(last)}")
    width = max((len(layer.name) for layer in found.layers), default=0)
    lines += [f"{one.name:{width}}  {one.layer.module:12}  {_now(one)}" for one in found.layers]
    return printable(lines)


def printable(lines: Iterable[str]) -> str:
    """Return lines as text in which nothing steers a terminal: they say what strangers wrote."""
    return "\n".join("".join(sign if sign.isprintable() else "?" for sign in line) for line in lines)


def _loss(record: Record) -> str:
    loss = record.scalars.get("loss")
    if loss is None:
        return "not finite" if "loss" in record.scalars else "not given"
    return f"{loss:.4g}"


def _now(fired: Fired) -> str:
    if fired.record is None:
        return "no data"
    columns = fired.record.columns
    parts = [f"{name} {columns[name][fired.series]:.3g}" for name in ("mean", "deviation") if name in columns]
    return ", ".join(parts)
