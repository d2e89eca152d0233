from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bnviz.experiment.anatomy import DISTRIBUTIONS
from bnviz.training.anatomy.modes import Stream, half_life, run_modes

STREAM = Stream(
    distribution="normal", mean=2.0, std=1.5, batch_size=16, momentum=0.1, shift_step=60, shifted_mean=5.0,
    shifted_std=3.0, draw=0,
)  # fmt: skip
SERIES = (
    "step", "true_mean", "true_variance", "batch_mean", "batch_variance", "running_mean", "running_variance",
    "keras_variance", "initial_weight", "train_output", "eval_output", "sample_mean", "sample_variance",
)  # fmt: skip
KERAS = """
import json, sys
import numpy as np
import keras
answers = []
for case in json.load(sys.stdin):
    layer = keras.layers.BatchNormalization(momentum=case["momentum"], epsilon=1e-5, dtype="float64")
    variance, output = [], None
    for batch in case["batches"]:
        output = layer(np.array(batch, dtype="float64")[:, None], training=True)
        variance.append(float(np.asarray(layer.moving_variance)[0]))
    answers.append({"backend": keras.backend.backend(), "variance": variance, "output": float(output[0, 0])})
print(json.dumps(answers))
"""


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_every_distribution_has_the_mean_and_deviation_it_is_given(distribution):
    batches = replace(STREAM, distribution=distribution, batch_size=256, steps=400, shift_step=200).batches()

    for part, mean, std in ((batches[:200], 2.0, 1.5), (batches[200:], 5.0, 3.0)):
        assert part.mean().item() == pytest.approx(mean, abs=0.05)
        assert part.std().item() == pytest.approx(std, rel=0.03)


def test_the_skewed_distribution_is_skewed_and_the_uniform_one_is_bounded():
    standard = replace(STREAM, mean=0.0, std=1.0, shift_step=120, batch_size=256)
    skew = {name: (replace(standard, distribution=name).batches() ** 3).mean().item() for name in DISTRIBUTIONS}

    assert skew["skewed"] == pytest.approx(2.0, abs=0.3)
    assert abs(skew["normal"]) < 0.1
    assert replace(standard, distribution="skewed").batches().min() >= -1
    assert replace(standard, distribution="uniform").batches().abs().max() <= math.sqrt(3)


@given(st.floats(0, 1), st.integers(0, 9999), st.sampled_from(DISTRIBUTIONS))
def test_a_draw_gives_the_same_batches_whatever_the_momentum(momentum, draw, distribution):
    stream = replace(STREAM, draw=draw, distribution=distribution, steps=5)

    assert torch.equal(replace(stream, momentum=momentum).batches(), stream.batches())
    assert not torch.equal(replace(stream, draw=draw + 1).batches(), stream.batches())


def test_the_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    run_modes(STREAM, 2.0, 10)

    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_shift_moves_and_stretches_the_very_same_draws():
    still, shifted = replace(STREAM, shift_step=120).batches(), STREAM.batches()

    assert torch.equal(still[:60], shifted[:60])
    torch.testing.assert_close((still[60:] - 2.0) / 1.5, (shifted[60:] - 5.0) / 3.0)


