"""What is in a recording, for people and for programs; what is none gets one clear line."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import bnviz as library
from bnviz.experiment.presets import PRESETS
from bnviz.sharing.lab_recording import lab_recording
from bnviz.sharing.link import Link, parse, to_query
from bnviz.sharing.opened import open_recordings
from bnviz.sharing.recording import describe, read_recording
from bnviz.training.comparison import Comparison
from tests.commands.conftest import bnviz, lines

HEADER = {"type": "header", "format": "bnviz-recording", "version": 1, "kind": "model", "every": 1, "model": "Net"}


class Net(nn.Module):
    """A layer that is called twice, one that breaks at the third step, one that fires at first alone, one never."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.norm, self.out = nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)
        self.early, self.aux = nn.Linear(8, 3), nn.Linear(8, 3)

    def forward(self, x, step):
        hidden = self.norm(self.shared(torch.relu(self.shared(x))))
        return self.out(hidden * (torch.inf if step == 2 else 1)) + (self.early(x) if step == 0 else 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path, model = tmp_path_factory.mktemp("recording") / "run.bnviz", Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with library.record(model, path, every=1) as recording:
        for step in range(3):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(torch.randn(16, 8), step), torch.randint(3, (16,)))
            loss.backward()
            optimizer.step()
            recording.step(loss=loss)
    return path


def damaged(path: Path, *values: Any) -> Path:
    path.write_bytes(gzip.compress(b"".join(json.dumps(value).encode() + b"\n" for value in values)))
    return path


def test_for_people_it_is_the_library_s_own_summary(run: Path):
    result = bnviz("describe", str(run))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == describe(run) + "\n"
    assert "aux         Linear        no data" in result.stdout
    assert [line.split("  ")[0] for line in result.stdout.splitlines()[2:]] == [
        "shared", "shared (2)", "norm", "out", "early", "aux",
    ]  # fmt: skip


def test_as_json_it_is_one_object_with_the_file_s_own_numbers(run: Path):
    (found,) = lines(bnviz("describe", str(run), "--json"))
    whole = read_recording(run)
    assert found.keys() == {"header", "steps", "scalars", "records", "problem", "end", "layers"}
    assert found["header"].keys() == {"kind", "every", "model", "started", "versions", "config", "parameters"}
    assert (found["header"]["model"], found["header"]["versions"]["torch"]) == ("Net", torch.__version__)
    assert (found["steps"], found["records"], found["problem"]) == ({"first": 0, "last": 2}, 3, "")
    assert found["end"] == {"steps": 3, "reason": "finished"}
    assert found["scalars"]["first"] == whole.records[0].scalars
    assert found["scalars"]["last"] == {"loss": None}  # it was not finite

    by_name = {layer["name"]: layer for layer in found["layers"]}
    assert list(by_name) == ["shared", "shared (2)", "norm", "out", "early", "aux"]
    numbers = [layer.name for layer in whole.header.layers]
    for name, layer in by_name.items():
        if name == "aux":
            continue
        columns = whole.records[layer["step"]].columns
        index, call = numbers.index(name.removesuffix(" (2)")), int(name.endswith("(2)"))
        (row,) = np.flatnonzero((columns["layer"] == index) & (columns["call"] == call))
        for column in ("mean", "deviation", "percentiles", "gradient_output", "nonfinite"):
            exact = np.asarray(layer[column], float).astype(np.float32)
            np.testing.assert_array_equal(exact, columns[column][row].astype(np.float32), err_msg=f"{name} {column}")
        if call:
            assert layer["update_ratio"] is None
            continue
        exact = np.asarray(layer["update_ratio"], float).astype(np.float32)
        np.testing.assert_array_equal(exact, columns["update_ratio"][index], err_msg=name)


