"""What is measured is right: against plain torch, in place or not, in any type, of any size."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bnviz.recorder import sampling, summary
from bnviz.recorder.batchnorms import MAX_CHANNELS, _joined
from bnviz.recorder.sampling import MAX_VALUES, Sampler
from bnviz.recorder.series import Series, squared
from tests.recorder.conftest import batch, mlp, sgd, train, watched


class Residual(nn.Module):
    """x + f(x), in place, after a ReLU in place."""

    def __init__(self, inplace: bool) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.relu, self.second = nn.Linear(8, 8), nn.ReLU(inplace), nn.Linear(8, 8)
        self.out, self.inplace = nn.Linear(8, 3), inplace

    def forward(self, x):
        out = self.second(self.relu(self.first(x)))
        if self.inplace:
            out += x
        else:
            out = out + x
        return self.out(out)


def test_in_place_relu_and_in_place_addition_train_and_are_measured_right():
    found = {}
    for inplace in (False, True):
        model = Residual(inplace)
        recording, kept = watched(model)
        with recording:
            losses = train(model, sgd(model), 4)
        found[inplace] = kept, losses
    (plain, losses), (inplace, same) = found[False], found[True]
    assert losses == same
    for record in range(4):
        for column in ("mean", "deviation", "percentiles", "histogram", "gradient_output", "dead"):
            np.testing.assert_allclose(
                inplace.records[record][column], plain.records[record][column], rtol=1e-5, err_msg=f"{column} {record}"
            )
    assert inplace.get("percentiles", "first")[0] < 0 <= inplace.get("percentiles", "relu")[0]


def test_statistics_are_torch_s_own():
    model = mlp()
    x, y = batch(25)  # 1,000 values a layer: all of them are looked at
    seen = {}
    handles = [
        module.register_forward_hook(lambda m, i, o, name=name: (o.retain_grad(), seen.update({name: (i[0], o)}))[1])
        for name, module in model.named_children()
    ]
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    recording, kept = watched(model)
    with recording:
        optimizer = sgd(model)
        F.cross_entropy(model(x), y).backward()
        grads = {name: p.grad.clone() for name, p in model.named_parameters()}
        optimizer.step()
    for handle in handles:
        handle.remove()
    for name in "012":
        values = seen[name][1].detach().numpy()
        assert kept.get("mean", name) == pytest.approx(values.mean(), abs=1e-6)
        assert kept.get("deviation", name) == pytest.approx(values.std(), rel=1e-5)
        np.testing.assert_allclose(
            kept.get("percentiles", name), np.percentile(values, (5, 15, 25, 50, 75, 85, 95)), rtol=1e-4, atol=1e-6
        )
        low, high = kept.get("range", name)
        oracle = np.histogram(values, np.linspace(low, high, 49, dtype=np.float32))[0]
        np.testing.assert_array_equal(kept.get("histogram", name)[1:-2], oracle)
    assert kept.get("gradient_output", "0") == pytest.approx(float(seen["0"][1].grad.norm()), rel=1e-5)
    assert kept.get("gradient_weight", "0") == pytest.approx(float(grads["0.weight"].norm()), rel=1e-5)
    assert kept.get("weight_norm", "0") == pytest.approx(float(before["0.weight"].norm()), rel=1e-5)
    assert kept.get("update_ratio", "0") == pytest.approx(
        0.1 * float(grads["0.weight"].norm() / before["0.weight"].norm()), rel=1e-4
    )
    relu = seen["2"][1].detach().numpy()
    assert kept.get("zeros", "2") == (relu == 0).sum()
    assert kept.get("dead", "2") == pytest.approx((relu == 0).all(0).mean())


def test_batch_norm_layers_get_gamma_beta_batch_and_running_statistics():
    model = mlp()
    with torch.no_grad():
        model[1].weight.uniform_(0.5, 1.5), model[1].bias.normal_()
    gamma, beta = model[1].weight.detach().clone(), model[1].bias.detach().clone()
    x, _ = batch(seed=0)
    z = model[0](x).detach()
    recording, kept = watched(model)
    with recording:
        train(model, sgd(model, 0.0))
    channels = np.linspace(0, 39, MAX_CHANNELS).round().astype(int)
    for column, oracle in {
        "gamma": gamma,
        "beta": beta,
        "batch_mean": z.mean(0),
        "batch_variance": z.var(0, correction=0),
        "running_mean": model[1].running_mean,
        "running_variance": model[1].running_var,
    }.items():
        np.testing.assert_allclose(kept.norm(column, "1"), oracle[channels], rtol=1e-4, atol=1e-6, err_msg=column)


class Elsewhere:
    """Numbers on another device, as far as a machine without one can have them: they must be fetched to be used."""

    device = torch.device("cuda", 1)

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values

    def cpu(self) -> torch.Tensor:
        return self.values


def test_batch_norm_layers_on_several_devices_are_fetched_each_from_its_own():
    here, there = torch.arange(3.0), torch.arange(3.0, 7.0)
    assert _joined([here, Elsewhere(there), here]).tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a second device")
def test_a_model_in_parts_on_two_devices_has_the_statistics_of_both():
    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.here, self.there = nn.BatchNorm1d(4), nn.BatchNorm1d(4).cuda()

        def forward(self, x):
            return self.there(self.here(x).cuda())

    model = Parts()
    recording, kept = watched(model)
    with recording:
        model(torch.randn(16, 4) + 5).square().sum().backward()
        sgd(model).step()
    assert kept.norm("batch_mean", "here") == pytest.approx([5] * 4, abs=1)
    assert kept.norm("batch_mean", "there") == pytest.approx([0] * 4, abs=1e-5)


@pytest.mark.parametrize("size", [32, 1500])
def test_batches_of_a_step_are_averaged_in_batch_statistics_whatever_their_size(size):
    model = mlp()
    batches = [batch(size, seed=seed)[0] + seed for seed in (0, 1)]
    z = [model[0](x).detach() for x in batches]
    recording, kept = watched(model)
    with recording:
        optimizer = sgd(model, 0.0)
        for x in batches:
            model(x).sum().backward()
        optimizer.step()
    channels = np.linspace(0, 39, MAX_CHANNELS).round().astype(int)
    mean, variance = (sum(part) / 2 for part in ([a.mean(0) for a in z], [a.var(0, correction=0) for a in z]))
    np.testing.assert_allclose(kept.norm("batch_mean", "1"), mean[channels], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(kept.norm("batch_variance", "1"), variance[channels], rtol=1e-4)


@pytest.mark.parametrize("centre", [0.0, 3.0, 1000.0])
def test_mean_and_deviation_keep_their_digits_far_from_zero_too(centre):
    values = np.random.default_rng(0).normal(centre, 1, (3, MAX_VALUES)).astype(np.float32)
    found = summary.distributions([*values], [None] * 3, summary.Room())
    np.testing.assert_allclose(found["mean"], values.mean(1, np.float64), atol=1e-6 * max(centre, 1))
    np.testing.assert_allclose(found["deviation"], values.std(1, dtype=np.float64), rtol=1e-5)


def test_gradients_beyond_single_precision_are_measured_and_warn_nobody():
    for scale in (1e-25, 1.0, 1e25):
        gradient = torch.full((300, 100), 2.0) * scale
        assert squared(gradient) == pytest.approx(4 * 30_000 * scale**2, rel=1e-5)


def test_images_normalised_by_batch_norm_have_their_batch_statistics_too():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
    x = torch.randn(8, 1, 9, 9)
    z = model[0](x).detach()
    recording, kept = watched(model)
    with recording:
        model(x).sum().backward()
        sgd(model).step()
    np.testing.assert_allclose(kept.norm("batch_mean", "1"), z.mean((0, 2, 3)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(kept.norm("batch_variance", "1"), z.var((0, 2, 3), correction=0), rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [64, 9000])
@pytest.mark.parametrize(
    ("fill", "nonfinite"),
    [("nan", 1), ("inf", 1), ("-inf", 1), ("all nan", None), ("constant", 0), ("huge", 0), ("zero", 0)],
)
def test_nan_inf_all_nan_and_constant_tensors_never_raise_and_are_counted(dtype, size, fill, nonfinite):
    values = torch.randn(size, dtype=torch.float64).to(dtype)
    if fill == "all nan":
        values[:] = torch.nan
    elif fill == "constant":
        values[:] = 3.0
    elif fill == "zero":
        values[:] = 0.0
    elif fill == "huge":
        values *= torch.finfo(dtype).max / 10
        values.clamp_(-torch.finfo(dtype).max, torch.finfo(dtype).max)
    else:
        values[size // 2] = float(fill)
    series, other = Series(0, 0), Series(0, 1)
    series.add(values, Sampler(), 0)
    found = summary.columns([series, other], [nn.ReLU], 1.0)
    assert found["nonfinite"][0] == (size if nonfinite is None else nonfinite)
    assert found["count"][0] == size
    assert found["histogram"][0].sum() == found["sampled"][0] == min(size, MAX_VALUES)
    assert np.isfinite(found["mean"][0]) == (fill != "all nan")
    assert np.isfinite(found["range"]).all(axis=1)[0]
    if fill == "constant":
        assert found["mean"][0] == 3
        assert found["deviation"][0] == pytest.approx(0, abs=1e-6)
    if fill == "zero":
        assert found["zeros"][0] == size


def test_nan_in_a_training_run_is_counted_where_it_is_and_training_goes_on():
    model = mlp()
    recording, kept = watched(model)
    with recording:
        optimizer = sgd(model)
        train(model, optimizer, 2)
        with torch.no_grad():
            model[0].weight[0, 0] = torch.nan
        train(model, optimizer, 2)
    assert [int(kept.get("nonfinite", "0", record=i)) for i in range(4)] == [0, 0, 32, 32 * 40]
    assert kept.get("nonfinite", "1", record=2) == 32
    assert np.isnan(kept.get("mean", "0", record=3))
    relu = next(str(at) for at, module in enumerate(model) if isinstance(module, nn.ReLU))
    assert 0 <= kept.get("dead", relu, record=1) < 1
    assert np.isnan(kept.get("dead", relu, record=3)), "a unit that gives nothing finite is not alive"


def test_empty_tensors_never_raise_and_count_as_none():
    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3))
    recording, kept = watched(model)
    with recording:
        optimizer = sgd(model)
        model(torch.empty(0, 8)).sum().backward()
        optimizer.step()
        train(model, optimizer)
    assert [kept.get("count", "0", record=i) for i in (0, 1)] == [0, 128]
    assert np.isnan(kept.get("mean", "0", record=0))
    assert kept.get("histogram", "0", record=0).sum() == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("size", [1000, 70_001])
def test_counts_sum_exactly_in_half_precision(dtype, size):
    values = torch.randint(-2, 3, (size,)).to(dtype)
    values[:7] = torch.inf
    series = Series(0, 0)
    series.add(values, Sampler(), 0)
    found = summary.columns([series], [nn.ReLU], 1.0)
    assert int(found["count"][0]) == size
    assert int(found["nonfinite"][0]) == 7
    assert int(found["zeros"][0]) == int((values.float() == 0).sum())
    assert int(found["histogram"][0].sum()) == int(found["sampled"][0]) == min(size, MAX_VALUES)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_counts_sum_exactly_for_20_000_001_elements(dtype):
    values = torch.zeros(20_000_001, dtype=dtype)
    values[0], values[-1] = 1, torch.nan
    series = Series(0, 0)
    series.add(values, Sampler(), 0)
    found = summary.columns([series], [nn.ReLU], 1.0)
    assert (int(found["count"][0]), int(found["nonfinite"][0]), int(found["zeros"][0])) == (20_000_001, 1, 19_999_999)
    assert int(found["histogram"][0].sum()) == int(found["sampled"][0])


def test_cost_does_not_depend_on_the_values_range():
    """The same work for values from 0 to 1 as for values over seventy powers of ten; the best of many timings."""
    random = np.random.default_rng(0)
    narrow = [random.random(MAX_VALUES, np.float32) for _ in range(20)]
    wide = [np.float32(10.0 ** random.uniform(-35, 35, MAX_VALUES)) for _ in range(20)]

    def seconds(samples) -> float:
        times = []
        for _ in range(15):
            start = time.thread_time()
            found = summary.distributions(samples, [None] * 20, summary.Room())
            times.append(time.thread_time() - start)
            assert found["histogram"].shape == (20, 51)
        return min(times)

    assert seconds(wide) < 4 * seconds(narrow)


def test_sampling_is_unbiased_where_an_image_has_a_hot_column():
    images = torch.zeros(64, 4, 64, 64)
    images[..., 17] = 1
    share, seen = 1 / 64, []
    sampler = Sampler()
    for layout in (images, images.to(memory_format=torch.channels_last), images.transpose(1, 3), images[:, :, ::2]):
        for _ in range(20):
            sampler.redraw()
            flat = sampling.as_array(layout)
            values = sampler.from_tensor(layout) if flat is None else sampler.from_array(flat)
            assert len(values) == MAX_VALUES
            seen.append(values.mean())
    error = np.sqrt(share * (1 - share) / MAX_VALUES)
    assert abs(np.mean(seen) - share) < 5 * error / np.sqrt(len(seen))
    assert np.all(np.abs(np.array(seen) - share) < 6 * error)


def test_every_value_has_the_same_chance_to_be_sampled():
    size, sampler, hits = 3 * MAX_VALUES + 1, Sampler(), np.zeros(3 * MAX_VALUES + 1)
    for _ in range(400):
        sampler.redraw()
        hits[sampler.places(size)] += 1
    expected = 400 * MAX_VALUES / size
    assert abs(hits[: size // 2].mean() - hits[size // 2 :].mean()) < 1
    assert hits.min() > expected - 6 * np.sqrt(expected)
    assert hits.max() < expected + 6 * np.sqrt(expected)


def test_micro_batches_of_different_sizes_have_their_share_of_the_sample():
    series, sampler = Series(0, 0), Sampler()
    for value, size in ((0.0, 50_000), (1.0, 10_000), (2.0, 300)):
        series.add(torch.full((size,), value), sampler, None)
    assert series.count == 60_300
    assert len(series.sample) == MAX_VALUES
    assert (series.sample == 1).mean() == pytest.approx(10_000 / 60_300, abs=0.03)


def test_saturated_and_dead_units_are_told():
    model = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 6), nn.Sigmoid(), nn.Linear(6, 4), nn.ReLU())
    with torch.no_grad():
        model[0].weight.zero_(), model[0].bias.fill_(9)
        model[2].weight.zero_(), model[2].bias.zero_()
        model[4].bias.copy_(torch.tensor([-99.0, -99.0, -99.0, 99.0]))
    recording, kept = watched(model)
    with recording:
        model(torch.randn(16, 8)).sum().backward()
        sgd(model).step()
    assert (kept.get("saturated", "1"), kept.get("saturated", "3")) == (1.0, 0.0)
    assert np.isnan(kept.get("saturated", "5"))
    assert (kept.get("dead", "5"), kept.get("zeros", "5")) == (0.75, 48)
