"""The recorder changes nothing and leaves nothing behind: not in the model, not in torch, not in memory."""

from __future__ import annotations

import copy
import io
import json
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.amp import GradScaler

import bnviz
from bnviz.recorder import hooks as hooks_module
from bnviz.recorder.batches import MAX_STEPS
from bnviz.recorder.hooks import Hooks
from bnviz.sharing.recording import read_recording
from bnviz.sharing.recording_writer import FLUSH_LINES
from tests.recorder.conftest import Kept, batch, hook_state, mlp, sgd, train, watched

ROOT = Path(__file__).parents[2]


def test_losses_are_bit_identical_with_and_without_the_recorder_dropout_on():
    losses = []
    for on in (False, True):
        model = mlp(dropout=0.5, inplace=True)
        recording, _ = watched(model, every=2)
        torch.manual_seed(7)
        if on:
            with recording:
                losses.append(train(model, sgd(model), 30))
        else:
            losses.append(train(model, sgd(model), 30))
    assert losses[0] == losses[1]


def test_torch_s_and_numpy_s_random_generators_are_left_alone():
    import random

    import numpy as np

    model = nn.Sequential(nn.Linear(8, 400), nn.ReLU(), nn.Linear(400, 3))
    recording, _ = watched(model)
    with recording:
        optimizer = sgd(model)
        train(model, optimizer)
        before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
        train(model, optimizer, 3)
        after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


