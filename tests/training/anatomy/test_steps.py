from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import bnviz
from bnviz.experiment.anatomy import NODES
from bnviz.training.anatomy.steps import (
    autograd_difference,
    batch_norm_steps,
    layer_difference,
    moments,
    torch_difference,
    undoing,
)

TYPES = [torch.float32, torch.float64]


@dataclass(frozen=True)
class Case:
    x: Tensor
    gamma: Tensor
    beta: Tensor
    dy: Tensor
    eps: float

    @property
    def steps(self):
        return batch_norm_steps(self.x, self.gamma, self.beta, self.eps)

    def truth(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Output, dx, dgamma, dbeta by torch's own layer and autograd, in float64 on the very same numbers."""
        x = self.x.to(torch.float64, copy=True).requires_grad_()
        layer = nn.BatchNorm1d(x.shape[1], eps=self.eps, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(self.gamma)
            layer.bias.copy_(self.beta)
        output = layer(x)
        output.backward(self.dy.double())
        return output.detach(), x.grad, layer.weight.grad, layer.bias.grad

    def blur(self) -> Tensor:
        """Largest error [C] of a normalized value that this type's digits explain.

        Centring leaves an error of u |x|, which the deviation divides; the deviation's own error bends values up to
        sqrt(B - 1) with it.
        """
        u = torch.finfo(self.x.dtype).eps
        x = self.x.double()
        std = torch.sqrt(x.var(0, correction=0) + self.eps)
        lost = u * (1 + x.abs().amax(0) / std)
        return 4 * lost * (1 + lost) * math.sqrt(len(x))


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@st.composite
def cases(draw, types=TYPES, far=1e3, smallest_eps=1e-12):
    B, C, seed = draw(st.integers(2, 32)), draw(st.integers(1, 8)), draw(st.integers(0, 10**6))
    dtype = draw(st.sampled_from(types))
    power = lambda low, high: 10 ** draw(st.floats(low, high))  # noqa: E731
    scale, offset = power(-3, 3), draw(st.floats(-far, far))
    if far <= 10:
        offset *= scale
    return Case(
        x=(offset + scale * normal(seed, B, C)).to(dtype),
        gamma=(power(-2, 2) * normal(seed + 1, C)).to(dtype),
        beta=(power(-2, 2) * normal(seed + 2, C)).to(dtype),
        dy=(power(-3, 3) * normal(seed + 3, B, C)).to(dtype),
        eps=power(math.log10(smallest_eps), 1),
    )


def within(ours: Tensor, truth: Tensor, bound: Tensor) -> None:
    difference = (ours.double() - truth).abs()
    assert (difference <= bound).all(), f"{difference.max():.3g} where {bound.max():.3g} is allowed"


@given(cases())
def test_the_output_is_that_of_torchs_layer_to_what_the_digits_of_the_type_allow(case):
    output, _, _, _ = case.truth()
    u = torch.finfo(case.x.dtype).eps
    bound = case.gamma.double().abs() * case.blur() + 4 * u * output.abs() + 4 * u * case.beta.double().abs()

    assert case.steps.output.dtype == case.x.dtype
    within(case.steps.output, output, bound)
    assert layer_difference(case.steps) <= 2 * float(bound.max())
    assert torch_difference(case.steps) <= 2 * float(bound.max())


@given(cases())
def test_the_gradients_are_those_of_autograd_to_what_the_digits_of_the_type_allow(case):
    _, dx, dgamma, dbeta = case.truth()
    back, B = case.steps.backward(case.dy), len(case.x)
    std = torch.sqrt(case.x.double().var(0, correction=0) + case.eps)
    arriving = case.dy.double().abs().sum(0)
    # xhat, wrong by blur, stands twice in dx: times sum(dy * xhat), and in it
    within(back.dx, dx, case.gamma.double().abs() / std * arriving * (1 + math.sqrt(B)) * case.blur())
    within(back.dgamma, dgamma, arriving * (1 + math.sqrt(B)) * case.blur())
    within(back.dbeta, dbeta, arriving * B * torch.finfo(case.x.dtype).eps)


def graph(case: Case) -> dict[str, Tensor]:
    """The nodes as autograd sees them, each with its gradient retained."""
    x, gamma, beta = (value.clone().requires_grad_() for value in (case.x, case.gamma, case.beta))
    mean = x.mean(0)
    centered = x - mean
    variance = centered.square().mean(0)
    std = torch.sqrt(variance + case.eps)
    normalized = centered / std
    scaled = gamma * normalized
    output = scaled + beta
    values = (x, mean, centered, variance, std, normalized, gamma, scaled, beta, output)
    nodes = dict(zip(NODES, values, strict=True))
    for value in values:
        value.retain_grad()
    output.backward(case.dy)
    return nodes


@given(cases(types=[torch.float64], far=10.0))
def test_every_nodes_value_and_gradient_are_those_of_the_graph_in_autograd(case):
    steps, nodes = case.steps, graph(case)
    back = steps.backward(case.dy)
    std = steps.std
    arriving = (case.gamma * case.dy).abs().sum(0) / std * len(case.x)
    # a sum may cancel: what it is judged by is the size of its terms
    sizes = dict.fromkeys(("x", "mean", "centered", "std"), arriving) | {"variance": arriving / std}
    for name in NODES:
        value, gradient = nodes[name].detach(), nodes[name].grad
        size = sizes.get(name, gradient.abs().max() + case.dy.abs().sum(0))
        assert steps.node(name).shape == back.node(name).shape == gradient.shape, name
        within(steps.node(name), value, 1e-11 * (1 + value.abs() + case.x.abs().max()))
        within(back.node(name), gradient, 1e-11 * size)


@pytest.mark.parametrize("dtype", TYPES)
def test_float32_gradients_of_every_node_are_autograds_too(dtype):
    case = Case(
        x=(1 + 2 * normal(0, 16, 5)).to(dtype), gamma=normal(1, 5).to(dtype), beta=normal(2, 5).to(dtype),
        dy=normal(3, 16, 5).to(dtype), eps=1e-5,
    )  # fmt: skip
    steps, nodes = case.steps, graph(case)
    blur = 50 * torch.finfo(dtype).eps
    for name in NODES:
        torch.testing.assert_close(steps.node(name), nodes[name].detach(), rtol=blur, atol=blur)
        torch.testing.assert_close(steps.backward(case.dy).node(name), nodes[name].grad, rtol=blur, atol=blur)


@given(cases(types=[torch.float64]))
def test_the_gradient_is_the_sum_of_the_three_ways_of_the_paper(case):
    steps, back, B = case.steps, case.steps.backward(case.dy), len(case.x)
    whole = B * case.dy - case.dy.sum(0) - steps.normalized * (case.dy * steps.normalized).sum(0)
    size = (case.gamma / steps.std * case.dy).abs().sum(0)

    torch.testing.assert_close(back.direct, case.gamma / steps.std * case.dy)
    within(back.direct + back.through_mean + back.through_variance, back.dx, 1e-13 * size)
    within(back.dx, case.gamma / (B * steps.std) * whole, 1e-12 * B * size)


@given(cases(types=[torch.float64]))
def test_the_gradient_sums_to_zero_and_only_eps_lets_it_point_along_xhat(case):
    back = case.steps.backward(case.dy)
    size = back.direct.abs().sum(0) * (1 + math.sqrt(len(case.x))) * (1 + case.blur() / 1e-14)

    assert torch.equal(back.dx_size, back.dx.abs().sum(0))
    within(back.sum_dx, torch.zeros_like(back.sum_dx), 1e-12 * size)
    within(back.dot, back.dot_exact, 1e-12 * math.sqrt(len(case.x)) * size)


@given(cases(types=[torch.float64]))
def test_normalized_values_have_mean_0_variance_v_over_v_plus_eps_and_a_largest_size(case):
    steps, B = case.steps, len(case.x)
    hat, v = steps.normalized, steps.variance

    assert hat.mean(0).abs().max() <= case.blur().max()
    torch.testing.assert_close(hat.var(0, correction=0), v / (v + case.eps), rtol=1e-6, atol=1e-12)
    assert hat.abs().max() <= math.sqrt(B - 1) * (1 + 1e-12)


def test_one_far_value_reaches_the_largest_size():
    x = torch.zeros(17, 1, dtype=torch.float64)
    x[3] = 1e3

    assert batch_norm_steps(x).normalized[3].item() == pytest.approx(4.0, abs=1e-6)


@given(cases())
def test_the_undoing_gamma_and_beta_return_the_input(case):
    gamma, beta = undoing(case.x, case.eps)
    output = batch_norm_steps(case.x, gamma, beta, case.eps).output

    torch.testing.assert_close(gamma, torch.sqrt(case.x.var(0, correction=0) + case.eps), rtol=1e-2, atol=0)
    bound = 8 * torch.finfo(case.x.dtype).eps * case.x.abs().max().double()
    within(output, case.x.double(), bound)


def test_of_two_samples_hardly_any_gradient_passes_and_eps_says_how_much():
    steps = batch_norm_steps([[1.0, -5.0], [3.0, 2.0]])
    back = steps.backward([[0.7, 0.1], [-0.2, 2.0]])
    left = steps.eps / (steps.variance + steps.eps)

    torch.testing.assert_close(steps.normalized.abs(), torch.ones(2, 2).double(), rtol=1e-4, atol=0)
    torch.testing.assert_close(back.dx, left * (back.direct + back.through_mean), rtol=1e-6, atol=1e-16)
    assert back.dx.abs().max() < 1e-5


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e6])
@pytest.mark.parametrize("B", [2, 3, 7, 32])
def test_a_constant_channel_gives_exact_zeros_and_beta_and_no_nan(dtype, value, B):
    x = torch.full((B, 1), value, dtype=dtype)
    steps = batch_norm_steps(x, 3.0, 0.5, 1e-12)
    back = steps.backward(normal(0, B, 1))

    assert not steps.variance.any()
    assert not steps.normalized.any()
    assert (steps.output == 0.5).all()
    assert all(back.node(name).isfinite().all() for name in NODES)