def test_a_layer_is_told_as_it_last_fired_and_one_that_never_did_has_no_data(run: Path):
    (found,) = lines(bnviz("describe", str(run), "--json"))
    by_name = {layer["name"]: layer for layer in found["layers"]}
    assert {name: layer["step"] for name, layer in by_name.items()} == {
        "shared": 2, "shared (2)": 2, "norm": 2, "out": 2, "early": 0, "aux": None,
    }  # fmt: skip
    assert {name for name, layer in by_name.items() if layer["no_data"]} == {"aux"}
    assert all(layer.keys() == by_name["aux"].keys() for layer in by_name.values())
    assert set(by_name["aux"].values()) == {"aux", "Linear", "linear", True, None}
    assert (by_name["out"]["nonfinite"], by_name["out"]["mean"]) == (16 * 3, None)
    assert len(by_name["early"]["percentiles"]) == 7


def test_a_file_that_was_cut_short_is_described_as_far_as_it_goes(run: Path, tmp_path: Path):
    cut = tmp_path / "cut.bnviz"
    cut.write_bytes(run.read_bytes()[:-30])
    (found,) = lines(bnviz("describe", str(cut), "--json"))
    assert found["problem"]
    assert found["end"] is None
    shown = bnviz("describe", str(cut))
    assert (shown.exit_code, found["problem"] in shown.stdout) == (0, True)


def test_a_header_alone_is_a_recording_without_records(tmp_path: Path):
    layers = [{"name": "conv", "module": "Conv2d", "kind": "conv"}]
    config = {"limit": 1e308, "nested": [True, None]}
    path = damaged(tmp_path / "run.bnviz", {**HEADER, "layers": layers, "config": config})
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"1e+308", b"1e+999")))
    (found,) = lines(bnviz("describe", str(path), "--json"))
    assert (found["records"], found["steps"], found["end"]) == (0, {"first": None, "last": None}, None)
    assert found["header"]["config"] == {"limit": None, "nested": [True, None]}  # JSON has no infinity
    assert found["layers"][0]["no_data"] is True


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent.bnviz", "absent.bnviz': No such file"),
        ("text.bnviz", "this is not a recording of bnviz"),
        ("empty.bnviz", "it is empty"),
        ("newer.bnviz", "a newer bnviz made it"),
        ("versions.bnviz", "must be a text of at most"),
        (".", "can't open"),
    ],
)
def test_what_is_no_recording_is_one_line_on_stderr_and_code_2(
    name: str, said: str, options: tuple[str, ...], tmp_path: Path
):
    (tmp_path / "text.bnviz").write_text("step,loss\n0,2.3\n")
    (tmp_path / "empty.bnviz").write_bytes(b"")
    damaged(tmp_path / "newer.bnviz", {**HEADER, "version": 99})
    damaged(tmp_path / "versions.bnviz", {**HEADER, "versions": {"\x1b[2Jtorch": 2}})
    result = bnviz("describe", str(tmp_path / name), *options)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("bnviz: can't open '")
    assert said in line
    assert line.isprintable()  # a stranger's file can't steer the terminal


# --- runs of the lab ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lab") / "lab.bnviz"
    arms = tuple(arm.replace(width=8) for arm in PRESETS["circles"].arms)
    twins = Comparison(arms, every=1)
    twins.advance(steps=3)
    path.write_bytes(lab_recording(twins.histories, ("a\x1b[2J", "b"), to_query(Link(arms=arms, names=("a", "b")))))
    return path


def test_a_run_of_the_lab_has_a_line_a_network(lab: Path):
    result = bnviz("describe", str(lab))
    head, link, *networks = result.stdout.splitlines()
    assert (result.exit_code, head) == (0, "lab: 6 records of 2 networks (finished)")
    assert parse(link.removeprefix("link ")).arms[1].normalization == "batch"
    assert "steps 0 to 2; loss" in networks[1]
    assert "\x1b" not in result.stdout


def test_as_json_a_run_of_the_lab_has_its_link_and_networks(lab: Path):
    (found,) = lines(bnviz("describe", str(lab), "--json"))
    assert found.keys() == {"header", "link", "records", "problem", "end", "networks"}
    assert parse(found["link"]).arms[0].width == 8
    assert [network["steps"] for network in found["networks"]] == [{"first": 0, "last": 2}] * 2
    history = open_recordings([("lab", io.BytesIO(lab.read_bytes()))]).histories[1]
    assert np.float32(found["networks"][1]["test_loss"]) == history["test_loss"][-1]