@pytest.mark.parametrize("leave", ["finished", "exception", "never stepped"])
def test_after_exit_all_hook_dictionaries_equal_those_before(leave: str):
    model = mlp()
    model[0].register_forward_hook(lambda *_: None)
    model[1].register_forward_pre_hook(lambda *_: None)
    before = hook_state(model)
    recording, kept = watched(model)
    if leave == "exception":
        with pytest.raises(ZeroDivisionError), recording:
            train(model, sgd(model), 1 // 0 if hook_state(model) != before else 1)
        assert kept.ended["reason"] == "left by ZeroDivisionError"
    elif leave == "finished":
        with recording:
            train(model, sgd(model), 2)
    else:
        with pytest.warns(RuntimeWarning, match="no step"), recording:
            pass
    assert hook_state(model) == before


def test_two_recordings_may_be_left_in_any_order():
    one, two = mlp(), mlp()
    before, step = hook_state(one) + hook_state(two), GradScaler.step
    first, second = watched(one)[0], watched(two)[0]
    first.__enter__(), second.__enter__()
    train(one, sgd(one)), train(two, sgd(two))
    first.__exit__(None, None, None)
    train(two, sgd(two))
    assert GradScaler.step is not step
    second.__exit__(None, None, None)
    assert (first.steps, second.steps) == (1, 2)
    assert hook_state(one) + hook_state(two) == before


def test_between_captured_steps_there_is_no_hook_on_any_module():
    model = mlp()
    modules = [{name: value for name, value in vars(module).items() if "hook" in name} for module in model.modules()]
    bare = copy.deepcopy(modules)
    recording, _ = watched(model, every=10)
    with recording:
        train(model, sgd(model), 3)
        assert modules == bare


def test_hooks_return_none(monkeypatch: pytest.MonkeyPatch):
    returned, call = [], hooks_module.Hook.__call__
    monkeypatch.setattr(hooks_module.Hook, "__call__", lambda self, *a: returned.append(call(self, *a)))
    model = mlp()
    recording, kept = watched(model)
    with recording:
        train(model, sgd(model), 2)
        assert {type(h) for m in model.modules() for h in m._forward_hooks.values()} == {hooks_module.Hook}
    assert len(kept.records) == 2
    assert returned == [None] * 12  # before and after the container, and after four layers


def test_entering_twice_is_a_clear_error():
    model = mlp()
    recording, _ = watched(model)
    with recording:
        with pytest.raises(RuntimeError, match="a recording is entered once"), recording:
            pass
        with pytest.raises(RuntimeError, match="this model is being recorded already"), watched(model)[0]:
            pass
        train(model, sgd(model))
    with pytest.raises(RuntimeError, match=r"call bnviz\.record"), recording:
        pass
    with watched(model)[0]:
        train(model, sgd(model))


@pytest.mark.parametrize("way", ["torch.save", "deepcopy", "pickle"])
def test_torch_save_and_deepcopy_work_inside_the_block_and_the_copy_records_nothing(way: str):
    model = mlp()
    recording, kept = watched(model)
    with recording:
        train(model, sgd(model))
        if way == "deepcopy":
            twin = copy.deepcopy(model)
        elif way == "pickle":
            twin = pickle.loads(pickle.dumps(model))
        else:
            file = io.BytesIO()
            torch.save(model, file)
            assert b"bnviz" not in file.getvalue()  # so that it can be loaded where there is no bnviz
            file.seek(0)
            twin = torch.load(file, weights_only=False)
        x, y = batch()
        F.cross_entropy(twin(x), y).backward()
        sgd(twin).step()
        assert recording.steps == 1
        train(model, sgd(model))
    assert [record["forwards"] for record in kept.records] == [1, 1]
    assert not any(isinstance(h, hooks_module.Hook) for m in twin.modules() for h in m._forward_hooks.values())
    torch.testing.assert_close(twin(x).shape, model(x).shape)


LONG_RUN = """
import gc, json, sys, time, weakref
import psutil
import bnviz
from tests.recorder.conftest import mlp, sgd, train

model, process = mlp(), psutil.Process()
with bnviz.record(model, sys.argv[1], every=2) as recording:
    optimizer = sgd(model)
    train(model, optimizer, 400)
    gc.collect()
    before, objects = process.memory_info().rss, len(gc.get_objects())
    train(model, optimizer, 2000)
    gc.collect()
    grown, more = process.memory_info().rss - before, len(gc.get_objects()) - objects
gone = weakref.ref(model)
del model, optimizer
gc.collect()
print(json.dumps({"grown": grown, "more": more, "gone": gone() is None, "steps": recording.steps}), flush=True)

model = mlp()
optimizer = sgd(model)
with bnviz.record(model, sys.argv[2], every=1) as recording:
    for _ in range(200):
        (loss,) = train(model, optimizer)
        recording.step(loss=loss)
    time.sleep(3)
    print("rested", flush=True)
    while True:
        (loss,) = train(model, optimizer)
        recording.step(loss=loss)
        print(recording.steps, flush=True)
"""


class LongRun(NamedTuple):
    """What a long run said of itself, the file it wrote, and that of a run that was killed: before, and then."""

    said: dict[str, Any]
    whole: Path
    rested: Path
    killed: Path
    returncode: int


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> LongRun:
    """In a process of its own: the memory of one that has run other tests is not still."""
    folder = tmp_path_factory.mktemp("long")
    whole, killed = folder / "whole.bnviz", folder / "killed.bnviz"
    command = [sys.executable, "-c", LONG_RUN, str(whole), str(killed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = json.loads(child.stdout.readline())
        child.stdout.readline()
        rested = shutil.copy(killed, folder / "rested.bnviz")
        for line in child.stdout:
            if int(line) == 400:
                child.send_signal(signal.SIGKILL)
                break
    return LongRun(said, whole, Path(rested), killed, child.returncode)


def test_2000_steps_keep_memory_flat_and_the_model_is_collectable_afterwards(long_run: LongRun):
    assert long_run.said["grown"] < 6 * 2**20
    assert long_run.said["more"] < 1500, "lines that wait to be written among them"
    assert long_run.said["gone"]
    assert long_run.said["steps"] == 2400
    assert len(read_recording(long_run.whole).records) == 1200


def test_a_hook_that_fails_is_disabled_with_one_warning_and_training_goes_on(monkeypatch: pytest.MonkeyPatch):
    see = Hooks._see

    def fails(self, index, inputs, output):
        if index in (1, 2):
            raise ValueError("something odd")
        see(self, index, inputs, output)

    monkeypatch.setattr(Hooks, "_see", fails)
    model = mlp()
    recording, kept = watched(model)
    with recording:
        with pytest.warns(RuntimeWarning, match=r"can't record layer '1'.*ValueError: something odd") as seen:
            train(model, sgd(model), 3)
        assert len(seen) == 1
    assert len(kept.records) == 3
    assert kept.series() == [("0", 0), ("4", 0)]
    assert recording.silent == ("1", "2")


def test_a_sink_that_fails_ends_the_recording_with_one_warning_and_training_goes_on():
    class Full(Kept):
        def record(self, values) -> None:
            raise OSError("no space left on device")

    model = mlp()
    before = hook_state(model)
    recording = bnviz.recorder.recording.Recording(model, Full, every=1)
    with recording:
        with pytest.warns(RuntimeWarning, match="stopped recording; training goes on. OSError: no space") as seen:
            losses = train(model, sgd(model), 5)
        assert (len(seen), len(losses)) == (1, 5)
        assert hook_state(model) == before
        recording.step(loss=1.0)


def test_an_exception_in_a_forward_pass_does_not_upset_the_counting():
    model = mlp()
    recording, kept = watched(model)
    with recording:
        with pytest.raises(RuntimeError):
            model(torch.randn(4, 9))
        train(model, sgd(model), 2)
    assert kept.series() == [("0", 0), ("1", 0), ("2", 0), ("4", 0)]
    assert kept.records[-1]["forwards"] == 1


def test_sigkill_in_the_middle_leaves_a_file_that_opens_with_all_but_the_last_seconds(long_run: LongRun):
    found = read_recording(long_run.killed)
    assert long_run.returncode == -signal.SIGKILL
    assert found.end is None
    last = found.records[-1]
    assert [record.step for record in found.records] == list(range(len(found.records)))
    assert last.step >= 400 - FLUSH_LINES - MAX_STEPS - 2  # one step waits for its scalars
    assert all(record.scalars["loss"] is not None for record in found.records)


def test_in_a_pause_all_steps_are_written_but_the_one_that_waits_for_its_scalars(long_run: LongRun):
    found = read_recording(long_run.rested)
    assert (found.end, found.problem) == (None, "")
    assert [record.step for record in found.records] == list(range(199))