@given(st.integers(2, 64), st.integers(0, 10**6), st.floats(-1e6, 1e6))
def test_the_moments_are_torchs_also_far_from_zero(size, seed, offset):
    x = (offset + normal(seed, size, 3)).float()
    mean, variance = moments(x, (0,))

    torch.testing.assert_close(mean.double(), x.double().mean(0, keepdim=True), rtol=2e-7, atol=1e-6)
    lost = 1e-6 + (1e-7 * abs(offset)) ** 2  # the rounded mean is off by its last digit, which adds its square
    torch.testing.assert_close(variance.double(), x.double().var(0, correction=0, keepdim=True), rtol=1e-5, atol=lost)


def test_the_differences_to_the_layer_to_torch_and_to_autograd_are_rounding():
    steps = batch_norm_steps(normal(0, 32, 8) * 3 + 1, normal(1, 8), normal(2, 8))
    differences = autograd_difference(steps, normal(3, 32, 8))

    assert layer_difference(steps) < 1e-14
    assert torch_difference(steps) < 1e-14
    assert set(differences) == {"dx", "dgamma", "dbeta", "relative"}
    assert max(differences.values()) < 1e-13


def test_the_differences_would_show_a_wrong_step():
    x, wrong = normal(0, 8, 2), batch_norm_steps(normal(0, 8, 2))
    wrong.output.mul_(1.01)
    wrong.normalized.mul_(1.01)

    assert layer_difference(wrong) > 1e-3
    assert torch_difference(wrong) > 1e-3
    assert autograd_difference(wrong, x)["relative"] > 1e-3


