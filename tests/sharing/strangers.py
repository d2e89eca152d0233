"""What strangers may put into a file: any JSON anywhere, and bytes that were changed, cut out or repeated."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FUZZ = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)
HEAD = 400  # bytes: there the header stands


def damaged(whole: bytes, cases: int, *, seed: int) -> Iterator[bytes]:
    """The file with up to three places damaged; mostly of its text, so that the checksum is right."""
    random = np.random.default_rng(seed)
    plain = gzip.decompress(whole)
    for case in range(cases):
        inside = case % 4 > 0
        data = bytearray(plain if inside else whole)
        for _ in range(random.integers(1, 4)):
            length = min(len(data), HEAD) if case % 3 == 0 else len(data)
            _damage(data, int(random.integers(length)), random)
        yield gzip.compress(bytes(data), 1) if inside else bytes(data)


def _damage(data: bytearray, place: int, random: np.random.Generator) -> None:
    how, length = random.integers(4), int(random.integers(1, 40))
    if how == 0:
        data[place] = random.integers(256)
    elif how == 1:
        data[place] ^= 1 << int(random.integers(8))
    elif how == 2:
        del data[place : place + length]
    else:
        data[place:place] = data[place : place + length]
