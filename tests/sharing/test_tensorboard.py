"""TensorBoard's own reader finds the histories' numbers in the event files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bnviz.experiment.history import History
from bnviz.experiment.presets import PRESETS
from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.recording import read_recording
from bnviz.sharing.recording_history import histories
from bnviz.sharing.recording_schema import RecordingError
from bnviz.sharing.tensorboard import MOST_HISTOGRAMS, buckets, folder_names, write_events
from bnviz.training.comparison import Comparison

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def read(folder: Path):
    found = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    return found.Reload()


@pytest.fixture(scope="module")
def history() -> History:
    return histories([read_recording(EXAMPLES["digits-conv"].path)])[0]


@pytest.fixture(scope="module")
def events(history, tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    assert write_events(folder, history, wall_time=5.0) == len(history)
    return read(folder)


def check(events, tag: str, history: History, values: np.ndarray) -> None:
    known = np.isfinite(values)
    found = events.Scalars(tag)
    assert [one.step for one in found] == history["step"][known].tolist()
    np.testing.assert_array_equal(np.float32([one.value for one in found]), values[known])


def test_scalars_are_the_historys(events, history):
    for name in ("loss", "learning_rate"):
        check(events, name, history, history[name])
    check(events, "reported/test_accuracy", history, history["scalar"][:, 0])


@pytest.mark.parametrize("name", ["mean", "deviation", "gradient_z", "gradient_weight", "update_ratio", "dead"])
def test_each_layer_has_a_line_under_its_own_name(events, history, name):
    columns = history[name].reshape(len(history), -1)
    tags = [tag for tag in events.Tags()["scalars"] if tag.startswith(f"{name}/")]
    assert tags == [
        f"{name}/{layer}" for place, layer in enumerate(history.layout.layers) if np.isfinite(columns[:, place]).any()
    ]
    for place, layer in enumerate(history.layout.layers):
        if np.isfinite(columns[:, place]).any():
            check(events, f"{name}/{layer}", history, columns[:, place])


def test_histograms_hold_the_recorded_counts(events, history):
    layout = history.layout
    for place, layer in enumerate(layout.layers):
        found = events.Histograms(f"histogram/{layer}")
        assert len(found) == min(len(history), MOST_HISTOGRAMS)
        for one in found:
            row = int(np.searchsorted(history["step"], one.step))
            counts = history["histogram"][row, 0, place]
            value = one.histogram_value
            limits = np.array(value.bucket_limit)
            inside = (limits > layout.edges[0, place, 0]) & (limits <= layout.edges[0, place, -1] * (1 + 1e-12) + 1e-12)
            np.testing.assert_array_equal(np.array(value.bucket)[inside][:48], counts[1:-2])
            assert sum(value.bucket) == value.num == counts[:-1].sum()
            assert value.sum == pytest.approx(history["mean"][row, 0, place] * value.num, rel=1e-5)


def test_values_beyond_the_bins_have_a_bucket_of_their_own():
    edges = np.linspace(0, 48, 49)
    counts = np.zeros(51)
    counts[[0, 10, -2, -1]] = 3, 5, 2, 7
    both = buckets(counts, edges, 1.0, 2.0)
    assert (both["bucket"][0], both["bucket"][-1], both["num"], both["min"], both["max"]) == (3, 2, 10, -1, 49)
    assert (both["bucket_limit"][0], both["sum"], both["sum_squares"]) == (0, 10, 50)
    none = buckets(np.where(np.arange(51) == 10, 5, 0), edges, np.nan, np.nan)
    assert (len(none["bucket"]), none["min"], none["max"], none["sum"]) == (48, 0, 48, 0)


def test_the_lab_has_its_points_in_the_tags(tmp_path):
    twins = Comparison([arm.replace(width=8) for arm in PRESETS["circles"].arms], every=1)
    twins.advance(steps=2)
    write_events(tmp_path / "a", twins.histories[1])
    found = read(tmp_path / "a")
    check(found, "deviation/after_norm/layer 2", twins.histories[1], twins.histories[1]["deviation"][:, 1, 1])
    check(found, "gradient_z/output", twins.histories[1], twins.histories[1]["gradient_z"][:, 4])
    check(found, "test_accuracy", twins.histories[1], twins.histories[1]["test_accuracy"])


def test_two_runs_are_never_mixed_in_one_folder(history, tmp_path):
    write_events(tmp_path, history)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RecordingError, match="event files of another run already"):
        write_events(tmp_path, history)
    assert sorted(tmp_path.iterdir()) == before


def test_without_tensorboard_it_says_what_to_install(history, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(RecordingError, match="python -m pip install tensorboard"):
        write_events(tmp_path, history)


def test_folders_are_named_after_the_networks_and_lead_nowhere_else():
    assert folder_names(["with BN", "../../etc", "run", "RUN", "", "."]) == [
        "with_BN", "etc", "run", "RUN_2", "network", "network_2"
    ]  # fmt: skip
