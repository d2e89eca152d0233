"""What waits for other captured steps comes out as it would have at once, soon enough, and harms nobody."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bnviz.recorder import batches, pauses, summary
from bnviz.recorder.batches import Batch
from tests.recorder.conftest import Kept, hook_state, mlp, sgd, train, watched


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    monkeypatch.setattr(pauses, "SECONDS", 1e6)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(8, 200), nn.BatchNorm1d(200), nn.Tanh(),
        nn.Linear(200, 40), nn.BatchNorm1d(40), nn.ReLU(), nn.Linear(40, 3),
    )  # fmt: skip


def recorded(most: int, monkeypatch: pytest.MonkeyPatch, *, poison: bool = False) -> Kept:
    monkeypatch.setattr(batches, "MAX_STEPS", most)
    monkeypatch.setattr(batches, "MAX_SECONDS", 1e9)
    model = network()
    recording, kept = watched(model)
    with recording:
        optimizer = sgd(model)
        train(model, optimizer, 20)
        train(model, optimizer, 3, size=1200)  # other lengths, and batches that no table waits of
        if poison:
            with torch.no_grad():
                model[3].weight[0, 0] = torch.nan
            train(model, optimizer, 3)
    return kept


@pytest.mark.parametrize("poison", [False, True])
def test_records_that_were_made_together_equal_those_made_one_by_one(monkeypatch, poison):
    sizes, pop = [], Batch.pop

    def counted(self: Batch) -> list[dict[str, Any]]:
        found = pop(self)
        sizes.append(len(found))
        return found

    alone = recorded(1, monkeypatch, poison=poison)
    monkeypatch.setattr(Batch, "pop", counted)
    together = recorded(8, monkeypatch, poison=poison)
    assert max(sizes) == 8
    assert len(alone.records) == len(together.records) == (26 if poison else 23)
    for one, other in zip(alone.records, together.records, strict=True):
        assert one.keys() == other.keys()
        for name in one.keys() - {"time"}:
            np.testing.assert_array_equal(other[name], one[name], err_msg=f"{name} of step {one['step']}")


def test_steps_wait_no_longer_than_a_second_whatever_comes(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(batches, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(batches, "MAX_STEPS", 100)
    model = mlp()
    recording, kept = watched(model, every=2)
    with recording:
        optimizer = sgd(model)
        train(model, optimizer, 40)
        waiting = 20 - len(kept.records)
        assert waiting > 1
        now[0] += batches.MAX_SECONDS
        train(model, optimizer, 2)
        assert len(kept.records) == 20
    assert [record["step"] for record in kept.records] == list(range(0, 42, 2))


def test_large_steps_wait_for_no_other(monkeypatch):
    monkeypatch.setattr(batches, "MAX_BYTES", 1)
    model = mlp()
    recording, kept = watched(model)
    with recording:
        train(model, sgd(model), 10)
        assert len(kept.records) == 9  # one waits for its numbers


def test_what_fails_later_ends_the_recording_with_one_warning_and_training_goes_on(monkeypatch):
    columns, model = summary.columns, mlp()

    def fails(series, *others):
        if len(series) == 4 * 4:
            raise ValueError("something odd")
        return columns(series, *others)

    monkeypatch.setattr(summary, "columns", fails)
    before = hook_state(model)
    recording, kept = watched(model)
    with recording:
        with pytest.warns(
            RuntimeWarning, match="stopped recording; training goes on. ValueError: something odd"
        ) as seen:
            losses = train(model, sgd(model), 30)
        assert (len(seen), len(losses)) == (1, 30)
        assert hook_state(model) == before
    assert [record["step"] for record in kept.records] == [0, 1, 2, 7]  # one waited for its numbers
    assert kept.ended["reason"] == "stopped by ValueError: something odd"


def test_captured_steps_are_kept_where_a_later_one_fails(monkeypatch):
    model = mlp()
    recording, kept = watched(model)
    with recording:
        optimizer = sgd(model)
        train(model, optimizer, 12)
        made = len(kept.records)
        monkeypatch.setattr(recording._update, "before", lambda: 1 // 0)
        with pytest.warns(RuntimeWarning, match="stopped recording"):
            train(model, optimizer, 2)
    assert made < 11
    assert [record["step"] for record in kept.records] == list(range(12))
