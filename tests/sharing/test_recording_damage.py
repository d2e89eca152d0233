"""Of a damaged recording every line before the damage stays, and none that nobody can vouch for."""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.sharing.line_seal import is_intact, sealed
from bnviz.sharing.opened import open_recordings
from bnviz.sharing.recording import RecordingFile, read_recording
from bnviz.sharing.recording_schema import RecordingError
from bnviz.sharing.recording_writer import gzip_member
from tests.sharing.recorded import layer, record, write
from tests.sharing.strangers import FUZZ

LAYERS = [layer("a"), layer("b")]
RECORDS = 12


def opened(data: bytes) -> RecordingFile:
    return read_recording(io.BytesIO(data))


def members_of(lines: list[bytes]) -> bytes:
    """The header, all records and the end, a gzip member each: as many records as there are in one second."""
    return b"".join(gzip_member(b"".join(part)) for part in (lines[:1], lines[1:-1], lines[-1:]))


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    random = np.random.default_rng(0)
    samples = [{(0, 0): random.normal(size=200), (1, 0): random.normal(size=200)} for _ in range(RECORDS)]
    records = [record(10 * step, one, LAYERS) for step, one in enumerate(samples)]
    path = write(tmp_path_factory.mktemp("damage") / "run.bnviz", LAYERS, records)
    return gzip.decompress(path.read_bytes()).splitlines(keepends=True)


@pytest.fixture(scope="module")
def whole(lines: list[bytes]) -> bytes:
    return members_of(lines)


def same(one: RecordingFile, other: RecordingFile) -> bool:
    """Whether the first file's records are the beginning of the other's, number for number."""
    return all(
        mine.step == theirs.step
        and mine.scalars == theirs.scalars
        and all(np.array_equal(values, theirs.columns[name], equal_nan=True) for name, values in mine.columns.items())
        for mine, theirs in zip(one.records, other.records[: len(one.records)], strict=True)
    )


def first_member(data: bytes) -> int:
    engine = zlib.decompressobj(31)
    engine.decompress(data)
    return len(data) - len(engine.unused_data)


@pytest.mark.parametrize("how", ["a bit", "a hundred bytes"])
def test_a_damaged_file_gives_at_least_what_one_gives_that_is_cut_off_there(whole: bytes, how: str):
    random, original, start = np.random.default_rng(1), opened(whole), first_member(whole)
    counts = []
    for place in range(start, len(whole), 61):
        data = bytearray(whole)
        if how == "a bit":
            data[place] ^= 1 << int(random.integers(8))
        else:
            data[place : place + 100] = random.bytes(min(100, len(whole) - place))
        found, cut = opened(bytes(data)), opened(whole[: max(start, place - 4)])  # a line's end is not yet its newline
        assert len(found.records) >= len(cut.records), place
        assert same(found, original), f"a wrong number was shown, with byte {place} damaged"
        assert found.problem or same(original, found)
        counts.append(len(found.records))
    assert {0, RECORDS // 2, RECORDS} <= set(counts)


def test_bits_that_flip_in_numbers_are_valid_numbers_and_still_found(whole: bytes, lines: list[bytes]):
    old = members_of([unsealed(line) for line in lines])
    flipped = 0
    for place in range(first_member(old) + 400, len(old) - 200, 97):
        engine = zlib.decompressobj(-15)
        data = bytearray(old)
        data[place] ^= 1
        text = engine.decompress(bytes(data[first_member(old) + 10 :]))
        flipped += engine.eof and len(text.splitlines()) == RECORDS
        assert opened(bytes(data)).records == ()
    assert flipped > 5, "nothing but a checksum finds these"


def unsealed(line: bytes) -> bytes:
    return re.sub(rb',"crc32":"[0-9a-f]{8}"\}$', b"}", line)


def test_of_files_from_before_lines_had_checksums_the_whole_members_before_the_damage_stay(lines: list[bytes]):
    bare = [unsealed(line) for line in lines]
    assert not any(b"crc32" in line for line in bare)
    assert len(opened(members_of(bare)).records) == RECORDS
    parts = [gzip_member(b"".join(part)) for part in (bare[:1], bare[1:6], bare[6:])]
    data = bytearray(b"".join(parts))
    data[-len(parts[2]) + len(parts[2]) // 2] ^= 1
    found = opened(bytes(data))
    assert (len(found.records), found.problem) == (5, "after record 5 (step 40) the file is damaged")
    assert len(opened(b"".join(parts)[:-300]).records) > 5, "one that was cut short is right as far as it goes"


def test_it_says_after_which_record_and_step_the_damage_is(whole: bytes, lines: list[bytes]):
    start, after = first_member(whole), first_member(gzip_member(b"".join(lines[1:-1])))
    data = bytearray(whole)
    data[start + after - 6] ^= 255  # the member's checksum itself: its lines are as they were
    (fact,) = open_recordings([("run.bnviz", io.BytesIO(bytes(data)))]).facts
    assert fact.problem == (
        "Only a part of this file can be read: after record 12 (step 110) the file is damaged. "
        "The 12 records before that are shown."
    )
    data = bytearray(whole)
    data[start + 1] ^= 255
    assert opened(bytes(data)).problem == "before the first record the file is damaged"
    assert opened(whole[: start + 20]).problem.startswith("before the first record the file was cut short")


def test_a_cut_file_whose_last_lines_are_wrong_says_so(lines: list[bytes]):
    wrong = lines[3].replace(b'"time":', b'"time":1', 1)
    data = gzip_member(b"".join([*lines[:3], wrong, *lines[4:]]))
    assert opened(data[:-9]).problem == "after record 2 (step 10) the file is damaged"


def test_a_damaged_header_is_no_recording(lines: list[bytes]):
    data = bytearray(gzip_member(b"".join(lines)))
    data[60] ^= 1
    with pytest.raises(RecordingError, match="it is damaged"):
        opened(bytes(data))


def test_whoever_reads_json_reads_sealed_lines(lines: list[bytes]):
    for line in lines:
        body = line[: line.rindex(b',"crc32":')]
        assert json.loads(line)["crc32"] == f"{zlib.crc32(body):08x}"
        assert json.loads(body + b"}") == {k: v for k, v in json.loads(line).items() if k != "crc32"}


@FUZZ
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers(), min_size=1), st.data())
def test_a_seal_fits_its_line_and_no_other(values: dict, data: st.DataObject):
    line = json.dumps(values).encode()
    done = sealed(line)
    assert json.loads(done) == values | {"crc32": json.loads(done)["crc32"]}
    assert is_intact(done) is True
    assert is_intact(line) is None
    place = data.draw(st.integers(0, len(done) - 1))
    other = bytearray(done)
    other[place] ^= 1 << data.draw(st.integers(0, 7))
    assert is_intact(bytes(other)) is not True


def test_a_file_that_was_recorded_is_sealed_throughout(tmp_path: Path):
    path = write(tmp_path / "run.bnviz", LAYERS, [record(0, {(0, 0): np.arange(9.0)}, LAYERS)])
    assert all(is_intact(line) for line in gzip.decompress(path.read_bytes()).splitlines())
