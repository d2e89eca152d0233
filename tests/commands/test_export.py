"""Recordings become other programs' files from the command line; nothing that is there is replaced."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.compute
import pyarrow.parquet
import pytest
import torch

from bnviz import record
from bnviz.experiment.presets import PRESETS
from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.lab_recording import lab_recording
from bnviz.sharing.link import Link, to_query
from bnviz.training.comparison import Comparison
from tests.commands.conftest import bnviz, shell

RUN, OTHER = (str(one.path) for one in EXAMPLES.values())


def test_a_recording_becomes_all_kinds_of_files(tmp_path: Path):
    pytest.importorskip("tensorboard")
    result = bnviz(
        "export", RUN, "--csv", str(tmp_path / "run.csv"), "--parquet", str(tmp_path / "run.parquet"), "--html",
        str(tmp_path / "run.html"), "--tensorboard", str(tmp_path / "events"),
    )  # fmt: skip
    assert (result.exit_code, result.stderr) == (0, "")
    rows = csv.DictReader(io.StringIO((tmp_path / "run.csv").read_text(encoding="utf-8")))
    table = pyarrow.parquet.read_table(tmp_path / "run.parquet")
    losses = [float(row["value"]) for row in rows if row["quantity"] == "loss"]
    assert len(losses) == 100
    known = table.filter(pyarrow.compute.equal(table["quantity"].cast("string"), "loss"))["value"].to_numpy()
    np.testing.assert_array_equal(np.float32(losses), np.float32(known))
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "ConvNet, recorded while it trained" in page
    assert "What was recorded" in page
    assert "What came out" not in page
    assert len(list((tmp_path / "events" / "digits-conv").glob("*tfevents*"))) == 1


def test_every_record_of_a_long_recording_is_exported_and_a_csv_says_what_it_leaves_out(tmp_path: Path, monkeypatch):
    path = tmp_path / "long.bnviz"
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with record(model, path, every=1):
        for _ in range(2300):
            optimizer.zero_grad()
            model(torch.ones(4, 3)).sum().backward()
            optimizer.step()
    monkeypatch.setattr("bnviz.sharing.numbers.MAX_CSV_ROWS", 100_000)
    result = bnviz("export", str(path), "--parquet", str(tmp_path / "a.parquet"), "--csv", str(tmp_path / "a.csv"))
    assert result.exit_code == 0
    table = pyarrow.parquet.read_table(tmp_path / "a.parquet")
    assert pyarrow.compute.count_distinct(table["step"]).as_py() == 2300
    assert "the CSV has 100,000 of" in result.stderr


def test_two_recordings_become_one_table(tmp_path: Path):
    assert bnviz("export", RUN, OTHER, "--parquet", str(tmp_path / "both.parquet")).exit_code == 0
    table = pyarrow.parquet.read_table(tmp_path / "both.parquet", columns=["name"])
    assert set(table["name"].to_pylist()) == {"digits-conv", "dying-mlp"}


def test_a_run_of_the_lab_has_its_verdicts_and_settings(tmp_path: Path):
    twins = Comparison([arm.replace(width=8) for arm in PRESETS["circles"].arms], every=1)
    twins.advance(steps=2)
    link = Link(arms=tuple(twins.configs), names=("a", "b"))
    (tmp_path / "lab.bnviz").write_bytes(lab_recording(twins.histories, link.names, to_query(link)))
    assert bnviz("export", str(tmp_path / "lab.bnviz"), "--html", str(tmp_path / "lab.html")).exit_code == 0
    page = (tmp_path / "lab.html").read_text(encoding="utf-8")
    assert all(heading in page for heading in ("What came out", "What was asked", "Batch normalization, compared"))


@pytest.mark.parametrize("option", ["--csv", "--parquet", "--html"])
def test_what_is_there_is_not_replaced(option: str, tmp_path: Path):
    there = tmp_path / "there"
    there.write_text("mine")
    result = bnviz("export", RUN, option, str(there))
    assert (result.exit_code, there.read_text()) == (2, "mine")
    assert "is there already: choose another name" in result.stderr


@pytest.mark.parametrize(
    ("option", "place", "said"),
    [
        ("--html", "there", "is there already"),
        ("--html", "absent/run.html", "is no folder"),
        ("--html", "run.csv", "is given twice"),
        ("--tensorboard", "there", "is a file"),
        ("--tensorboard", "events", "holds the event files of another run"),
    ],
)
def test_where_one_place_is_refused_nothing_is_written_to_any(option, place, said, tmp_path, monkeypatch):
    if option == "--tensorboard":
        pytest.importorskip("tensorboard")
    monkeypatch.chdir(tmp_path)
    Path("there").write_text("mine")
    (tmp_path / "events" / "digits-conv").mkdir(parents=True)
    (tmp_path / "events" / "digits-conv" / "events.out.tfevents.1").touch()
    before = sorted(tmp_path.rglob("*"))
    result = bnviz("export", RUN, "--csv", "run.csv", option, place)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((RUN,), "say what to write"),
        (("absent.bnviz", "--csv", "x.csv"), "absent.bnviz: No such file"),
        ((RUN, RUN, RUN, "--csv", "x.csv"), "open two of them"),
        ((__file__, "--csv", "x.csv"), "not a recording of bnviz"),
    ],
)
def test_what_cannot_be_exported_is_one_line_and_code_2(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = bnviz("export", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert said in line
    assert not list(tmp_path.iterdir())


def test_a_file_that_was_cut_short_is_exported_as_far_as_it_goes_and_says_so(tmp_path: Path):
    cut = tmp_path / "cut.bnviz"
    cut.write_bytes(Path(RUN).read_bytes()[:-2000])
    result = bnviz("export", str(cut), "--parquet", str(tmp_path / "cut.parquet"))
    assert result.exit_code == 0
    assert "Only a part of this file can be read" in result.stderr


def test_without_tensorboard_it_says_what_to_install(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    result = bnviz("export", RUN, "--tensorboard", str(tmp_path), "--csv", str(tmp_path / "run.csv"))
    assert result.exit_code == 2
    assert not list(tmp_path.iterdir())
    assert "python -m pip install tensorboard" in result.stderr


def test_a_model_s_numbers_need_no_torch():
    rooms = "bnviz.commands.export, bnviz.sharing.numbers, bnviz.figures.page"
    code = f"import sys, {rooms}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
    assert "--tensorboard" in shell("export", "--help").stdout
