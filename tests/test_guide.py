"""What the guide to one's own model shows runs as it stands there, and prints what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bnviz.commands.app import app
from bnviz.recorder import bench

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "your-own-model.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", GUIDE, re.DOTALL)
# the default backend needs a C++ compiler, and half a minute
QUICK = "import functools, torch\ntorch.compile = functools.partial(torch.compile, backend='eager')\n"
QUIET = "ignore:The .grad attribute of a Tensor:UserWarning"  # torch.compile's own, where a graph ends


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


def commands() -> list[list[str]]:
    """What the guide types after `python -m bnviz`, in its order."""
    lines = "".join(blocks("sh")).splitlines()
    typed = "python -m bnviz "
    return [line.removeprefix(typed).split() for line in lines if line.startswith(typed)]


def shape(text: str) -> str:
    """The text with its numbers left out."""
    return re.sub(r" +", " ", re.sub(r"-?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?", "#", text)).strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all the guide's Python ran, one block after the other."""
    folder = tmp_path_factory.mktemp("guide")
    command = [sys.executable, "-W", "error", "-W", QUIET, "-c", QUICK + "\n".join(blocks("python"))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder


def test_every_block_runs_one_after_the_other_and_every_recording_is_whole(folder: Path):
    written = re.findall(r'"(\w+\.bnviz)"', "".join(blocks("python")))
    assert {path.name for path in folder.iterdir()} == set(written)
    for path in folder.iterdir():
        shown = CliRunner().invoke(app, ["describe", str(path)]).stdout
        assert "(finished)" in shown
        assert "no data" not in shown


def test_describe_prints_what_the_guide_shows(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, commands()[0])
    assert commands()[0] == ["describe", "run.bnviz"]
    assert shape(result.stdout) == shape(blocks("text")[0])


def test_the_bench_prints_what_the_guide_shows(monkeypatch: pytest.MonkeyPatch):
    asked = []

    def measure(network, record, rounds, **_):
        asked.append((network, rounds))
        targets = (
            ("bare", None),
            ("recorder_tenth", bench.TARGETS[network]),
            ("recorder_step", None),
            ("tensorboard_tenth", None),
        )
        return [bench.Cost(network, name, 1e3, 1.0, 1.0, 1.0, target) for name, target in targets]

    monkeypatch.setattr(bench, "find_spec", lambda name: name == "tensorboard" or None)
    monkeypatch.setattr(bench, "measure", measure)
    result = CliRunner().invoke(app, commands()[-1])
    assert asked == [("mlp", 30), ("conv", 30)]
    assert shape(result.stdout) == shape(blocks("text")[1])


def test_every_file_it_points_to_is_there():
    links = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", GUIDE)
    assert len(links) >= 2
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
