"""What waits is written while a training rests; neither a forked process nor an interrupt spoils it."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import bnviz
from bnviz.recorder import pauses, series, summary
from bnviz.sharing import recording_writer
from bnviz.sharing.recording import read_recording
from bnviz.sharing.recording_writer import gzip_member
from tests.recorder.conftest import Kept, hook_state, mlp, sgd, train, watched


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "bnviz pauses"]


def until(true: Callable[[], bool]) -> None:
    """Wait for another thread, for half a minute at most."""
    for _ in range(3000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "SECONDS", 0.05)


@pytest.mark.usefixtures("short")
def test_in_a_pause_the_file_gets_what_waits(tmp_path: Path):
    model, path = mlp(), tmp_path / "run.bnviz"
    with bnviz.record(model, path, every=1) as recording:
        optimizer = sgd(model)
        for pause in (1, 2, 3):
            for loss in train(model, optimizer, 50):
                recording.step(loss=loss)
            until(lambda: not recording._batch.waiting and not recording._sink._lines)
            with recording._lock:
                assert len(read_recording(path).records) == 50 * pause - 1
    found = read_recording(path)
    assert [record.step for record in found.records] == list(range(150))
    assert (found.end.reason, found.problem) == ("finished", "")
    assert path.stat().st_size == read_whole(path)


def read_whole(path: Path) -> int:
    """The file's size, if no member of it is empty."""
    rest = path.read_bytes()
    size = len(rest)
    while rest:
        engine = zlib.decompressobj(31)
        assert engine.decompress(rest)
        rest = engine.unused_data
    return size


@pytest.mark.usefixtures("short")
def test_numbers_and_losses_are_the_same_with_pauses_in_the_middle_of_captured_steps():
    runs = []
    for rests in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 3))
        recording, kept = watched(model)
        if rests:
            taken: list[int] = []
            model[2].register_forward_hook(
                lambda *_, kept=kept, taken=taken: (taken.append(len(kept.records)), time.sleep(0.3))[0:0] or None
            )
        with recording:
            losses = train(model, sgd(model), 8)
        runs.append((kept, losses))
    (plain, losses), (rested, others) = runs
    assert losses == others
    assert taken == sorted(taken)
    assert taken[-1] >= 4, "records are made in pauses"
    for one, other in zip(plain.records, rested.records, strict=True):
        for name in one.keys() - {"time"}:
            assert str(one[name]) == str(other[name]), name


def test_the_thread_ends_with_the_block_however_it_is_left_and_torch_s_threads_are_as_they_were():
    before = torch.get_num_threads(), torch.get_num_interop_threads()
    model = mlp()
    with watched(model)[0]:
        assert len(threads()) == 1
        train(model, sgd(model))
    assert threads() == []
    with pytest.raises(ZeroDivisionError), watched(model)[0]:
        raise ZeroDivisionError
    assert threads() == []

    class Full(Kept):
        def record(self, values) -> None:
            raise OSError("no space left on device")

    with bnviz.recorder.recording.Recording(model, Full, every=1):
        with pytest.warns(RuntimeWarning, match="no space left"):
            train(model, sgd(model), 3)
        assert threads() == []
    assert (torch.get_num_threads(), torch.get_num_interop_threads()) == before


def test_the_thread_keeps_neither_recording_nor_model(short: None):
    recording, _ = watched(mlp())
    recording.__enter__()
    pause, gone = recording._pauses, weakref.ref(recording)
    recording._let_go()  # as if nobody had ever left the block, and torch forgot
    del recording
    gc.collect()
    assert gone() is None
    until(lambda: not pause._thread.is_alive())


@pytest.mark.usefixtures("short")
def test_what_fails_in_a_pause_is_told_at_the_next_step_and_no_hook_is_touched_before():
    class Full(Kept):
        def flush(self) -> None:
            raise OSError("no space left on device")

    model = mlp()
    before = hook_state(model)
    recording = bnviz.recorder.recording.Recording(model, Full, every=1)
    with recording:
        optimizer = sgd(model)
        train(model, optimizer, 3)
        during = hook_state(model)
        until(lambda: recording._pauses._failures)
        assert hook_state(model) == during != before
        with pytest.warns(RuntimeWarning, match="stopped recording; training goes on. OSError: no space") as seen:
            assert len(train(model, optimizer, 3)) == 3
        assert len(seen) == 1
        assert hook_state(model) == before


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_that_trains_on_leaves_the_file_to_its_parent(tmp_path: Path):
    model, path = mlp(), tmp_path / "run.bnviz"
    before = hook_state(model)
    with bnviz.record(model, path, every=1) as recording:
        optimizer = sgd(model)
        train(model, optimizer, 40)
        with recording._lock:  # as when the other thread is at work
            child = os.fork()
        if child == 0:
            code = 1
            try:
                train(model, optimizer, 60)
                recording.step(loss=1.0)
                recording.__exit__(None, None, None)
                with bnviz.record(model, tmp_path / "child.bnviz"):
                    train(model, optimizer, 20)
                code = 0 if hook_state(model) == before else 2
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        train(model, optimizer, 100)
    found = read_recording(path)
    assert [record.step for record in found.records] == list(range(140))
    assert (found.end.steps, found.end.reason, found.problem) == (140, "finished", "")
    assert len(read_recording(tmp_path / "child.bnviz").records) == 2


def interrupted(call: Callable, at: int) -> Callable:
    """An interrupt comes the `at`-th time, when the call has done half of its work or all: it is done once more."""
    left = [at]

    def then(*args):
        found = call(*args)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return found

    return then


class Disk:
    """A file with an interrupt after a write, of a few bytes or of all; so that nobody learns how many it were."""

    def __init__(self, file: Any, size: int | None) -> None:
        self.tell, self.seekable, self.close = file.tell, file.seekable, file.close
        self.write = interrupted(lambda data: file.write(data if size is None else data[:size]), 2)


PLACES = {
    "columns": lambda patch, _: patch.setattr(summary, "columns", interrupted(summary.columns, 3)),
    "settle": lambda patch, _: patch.setattr(series, "_fired_in", interrupted(series._fired_in, 20)),
    "record": lambda patch, sink: patch.setattr(sink, "record", interrupted(sink.record, 20)),
    "zip": lambda patch, _: patch.setattr(recording_writer, "gzip_member", interrupted(gzip_member, 2)),
    "write": lambda patch, sink: patch.setattr(sink, "_file", Disk(sink._file, None)),
    "half a write": lambda patch, sink: patch.setattr(sink, "_file", Disk(sink._file, 7)),
}


@pytest.mark.parametrize("place", PLACES)
def test_an_interrupt_while_records_are_made_or_written_loses_none_and_doubles_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
):
    model, path = mlp(), tmp_path / "run.bnviz"
    recording = bnviz.record(model, path, every=1)

    def loop() -> None:
        with recording:
            PLACES[place](monkeypatch, recording._sink)
            train(model, sgd(model), 400)

    with pytest.raises(KeyboardInterrupt):
        loop()
    found = read_recording(path)
    assert (found.end.reason, found.problem) == ("left by KeyboardInterrupt", "")
    assert [record.step for record in found.records] == list(range(len(found.records)))
    assert recording.steps <= len(found.records) <= recording.steps + 1 < 400
    assert all(record.columns["zeros"][2] > 0 for record in found.records)
