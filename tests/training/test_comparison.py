from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.experiment.fields import ConfigError
from bnviz.training.comparison import Comparison
from bnviz.training.unfold import unfold

SMALL = ExperimentConfig(dataset="moons", noise=0.2, hidden_layers=3, width=16, batch_size=32, activation="tanh")
TWINS = (SMALL, SMALL.replace(normalization="batch"))
BREAKS = SMALL.replace(activation="relu", learning_rate=1e4, hidden_layers=8)


def columns(comparison: Comparison) -> list[dict[str, np.ndarray]]:
    names = ("step", "loss", "test_accuracy", "percentiles", "histogram", "gradient_z", "drift_start", "drift_last")
    return [{name: history[name].copy() for name in names} for history in comparison.histories]


def assert_equal(ours, others) -> None:
    for one, other in zip(ours, others, strict=True):
        for name, column in one.items():
            np.testing.assert_array_equal(column, other[name], err_msg=name)


def watch_batches(comparison: Comparison) -> list[list[torch.Tensor]]:
    seen: list[list[torch.Tensor]] = [[] for _ in comparison.trainings]
    for training, batches in zip(comparison.trainings, seen, strict=True):
        training.network.register_forward_pre_hook(lambda _, inputs, batches=batches: batches.append(inputs[0].clone()))
    return seen


@pytest.mark.parametrize("count", [0, 5])
def test_a_comparison_has_one_to_four_arms(count):
    with pytest.raises(ConfigError, match=f"one to 4 arms; got {count}"):
        Comparison([SMALL] * count)


@pytest.mark.parametrize("every", [0, -3])
def test_steps_between_captures_are_counted_from_1(every):
    with pytest.raises(ConfigError, match="every must be at least 1"):
        Comparison(TWINS, every=every)


@pytest.mark.parametrize("arguments", [{}, {"steps": 1, "seconds": 1.0}])
def test_it_advances_by_steps_or_by_seconds(arguments):
    with pytest.raises(ValueError, match="exactly one"):
        Comparison(TWINS).advance(**arguments)


def test_arms_see_the_same_batches_in_the_same_order_whatever_their_network():
    arms = [SMALL, SMALL.replace(normalization="batch", hidden_layers=5, dropout=0.3), SMALL.replace(width=8)]
    comparison = Comparison(arms, every=1000)
    seen = watch_batches(comparison)
    comparison.advance(steps=60)  # more than two epochs

    assert [len(batches) for batches in seen] == [60] * 3
    for batches in seen[1:]:
        assert all(torch.equal(one, other) for one, other in zip(seen[0], batches, strict=True))
    assert not torch.equal(seen[0][0], seen[0][1])


def test_arms_start_from_the_same_weights_where_shapes_allow():
    arms = [SMALL, SMALL.replace(normalization="batch", activation="relu"), SMALL.replace(hidden_layers=6)]
    layers = [training.network.linears() for training in Comparison(arms).trainings]

    assert all(torch.equal(a.weight, b.weight) for a, b in zip(layers[0], layers[1], strict=True))
    assert all(torch.equal(layers[0][i].weight, layers[2][i].weight) for i in (0, 1, 2, -1))


def test_all_arms_are_at_the_same_step_and_captured_together():
    comparison = Comparison(TWINS, every=7)

    assert comparison.advance(steps=30) == 30
    assert comparison.step == 30
    assert [training.step for training in comparison.trainings] == [30, 30]
    for history in comparison.histories:
        assert history["step"].tolist() == [0, 7, 14, 21, 28]
        assert history.ids.tolist() == [0, 1, 2, 3, 4]


def test_an_arm_in_a_comparison_is_that_arm_alone():
    comparison = Comparison(TWINS, every=3)
    comparison.advance(steps=10)
    for config, history in zip(TWINS, comparison.histories, strict=True):
        stream = unfold(config, every=3)
        np.testing.assert_array_equal(history["loss"], [next(stream).loss for _ in range(4)])


