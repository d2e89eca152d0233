"""The benches, for people and for programs."""

from __future__ import annotations

import pytest

from bnviz.commands import bench
from bnviz.recorder import bench as recorder_bench
from tests.commands.conftest import bnviz, lines


@pytest.mark.parametrize("command", [("bench",), ("bench", "capture")])
def test_bench_alone_measures_capture(command: tuple[str, ...]):
    result = bnviz(*command, "--layers", "1", "--rounds", "1", "--json")
    found = lines(result)
    assert [cost["name"] for cost in found][:3] == ["bare", "uncaptured", "step"]
    assert found[0].keys() == {"hidden_layers", "name", "microseconds", "ratio", "low", "high", "target"}
    assert {cost["name"]: cost["target"] for cost in found if cost["target"]} == {"step": 1.25, "tenth": 1.05}


def test_bench_for_people_prints_the_targets_beside_the_ratios():
    shown = bnviz("bench", "--layers", "1", "--rounds", "1").stdout
    assert "1 hidden layers" not in shown
    assert "1 hidden layer x 100" in shown
    assert [line.split()[-1] for line in shown.splitlines() if "capture at every" in line] == ["1.25", "1.05"]
    assert "tensorboard" in shown.casefold()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch):
    """Blocks of two steps, and nobody else's packages."""
    monkeypatch.setattr(recorder_bench, "BLOCKS", dict.fromkeys(recorder_bench.NETWORKS, 2))
    monkeypatch.setattr(recorder_bench, "find_spec", lambda name: None)


@pytest.mark.usefixtures("quick")
def test_bench_recorder_as_json_is_one_object_a_line_and_says_what_is_missing_elsewhere():
    result = bnviz("bench", "recorder", "--rounds", "1", "--json")
    found = lines(result)
    assert found[0].keys() == {"network", "name", "microseconds", "ratio", "low", "high", "target"}
    names = ["bare", "recorder_tenth", "recorder_step"]
    assert [(cost["network"], cost["name"]) for cost in found] == [(n, name) for n in ("mlp", "conv") for name in names]
    assert result.stderr.splitlines()[-2:] == [
        "TensorBoard's histograms: not measured, tensorboard is not installed",
        "wandb.watch: not measured, wandb is not installed",
    ]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("network", list(recorder_bench.NETWORKS))
def test_bench_recorder_for_people_is_a_table_like_capture_s(network: str):
    first, columns, *rows = bnviz("bench", "recorder", "--network", network, "--rounds", "1").stdout.splitlines()
    assert first == f"{bench.RECORDER_NETWORKS[network]}: 1 rounds of 2 steps"
    assert columns in bnviz("bench", "--layers", "1", "--rounds", "1").stdout.splitlines()
    assert rows[1].split()[-1] == f"{recorder_bench.TARGETS[network]:.2f}"
    assert rows[3:] == [
        "  TensorBoard's histograms: not measured, tensorboard is not installed",
        "  wandb.watch: not measured, wandb is not installed",
        "",
    ]


def test_every_contestant_and_network_of_the_recorder_s_bench_has_words(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recorder_bench, "find_spec", lambda name: object())
    assert list(recorder_bench.contestants(lambda *_: None)) == list(bench.RECORDER_DOCS)
    assert list(recorder_bench.NETWORKS) == list(bench.RECORDER_NETWORKS)