def test_without_any_gradient_the_relative_difference_is_0():
    assert autograd_difference(batch_norm_steps(normal(0, 8, 2)), torch.zeros(8, 2))["relative"] == 0.0


@pytest.mark.parametrize("eps", [1e-12, 10.0])
@pytest.mark.parametrize("width", [1, 8])
def test_the_networks_own_layer_serves_widths_and_eps_beyond_an_experiments(eps, width):
    assert layer_difference(batch_norm_steps(normal(0, 4, width), 2.0, 1.0, eps)) < 1e-13


def test_lists_arrays_and_tensors_are_the_same_batch_and_keep_their_type():
    rows = [[1, 2], [3, 5], [4, 9]]
    lists = batch_norm_steps(rows, [1, 2], 3)

    assert lists.x.dtype == torch.float64
    for x in (np.array(rows), np.array(rows, dtype=np.float64), torch.tensor(rows), np.array(rows)[::-1][::-1]):
        assert torch.equal(batch_norm_steps(x, np.array([1.0, 2.0]), torch.tensor(3.0)).output, lists.output)
    single = batch_norm_steps(np.array(rows, dtype=np.float32), 1.0, 0.0)
    assert all(single.node(name).dtype == torch.float32 for name in NODES)
    assert all(single.backward(rows).node(name).dtype == torch.float32 for name in NODES)


