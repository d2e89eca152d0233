from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from bnviz.experiment.config import ExperimentConfig
from bnviz.training.normalization import BatchNorm, NoisyBatchNorm, channel_moments, make_norm
from bnviz.training.randomness import generator

TYPES = [pytest.param(torch.float32, id="float32"), pytest.param(torch.float64, id="float64")]
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12}
both_types = pytest.mark.parametrize("dtype", TYPES)


def random(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def layer(dtype: torch.dtype = torch.float32, kind: str = "batch", **changes: object) -> BatchNorm:
    config = ExperimentConfig(width=changes.pop("width", 6), norm_groups=3, normalization=kind, **changes)
    norm = make_norm(config, kind, 0).to(dtype)
    if norm.weight is not None:
        with torch.no_grad():
            norm.weight.copy_(1 + 0.3 * random(1, config.width))
            norm.bias.copy_(random(2, config.width))
    return norm


def close(ours: Tensor, other: Tensor, scale: float = 1.0) -> None:
    torch.testing.assert_close(ours, other, rtol=TOLERANCE[ours.dtype], atol=scale * TOLERANCE[ours.dtype])


def xhat(norm: BatchNorm, x: Tensor) -> Tensor:
    return (norm(x) - norm.bias) / norm.weight


@both_types
@pytest.mark.parametrize("spread", [1e-3, 1.0, 30.0])
def test_normalised_channels_have_mean_0_and_variance_v_over_v_plus_eps(dtype, spread):
    x = 3 + spread * random(0, 64, 6, dtype=dtype)
    out, v = xhat(layer(dtype), x), x.var(0, correction=0)
    blur = 1e-3 if dtype is torch.float32 else 1e-9

    assert out.mean(0).abs().max().item() < blur
    torch.testing.assert_close(out.var(0, correction=0), v / (v + 1e-5), rtol=blur, atol=blur)


def test_a_variance_as_small_as_eps_does_not_become_1():
    x = torch.tensor([[-1e-3], [1e-3]], dtype=torch.float64).expand(2, 2)
    out = xhat(layer(torch.float64, width=2), x)

    assert out.var(0, correction=0).tolist() == pytest.approx([1 / 11] * 2)


@both_types
@given(st.integers(2, 40), st.integers(0, 10**6))
def test_no_normalised_value_exceeds_the_root_of_the_batch_size_less_one(dtype, size, seed):
    x = random(seed, size, 6, dtype=dtype)
    x[0] *= 1e4

    assert xhat(layer(dtype), x).abs().max().item() <= math.sqrt(size - 1) * (1 + 1e-5)


def test_of_two_samples_only_the_order_is_left_and_almost_no_gradient():
    x = random(0, 2, 6, dtype=torch.float64).requires_grad_()
    out = xhat(layer(torch.float64), x)
    out.backward(random(3, 2, 6, dtype=torch.float64))

    torch.testing.assert_close(out.abs(), torch.ones(2, 6, dtype=torch.float64), rtol=1e-3, atol=1e-3)
    assert x.grad.abs().max() < 1e-2


@both_types
def test_the_backward_pass_is_the_formula_of_the_paper(dtype):
    norm, x, dy = layer(dtype), random(0, 32, 6, dtype=dtype).requires_grad_(), random(4, 32, 6, dtype=dtype)
    norm(x).backward(dy)
    with torch.no_grad():
        v = x.var(0, correction=0)
        hat = (x - x.mean(0)) / torch.sqrt(v + norm.eps)
        along = (dy * hat).sum(0)
        dx = norm.weight / (32 * torch.sqrt(v + norm.eps)) * (32 * dy - dy.sum(0) - hat * along)

    close(x.grad, dx)
    close(norm.weight.grad, along, 10)
    close(norm.bias.grad, dy.sum(0), 10)
    close(x.grad.sum(0), torch.zeros(6, dtype=dtype), 10)
    expected = norm.weight / torch.sqrt(v + norm.eps) * along * norm.eps / (v + norm.eps)
    close((x.grad * hat).sum(0), expected.detach(), 10)


@both_types
def test_a_bias_before_it_gets_no_gradient_in_train_mode_and_some_in_eval_mode(dtype):
    linear, norm, x = nn.Linear(4, 6, dtype=dtype), layer(dtype), random(0, 32, 4, dtype=dtype)
    weight = random(5, 32, 6, dtype=dtype)
    for training in (True, False):
        linear.zero_grad()
        norm.train(training)
        (torch.tanh(norm(linear(x))) * weight).sum().backward()
        largest = linear.bias.grad.abs().max().item()
        assert largest < 1e-4 if training else largest > 0.1


@both_types
@pytest.mark.parametrize("scale", [0.1, 3.0, 100.0])
def test_the_scale_of_the_weights_is_undone_and_divides_their_gradient(dtype, scale):
    x, dy = random(0, 32, 4, dtype=dtype), random(4, 32, 6, dtype=dtype)
    W = random(6, 6, 4, dtype=dtype).requires_grad_()
    scaled = (scale * W.detach()).requires_grad_()
    norm = layer(dtype, norm_eps=1e-12)
    outs = [norm(x @ w.T) for w in (W, scaled)]
    for out in outs:
        (out * dy).sum().backward()

    blur = 1e-3 if dtype is torch.float32 else 1e-8  # eps weighs a little more or less in the scaled variance
    torch.testing.assert_close(outs[0], outs[1], rtol=blur, atol=blur)
    torch.testing.assert_close(scaled.grad * scale, W.grad, rtol=blur, atol=blur)
    assert (W * W.grad).sum(1).abs().max().item() < blur


def test_a_tiny_scale_is_not_undone_because_of_eps():
    norm, x = layer(torch.float64), random(0, 32, 6, dtype=torch.float64)

    assert xhat(norm, 1e-4 * x).std() < 0.1 * xhat(norm, x).std()


@both_types
def test_the_scale_is_not_undone_in_eval_mode(dtype):
    norm, x = layer(dtype).eval(), random(0, 32, 6, dtype=dtype)

    assert (norm(3 * x) - norm(x)).abs().max() > 1


@both_types
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.1, 1.0])
def test_it_is_torchs_batch_norm_with_the_unbiased_running_variance(dtype, affine, momentum):
    ours = layer(dtype, norm_affine=affine, norm_momentum=momentum, norm_eps=1e-3)
    oracle = nn.BatchNorm1d(6, 1e-3, momentum, affine, dtype=dtype)
    oracle.load_state_dict(ours.state_dict(), strict=False)
    for seed in range(5):
        x = 2 + 3 * random(seed, 8, 6, dtype=dtype)
        close(ours(x), oracle(x))
    close(ours.running_mean, oracle.running_mean)
    close(ours.running_var, oracle.running_var)
    close(ours.eval()(x), oracle.eval()(x))


