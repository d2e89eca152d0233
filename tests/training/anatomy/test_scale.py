from __future__ import annotations

import math
from dataclasses import astuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from bnviz.training.anatomy.scale import first_weights, scale_study


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X, DY = 1 + 3 * normal(0, 16, 4), normal(1, 16, 4)


def oracle(x: Tensor, dy: Tensor, a: float, eps: float = 1e-5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Scaled weights, their gradient, and both modes' outputs, by torch's own layers."""
    linear = nn.Linear(x.shape[1], x.shape[1], bias=False, dtype=torch.float64)
    norm = nn.BatchNorm1d(x.shape[1], eps=eps, momentum=1.0, dtype=torch.float64)
    with torch.no_grad():
        z = x @ first_weights(x.shape[1]).T
        linear.weight.copy_(a * first_weights(x.shape[1]))
    out = norm(linear(x))
    out.backward(dy)
    norm.running_mean.copy_(z.mean(0))
    norm.running_var.copy_(z.var(0, correction=0))
    return linear.weight.detach(), linear.weight.grad, out.detach(), norm.eval()(linear(x)).detach()


@pytest.mark.parametrize("log_scale", [-6.0, -3.2, -1.0, 0.0, 0.7, 2.0, 6.0])
@pytest.mark.parametrize("eps", [1e-12, 1e-5, 1.0])
def test_the_readings_are_those_of_torchs_layers(log_scale, eps):
    a = 10**log_scale
    study = scale_study(X, DY, eps, log_scale, channel=2)
    W, grad, train, evaluation = oracle(X, DY, a, eps)
    W1, grad1, train1, eval1 = oracle(X, DY, 1.0, eps)

    torch.testing.assert_close(study.batch, train[:, 2])
    torch.testing.assert_close(study.batch_at_1, train1[:, 2])
    torch.testing.assert_close(study.eval_at, evaluation[:, 2])
    at, blur = study.at, {"rel": 1e-7, "abs": 1e-8}
    assert at.a == pytest.approx(a)
    assert at.gradient == pytest.approx((grad.norm() / grad1.norm()).item(), rel=1e-7)
    assert at.relative_step == pytest.approx((grad.norm() / W.norm() / (grad1.norm() / W1.norm())).item(), rel=1e-7)
    assert at.output_change == pytest.approx(((train - train1).abs().max() / train1.std(correction=0)).item(), **blur)
    change = (evaluation - eval1).abs().max() / eval1.std(correction=0)
    assert at.output_change_eval == pytest.approx(change.item(), **blur)
    assert at.alignment == pytest.approx(((W * grad).sum() / W.norm() / grad.norm()).item(), abs=1e-9)


def test_a_grid_point_is_the_reading_at_that_scale():
    for index in (0, 30, 36, 41, 72):
        study = scale_study(X, DY, log_scale=index / 6 - 6)
        for name in ("gradient", "relative_step", "output_change", "output_change_eval"):
            assert getattr(study, name)[index].item() == pytest.approx(getattr(study.at, name), rel=1e-6, abs=1e-12)


@given(st.integers(0, 10**6), st.integers(3, 32), st.integers(2, 8))
def test_for_moderate_scales_the_output_stays_and_the_gradient_is_divided_by_a(seed, B, C):
    study = scale_study(normal(seed, B, C), normal(seed + 1, B, C), 1e-12)
    a = 10**study.log_scale
    moderate = (a >= 0.1) & (a <= 1e3)
    quiet = (normal(seed, B, C) @ study.weight.T).var(0, correction=0).min().item()
    left = 1e-9 + 1e-12 / quiet * 1e3 * B

    assert study.output_change[moderate].max().item() < left * 10
    torch.testing.assert_close(
        (study.gradient * a)[moderate], torch.ones(int(moderate.sum())).double(), rtol=1e-4, atol=0
    )
    torch.testing.assert_close(study.ideal_gradient * a, torch.ones_like(a))
    torch.testing.assert_close(study.ideal_step * a**2, torch.ones_like(a))
    assert abs(study.at.alignment) < 1e-4


def test_below_the_scale_of_eps_nothing_of_this_holds():
    study = scale_study(X, DY)
    tiny = 10**study.log_scale < 0.01 * study.eps_scale

    assert study.output_change[tiny].min() > 1
    assert (study.gradient / study.ideal_gradient)[tiny].max() < 0.1
    assert abs(scale_study(X, DY, log_scale=math.log10(study.eps_scale)).at.alignment) > 1e-3


def test_eps_scale_is_where_the_scaled_variance_of_the_median_channel_is_eps():
    study = scale_study(X, DY, 1e-3)
    v = (X @ study.weight.T).var(0, correction=0)

    assert ((study.eps_scale**2 * v) <= 1e-3 * (1 + 1e-12)).any()
    assert study.eps_scale**2 * v.median().item() == pytest.approx(1e-3)


def test_in_eval_mode_the_output_follows_the_scale():
    study = scale_study(X, DY, log_scale=1.0)

    assert study.at.output_change < 1e-4
    assert study.at.output_change_eval > 1
    assert study.output_change_eval[36].item() < 1e-12
    torch.testing.assert_close(scale_study(X, DY).eval_at, scale_study(X, DY).batch)


def test_sgd_only_lengthens_the_weights():
    study = scale_study(X, DY, 1e-12)
    W, grad, _, _ = oracle(X, DY, 1.0, 1e-12)

    assert torch.equal(W, study.weight)
    assert (W - 0.5 * grad).norm().item() == pytest.approx(math.hypot(W.norm().item(), 0.5 * grad.norm().item()))


def test_of_one_input_alone_only_eps_gives_the_weight_a_gradient():
    study = scale_study(X[:, :1], DY[:, :1])

    assert study.at.alignment == pytest.approx(-1.0) or study.at.alignment == pytest.approx(1.0)
    assert study.gradient[48].item() == pytest.approx(1e-6, rel=1e-3)  # 1 / a^3, not 1 / a
    assert study.gradient[72].isnan()


@pytest.mark.parametrize(
    ("x", "dy"),
    [
        pytest.param(torch.full((8, 3), 0.1), normal(0, 8, 3), id="constant"),
        pytest.param(torch.zeros(8, 3), normal(0, 8, 3), id="zero"),
        pytest.param(normal(0, 8, 3), torch.zeros(8, 3), id="no gradient"),
        pytest.param(normal(0, 8, 3), torch.ones(8, 3), id="a gradient that cancels"),
        pytest.param(1e6 + normal(0, 8, 3), torch.ones(8, 3), id="a gradient that cancels far from zero"),
    ],
)
def test_a_ratio_without_a_denominator_is_nan_and_never_rounding(x, dy):
    study = scale_study(x, dy, 1e-5, 2.0)

    assert study.gradient.isnan().all()
    assert study.relative_step.isnan().all()
    assert math.isnan(study.at.gradient)
    assert math.isnan(study.at.alignment)
    if (x == x[0]).all():
        assert study.output_change.isnan().all()
        assert study.output_change_eval.isnan().all()
    else:
        assert study.output_change.isfinite().all()
    assert study.batch.isfinite().all()


def test_a_constant_channel_among_others_and_two_samples_raise_nothing():
    x = normal(0, 8, 3)
    x[:, 1] = 5.0
    for batch, dy in ((x, normal(1, 8, 3)), (x[:2], normal(1, 2, 3)), (1e6 * x, normal(1, 8, 3)), (1e-6 * x, x)):
        for eps in (1e-12, 10.0):
            study = scale_study(batch, dy, eps, -6.0)
            assert study.output_change.isfinite().all()
            assert all(isinstance(value, float) for value in astuple(study.at))


def test_float32_lists_and_arrays_are_studied_in_float64():
    lists = scale_study(X.float().tolist(), DY.float().tolist())

    assert torch.equal(scale_study(X.float(), DY.float().numpy()).gradient, lists.gradient)
    assert lists.batch.dtype == torch.float64


@pytest.mark.parametrize(
    ("change", "lesson"),
    [
        ({"x": X[:1], "upstream": DY[:1]}, "one sample has no batch variance"),
        ({"upstream": DY[:3]}, "must have the shape"),
        ({"eps": 0.0}, "eps must be above 0"),
        ({"log_scale": 7.0}, "log_scale must be from -6 to 6"),
        ({"channel": 4}, "channel must be from 0 to 3"),
    ],
)
def test_errors_teach(change, lesson):
    with pytest.raises(ValueError, match=f"^scale_study: .*{lesson}"):
        scale_study(**{"x": X, "upstream": DY, **change})