def test_advancing_by_time_stops_in_time_and_says_how_far_it_came(monkeypatch):
    asked: list[float] = []
    comparison = Comparison(TWINS, every=1000)
    here, real = threading.get_ident(), time.perf_counter

    def clock() -> float:
        if threading.get_ident() != here:
            return real()
        asked.append(0.01 * len(asked))
        return asked[-1]

    monkeypatch.setattr(
        "bnviz.training.comparison.time", SimpleNamespace(perf_counter=clock, thread_time=time.thread_time)
    )
    made = comparison.advance(seconds=0.1)

    assert asked[-3] < 0.1 <= asked[-1], "it goes on until the time is over, and no longer"
    assert made == comparison.step > 0


def test_without_every_round_steps_are_captured_whatever_the_interval():
    comparison = Comparison(TWINS, interval=1000)
    comparison.advance(steps=101)

    assert comparison.histories[0]["step"].tolist() == [*range(10), *range(10, 101, 10)]


@pytest.mark.parametrize(("tick", "interval", "apart"), [(0.5, 10.0, 10), (0.5, 5.0, 5), (100.0, 1.0, 2)])
def test_without_every_a_capture_is_due_after_the_interval_and_never_takes_most_of_the_time(
    monkeypatch, tick, interval, apart
):
    clock, cpu = (
        itertools.count(0.0, 2 * tick),
        itertools.count(0.0, tick),
    )  # a step takes two ticks, one of them itself
    comparison = Comparison(TWINS, interval=interval)
    here, real = threading.get_ident(), time.perf_counter  # a live run of another test may still use the module

    def tick_here() -> float:
        return next(clock) if threading.get_ident() == here else real()

    monkeypatch.setattr(
        "bnviz.training.comparison.time", SimpleNamespace(perf_counter=tick_here, thread_time=lambda: next(cpu))
    )
    comparison.advance(steps=100)
    steps = comparison.histories[0]["step"]
    between = np.diff(steps[steps > 20])

    assert len(between) >= 2
    assert set(between) == {apart}


def test_where_others_take_turns_the_steps_between_captures_get_a_third_of_its_own_time(monkeypatch):
    """A turn is one step long here; between turns, everybody else has had ten times the interval."""
    clock = SimpleNamespace(now=0.0)
    comparison = Comparison(TWINS, interval=1.0)
    here, real = threading.get_ident(), time.perf_counter

    def tick() -> float:
        if threading.get_ident() != here:
            return real()
        clock.now += 1.0
        return clock.now

    monkeypatch.setattr("bnviz.training.comparison.time", SimpleNamespace(perf_counter=tick, thread_time=tick))
    for _ in range(100):
        clock.now += 10.0
        comparison.advance(steps=1)
    steps = comparison.histories[0]["step"]
    captured = np.diff(steps[steps > 20])
    assert set(captured) <= {1, 2}
    assert len(captured) <= 1 + 80 * 2 / 3
    assert len(captured) >= 0.4 * 80


def test_a_step_can_be_captured_on_demand():
    comparison = Comparison(TWINS, every=1000)
    comparison.advance(steps=3)
    comparison.advance(steps=1, capture=True)

    assert comparison.histories[1]["step"].tolist() == [0, 3]


def test_it_stops_at_the_step_that_is_asked_for_and_captures_it():
    comparison = Comparison(TWINS, every=1000)
    comparison.stop_at = 13

    assert comparison.advance(steps=50) == 14
    assert comparison.stopped
    assert comparison.histories[0]["step"].tolist() == [0, 13]
    assert comparison.advance(seconds=5) == 0


def test_rewinding_gives_the_same_numbers_again():
    comparison = Comparison([arm.replace(dropout=0.2) for arm in TWINS], every=2)
    comparison.advance(steps=20)
    first = columns(comparison)
    comparison.rewind()

    assert comparison.step == 0
    assert all(len(history) == 0 for history in comparison.histories)
    comparison.advance(steps=20)
    assert_equal(first, columns(comparison))


