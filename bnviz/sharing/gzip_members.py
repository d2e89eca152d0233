"""The gzip members of a file, one after another, within bounds: a bomb stops at the limit, not at the memory's end."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from bnviz.sharing.recording_schema import MAX_MEMBER, MAX_MEMBERS, MAX_PLAIN, RecordingError

CHUNK = 16 * 1024
WRAPPED_IN_GZIP = 31
DAMAGED = "the file is damaged"


@dataclass(frozen=True)
class Member:
    """The text of one gzip member; `problem` says why it is not whole, if it isn't.

    Of a `damaged` one it is all that decompressing gave, and any byte of it may be wrong: see `_before_damage`.
    """

    data: bytes
    problem: str = ""
    damaged: bool = False


def members(stream: BinaryIO) -> Iterator[Member]:
    """Yield the members of a stream; the last may be cut short, and after a damaged one nothing follows.

    A whole member's checksum was right; a damaged one's text needs proof of its own. Raises `RecordingError` as soon as
    more text comes than is allowed.
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
        before, damaged = engine.copy(), False
        try:
            part = engine.decompress(rest, CHUNK)
        except zlib.error:
            part, damaged = _before_damage(before, rest), True
        size += len(part)
        if size > min(left, MAX_MEMBER):
            limit = f"{MAX_MEMBER} bytes of text in one part" if size > MAX_MEMBER else f"{MAX_PLAIN} bytes of text"
            raise RecordingError(f"a recording has at most {limit}; this file holds more")
        parts.append(part)
        if damaged:
            return Member(b"".join(parts), DAMAGED, damaged=True), b""
        if engine.eof:
            return Member(b"".join(parts)), engine.unused_data
        rest = engine.unconsumed_tail or stream.read(CHUNK)


def _before_damage(engine: Any, rest: bytes) -> bytes:
    """Return what comes before the place at which decompressing fails: the call that fails keeps that to itself.

    The damage may lie before that place. What was changed often decompresses to other text without any error, and only
    the checksum at the member's end tells.
    """
    found = bytearray()
    try:
        while part := engine.decompress(rest, 1):  # at most as many as the call that failed would have given
            found += part
            rest = engine.unconsumed_tail
    except zlib.error:
        pass
    return bytes(found)
