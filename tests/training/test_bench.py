"""The bench: fair contestants, fair ratios."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
import torch
from torch import Tensor

from bnviz.experiment.config import ExperimentConfig
from bnviz.training import bench
from bnviz.training.unfold import Training

CONFIG = ExperimentConfig(hidden_layers=2, width=100, normalization="batch")


def test_the_bare_network_has_as_many_parameters_as_ours():
    ours, bare = Training(CONFIG).network, bench.Plain(CONFIG).network
    assert sorted(p.shape for p in bare.parameters()) == sorted(p.shape for p in ours.parameters())


def test_the_bare_loop_learns():
    plain = bench.Plain(CONFIG)
    plain(200)
    test = plain.network.eval()(plain.data.test_x).argmax(1)
    assert (test == plain.data.test_y).float().mean() > 0.9


def test_every_contestant_makes_the_steps_that_it_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    made: list[str] = []
    plain_step, our_step = bench.Plain.step, Training.advance
    monkeypatch.setattr(bench.Plain, "step", lambda self: (made.append("plain"), plain_step(self)))
    monkeypatch.setattr(Training, "advance", lambda self, **how: (made.append("ours"), our_step(self, **how))[1])
    for name, contestant in bench.contestants().items():
        with ExitStack() as stack:
            made.clear()
            contestant.make(CONFIG, stack)(3)
            assert len(made) == 3, name


def test_without_evaluation_a_snapshot_holds_the_training_step_s_own_quantities():
    training, whole = Training(CONFIG), Training(CONFIG)
    training.evaluation = bench.Unevaluated(CONFIG, training.data)
    own, everything = training.advance(capture=True), whole.advance(capture=True)
    assert own is not None
    assert everything is not None
    assert {"loss", "percentiles", "histogram", "gradient_z", "update_ratio", "gamma"} <= own.values.keys()
    assert {"test_accuracy", "drift_last", "predictions"} <= everything.values.keys() - own.values.keys()
    for name, value in own.items():
        np.testing.assert_array_equal(value, everything.values[name], err_msg=name)


def test_naive_hooks_see_the_three_points_of_every_layer_with_their_gradients_at_every_step():
    seen: list[tuple[int, int, tuple[int, ...], bool]] = []

    def note(index: int, step: int, output: Tensor) -> None:
        seen.append((index, step, tuple(output.shape), output.grad is not None))

    bench.Hooked(CONFIG, note)(2)
    assert seen == [(index, step, (64, 100), True) for step in (0, 1) for index in range(6)]


@pytest.mark.parametrize("installed", [True, False])
def test_tensorboard_takes_part_where_it_is_installed(installed: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bench, "find_spec", lambda name: object() if installed else None)
    assert ("tensorboard" in bench.contestants()) is installed


def test_a_ratio_is_the_median_of_the_ratios_within_a_round():
    contestant = bench.Contestant("x", "", lambda config, stack: lambda count: None, target=1.5)
    cost = bench._cost(3, contestant, seconds=[2.0, 8.0, 90.0], bare=[1.0, 2.0, 30.0], block=10)
    assert cost == bench.Cost(3, "x", 800_000.0, ratio=3.0, low=2.5, high=3.5, target=1.5)


def test_measuring_tells_of_every_round_and_leaves_torch_s_random_generator_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bench, "find_spec", lambda name: None)
    before, rounds = torch.random.get_rng_state(), []
    costs = bench.measure(1, 2, block=1, finished=lambda: rounds.append(1))
    assert len(rounds) == 2
    assert torch.equal(torch.random.get_rng_state(), before)
    assert [cost.name for cost in costs] == list(bench.contestants())
    assert (costs[0].ratio, costs[0].low, costs[0].high) == (1.0, 1.0, 1.0)
    assert all(0 < cost.low <= cost.ratio <= cost.high for cost in costs)
