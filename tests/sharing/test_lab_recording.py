"""A run of the lab comes back from its file exactly; a stranger's gets a clear error, or a part that is right."""

from __future__ import annotations

import base64
import gzip
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.experiment.config import NORMALIZATIONS, ExperimentConfig, Intervention
from bnviz.experiment.history import History
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.snapshot import FIELDS, Snapshot
from bnviz.experiment.verdicts import Chance, verdicts
from bnviz.sharing.lab_recording import MEASURED, lab_recording, read_lab
from bnviz.sharing.link import Link, name_arms, parse, to_query
from bnviz.sharing.recording import RecordingReader
from bnviz.sharing.recording_schema import RecordingError
from bnviz.training.comparison import Comparison
from tests.sharing.strangers import FUZZ, JSON, damaged


def link_of(comparison: Comparison, names: tuple[str, ...]) -> str:
    return to_query(Link(arms=tuple(comparison.configs), names=names))


def opened(data: bytes) -> Any:
    return read_lab(RecordingReader(io.BytesIO(data)))


def assert_equal(one: History, other: History) -> None:
    """All of it, bit for bit."""
    assert one._columns.keys() == other._columns.keys()
    assert one._sparse.keys() == other._sparse.keys()
    np.testing.assert_array_equal(one.ids, other.ids)
    for name in ("step", *one._columns):
        assert one[name].dtype == other[name].dtype
        assert one[name].tobytes() == other[name].tobytes(), name
    for name, rows in one._sparse.items():
        assert rows.keys() == other.sparse(name).keys()
        assert all(rows[key].tobytes() == other.sparse(name)[key].tobytes() for key in rows)
    assert (one.thinned, one.max_snapshots, one.diverged) == (other.thinned, other.max_snapshots, other.diverged)
    assert one.layout is other.layout or one.layout.layers == other.layout.layers
    assert one.last.config == other.last.config


@pytest.fixture(scope="module")
def turned() -> Comparison:
    """BN switched on and off, the learning rate turned, planar data with its pictures, an arm that diverges."""
    calm, wild = (arm.replace(width=12, hidden_layers=3) for arm in PRESETS["spirals"].arms)
    arms = [calm.replace(learning_rate=0.05), wild.replace(normalization="none", learning_rate=9000.0, init="normal")]
    comparison = Comparison(arms, every=2)
    comparison.advance(steps=7)
    comparison.turn(0, Intervention(normalization="batch"))
    comparison.advance(steps=6)
    comparison.turn(0, Intervention(learning_rate=0.3))
    comparison.turn(0, Intervention(normalization="none"))
    comparison.advance(steps=9)
    assert comparison.diverged[1] is not None
    return comparison


def test_a_run_with_switches_and_a_divergence_comes_back_exactly(turned):
    names = ("calm", "wild")
    query = link_of(turned, names)
    found = opened(lab_recording(turned.histories, names, query, version="1.2"))
    assert (found.names, found.query, found.records) == (names, query, sum(map(len, turned.histories)))
    assert not np.isfinite(turned.histories[1]["loss"][-1])
    for one, other in zip(turned.histories, found.histories, strict=True):
        assert_equal(one, other)
    chances = [Chance(0.33, 250)] * 2
    assert verdicts(found.histories, chances) == verdicts(turned.histories, chances)


@pytest.mark.parametrize("preset", ["headline", "small-batch"])
def test_a_lesson_comes_back_exactly(preset):
    comparison = Comparison([arm.replace(width=16) for arm in PRESETS[preset].arms], every=1)
    comparison.advance(steps=4)
    names = name_arms(comparison.configs)
    found = opened(lab_recording(comparison.histories, names, link_of(comparison, names)))
    for one, other in zip(comparison.histories, found.histories, strict=True):
        assert_equal(one, other)


