"""Opening files as a page does: what is accepted, what is said of it, and what is refused with advice."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from bnviz.experiment.presets import PRESETS
from bnviz.sharing.lab_recording import lab_recording
from bnviz.sharing.link import Link, parse, to_query
from bnviz.sharing.opened import open_recordings, shown
from bnviz.sharing.recording_schema import RecordingError
from bnviz.training.comparison import Comparison
from tests.sharing.recorded import layer, record, write

LAYERS = [layer("a"), layer("b"), layer("aux")]


@pytest.fixture
def model(tmp_path: Path) -> bytes:
    sample = np.linspace(-1, 1, 100)
    records = [record(step, {(0, 0): sample, (1, 0): sample + step}, LAYERS) for step in (0, 10)]
    return write(tmp_path / "run.bnviz", LAYERS, records).read_bytes()


@pytest.fixture(scope="module")
def lab() -> bytes:
    twins = Comparison(PRESETS["circles"].arms, every=1)
    twins.advance(steps=2)
    return lab_recording(twins.histories, ("a", "b"), to_query(Link(arms=tuple(twins.configs), names=("a", "b"))))


def opened(*files: tuple[str, bytes]):
    return open_recordings([(name, io.BytesIO(data)) for name, data in files])


def test_a_model_is_opened_with_its_facts(model):
    found = opened(("some/folder/run.bnviz", model))
    (fact,) = found.facts
    assert (found.kind, found.names, found.link_query, len(found.histories)) == ("model", ("run",), "", 1)
    assert (fact.model, fact.parameters, fact.layers, fact.records, fact.steps) == ("Net", 7, 3, 2, 100)
    assert (fact.first_step, fact.last_step, fact.silent, fact.problem) == (0, 10, ("aux",), "")
    assert fact.table()["Recorded steps"] == "0 to 10, of 100 made"
    assert fact.table()["Layers that never fired"] == "aux"
    assert fact.table()["Ended"] == "finished"


def test_two_models_are_opened_on_shared_axes_under_names_of_their_own(model):
    found = opened((r"C:\runs\run.bnviz", model), ("run.bnviz", model))
    assert found.names == ("run", "run 2")
    assert found.histories[0].layout.layers == found.histories[1].layout.layers == ("a", "b")


def test_a_run_of_the_lab_is_opened_with_its_link_and_names(lab):
    found = opened(("lab.bnviz", lab))
    assert (found.kind, found.names, len(found.facts)) == ("lab", ("a", "b"), 1)
    assert parse(found.link_query).arms == PRESETS["circles"].arms
    assert found.facts[0].table()["Records"] == "4"


def test_a_file_that_was_cut_short_says_so_in_a_sentence(model):
    (fact,) = opened(("run.bnviz", model[:-40])).facts
    assert fact.problem.startswith("Only a part of this file can be read: ")
    assert fact.problem.endswith("The 2 records before that are shown.")
    assert (fact.steps, fact.table()["Ended"]) == (None, "the recorder had no chance to end it")


def test_a_recording_without_records_opens(tmp_path: Path):
    found = opened(("x.bnviz", write(tmp_path / "x.bnviz", LAYERS, []).read_bytes()))
    assert found.facts[0].table()["Recorded steps"] == "none, of 100 made"
    assert found.facts[0].silent == ("a", "b", "aux")


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ([], "choose a recording to open"),
        (["model"] * 3, "open two of them"),
        (["lab", "model"], "opened alone"),
        (["lab", "lab"], "opened alone"),
        (["model", "text"], r"1\.bnviz: this is not a recording|1\.bnviz: .*JSON"),
        (["text"], "not a recording of bnviz|not JSON"),
    ],
)
def test_anything_else_is_refused_and_it_says_what_to_do(kinds, message, model, lab):
    data = {"model": model, "lab": lab, "text": b"step,loss\n"}
    with pytest.raises(RecordingError, match=message):
        opened(*((f"{number}.bnviz", data[kind]) for number, kind in enumerate(kinds)))


def test_names_from_strangers_are_short_printable_and_unique(model):
    name = "\x1b[2J" + "x" * 500 + "\u202e.bnviz"
    found = opened((name, model), (name, model))
    assert len(set(found.names)) == 2
    assert all(len(one) <= 40 and one.isprintable() for one in found.names)
    assert opened((".bnviz", model)).names == (".bnviz",)
    assert opened(("", model)).names == ("recording",)
    assert shown("a\n\tb\x00c", 40) == "a b c"