@pytest.mark.parametrize("momentum", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("batch_size", [2, 16])
def test_running_statistics_and_outputs_are_those_of_torchs_layer_on_the_same_batches(momentum, batch_size):
    stream = replace(STREAM, momentum=momentum, batch_size=batch_size)
    modes, oracle = run_modes(stream, -3.0, 0), nn.BatchNorm1d(1, momentum=momentum, affine=False, dtype=torch.float64)
    for step, batch in enumerate(stream.batches()):
        oracle.train()(batch[:, None])
        assert modes.running_mean[step] == pytest.approx(oracle.running_mean.item(), rel=1e-12, abs=1e-12)
        assert modes.running_variance[step] == pytest.approx(oracle.running_var.item(), rel=1e-12)
        assert modes.eval_output[step] == pytest.approx(oracle.eval()(torch.tensor([[-3.0]]).double()).item())
        joined = torch.cat([torch.tensor([-3.0]).double(), batch[1:]])[:, None]
        alone = nn.BatchNorm1d(1, affine=False, dtype=torch.float64)
        assert modes.train_output[step] == pytest.approx(alone(joined)[0].item(), rel=1e-9)


def test_the_sample_is_normalised_by_the_statistics_shown_beside_it():
    modes = run_modes(STREAM, 7.0, 3)
    batch = STREAM.batches()[3].numpy()
    joined = np.concatenate([[7.0], batch[1:]])

    np.testing.assert_array_equal(modes.batch, batch)
    assert modes.batch_mean[3] == pytest.approx(batch.mean())
    assert modes.batch_variance[3] == pytest.approx(batch.var())
    assert (modes.sample_mean[3], modes.sample_variance[3]) == pytest.approx((joined.mean(), joined.var()))
    np.testing.assert_allclose(modes.train_output, (7.0 - modes.sample_mean) / np.sqrt(modes.sample_variance + 1e-5))
    np.testing.assert_allclose(modes.eval_output, (7.0 - modes.running_mean) / np.sqrt(modes.running_variance + 1e-5))


def test_the_sample_itself_does_not_move_the_running_statistics():
    one, other = run_modes(STREAM, 2.0, 10), run_modes(STREAM, 1000.0, 10)

    np.testing.assert_array_equal(one.running_mean, other.running_mean)
    np.testing.assert_array_equal(one.running_variance, other.running_variance)


@pytest.mark.parametrize("momentum", [0.0, 0.03, 0.1, 0.7, 1.0])
def test_the_initial_weight_is_what_is_left_of_another_start(momentum):
    stream, rows = replace(STREAM, momentum=momentum), []
    modes = run_modes(stream, 0.0, 0)
    layers = [nn.BatchNorm1d(1, momentum=momentum, affine=False, dtype=torch.float64) for _ in range(2)]
    layers[1].running_mean.fill_(1.0)
    for batch in stream.batches():
        for layer in layers:
            layer(batch[:, None])
        rows.append(layers[1].running_mean.item() - layers[0].running_mean.item())

    np.testing.assert_allclose(modes.initial_weight, rows, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("momentum", "steps"), [(0.0, None), (0.1, 7), (0.01, 69), (0.5, 2), (1.0, 1)])
def test_the_half_life_is_when_the_old_weighs_less_than_half(momentum, steps):
    assert half_life(momentum) == steps == run_modes(replace(STREAM, momentum=momentum), 0.0, 0).half_life


@given(st.floats(1e-4, 0.999))
def test_before_the_half_life_the_old_weighs_half_or_more(momentum):
    steps = half_life(momentum)

    assert (1 - momentum) ** steps < 0.5 * (1 + 1e-12)
    assert (1 - momentum) ** (steps - 1) >= 0.5 * (1 - 1e-12)


def test_a_momentum_too_small_to_matter_has_no_half_life():
    assert half_life(5e-324) is None


def test_running_statistics_forget_the_start_and_follow_the_shift_late():
    modes = run_modes(STREAM, 2.0, 10)

    assert modes.true_mean[[59, 60]].tolist() == [2.0, 5.0]
    assert modes.true_variance[[59, 60]].tolist() == [2.25, 9.0]
    assert modes.running_mean[0] < 0.5
    assert abs(modes.running_mean[59] - 2.0) < 0.5
    assert modes.running_mean[61] < 3.0
    assert abs(modes.running_mean[119] - 5.0) < 1.0
    assert all(len(getattr(modes, name)) == 120 for name in SERIES)


def test_torchs_running_variance_is_larger_than_keras_by_b_over_b_minus_1_once_the_start_is_forgotten():
    modes = run_modes(replace(STREAM, batch_size=4), 2.0, 10)

    assert modes.running_variance[-1] / modes.keras_variance[-1] == pytest.approx(4 / 3, rel=1e-3)


def test_one_sample_is_refused_in_torchs_own_words():
    stream = replace(STREAM, batch_size=1)
    modes = run_modes(stream, 2.0, 10)
    with pytest.raises(ValueError, match="Expected more than 1 value") as refusal:
        nn.BatchNorm1d(1)(torch.zeros(1, 1))

    assert modes.error == str(refusal.value)
    for name in ("running_mean", "running_variance", "train_output", "eval_output"):
        assert len(getattr(modes, name)) == 0
    assert modes.batch.shape == (1,)
    assert not modes.batch_variance.any()


def test_two_samples_are_not_refused():
    modes = run_modes(replace(STREAM, batch_size=2), 2.0, 10)

    assert modes.error is None
    assert modes.keras_output is None
    v = modes.sample_variance
    np.testing.assert_allclose(np.abs(modes.train_output), np.sqrt(v / (v + 1e-5)), rtol=1e-9)  # only the order is left


def test_keras_series_and_its_output_for_one_sample_are_those_of_its_own_layer(tmp_path):
    streams = [replace(STREAM, steps=30, shift_step=15, momentum=m, batch_size=b) for m, b in ((0.1, 8), (0.01, 2))]
    alone = replace(STREAM, batch_size=1, steps=1, momentum=0.1)
    cases = [{"momentum": 1 - s.momentum, "batches": s.batches().tolist()} for s in streams]
    cases.append({"momentum": 0.9, "batches": [[7.5]]})
    environment = {**os.environ, "KERAS_BACKEND": "torch", "KERAS_HOME": str(tmp_path)}
    command = [sys.executable, "-c", KERAS]
    run = subprocess.run(
        command, input=json.dumps(cases), env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    answers = json.loads(run.stdout.splitlines()[-1])

    assert {answer["backend"] for answer in answers} == {"torch"}
    for stream, answer in zip(streams, answers, strict=False):
        np.testing.assert_allclose(run_modes(stream, 2.0, 0).keras_variance, answer["variance"], rtol=1e-6)
    assert run_modes(alone, 7.5, 0).keras_output == answers[-1]["output"] == 0.0
    np.testing.assert_allclose(run_modes(alone, 7.5, 0).keras_variance, answers[-1]["variance"], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "lesson"),
    [
        ({"distribution": "cauchy"}, "must be one of normal, uniform, skewed; got 'cauchy'"),
        ({"batch_size": 0}, "at least 1"),
        ({"momentum": 1.5}, "from 0 to 1"),
        ({"momentum": math.nan}, "from 0 to 1"),
        ({"shifted_std": 0.0}, "nothing to normalise"),
    ],
)
def test_errors_teach(change, lesson):
    with pytest.raises(ValueError, match=f"^Stream: .*{lesson}"):
        replace(STREAM, **change)


def test_a_step_beyond_the_stream_is_refused():
    with pytest.raises(ValueError, match="step must be from 0 to 119; got 120"):
        run_modes(STREAM, 2.0, 120)
