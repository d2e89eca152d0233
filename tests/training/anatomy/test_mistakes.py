from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from bnviz.training.anatomy.mistakes import MISTAKES, right, said
from bnviz.training.anatomy.steps import batch_norm_steps

NOBODY = "Here nobody notices"


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def standard(B: int, C: int) -> Tensor:
    """Noise with mean 0 and deviation 1 in every channel, exactly."""
    x = normal(0, B, C)
    return (x - x.mean(0)) / x.std(0, correction=0)


WITH_CONSTANT = torch.tensor([[1.0, 0.1], [3.0, 0.1], [8.0, 0.1]], dtype=torch.float64)


def test_the_right_outputs_are_torchs_in_both_modes_after_many_such_batches():
    x, layer = 2 + 3 * normal(0, 8, 3), nn.BatchNorm1d(3, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.fill_(2.0)
        layer.bias.fill_(0.5)
    for _ in range(400):
        train = layer(x)
    ours = right(x, 2.0, 0.5)

    torch.testing.assert_close(ours[0], train.detach())
    torch.testing.assert_close(ours[1], layer.eval()(x).detach())


@given(st.sampled_from(list(MISTAKES)), st.integers(0, 10**6), st.integers(2, 32), st.integers(1, 8))
def test_every_mistake_speaks_of_every_batch(name, seed, B, C):
    x = normal(seed, B, C) * 10 ** (6 * torch.rand(C, generator=torch.Generator().manual_seed(seed)) - 3)
    if seed % 3 == 0:
        x[:, 0] = x[0, 0]
    mistake = MISTAKES[name](x, normal(seed + 1, C), normal(seed + 2, C), 1e-5)

    assert mistake.output.shape == (B, C)
    assert mistake.per_channel.shape == mistake.per_channel_right.shape == (C,)
    assert math.isfinite(mistake.number)
    assert mistake.reading.endswith(".")
    assert mistake.reading.count(". ") == 0
    assert mistake.per_channel_right.isfinite().all()


@pytest.mark.parametrize("name", MISTAKES)
def test_the_wrong_code_gives_the_wrong_output_and_the_right_code_the_right_one(name):
    x, eps = 2 + 3 * normal(0, 8, 3), 1e-5
    mistake = MISTAKES[name](x)
    if name == "frozen":
        layer = nn.BatchNorm1d(3, momentum=0.0, dtype=torch.float64)
        layer(x)
        torch.testing.assert_close(mistake.output, layer.eval()(x).detach())
        return
    known = {"x": x, "eps": eps, "mean": x.mean(0), "variance": x.var(0, correction=0), "sqrt": torch.sqrt}
    for code, output in ((mistake.code_wrong, mistake.output), (mistake.code_right, batch_norm_steps(x).output)):
        exec(code, known)
        torch.testing.assert_close(known["xhat"], output)


def test_dividing_by_the_variance_leaves_deviation_1_over_sigma():
    x = torch.tensor([0.1, 1.0, 20.0], dtype=torch.float64) * standard(16, 3) + 4
    mistake = MISTAKES["variance"](x, 2.0, 1.0)

    torch.testing.assert_close(mistake.per_channel, torch.tensor([10, 1, 0.05]).double(), rtol=2e-3, atol=0)
    torch.testing.assert_close(mistake.per_channel_right, torch.ones(3).double(), rtol=1e-3, atol=0)
    torch.testing.assert_close(mistake.output.std(0, correction=0), 2 * mistake.per_channel)
    assert mistake.number == pytest.approx(0.05)
    assert mistake.reading == (
        "The worst channel's normalized values are 20 times too small: they are divided by sqrt(variance + eps) twice."
    )
    assert "100 times too large" in MISTAKES["variance"](0.01 * standard(16, 3), eps=1e-9).reading


@pytest.mark.parametrize("x", [standard(16, 3), torch.full((4, 2), 0.1)], ids=["deviation 1", "constant"])
def test_dividing_by_the_variance_does_no_harm_where_that_is_1_or_nothing_varies(x):
    mistake = MISTAKES["variance"](x)

    assert mistake.reading.startswith(NOBODY)
    torch.testing.assert_close(mistake.output, right(x)[0], rtol=1e-4, atol=1e-4)


def test_without_eps_a_constant_channel_is_nan_and_the_others_are_not():
    mistake = MISTAKES["no_eps"](WITH_CONSTANT)

    assert mistake.output[:, 1].isnan().all()
    assert mistake.output[:, 0].isfinite().all()
    assert mistake.number == 3.0
    assert mistake.unit == "of 6 outputs are not finite"
    assert mistake.reading.startswith("3 of 6 outputs are not finite")
    assert mistake.per_channel[1].isnan()
    assert mistake.per_channel_right[1] == 0


def test_without_eps_a_quiet_channel_is_blown_up_to_full_size():
    x = torch.tensor([1e-3, 1.0], dtype=torch.float64) * standard(16, 2)
    mistake = MISTAKES["no_eps"](x)

    torch.testing.assert_close(mistake.per_channel, torch.ones(2).double())
    assert mistake.per_channel_right[0].item() == pytest.approx(math.sqrt(1 / 11))
    assert mistake.number == pytest.approx(math.sqrt(11))
    assert mistake.reading == (
        "The quietest channel, of deviation 0.001, is blown up to deviation 1; eps = 0.00001 keeps it at 0.302."
    )


def test_without_eps_nobody_notices_where_every_variance_is_far_above_it():
    mistake = MISTAKES["no_eps"](3 * standard(16, 3))

    assert mistake.reading.startswith(NOBODY)
    assert mistake.number == pytest.approx(1.0, abs=1e-5)
    torch.testing.assert_close(mistake.output, right(3 * standard(16, 3))[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("B", [2, 4, 32])
def test_the_unbiased_variance_makes_the_output_too_small_by_the_root_of_b_minus_1_over_b(B):
    mistake = MISTAKES["unbiased"](100 * standard(B, 3))

    assert mistake.number == pytest.approx(100 * (1 - math.sqrt((B - 1) / B)), rel=1e-4)
    torch.testing.assert_close(mistake.per_channel, math.sqrt((B - 1) / B) * mistake.per_channel_right)
    assert mistake.reading.startswith(NOBODY) == (B == 32)
    assert f"{said(mistake.number)} %" in mistake.reading
    assert f"ith {B} samples" in mistake.reading


def test_the_unbiased_variance_does_no_harm_to_constant_channels():
    mistake = MISTAKES["unbiased"](torch.full((4, 2), 0.1), 2.0, 3.0)

    assert mistake.number == 0.0
    assert mistake.reading.startswith(NOBODY)
    assert (mistake.output == 3).all()


def test_frozen_statistics_normalise_nothing_in_eval_mode():
    x = torch.tensor([5.0, 1.0], dtype=torch.float64) * standard(8, 2) + torch.tensor([10.0, 0.0], dtype=torch.float64)
    mistake = MISTAKES["frozen"](x)

    torch.testing.assert_close(mistake.output, x / math.sqrt(1 + 1e-5))
    torch.testing.assert_close(mistake.per_channel, torch.tensor([10.0, 0.0]).double(), rtol=1e-3, atol=1e-12)
    assert mistake.number == pytest.approx((mistake.output - right(x)[0]).abs().max().item())
    assert mistake.reading == (
        "In eval mode the worst channel has mean 10 and deviation 5; in train mode it has 0 and 1."
    )


@pytest.mark.parametrize(
    ("x", "gamma"), [(standard(8, 2), 3.0), (9 * standard(8, 2), 0.0)], ids=["standard batch", "gamma 0"]
)
def test_nobody_notices_frozen_statistics_where_they_are_the_batchs_or_gamma_is_0(x, gamma):
    mistake = MISTAKES["frozen"](x, gamma, 1.0)

    assert mistake.reading.startswith(NOBODY)
    torch.testing.assert_close(mistake.output, right(x, gamma, 1.0)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", MISTAKES)
def test_one_sample_teaches_here_too(name):
    with pytest.raises(ValueError, match="one sample has no batch variance"):
        MISTAKES[name]([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("value", "text"),
    [(15749.3, "15,700"), (1e-5, "0.00001"), (1e-7, "1e-7"), (-0.99999, "-1"), (0.0, "0"), (3.14e8, "3.14e8")],
)
def test_numbers_are_said_as_a_sentence_has_them(value, text):
    assert said(value) == text
