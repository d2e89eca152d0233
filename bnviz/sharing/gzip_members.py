"""The gzip members of a file, one after another, within bounds: a bomb stops at the limit, not at the memory's end."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bnviz.sharing.recording_schema import MAX_MEMBER, MAX_MEMBERS, MAX_PLAIN, RecordingError

CHUNK = 16 * 1024
WRAPPED_IN_GZIP = 31


@dataclass(frozen=True)
class Member:
    """The text of one gzip member; `problem` says why it is not whole, if it isn't."""

    data: bytes
    problem: str = ""


def members(stream: BinaryIO) -> Iterator[Member]:
    """Yield the members of a stream; the last may be cut short, and after a damaged one nothing follows.

    A whole member's checksum was right. Raises `RecordingError` as soon as more text comes than is allowed.
    """
    left, rest = MAX_PLAIN, b""
    for number in range(MAX_MEMBERS + 1):
        rest = rest or stream.read(CHUNK)
        if not rest:
            return
        if number == MAX_MEMBERS:
            raise RecordingError(f"a recording has at most {MAX_MEMBERS} gzip members; this file has more")
        member, rest = _member(stream, rest, left)
        left -= len(member.data)
        yield member
        if member.problem:
            return


def _member(stream: BinaryIO, rest: bytes, left: int) -> tuple[Member, bytes]:
    engine, parts, size = zlib.decompressobj(WRAPPED_IN_GZIP), [], 0
    while True:
        if not rest:
            parts.append(engine.flush())  # the few bytes that zlib still holds
            return Member(b"".join(parts), "the file was cut short, as when the program was killed"), b""
        try:
            part = engine.decompress(rest, CHUNK)
        except zlib.error:
            return Member(b"", "the file is damaged from here on"), b""
        size += len(part)
        if size > min(left, MAX_MEMBER):
            limit = f"{MAX_MEMBER} bytes of text in one part" if size > MAX_MEMBER else f"{MAX_PLAIN} bytes of text"
            raise RecordingError(f"a recording has at most {limit}; this file holds more")
        parts.append(part)
        if engine.eof:
            return Member(b"".join(parts)), engine.unused_data
        rest = engine.unconsumed_tail or stream.read(CHUNK)
