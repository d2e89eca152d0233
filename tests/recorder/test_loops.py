"""Steps and forward passes are counted as the loop's author would count them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.amp import GradScaler
from torch.utils.checkpoint import checkpoint

from tests.recorder.conftest import batch, mlp, sgd, train, watched


def test_every_tenth_step_of_the_optimizer_is_captured_and_nothing_else_needs_to_be_called():
    model = mlp()
    recording, kept = watched(model, every=10)
    with recording:
        train(model, sgd(model), 25)
    assert [record["step"] for record in kept.records] == [0, 10, 20]
    assert (recording.steps, kept.ended["steps"], kept.ended["reason"]) == (25, 25, "finished")
    assert all(record["forwards"] == 1 and not record["skipped"] for record in kept.records)


def test_grad_scaler_s_gradients_are_unscaled():
    found = []
    for scale in (1.0, 1024.0):
        model = mlp()
        optimizer, scaler = sgd(model), GradScaler("cpu", init_scale=scale)
        recording, kept = watched(model)
        with recording:
            x, y = batch()
            scaler.scale(F.cross_entropy(model(x), y)).backward()
            scaler.step(optimizer)
            scaler.update()
        found.append(kept)
    plain, scaled = found
    for column in ("gradient_output", "gradient_weight", "update_ratio"):
        np.testing.assert_allclose(scaled.records[0][column], plain.records[0][column], rtol=1e-4, err_msg=column)
    assert scaled.get("gradient_output", "0") > 0


def test_a_fused_optimizer_s_gradients_are_unscaled_and_its_skipped_steps_flagged():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused=True)
    scaler = GradScaler("cpu", init_scale=512.0)
    recording, kept = watched(model)
    with recording:
        for poison in (1.0, torch.inf):
            x, y = batch()
            optimizer.zero_grad()
            scaler.scale(F.cross_entropy(model(x), y) * poison).backward()
            unscaled = float(model[0].weight.grad.norm()) / 512
            scaler.step(optimizer)
            scaler.update()
            if poison == 1:
                first = unscaled
    assert [record["skipped"] for record in kept.records] == [False, True]
    assert kept.get("gradient_weight", "0", record=0) == pytest.approx(first, rel=1e-5)


def test_grad_scaler_s_skipped_steps_are_flagged_and_counted():
    model = mlp()
    optimizer, scaler = sgd(model), GradScaler("cpu", init_scale=4.0)
    recording, kept = watched(model)
    with recording:
        for step in range(4):
            x, y = batch(seed=step)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y) * (torch.inf if step == 1 else 1)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    assert [record["skipped"] for record in kept.records] == [False, True, False, False]
    assert [record["step"] for record in kept.records] == [0, 1, 2, 3]
    assert all(record["forwards"] == 1 for record in kept.records)
    assert kept.get("update_ratio", "0", record=1) == 0 < kept.get("update_ratio", "0", record=2)


@pytest.mark.parametrize("reentrant", [True, False])
def test_activation_checkpointing_gives_one_record_a_step(reentrant: bool):
    class Checkpointed(nn.Module):
        def __init__(self, on: bool) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.on = nn.Linear(8, 8), on
            self.block = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.ReLU())
            self.out = nn.Linear(8, 3)

        def forward(self, x):
            x = self.first(x)
            x = checkpoint(self.block, x, use_reentrant=reentrant) if self.on else self.block(x)
            return self.out(x)

    found = []
    for on in (False, True):
        model = Checkpointed(on)
        recording, kept = watched(model)
        with recording:
            train(model, sgd(model), 3)
        found.append(kept)
    plain, checkpointed = found
    assert [record["step"] for record in checkpointed.records] == [0, 1, 2]
    for one, other in zip(plain.records, checkpointed.records, strict=True):
        assert other["forwards"] == 1
        for column in ("layer", "call", "count", "histogram", "gradient_output", "gradient_weight"):
            np.testing.assert_allclose(other[column], one[column], rtol=1e-5, err_msg=column)


def test_where_checkpointing_runs_layers_first_in_the_backward_pass_they_have_the_model_s_order():
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.out = nn.Linear(8, 8), nn.Linear(8, 3)
            self.blocks = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

        def forward(self, x):
            x = self.first(x)
            for block in self.blocks:
                x = checkpoint(block, x, use_reentrant=True)
            return self.out(x)

    model = Checkpointed()
    recording, kept = watched(model)
    with recording:
        train(model, sgd(model), 2)
    for index in range(2):
        assert [name for name, _ in kept.series(index)] == ["first", "out", "blocks.0", "blocks.1", "blocks.2"]


def test_eval_and_no_grad_forwards_are_not_counted():
    model = mlp()
    x, _ = batch(500)
    recording, kept = watched(model)
    with recording:
        optimizer = sgd(model)
        for _ in range(2):
            model.eval()
            model(x)
            model.train()
            with torch.no_grad():
                model(x)
            with torch.inference_mode():
                model(x)
            train(model, optimizer)
    assert [record["forwards"] for record in kept.records] == [1, 1]
    assert [int(record["count"][0]) for record in kept.records] == [32 * 40] * 2


def test_frozen_layers_in_eval_mode_inside_a_model_that_trains_are_seen():
    model = mlp()
    recording, kept = watched(model)
    with recording:
        model[1].eval()
        train(model, sgd(model))
    assert kept.get("count", "1") == 32 * 40


def test_three_accumulated_micro_batches_give_one_record_with_the_accumulated_gradient():
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    whole = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    whole.load_state_dict(model.state_dict())
    x, y = batch(48)
    recording, kept = watched(model)
    with recording:
        optimizer = sgd(model)
        for part in range(3):
            rows = slice(16 * part, 16 * part + 16)
            (F.cross_entropy(model(x[rows]), y[rows]) / 3).backward()
        optimizer.step()
    other, at_once = watched(whole)
    with other:
        optimizer = sgd(whole)
        F.cross_entropy(whole(x), y).backward()
        optimizer.step()
    assert (len(kept.records), kept.records[0]["forwards"], recording.steps) == (1, 3, 1)
    for column in ("layer", "call", "count", "zeros", "dead", "histogram", "range"):
        np.testing.assert_array_equal(kept.records[0][column], at_once.records[0][column], err_msg=column)
    for column in ("mean", "deviation", "gradient_output", "gradient_weight", "update_ratio"):
        np.testing.assert_allclose(
            kept.records[0][column], at_once.records[0][column], rtol=1e-4, atol=1e-7, err_msg=column
        )


def test_two_models_and_several_forwards_a_step_as_in_a_gan_stay_aligned():
    torch.manual_seed(0)
    maker = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8))
    judge = nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(), nn.Linear(16, 1))
    made, judged = watched(maker, every=2), watched(judge, every=2)
    with made[0], judged[0]:
        for_maker, for_judge = sgd(maker), sgd(judge)
        for step in range(5):
            real = batch(32, seed=step)[0]
            fake = maker(torch.randn(32, 4))
            for_judge.zero_grad()
            (judge(fake.detach()).mean() - judge(real).mean()).backward()
            for_judge.step()
            for_maker.zero_grad()
            (-judge(fake).mean()).backward()
            for_maker.step()
            made[0].step(loss=float(step))
            judged[0].step(loss=float(step))
    for _, kept in (made, judged):
        assert [record["step"] for record in kept.records] == [0, 2, 4]
        assert [record["scalars"]["loss"] for record in kept.records] == [0, 2, 4]
        assert all(kept.series(i) == [("0", 0), ("1", 0), ("2", 0)] for i in range(3))
    assert [record["forwards"] for record in made[1].records] == [1, 1, 1]
    assert [int(record["count"][0]) for record in judged[1].records] == [2 * 512] + [3 * 512] * 2


def test_a_gan_in_one_module_counts_the_optimizer_that_is_named():
    class Gan(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maker, self.judge = nn.Linear(4, 8), nn.Linear(8, 1)

    model = Gan()
    for_maker, for_judge = sgd(model.maker), sgd(model.judge)
    recording, kept = watched(model, optimizer=for_maker)
    with recording:
        for _ in range(3):
            fake = model.maker(torch.randn(16, 4))
            model.judge(fake.detach()).mean().backward()
            for_judge.step()
            model.judge(fake).mean().backward()
            for_maker.step()
    assert recording.steps == 3
    assert [record["forwards"] for record in kept.records] == [3, 3, 3]
    assert kept.series() == [("maker", 0), ("judge", 0)]


def test_lbfgs_s_inner_forwards_count_as_one_step():
    model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=5)
    recording, kept = watched(model)
    inner = []
    with recording:
        for step in range(3):
            x, y = batch(seed=step)
            inner.append(0)

            def closure(x=x, y=y):
                inner[-1] += 1
                optimizer.zero_grad()
                loss = F.cross_entropy(model(x), y)
                loss.backward()
                return loss

            optimizer.step(closure)
    assert recording.steps == len(kept.records) == 3
    assert [record["forwards"] for record in kept.records] == inner
    assert min(inner) > 1
    assert kept.get("gradient_weight", "0", record=0) > 0
    assert kept.get("update_ratio", "0", record=2) > 0


def test_an_optimizer_that_takes_over_is_the_one_that_counts():
    model = mlp()
    recording, kept = watched(model, every=5)
    with recording:
        first, second = sgd(model), sgd(model)
        train(model, first, 5)
        train(model, second, 60)
    assert recording.steps == pytest.approx(45, abs=2)
    assert kept.records[-1]["step"] >= 40


def test_an_optimizer_of_parameters_that_came_later_counts():
    model = mlp()
    recording, kept = watched(model)
    with recording:
        old = list(model.parameters())
        for module in model:
            for name, value in list(module.named_parameters(recurse=False)):
                setattr(module, name, nn.Parameter(value.detach().clone()))
        train(model, sgd(model), 5)
        assert len(old) == 6
    assert recording.steps == len(kept.records) == 5


def test_another_model_s_optimizer_does_not_count():
    model, other = mlp(), mlp()
    recording, _ = watched(model)
    with recording:
        mine, theirs = sgd(model), sgd(other)
        train(other, theirs, 4)
        train(model, mine, 2)
    assert recording.steps == 2


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("every", [1, 3])
def test_scalars_belong_to_their_step_whether_given_before_or_after_the_optimizer_s(when: str, every: int):
    model = mlp()
    recording, kept = watched(model, every=every)
    with recording:
        optimizer = sgd(model)
        for step in range(7):
            x, y = batch()
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            if when == "before":
                recording.step(loss=loss, number=step)
            optimizer.step()
            if when == "after":
                recording.step(loss=loss)
                recording.step(number=step)
    assert [record["scalars"]["number"] for record in kept.records] == [record["step"] for record in kept.records]
    assert all(record["scalars"]["loss"] > 0 for record in kept.records)
    assert len(kept.records) == len(range(0, 7, every))


def test_a_scalar_that_is_no_number_is_a_clear_error():
    recording, _ = watched(mlp())
    with pytest.raises(TypeError, match="accuracy must be one number or a tensor that holds one; got str"):
        recording.step(accuracy="high")


# torch.compile's own, where a graph ends
QUIET = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")


@QUIET
@pytest.mark.parametrize("after", [True, False])
def test_entering_after_torch_compile_warns_loudly_and_entering_before_works(after: bool):
    torch.compiler.reset()
    model = mlp()
    recording, kept = watched(model, every=2)
    if after:
        compiled = torch.compile(model, backend="eager")
        train(compiled, sgd(model))
        with pytest.warns(RuntimeWarning) as seen, watched(compiled)[0]:
            train(compiled, sgd(model))
        assert "enter bnviz.record(model, ...) first" in str(seen[0].message)
        with pytest.warns(RuntimeWarning, match="saw no forward pass"), recording:  # the bare model knows of no wrapper
            train(compiled, sgd(model), 3)
        return
    with recording:
        compiled = torch.compile(model, backend="eager")
        train(compiled, sgd(model), 5)
    plain = mlp()
    other, uncompiled = watched(plain, every=2)
    with other:
        train(plain, sgd(plain), 5)
    assert [record["step"] for record in kept.records] == [0, 2, 4]
    for one, two in zip(kept.records, uncompiled.records, strict=True):
        assert one["forwards"] == two["forwards"] == 1
        for column in ("layer", "call", "count", "mean", "gradient_output", "gradient_weight"):
            np.testing.assert_allclose(one[column], two[column], rtol=1e-4, atol=1e-6, err_msg=column)


@QUIET
def test_compiled_code_records_at_a_shape_that_first_comes_while_nothing_is_captured():
    torch.compiler.reset()
    model = mlp()
    recording, kept = watched(model, every=4)
    with recording:
        compiled, optimizer = torch.compile(model, backend="eager"), sgd(model)
        for step, size in enumerate((32, 32, 16, 32, 16, 16)):
            train(compiled, optimizer, size=size)
            assert recording.steps == step + 1
    assert [int(record["count"][0]) for record in kept.records] == [32 * 40, 16 * 40]


def test_a_step_without_an_optimizer_is_told_at_the_end():
    model = mlp()
    recording, _ = watched(model)
    x, y = batch()
    with pytest.warns(RuntimeWarning, match="no step of an optimizer"), recording:
        F.cross_entropy(model(x), y).backward()


def test_a_training_loop_gives_no_warning():
    model = mlp()
    recording, _ = watched(model)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with recording:
            for loss in train(model, sgd(model), 3):
                recording.step(loss=torch.tensor(loss, requires_grad=True))
    assert seen == []