def test_rewinding_replays_what_was_turned_unless_it_is_forgotten():
    comparison = Comparison(TWINS, every=1)
    comparison.advance(steps=5)
    comparison.turn(0, Intervention(normalization="batch"))
    comparison.advance(steps=5)
    turned = columns(comparison)
    comparison.rewind()
    comparison.advance(steps=10)

    assert_equal(turned, columns(comparison))
    assert comparison.configs[0].interventions == (Intervention(step=5, normalization="batch"),)
    comparison.rewind(forget=True)
    comparison.advance(steps=10)
    plain = Comparison(TWINS, every=1)
    plain.advance(steps=10)
    assert comparison.configs == list(TWINS)
    assert_equal(columns(plain), columns(comparison))


def test_a_new_seed_gives_new_weights_and_batches_that_all_arms_share():
    comparison = Comparison(TWINS, every=1)
    comparison.advance(steps=3)
    first = columns(comparison)
    comparison.reseed()
    comparison.advance(steps=3)
    second = columns(comparison)

    assert [config.seed for config in comparison.configs] == [1, 1]
    assert first[0]["loss"][0] != second[0]["loss"][0]
    layers = [training.network.linears()[1].weight for training in Comparison(comparison.configs).trainings]
    assert torch.equal(*layers)
    comparison.reseed(0)
    comparison.advance(steps=3)
    assert_equal(first, columns(comparison))


def test_a_new_seed_keeps_the_difference_between_the_arms_seeds():
    comparison = Comparison([SMALL.replace(seed=3), SMALL.replace(seed=8)])
    comparison.reseed(20)

    assert [config.seed for config in comparison.configs] == [20, 25]


def test_an_arm_that_diverges_stops_with_its_step_and_layer_and_the_others_go_on():
    comparison = Comparison([BREAKS, SMALL], every=50)

    assert comparison.advance(steps=120) == 120
    broken = comparison.diverged[0]
    assert broken.step < 50
    assert broken.where in ("output layer", f"hidden layer {broken.layer + 1}")
    assert comparison.diverged[1] is None
    assert not comparison.finished
    assert comparison.histories[0]["step"].tolist() == [0, broken.step]
    assert comparison.histories[0].diverged == broken
    assert comparison.histories[1]["step"].tolist() == [0, 50, 100]
    assert not set(comparison.histories[0].ids[1:]) & set(comparison.histories[1].ids)


def test_the_others_numbers_do_not_depend_on_an_arm_that_diverges():
    pair, alone = Comparison([BREAKS, SMALL], every=10), Comparison([SMALL], every=10)
    for comparison in (pair, alone):
        comparison.advance(steps=60)

    assert_equal(columns(pair)[1:], columns(alone))


def test_it_is_finished_when_all_arms_have_diverged_until_it_is_rewound():
    comparison = Comparison([BREAKS, BREAKS.replace(hidden_layers=9)], every=100)

    assert comparison.advance(steps=200) < 50
    assert comparison.finished
    assert comparison.advance(steps=10) == 0
    with pytest.raises(ConfigError, match="broke at step"):
        comparison.turn(0, Intervention(learning_rate=0.1))
    comparison.rewind()
    assert not comparison.finished
    assert comparison.advance(steps=1) == 1


def test_the_last_possible_seed_can_be_followed_by_another():
    comparison = Comparison([SMALL.replace(seed=2**31 - 1)])
    with pytest.raises(ConfigError, match="seed"):
        comparison.reseed()

    assert comparison.configs[0].seed == 2**31 - 1
    comparison.reseed(0)
    assert comparison.configs[0].seed == 0


def test_all_arms_may_differ_in_any_field():
    other = ExperimentConfig(optimizer="adam", learning_rate=0.01, batch_size=10, normalization="group", width=20)
    comparison = Comparison([SMALL, other], every=2)
    comparison.advance(steps=4)

    differing = [f.name for f in dataclasses.fields(other) if getattr(SMALL, f.name) != getattr(other, f.name)]
    assert len(differing) > 5
    assert [len(history) for history in comparison.histories] == [2, 2]
