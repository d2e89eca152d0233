"""A line's own checksum, its seal: so that of a damaged part of a file those lines are known that are as they were.

A gzip member's checksum covers many lines, and one bit that flips makes all of them doubtful: a number in base64 is
then another number, and nothing else shows it. The seal is the last key of the line's object, so that every reader of
JSON goes on reading it, and those that don't know it leave it out.
"""

from __future__ import annotations

import re
import zlib

KEY = "crc32"
_SEAL = re.compile(rb'(.*),"crc32":"([0-9a-f]{8})"\}', re.DOTALL)


def sealed(line: bytes) -> bytes:
    """Return a line, one JSON object with a key at least, with the CRC-32 of all that comes before it as last key."""
    body = line[:-1]
    return b'%b,"%b":"%08x"}' % (body, KEY.encode(), zlib.crc32(body))


def is_intact(line: bytes) -> bool | None:
    """Return whether a line is as it was written; None for one without a seal, of which nobody knows."""
    found = _SEAL.fullmatch(line)
    return None if found is None else zlib.crc32(found[1]) == int(found[2], 16)