def test_a_run_that_was_thinned_comes_back_exactly_and_goes_on_thinning():
    config = ExperimentConfig(hidden_layers=1, width=4)
    source = Comparison([config, config.replace(normalization="batch")], every=1)
    source.advance(steps=1)
    long = [History() for _ in source.histories]
    for history, kept in zip(long, source.histories, strict=True):
        for step in range(2500):
            history.append(Snapshot(step, kept.last.config, kept.last.values), 2 * step)
    query = link_of(source, ("a", "b"))
    for one, other in zip(long, opened(lab_recording(long, ("a", "b"), query)).histories, strict=True):
        assert one.thinned > 1
        assert_equal(one, other)


def test_before_the_first_step_there_is_a_run_without_snapshots(turned):
    names = ("a", "b")
    found = opened(lab_recording([History(), History()], names, link_of(turned, names)))
    assert [len(history) for history in found.histories] == [0, 0]
    assert found.histories[0].layout.layers == ("1", "2", "3")


def test_a_file_that_was_cut_short_holds_all_networks_as_far_as_one(turned):
    data = gzip.decompress(lab_recording(turned.histories, ("a", "b"), link_of(turned, ("a", "b"))))
    lines = data.splitlines(keepends=True)
    reader = RecordingReader(io.BytesIO(gzip.compress(b"".join(lines[:6]) + lines[6][:50])))
    found = read_lab(reader)
    assert reader.problem
    assert abs(len(found.histories[0]) - len(found.histories[1])) <= 1 or turned.diverged[1].step < 4
    assert found.records == 5


def test_the_link_must_be_of_as_many_networks_as_there_are_histories(turned):
    with pytest.raises(ValueError, match="the link has 2 networks"):
        lab_recording(turned.histories[:1], ("a",), link_of(turned, ("a", "b")))


def test_any_gzip_program_reads_it_as_json_lines(turned):
    data = lab_recording(turned.histories, ("a", "b"), link_of(turned, ("a", "b")), version="7")
    head, *records, end = [json.loads(line) for line in gzip.decompress(data).splitlines()]
    assert (head["kind"], head["versions"], head["config"]["names"]) == ("lab", {"bnviz": "7"}, ["a", "b"])
    assert parse(head["config"]["link"]).arms == tuple(turned.configs)
    assert {record["type"] for record in records} == {"record"}
    assert end["type"] == "end"


# --- what strangers write ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parts(turned) -> list[dict[str, Any]]:
    """The lines of a small file, as values."""
    small = Comparison([arm.replace(width=3, hidden_layers=1) for arm in PRESETS["circles"].arms], every=1)
    small.advance(steps=3)
    data = lab_recording(small.histories, ("a", "b"), link_of(small, ("a", "b")))
    return [json.loads(line) for line in gzip.decompress(data).splitlines()]


def packed(*values: dict[str, Any]) -> bytes:
    return gzip.compress(b"".join(json.dumps(value).encode() + b"\n" for value in values))