def test_after_k_equal_batches_the_initial_statistics_still_weigh_one_less_m_to_the_k():
    norm, x = layer(torch.float64), random(0, 16, 6, dtype=torch.float64)
    for _ in range(7):
        norm(x)

    close(norm.running_mean, (1 - 0.9**7) * x.mean(0))
    close(norm.running_var, 0.9**7 + (1 - 0.9**7) * x.var(0))


@both_types
@pytest.mark.parametrize("kind", ["layer", "group"])
@pytest.mark.parametrize("affine", [True, False])
def test_layer_and_group_normalization_are_torchs(dtype, kind, affine):
    ours = layer(dtype, kind, norm_affine=affine)
    oracle = (nn.LayerNorm(6, 1e-5, affine) if kind == "layer" else nn.GroupNorm(3, 6, 1e-5, affine)).to(dtype)
    oracle.load_state_dict(ours.state_dict())
    x = 2 + 3 * random(0, 8, 6, dtype=dtype)

    close(ours(x), oracle(x))
    close(ours(x[:1]), ours(x)[:1])
    close(ours.eval()(x), oracle(x))


@pytest.mark.parametrize("kind", ["batch", "noisy_batch"])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("batches", [1, 4])
def test_observing_normalises_each_batch_by_itself_and_changes_nothing(kind, affine, batches):
    norm, x = layer(kind=kind, norm_affine=affine), random(0, 4 * 8, 6)
    norm(random(9, 16, 6))
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    state = norm.noise.get_state() if kind == "noisy_batch" else None
    with torch.no_grad():
        ours = norm.observe(x, "batch", batches, generator(0, "probe"))
        plain = norm.observe(x, "running", batches, generator(0, "probe"))
        oracle = BatchNorm.forward(norm.eval(), x)
        if kind == "batch":
            parts = [norm.train()(part) for part in x.chunk(batches)]

    torch.testing.assert_close(plain, oracle)
    if kind == "batch":
        torch.testing.assert_close(ours, torch.cat(parts), rtol=1e-4, atol=1e-5)
        norm.load_state_dict(before)
    else:
        assert torch.equal(norm.noise.get_state(), state)
        assert not torch.allclose(ours, plain)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def test_noise_is_new_each_step_moves_mean_and_scale_and_is_gone_in_eval_mode():
    norm = layer(kind="noisy_batch", norm_affine=False, width=512)
    x = random(0, 400, 512)
    one, other = norm(x), norm(x)

    assert isinstance(norm, NoisyBatchNorm)
    assert not torch.equal(one, other)
    means, deviations = one.mean(0), one.std(0)
    assert means.min().item() == pytest.approx(-0.5, abs=0.05)
    assert means.max().item() == pytest.approx(0.5, abs=0.05)
    assert deviations.min().item() == pytest.approx(1.0, abs=0.1)
    assert deviations.max().item() == pytest.approx(1.25, abs=0.1)
    assert torch.corrcoef(torch.stack([means, deviations]))[0, 1].abs().item() < 0.2
    norm.eval()
    assert torch.equal(norm(x), norm(x))


@given(st.integers(1, 5), st.integers(1, 33), st.integers(1, 9))
def test_channel_moments_are_torchs_mean_and_biased_variance(parts, size, channels):
    x = 3 + random(0, parts, size, channels)
    mean, variance = channel_moments(x)

    torch.testing.assert_close(mean, x.mean(1, keepdim=True), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(variance, x.var(1, correction=0, keepdim=True), rtol=1e-4, atol=1e-5)


def test_no_normalization_is_no_layer():
    assert make_norm(ExperimentConfig(), "none", 0) is None
