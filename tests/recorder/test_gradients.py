"""What hangs on outputs harms no backward pass, stays on nothing, and counts what belongs to a step."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnviz.recorder import series
from tests.recorder.conftest import Kept, batch, hook_state, mlp, sgd, train, watched


def jacobian(model: nn.Module) -> Tensor:
    found = torch.autograd.functional.jacobian(
        lambda v: model(v).sum(0), batch(4)[0], vectorize=True, create_graph=True
    )
    return found.square().sum()


def batched(model: nn.Module) -> Tensor:
    x = batch(4)[0].requires_grad_()
    (found,) = torch.autograd.grad(model(x).sum(0), x, torch.eye(3), is_grads_batched=True, create_graph=True)
    return found.square().sum()


class Table(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(50, 8))

    def forward(self) -> Tensor:
        return self.weight * 1


class LooksUp(nn.Module):
    """A layer's output gets a sparse gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.out = Table(), nn.Linear(8, 3)

    def forward(self, index: Tensor) -> Tensor:
        return self.out(F.embedding(index, self.table(), sparse=True))


def smooth() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("make", "loss", "name"),
    [
        (smooth, jacobian, "0"),
        (smooth, batched, "0"),
        (LooksUp, lambda model: model(torch.tensor([1, 2, 2])).square().sum(), "table"),
    ],
)
def test_a_gradient_that_cant_be_measured_is_none_and_the_backward_pass_goes_on(make, loss, name):
    weights = []
    for on in (False, True):
        torch.manual_seed(0)
        model = make()
        recording, kept = watched(model)

        def steps(model=model) -> None:
            optimizer = sgd(model, 0.01)
            for _ in range(2):
                optimizer.zero_grad()
                loss(model).backward()
                optimizer.step()

        if on:
            with recording:
                steps()
            assert kept.ended["reason"] == "finished"
            assert [record["forwards"] for record in kept.records] == [1, 1]
            assert np.isnan(kept.get("gradient_output", name))
            assert kept.get("count", name) > 0
            assert kept.get("gradient_weight", name) > 0
        else:
            steps()
        weights.append([value.detach().clone() for value in model.parameters()])
    for one, other in zip(*weights, strict=True):
        assert torch.equal(one, other)


def test_a_gradient_hook_that_fails_warns_once_and_training_goes_on(monkeypatch):
    def fails(_flat):
        raise ValueError("something odd")

    model, bare = mlp(), mlp()
    recording, kept = watched(model)
    monkeypatch.setattr(series, "squared_in_array", fails)
    with recording:
        with pytest.warns(RuntimeWarning, match="gradient that reaches layer '4'.*ValueError: something odd") as seen:
            losses = train(model, sgd(model), 3)
        assert len(seen) == 1
    assert losses == train(bare, sgd(bare), 3)
    assert kept.series() == [("0", 0), ("1", 0), ("2", 0), ("4", 0)]
    assert all(np.isnan(record["gradient_output"]).all() for record in kept.records)


class Positions(nn.Module):
    """Gives its own parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, 8))

    def forward(self) -> Tensor:
        return self.weight


class Placed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.positions, self.out = Positions(), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x + self.positions())


def test_a_module_that_gives_its_own_parameter_collects_no_hooks():
    model = Placed()
    before = hook_state(model)
    recording, kept = watched(model)
    norms = []
    with recording:
        optimizer = sgd(model)
        for _ in range(5):
            train(model, optimizer)
            norms.append(float(model.positions.weight.grad.norm()))
    assert hook_state(model) == before
    assert all(np.isnan(kept.get("gradient_output", "positions", record=i)) for i in range(5))
    assert [kept.get("gradient_weight", "positions", record=i) for i in range(5)] == pytest.approx(norms, rel=1e-5)


def backwards(times: int) -> Kept:
    """One forward pass, so many backward passes before the step, and many after it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.ReLU())
    recording, kept = watched(model)
    with recording:
        optimizer = sgd(model, 0.0)
        loss = model(batch()[0]).sum()
        for _ in range(times):
            loss.backward(retain_graph=True)
        optimizer.step()
        for _ in range(50):
            loss.backward(retain_graph=True)
        assert len(recording._pending.series[0].squares) == times
    return kept


def test_gradients_that_come_after_the_step_change_nothing_in_its_record():
    once, thrice = (backwards(times).get("gradient_output", "0", record=0) for times in (1, 3))
    x = batch()[0]
    torch.manual_seed(0)
    hidden = nn.Linear(8, 8, bias=False)(x).detach()
    assert once == pytest.approx(float((hidden > 0).sum()) ** 0.5, rel=1e-5)
    assert thrice == pytest.approx(3**0.5 * once, rel=1e-5), "several backward passes add up as squares"


def test_an_output_that_is_saved_inside_the_block_gives_no_warning():
    model = mlp()
    recording, _ = watched(model)
    with recording, warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.save(model(batch()[0]), io.BytesIO())
        train(model, sgd(model))