def array(values: Any, dtype: str = "<f4") -> str:
    return base64.b64encode(np.array(values, dtype).tobytes()).decode()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "must say its link"),
        ({"link": 3}, "must say its link"),
        ({"link": "width=nine"}, "the link in this run of the lab can't be read: width must be"),
        ({"link": "preset=<script>"}, "preset must be one of"),
        ({"link": "__class__=1"}, "unknown part"),
        ({"link": "x" * 20_000}, "at most 16000 characters"),
        ({"link": "preset=circles", "names": ["a"]}, "list of 2 names"),
        ({"link": "preset=circles", "names": ["a", "b" * 81]}, "text of at most 80"),
        ({"link": "preset=circles", "thinned": [1]}, "list of 2 whole numbers"),
        ({"link": "preset=circles", "thinned": [1, 3]}, "powers of two"),
    ],
)
def test_the_configuration_is_a_link_and_is_checked_as_one(parts, config, message):
    with pytest.raises(RecordingError, match=message):
        opened(packed({**parts[0], "config": config}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arm": 2}, "arm must be from 0 to 1"),
        ({"arm": "0"}, "arm must be a whole number"),
        ({"step": 0}, "step 0 with id 2 follows step 1"),
        ({"step": 2**32}, "step must be a whole number from 0 to 4294967295"),
        ({"id": 1}, "step 2 with id 1 follows step 1"),
        ({"loss": 3}, "loss must be a text"),
        ({"loss": array([1, 2])}, "loss must hold one numbers; it has 8 bytes"),
        ({"mean": array([1, 2])}, "mean must hold 3 x 1 numbers"),
        ({"normalization": array(len(NORMALIZATIONS), "u1")}, "normalization must be from 0 to 4"),
        ({"histogram": array([1])}, "histogram must hold 3 x 1 x 51 numbers"),
        ({"test_loss": None}, "test_loss must be a text"),
        ({"gamma": array(np.ones((1, 3)))}, "must all hold the same quantities"),
        ({"broken_layer": 2}, "broken_layer must be from 0 to 1"),
    ],
)
def test_records_are_checked_against_the_configuration_and_those_before_a_bad_one_stay(parts, change, message):
    first = [line for line in parts if line.get("arm") == 0]
    reader = RecordingReader(io.BytesIO(packed(parts[0], *first[:2], {**first[2], **change})))
    found = read_lab(reader)
    assert message in reader.problem
    assert [len(history) for history in found.histories] == [2, 0]


def test_nothing_follows_the_step_at_which_a_network_broke(parts):
    first = [line for line in parts if line.get("arm") == 0]
    reader = RecordingReader(io.BytesIO(packed(parts[0], {**first[0], "broken_layer": 1}, first[1])))
    found = read_lab(reader)
    assert "network 0 broke" in reader.problem
    assert found.histories[0].diverged.where == "output layer"


def test_a_record_without_what_every_snapshot_has_is_refused(parts):
    bare = {key: value for key, value in parts[1].items() if key != "test_accuracy"}
    reader = RecordingReader(io.BytesIO(packed(parts[0], bare)))
    assert read_lab(reader).records == 0
    assert "must hold test_accuracy" in reader.problem


def test_what_a_recorded_model_has_is_left_out(parts):
    found = opened(packed(parts[0], {**parts[1], "scalar": "AAAA", "mood": [1]}))
    assert found.records == 1
    assert "scalar" not in found.histories[0]
    assert all(not field.recorded for field in MEASURED.values())


# --- fuzz: 1,300 cases more ---------------------------------------------------------------------------------------


def judge(data: bytes) -> None:
    """Open it: a `RecordingError` is fine; whatever opens must keep every promise."""
    try:
        reader = RecordingReader(io.BytesIO(data))
        if reader.header.kind != "lab":
            return
        found = read_lab(reader)
    except RecordingError:
        return
    assert len(found.histories) == len(found.names) == len(parse(found.query).arms)
    for history in found.histories:
        config = history.layout.config
        assert (np.diff(history["step"]) > 0).all()
        assert (np.diff(history.ids) > 0).all()
        if len(history):
            assert history["percentiles"].shape == (len(history), 3, config.hidden_layers, 7)
            assert history["normalization"].max() < len(NORMALIZATIONS)
            assert all(history[name].dtype == FIELDS[name].dtype for name in history._columns)


@settings(FUZZ, max_examples=300)
@given(st.data())
def test_fuzz_any_value_in_any_place_of_the_header_or_a_record(parts, data):
    head, *rest = json.loads(json.dumps(parts))
    target = data.draw(st.sampled_from([head, head["config"], *rest[:3]]))
    names = [*target, *FIELDS, "config", "broken_layer"]
    odd = [array(np.zeros(7)), array(np.full(3, np.inf)), "width=3,4", "turns=1@0:batch", "preset=circles&width=512"]
    target[data.draw(st.sampled_from(names))] = data.draw(JSON | st.sampled_from(odd))
    judge(packed(head, *rest))


def test_fuzz_1000_byte_flips_cuts_and_repeats(parts):
    for data in damaged(packed(*parts), 1000, seed=1):
        judge(data)
