"""The recordings that ship: they open whole, the story is in them, and they can be made anew."""

from __future__ import annotations

import math
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.recording import RecordingFile, read_recording
from scripts import record_examples

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def shipped() -> dict[str, RecordingFile]:
    return {name: read_recording(example.path) for name, example in EXAMPLES.items()}


def of_kind(found: RecordingFile, column: str, kind: str) -> np.ndarray:
    """A column's series of all layers of a kind [record, series, ...]."""
    rows = [[found.header.layers[layer].kind == kind for layer in record.columns["layer"]] for record in found.records]
    return np.stack([record.columns[column][row] for record, row in zip(found.records, rows, strict=True)])


def scalar(found: RecordingFile, name: str) -> dict[int, float]:
    return {record.step: record.scalars[name] for record in found.records if name in record.scalars}


def learns_digits(found: RecordingFile) -> None:
    accuracy = list(scalar(found, "test_accuracy").values())
    assert accuracy[0] < 0.2
    assert accuracy[-1] > 0.9
    assert found.records[-1].scalars["loss"] < 0.1
    assert [layer.channels for layer in found.header.layers if layer.kind == "batch_norm"] == [16, 32, 32]
    first, last = (found.records[end].columns["gamma"] for end in (0, -1))
    assert first.shape == last.shape == (3, 16)
    assert np.abs(first - 1).max() < 0.03 < np.abs(last - 1).max(1).min()  # learnt in every layer
    convs, norms = of_kind(found, "deviation", "conv"), of_kind(found, "deviation", "batch_norm")
    assert convs[:, -1].max() > 2 * convs[0, -1]
    assert 0.5 < norms.min() < norms.max() < 1.5


def dies(found: RecordingFile) -> None:
    accuracy, loss, dead = scalar(found, "test_accuracy"), scalar(found, "loss"), of_kind(found, "dead", "activation")
    gradients = np.stack([record.columns["gradient_weight"] for record in found.records])
    gradients = gradients[:, [layer.kind == "linear" for layer in found.header.layers]]
    assert dead.shape[1] == 12
    assert max(accuracy.values()) > 0.7
    assert list(accuracy.values())[-1] < 0.2
    assert dead[0].mean() < 0.2
    deaths = np.flatnonzero((dead == 1).any(1))
    grave = deaths[0]
    assert grave > len(dead) / 4
    np.testing.assert_array_equal(deaths, np.arange(grave, len(dead)))  # nothing that died comes back
    assert np.all(gradients[:grave] > 0)
    assert np.all(gradients[grave:] == 0)
    assert dead[-1, 6:].mean() > dead[-1, :6].mean() > 0.3
    assert np.mean(list(loss.values())[-10:]) == pytest.approx(math.log(10), abs=0.02)
    assert all(record.columns["nonfinite"].sum() == 0 for record in found.records)


STORIES = {"digits-conv": learns_digits, "dying-mlp": dies}


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_a_recording_that_ships_opens_whole_and_its_story_is_in_it(name, shipped):
    found = shipped[name]
    assert (found.problem, found.end.reason) == ("", "finished")
    assert len(found.records) * found.header.every == found.end.steps
    STORIES[name](found)


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_a_recording_that_ships_is_small_and_goes_into_the_package(name):
    path = EXAMPLES[name].path
    assert path.stat().st_size < 400_000
    assert (files("bnviz") / "sharing" / "examples" / path.name).is_file()
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert any(path.match(pattern) for pattern in patterns["bnviz.sharing.examples"])


def test_each_of_them_has_a_title_and_can_be_made():
    assert list(EXAMPLES) == list(record_examples.EXAMPLES) == list(STORIES)
    assert all(example.title and example.text for example in EXAMPLES.values())


def test_what_is_different_between_two_recordings_is_told(shipped):
    conv, mlp = shipped["digits-conv"], shipped["dying-mlp"]
    assert record_examples.differences(conv, conv) == []
    assert "the headers say different things" in record_examples.differences(conv, mlp)
    changed = conv.records[3].columns | {"mean": conv.records[3].columns["mean"] + 1}
    record = record_examples.replace(conv.records[3], columns=changed, time=0)
    other = record_examples.replace(conv, records=(*conv.records[:3], record, *conv.records[4:]))
    assert record_examples.differences(conv, other) == ["step 9: other numbers in 'mean'"]


@pytest.mark.slow
@pytest.mark.parametrize("name", list(EXAMPLES))
def test_they_are_made_anew_with_equal_content_and_elsewhere_with_the_same_story(name, shipped, tmp_path):
    """Another processor rounds differently, and training carries that on: there only the beginning is nearly equal."""
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    one, other = (read_recording(record_examples.make(name, folder)) for folder in folders)
    assert record_examples.differences(one, other) == []
    STORIES[name](one)
    for column in ("percentiles", "gradient_output", "update_ratio"):
        there, here = shipped[name].records[0].columns[column], one.records[0].columns[column]
        np.testing.assert_allclose(here, there, rtol=1e-3, atol=1e-5)