def test_what_was_given_may_change_later_and_may_need_gradients():
    x, array = torch.eye(2, dtype=torch.float64).requires_grad_(), np.eye(2)
    kept = [batch_norm_steps(x).x, batch_norm_steps(array).x]
    x.detach()[:] = 7
    array[:] = 7

    assert all(torch.equal(value, torch.eye(2).double()) for value in kept)
    assert not batch_norm_steps(x).output.requires_grad


@pytest.mark.parametrize(
    ("arguments", "lesson"),
    [
        pytest.param({"x": [[1.0, 2.0]]}, "at least 2 samples: one sample has no batch variance", id="one sample"),
        pytest.param({"x": [1.0, 2.0]}, r"must be \[samples, channels\]; got the shape \[2\]", id="no table"),
        pytest.param({"x": torch.zeros(2, 3, 4, 4)}, r"must be \[samples, channels\]", id="images"),
        pytest.param({"x": torch.zeros(2, 0)}, r"must be \[samples, channels\]", id="no channels"),
        pytest.param({"x": [[1.0], [2.0, 3.0]]}, "all rows equally long", id="ragged"),
        pytest.param({"x": [["a"], ["b"]]}, "table of numbers", id="words"),
        pytest.param({"x": [[None], [1.0]]}, "table of numbers", id="holes"),
        pytest.param({"x": [[1.0], [math.nan]]}, "must be finite", id="nan"),
        pytest.param({"x": torch.zeros(2, 2).half()}, "must be float32 or float64", id="half"),
        pytest.param({"x": torch.zeros(2, 2), "gamma": [1.0, 2.0, 3.0]}, "one for each of the 2 channels", id="gamma"),
        pytest.param({"x": torch.zeros(2, 2), "beta": math.inf}, "beta must be finite", id="beta"),
        pytest.param({"x": torch.zeros(2, 2), "eps": 0.0}, "a constant channel would be divided by 0", id="eps 0"),
        pytest.param({"x": torch.zeros(2, 2), "eps": math.nan}, "eps must be above 0", id="eps nan"),
        pytest.param({"x": torch.zeros(2, 2), "eps": "a"}, "eps must be above 0", id="eps text"),
        pytest.param({"x": torch.tensor([[1e20], [-1e20]])}, "x is too large for torch.float32", id="overflow"),
        pytest.param({"x": torch.zeros(2, 2, dtype=torch.complex64)}, "x must be real numbers", id="complex"),
    ],
)
def test_errors_teach(arguments, lesson):
    with pytest.raises(ValueError, match=f"^batch_norm_steps: .*{lesson}"):
        batch_norm_steps(**arguments)


def test_errors_of_the_way_back_teach():
    steps = batch_norm_steps([[1.0], [2.0]])
    with pytest.raises(ValueError, match=r"^backward: dy must have the shape \[2, 1\] of x; got \[3, 1\]"):
        steps.backward([[1.0], [2.0], [3.0]])
    with pytest.raises(ValueError, match="there is no node 'sigma'; the nodes are x, mean"):
        steps.node("sigma")
    with pytest.raises(ValueError, match="there is no node 'sigma'"):
        steps.backward([[1.0], [2.0]]).node("sigma")


def test_it_is_a_name_of_the_library_and_shows_itself_in_a_notebook():
    steps = bnviz.batch_norm_steps([[1.0, 5.0], [3.0, 5.0]], gamma=2.0)

    assert bnviz.batch_norm_steps is batch_norm_steps
    assert repr(steps).splitlines()[0] == "ForwardSteps of 2 samples in 2 channels, torch.float64, eps 1e-05"
    assert "mean       2, 5" in repr(steps)
    assert all(name in repr(steps) for name in NODES)


def test_permuted_samples_give_permuted_outputs_and_unseen_labels_are_not_needed():
    x, order = normal(0, 12, 3), torch.randperm(12, generator=torch.Generator().manual_seed(0))

    torch.testing.assert_close(batch_norm_steps(x[order]).output, batch_norm_steps(x).output[order])
    torch.testing.assert_close(F.batch_norm(x, None, None, training=True), batch_norm_steps(x).output)
