"""A recording comes back as it was written, whole or cut short; a stranger's file gets a clear error, no more."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import subprocess
import sys
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.sharing import gzip_members, recording, recording_lines, recording_schema, recording_writer
from bnviz.sharing.recording import RecordingReader, describe, read_recording
from bnviz.sharing.recording_schema import CHANNELS, COLUMNS, SIZES, VERSION, RecordingError
from bnviz.sharing.recording_writer import RecordingWriter
from tests.sharing.strangers import FUZZ, JSON, damaged

LAYERS = [
    {"name": "features.0", "module": "Conv2d", "kind": "conv", "frozen": False, "channels": None, "tied_to": None},
    {"name": "features.1", "module": "BatchNorm2d", "kind": "batch_norm", "channels": 8},
    {"name": "aux", "module": "Linear", "kind": "linear", "tied_to": "features.0"},
]
HEAD = {"kind": "model", "every": 10, "model": "Net", "started": "2025-01-01T00:00:00+00:00", "layers": LAYERS}


def record(step: int, series: int = 2) -> dict[str, Any]:
    random = np.random.default_rng(step)
    sizes = {**SIZES, "series": series, "layer": 3, "norm": 1}
    values: dict[str, Any] = {
        "step": step, "time": step / 4, "forwards": 1, "skipped": step == 20, "learning_rate": 0.1,
        "scalars": {"loss": 2 / (step + 1), "accuracy": 0.5},
    }  # fmt: skip
    for column in COLUMNS.values():
        shape = tuple(sizes[axis] for axis in column.axes)
        whole = column.dtype[1] == "u" or column.name == "zeros"
        values[column.name] = random.integers(0, 2**31, shape) if whole else random.normal(size=shape)
    values["layer"], values["call"] = np.arange(series), np.zeros(series, int)
    return values


def write(path: Path, records: int = 5, *, end: bool = True) -> Path:
    writer = RecordingWriter(path)
    writer.header(HEAD)
    for index in range(records):
        writer.record(record(10 * index))
        writer.flush()
    if end:
        writer.end({"steps": 10 * records, "reason": "finished"})
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("recording") / "run.bnviz").read_bytes()


def opened(data: bytes) -> Any:
    return read_recording(io.BytesIO(data))


def lines(*values: Any) -> bytes:
    texts = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    return gzip.compress(b"\n".join(texts) + b"\n")


HEADER = {"type": "header", "format": "bnviz-recording", "version": 1, **HEAD}
BARE = {"type": "record", "step": 0, "forwards": 1}


def test_a_recording_comes_back_as_it_was_written(tmp_path: Path):
    found = read_recording(write(tmp_path / "run.bnviz"))
    assert (found.header.kind, found.header.every, found.header.model) == ("model", 10, "Net")
    assert [layer.name for layer in found.header.layers] == ["features.0", "features.1", "aux"]
    assert found.header.layers[2].tied_to == "features.0"
    assert found.header.norms == (1,)
    assert (found.end.steps, found.end.reason, found.problem) == (50, "finished", "")
    assert [item.step for item in found.records] == [0, 10, 20, 30, 40]
    for index, item in enumerate(found.records):
        given = record(10 * index)
        assert item.scalars == given["scalars"]
        assert (item.time, item.skipped, item.learning_rate) == (given["time"], index == 2, 0.1)
        assert item.columns.keys() == COLUMNS.keys()
        for name, column in COLUMNS.items():
            np.testing.assert_array_equal(item.columns[name], given[name].astype(column.dtype), err_msg=name)


@given(st.lists(st.floats(), min_size=3, max_size=3), st.floats(), st.text(max_size=30))
def test_what_is_not_finite_comes_back_as_no_data(values, loss, name):
    given_ = record(0) | {"update_ratio": np.array(values), "scalars": {name: loss}}
    file = io.BytesIO()
    writer = RecordingWriter.__new__(RecordingWriter)
    writer._file, writer._lines, writer._waiting, writer._size, writer._records = file, [], 0, 0, 0
    writer._flushed, writer._step, writer._member, writer._end = 0, -1, memoryview(b""), 0
    writer.header(HEAD)
    writer.record(given_)
    writer.flush()
    found = opened(file.getvalue()).records[0]
    with np.errstate(over="ignore"):
        narrow = np.array(values, np.float32)
    np.testing.assert_array_equal(found.columns["update_ratio"], np.where(np.isfinite(narrow), narrow, np.nan))
    assert found.scalars == {name: loss if abs(loss) <= recording_schema.MAX_NUMBER else None}


def test_the_lab_s_own_runs_have_a_header_of_their_own_kind():
    lab = {**HEADER, "kind": "lab", "layers": [], "config": {"activation": "relu"}}
    reader = RecordingReader(io.BytesIO(lines(lab)))
    assert reader.header.config == {"activation": "relu"}
    with pytest.raises(RecordingError, match="a run of the lab"):
        list(reader)


def test_every_truncated_file_gives_every_whole_record(whole: bytes):
    sizes = [len(opened(whole[:size]).records) for size in range(first_member(whole), len(whole))]
    assert sizes == sorted(sizes)
    assert set(sizes) == {0, 1, 2, 3, 4, 5}
    for size in range(first_member(whole)):
        with contextlib.suppress(RecordingError):
            assert opened(whole[:size]).records == ()
    assert "cut short" in opened(whole[:-9]).problem


def first_member(data: bytes) -> int:
    engine = zlib.decompressobj(31)
    engine.decompress(data)
    return len(data) - len(engine.unused_data)


def test_every_member_stands_alone(whole: bytes):
    rest, members = whole, 0
    while rest:
        engine = zlib.decompressobj(31)
        assert engine.decompress(rest).endswith(b"\n")
        rest, members = engine.unused_data, members + 1
    assert members == 7


def test_any_gzip_program_reads_it_as_json_lines(whole: bytes):
    texts = gzip.decompress(whole).decode().splitlines()
    assert [json.loads(text)["type"] for text in texts] == ["header", *["record"] * 5, "end"]


def test_a_file_that_is_there_is_not_overwritten_unasked(tmp_path: Path):
    path = write(tmp_path / "run.bnviz")
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        RecordingWriter(path)
    assert path.read_bytes() == before
    RecordingWriter(path, overwrite=True).end({"steps": 0})
    assert path.read_bytes() != before


def test_lines_are_written_after_two_seconds_or_64_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr(recording_writer, "time", SimpleNamespace(monotonic=lambda: now[0]))
    writer = RecordingWriter(tmp_path / "run.bnviz")
    writer.header(HEAD)
    size = writer.path.stat().st_size
    writer.record(record(0))
    assert writer.path.stat().st_size == size
    now[0] = 2.0
    writer.tick()
    grown = writer.path.stat().st_size
    assert grown > size
    for step in range(1, 64):
        writer.record(record(step))
    assert writer.path.stat().st_size == grown
    writer.record(record(64))
    assert writer.path.stat().st_size > grown
    writer.end({"steps": 65})


def test_what_is_left_tells_a_recorder_when_to_record_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recording_writer, "MAX_RECORDS", 10)
    writer = RecordingWriter(tmp_path / "run.bnviz")
    writer.header(HEAD)
    assert writer.left > 0.99
    for step in range(5):
        writer.record(record(step))
    assert writer.left == 0.5
    writer.end({"steps": 5})


def test_a_newer_version_says_so():
    with pytest.raises(RecordingError, match=f"format version {VERSION + 1}, and this bnviz reads up to {VERSION}"):
        opened(lines({**HEADER, "version": VERSION + 1, "layers": "of another kind"}))


def test_what_a_later_minor_version_adds_is_left_out():
    found = opened(lines({**HEADER, "mood": "good"}, {**BARE, "mood": [1, {"a": 2}]}, {"type": "remark"}))
    assert len(found.records) == 1
    assert found.problem == ""


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\x1f\x8b", b"PK\x03\x04" * 9, gzip.compress(b"", mtime=0), gzip.compress(b"x\n", mtime=0)]
)
def test_what_is_no_recording_is_a_clear_error(data: bytes):
    with pytest.raises(RecordingError, match=r"not a recording|not JSON"):
        opened(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "1"}, "version must be a whole number"),
        ({"version": True}, "version must be a whole number"),
        ({"format": "other"}, "not a recording of bnviz"),
        ({"kind": "game"}, "kind must be one of model, lab"),
        ({"every": 0}, "every must be a whole number from 1"),
        ({"layers": {}}, "layers must be a list"),
        ({"layers": [3]}, "a layer of the header is not an object"),
        ({"layers": [{"name": 3}]}, "name must be a text"),
        ({"layers": [{"name": "x" * 500}]}, "name must be a text of at most 400"),
        ({"layers": [{"name": "x"}] * 5001}, "list of at most 5000"),
        ({"config": []}, "config must be an object"),
    ],
)
def test_the_header_is_checked(change: dict[str, Any], message: str):
    with pytest.raises(RecordingError, match=message):
        opened(lines({**HEADER, **change}))


def packed(values: Any, dtype: str) -> str:
    from base64 import b64encode

    return b64encode(np.array(values, dtype).tobytes()).decode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": -1}, "step must be a whole number"),
        ({"step": 2**60}, "step must be a whole number"),
        ({"step": None}, "step must be a whole number"),
        ({"step": 2**32}, "step must be a whole number from 0 to 4294967295"),
        ({"scalars": {"loss": "low"}}, "loss must be a finite number"),
        ({"scalars": {"loss": 1e300}}, "loss must be a finite number"),
        ({"scalars": {str(i): 0 for i in range(65)}}, "scalars must be an object of at most 64"),
        ({"layer": [0, 1]}, "layer must be a text"),
        ({"layer": "?"}, "layer is not base64"),
        ({"layer": packed([0, 3], "<u4")}, "a layer that the header doesn't have"),
        ({"layer": packed([0] * 10_001, "<u4")}, "at most 10000 series"),
        ({"layer": packed([0, 1], "<u4"), "mean": packed([0.0], "<f4")}, "mean must hold 2 numbers; it has 4 bytes"),
        ({"layer": packed([0], "<u4"), "mean": packed([np.inf], "<f4")}, "mean holds an infinity"),
        ({"layer": packed([0], "<u4"), "count": packed([2**60], "<u8")}, "count holds a number beyond"),
        ({"gamma": packed([0.0] * (CHANNELS + 1), "<f4")}, "gamma must hold 1 x 16 numbers"),
        ({"histogram": packed([1], "<u4")}, "histogram must hold 0 x 51 numbers"),
    ],
)
def test_records_are_checked_and_those_before_a_bad_one_stay(change: dict[str, Any], message: str):
    found = opened(lines(HEADER, BARE, {**BARE, "step": 1, **change}))
    assert [item.step for item in found.records] == [0]
    assert message in found.problem


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"type":"record","step":1,"forwards":NaN}', "NaN is no number of JSON"),
        (b"[" * 100_000, "nest at most 6 deep"),
        (b'{"a":' * 20 + b"0" + b"}" * 20, "nest at most 6 deep"),
        (b'{"type":"record","step":' + b"1" * 5000 + b"}", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"\xff", "not JSON"),
        (b'{"x":"' + b"a" * recording_schema.MAX_LINE + b'"}', "a line has at most"),
        (b'{"type":"record","step":0,"forwards":1}', "step 0 follows step 0"),
    ],
)
def test_lines_are_bounded_in_length_and_depth(line: bytes, message: str):
    found = opened(lines(HEADER, BARE, line))
    assert len(found.records) == 1
    assert message in found.problem


def test_brackets_in_a_name_are_no_depth():
    assert opened(lines({**HEADER, "model": '[[[[[[[[{{{{\\"[[['})).header.model.startswith("[[[[")


def test_nothing_may_follow_the_end():
    found = opened(lines(HEADER, {"type": "end", "steps": 3, "reason": "finished"}, BARE))
    assert "something follows" in found.problem


def test_a_bomb_stops_at_the_limit():
    engine = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(engine.compress(b" " * 2**20) for _ in range(64)) + engine.flush()
    tracemalloc.start()
    try:
        with pytest.raises(RecordingError, match="bytes of text in one part"):
            opened(lines(HEADER) + bomb)
        assert tracemalloc.get_traced_memory()[1] < 4 * recording_schema.MAX_MEMBER, "the other 56 MiB stay packed"
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("line", [b"{}\n", b'{"type":"remark"}\n', b""], ids=["empty", "remark", "empty member"])
def test_lines_that_are_no_record_are_counted_too(line: bytes, monkeypatch: pytest.MonkeyPatch):
    seen: list[bytes] = []
    monkeypatch.setattr(recording, "MAX_LINES", 20)
    monkeypatch.setattr(recording, "parse", lambda text: seen.append(text) or recording_lines.parse(text))
    rest = gzip.compress(line * 500) if line else gzip.compress(b"") * 500
    stream = io.BytesIO(lines(HEADER, BARE) + rest)
    with pytest.raises(RecordingError, match="at most 20 lines; this file has more"):
        read_recording(stream)
    assert len(seen) <= 20


def test_a_file_may_have_all_its_records_and_some_lines_more():
    assert recording_schema.MAX_RECORDS + 2 < recording_schema.MAX_LINES < 1.01 * recording_schema.MAX_RECORDS


def test_a_part_of_many_short_lines_is_read_line_by_line():
    data = lines(HEADER) + gzip.compress(b"{}\n" * ((recording_schema.MAX_MEMBER - 100) // 3), 1)
    tracemalloc.start()
    try:
        with pytest.raises(RecordingError, match="lines; this file has more"):
            read_recording(io.BytesIO(data))
        assert tracemalloc.get_traced_memory()[1] < 4 * recording_schema.MAX_MEMBER
    finally:
        tracemalloc.stop()


class Counted(tuple):
    """Layers that count how often somebody goes through all of them."""

    rounds = 0

    def __iter__(self):
        type(self).rounds += 1
        return super().__iter__()


def test_which_layers_are_batch_norm_is_found_once_a_file_and_not_once_a_record():
    head = recording_lines.header(HEADER)
    head = replace(head, layers=Counted(head.layers))
    Counted.rounds = 0
    found = [recording_lines.record({**BARE, "step": step}, head) for step in range(50)]
    assert (len(found), Counted.rounds) == (50, 1)


def test_many_small_bombs_stop_at_the_limit_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gzip_members, "MAX_PLAIN", 2**20)
    part = gzip.compress(b'{"type":"remark","x":"' + b"x" * 2**18 + b'"}\n')
    with pytest.raises(RecordingError, match="1048576 bytes of text"):
        opened(lines(HEADER) + part * 5)
    monkeypatch.setattr(gzip_members, "MAX_MEMBERS", 1000)
    with pytest.raises(RecordingError, match="at most 1000 gzip members"):
        opened(lines(HEADER) + gzip.compress(b"") * 5000)


def test_too_many_records_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bnviz.sharing.recording.MAX_RECORDS", 3)
    with pytest.raises(RecordingError, match="at most 3 records"):
        opened(lines(HEADER, *({**BARE, "step": step} for step in range(9))))


def test_a_reader_holds_one_record_at_a_time(whole: bytes):
    reader = RecordingReader(io.BytesIO(whole))
    assert reader.header.model == "Net"
    assert next(iter(reader)).step == 0
    assert reader.end is None


def test_layers_that_never_fire_say_no_data(tmp_path: Path):
    text = describe(write(tmp_path / "run.bnviz"))
    assert text.splitlines()[0] == "Net: 5 records, every 10 steps (finished)"
    assert "steps 0 to 40; loss 2 to 0.04878" in text
    by_name = {line.split()[0]: line for line in text.splitlines()[2:]}
    assert by_name["aux"].endswith("no data")
    assert "mean" in by_name["features.0"]


def test_a_stranger_s_names_can_t_steer_the_terminal():
    data = lines({**HEADER, "model": "\x1b[2J", "layers": [{"name": "\x1b]0;x\x07", "kind": "conv"}]})
    assert describe(io.BytesIO(data)).isprintable() is False  # its line ends alone
    assert "\x1b" not in describe(io.BytesIO(data))


def test_reading_and_writing_need_no_torch():
    code = "import sys, bnviz.sharing.recording, bnviz.sharing.recording_writer; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


# --- fuzz: 2,400 cases, none of which may end in anything but an error that says why or a valid part ------------


def judge(data: bytes) -> None:
    """Open it: a `RecordingError` is fine; whatever opens must keep every promise."""
    try:
        found = opened(data)
    except RecordingError:
        return
    steps = [item.step for item in found.records]
    assert steps == sorted(set(steps))
    for item in found.records:
        for name, values in item.columns.items():
            assert values.dtype == COLUMNS[name].dtype
            assert not np.isinf(values).any()


@settings(FUZZ, max_examples=800)
@given(st.data())
def test_fuzz_any_value_in_any_place_of_the_header_or_a_record(data):
    header = json.loads(json.dumps(HEADER))
    body = json.loads(json.dumps({**BARE, "layer": packed([0, 1], "<u4"), "scalars": {"loss": 1.0}}))
    target = data.draw(st.sampled_from([header, body, header["layers"][1], body["scalars"]]))
    names = [*target, *COLUMNS, "config", "versions", "time"]
    target[data.draw(st.sampled_from(names))] = data.draw(JSON | st.sampled_from(["AAAA", packed([0.0] * 16, "<f4")]))
    judge(lines(header, body, {"type": "end", "steps": 1}))


@settings(FUZZ, max_examples=400)
@given(st.lists(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()), max_size=4))
def test_fuzz_any_lines_after_the_header(rest):
    judge(lines(HEADER, *rest))


@settings(FUZZ, max_examples=200)
@given(st.binary(max_size=300))
def test_fuzz_any_bytes(data):
    judge(data)
    judge(gzip.compress(data))


def test_fuzz_1000_byte_flips_cuts_and_repeats(whole: bytes):
    for data in damaged(whole, 1000, seed=0):
        judge(data)
