from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from bnviz.experiment.config import NORMALIZATIONS, ExperimentConfig, Intervention
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.snapshot import FIELDS
from bnviz.training.unfold import Training, unfold

SMALL = ExperimentConfig(dataset="moons", noise=0.2, hidden_layers=3, width=16, batch_size=32, activation="tanh")
DIGITS = ExperimentConfig(hidden_layers=2, width=24, batch_size=50, normalization="batch", dropout=0.2)


def take(config: ExperimentConfig, count: int, every: int = 1) -> list:
    return list(itertools.islice(unfold(config, every=every), count))


@pytest.mark.parametrize("every", [1, 3, 10])
def test_every_k_th_step_is_a_snapshot_from_step_0_on(every):
    assert [s.step for s in take(SMALL, 4, every)] == [0, every, 2 * every, 3 * every]


@pytest.mark.parametrize("every", [0, -1])
def test_steps_between_snapshots_are_counted_from_1(every):
    with pytest.raises(ValueError, match="at least 1"):
        next(unfold(SMALL, every=every))


@pytest.mark.parametrize(
    "changes", [{}, {"dropout": 0.3}, {"normalization": "noisy_batch"}, {"optimizer": "adam"}, {"seed": 7}], ids=str
)
def test_equal_configurations_unfold_into_equal_histories(changes, assert_same):
    assert_same(take(SMALL.replace(**changes), 8, 3), take(SMALL.replace(**changes), 8, 3))


def test_another_seed_is_another_history():
    one, other = take(SMALL, 2)[-1], take(SMALL.replace(seed=1), 2)[-1]

    assert one.loss != other.loss


def test_interleaved_streams_equal_each_alone(assert_same):
    configs = [
        DIGITS, DIGITS.replace(normalization="noisy_batch"), SMALL.replace(dropout=0.5, seed=3),
        SMALL.replace(normalization="layer", optimizer="adam"),
    ]  # fmt: skip
    together = list(itertools.islice(zip(*(unfold(config) for config in configs), strict=True), 12))

    for index, config in enumerate(configs):
        assert_same([row[index] for row in together], take(config, 12))


def test_snapshots_do_not_change_when_training_goes_on():
    stream = unfold(DIGITS)
    first = next(stream)
    kept = {name: value.copy() for name, value in first.values.items()}
    for _ in range(5):
        next(stream)

    for name, value in kept.items():
        np.testing.assert_array_equal(first.values[name], value, err_msg=name)


@pytest.mark.parametrize("every", [1, 5])
def test_a_knob_turns_at_the_next_step_and_is_recorded_from_then_on(every):
    stream = unfold(SMALL, every=every)
    next(stream)
    before = next(stream)
    after = stream.send(Intervention(learning_rate=0.03))

    assert before.config == SMALL
    assert after.config.interventions == (Intervention(step=every + 1, learning_rate=0.03),)
    assert before.learning_rate == np.float32(0.1)
    assert after.learning_rate == np.float32(0.03)


def test_the_step_of_an_intervention_that_is_sent_is_the_next_one_whatever_it_says():
    stream = unfold(SMALL)
    next(stream)

    assert stream.send(Intervention(step=99, learning_rate=0.03)).config.interventions[0].step == 1


def test_a_recorded_configuration_replays_to_the_same_history(assert_same):
    stream = unfold(SMALL.replace(dropout=0.1, momentum=0.9), every=2)
    live = [next(stream)]
    knobs = {
        3: Intervention(normalization="batch"), 6: Intervention(learning_rate=0.02),
        9: Intervention(normalization="none"), 12: Intervention(normalization="layer"),
        14: Intervention(normalization="noisy_batch"),
    }  # fmt: skip
    live += [stream.send(knobs[number]) if number in knobs else next(stream) for number in range(1, 20)]
    replayed = take(live[-1].config, 20, 2)

    assert len(live[-1].config.interventions) == 5
    assert_same(live, replayed)
    assert {NORMALIZATIONS[int(s.normalization)] for s in replayed} == {"none", "batch", "layer", "noisy_batch"}
    assert all(s.config == live[-1].config for s in replayed)


def test_an_intervention_that_is_not_allowed_is_refused_and_changes_nothing(assert_same):
    config = SMALL.replace(width=10, norm_groups=3)
    training, plain = Training(config), Training(config)
    with pytest.raises(ConfigError, match="norm_groups"):
        training.turn(Intervention(normalization="group"))

    assert training.config == config
    assert_same([training.advance(capture=True)], [plain.advance(capture=True)])


def test_switching_there_and_back_before_the_next_step_records_nothing_of_it():
    training = Training(SMALL)
    training.advance()
    training.turn(Intervention(learning_rate=0.03))
    training.turn(Intervention(normalization="batch"))
    assert training.planned("normalization") == "batch"
    training.turn(Intervention(normalization="none"))

    assert training.planned("normalization") == "none"
    assert training.config.interventions == (Intervention(step=1, learning_rate=0.03),)


@pytest.mark.parametrize("normalization", ["none", "batch", "noisy_batch"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_capturing_every_step_changes_no_weight_in_200_steps(normalization, optimizer):
    config = SMALL.replace(normalization=normalization, optimizer=optimizer, learning_rate=0.02, dropout=0.3)
    watched, alone = Training(config), Training(config)
    for _ in range(200):
        watched.advance(capture=True)
        alone.advance()

    states = [training.network.state_dict() for training in (watched, alone)]
    assert all(torch.equal(one, other) for one, other in zip(*(state.values() for state in states), strict=True))
    memories = [list(training.optimizer.state.values()) for training in (watched, alone)]
    for one, other in zip(*memories, strict=True):
        assert all(torch.equal(torch.as_tensor(one[name]), torch.as_tensor(other[name])) for name in one)


def test_how_often_is_captured_changes_only_the_distance_to_the_last_snapshot(assert_same):
    config = DIGITS.replace(normalization="noisy_batch")

    assert_same(take(config, 31)[::10], take(config, 4, 10), but=("drift_last",))


def test_the_global_random_generators_are_left_alone():
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    stream = unfold(DIGITS.replace(normalization="noisy_batch"))
    next(stream)
    stream.send(Intervention(normalization="none"))
    stream.send(Intervention(normalization="batch"))

    assert torch.equal(torch.get_rng_state(), states[0])
    np.testing.assert_equal(np.random.get_state(), states[1])  # noqa: NPY002
    assert random.getstate() == states[2]


def test_the_global_random_generators_have_no_influence(assert_same):
    first = take(DIGITS, 5)
    torch.manual_seed(123)
    torch.rand(7)

    assert_same(first, take(DIGITS, 5))


@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_no_hook_is_left_behind(normalization):
    training = Training(SMALL.replace(normalization=normalization))
    for capture in (True, False, True):
        training.advance(capture=capture)
        training.turn(Intervention(normalization="batch" if training.normalization == "none" else "none"))
    for module in training.network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks


def test_permuted_labels_leave_the_first_steps_statistics_alone(monkeypatch):
    config = DIGITS.replace(dropout=0.0)
    training, permuted = Training(config), Training(config)
    order = torch.randperm(1347, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(
        permuted, "data", permuted.data.__class__(**{**vars(permuted.data), "train_y": permuted.data.train_y[order]})
    )
    one, other = training.advance(capture=True), permuted.advance(capture=True)

    assert one.loss != other.loss
    for name in ("batch_mean", "batch_variance", "percentiles", "histogram", "mean", "deviation"):
        np.testing.assert_array_equal(one.values[name], other.values[name])
    for ours, theirs in zip(training.network.hidden(), permuted.network.hidden(), strict=True):
        assert torch.equal(ours.norm.running_mean, theirs.norm.running_mean)
        assert torch.equal(ours.norm.running_var, theirs.norm.running_var)


@pytest.mark.parametrize(("layer", "where"), [(0, "hidden layer 1"), (1, "hidden layer 2"), (3, "output layer")])
@pytest.mark.parametrize("normalization", ["none", "batch"])
@pytest.mark.parametrize("capture", [True, False])
def test_a_loss_that_is_not_finite_ends_it_with_the_step_and_the_first_broken_layer(
    layer, where, normalization, capture
):
    training = Training(SMALL.replace(normalization=normalization, activation="relu", dropout=0.2))
    for _ in range(4):
        training.advance()
    with torch.no_grad():
        training.network.linears()[layer].weight.fill_(torch.inf)
    before = [parameter.clone() for parameter in training.network.parameters()]
    snapshot = training.advance(capture=capture)

    assert (snapshot.step, snapshot.diverged.step, snapshot.diverged.layer) == (4, 4, layer)
    assert snapshot.diverged.where == where
    assert training.diverged is snapshot.diverged
    assert not np.isfinite(snapshot.loss)
    assert all(torch.equal(a, b) for a, b in zip(before, training.network.parameters(), strict=True))
    assert snapshot.histogram[:, layer:, -1].sum() > 0 or layer == 3
    with pytest.raises(RuntimeError, match="broke at step 4"):
        training.advance()


def test_a_stream_ends_with_the_snapshot_in_which_it_broke():
    config = SMALL.replace(activation="relu", learning_rate=1e4, hidden_layers=8)
    snapshots = list(unfold(config, every=1000))

    assert snapshots[-1].diverged is not None
    assert snapshots[-1].step == snapshots[-1].diverged.step < 20
    assert len(snapshots) == 2


@pytest.mark.parametrize(
    "changes",
    [{}, {"dataset": "digits"}, {"normalization": "batch"}, {"normalization": "group", "norm_position": "after"}],
    ids=str,
)
def test_every_quantity_has_the_shape_and_type_that_are_stated(changes):
    config = SMALL.replace(**changes)
    snapshot = next(unfold(config))
    sizes = {
        "point": 3, "layer": 3, "weight": 4, "quantile": 7, "cell": 51, "unit": 3, "unit_quantile": 3,
        "channel": 16, "row": 32, "column": 32, "image": 12,
    }  # fmt: skip
    for name, value in snapshot.items():
        assert np.shape(value) == tuple(sizes[axis] for axis in FIELDS[name].axes), name
        assert np.asarray(value).dtype == FIELDS[name].dtype, name
    norm = {"gamma", "beta"} if config.normalization != "none" else set()
    running = {"running_mean", "running_variance"} if config.normalization == "batch" else set()
    extra = {"predictions", "confidences"} if config.dataset == "digits" else {"surface"}
    sparse_or_detail = {f.name for f in FIELDS.values() if f.sparse or f.recorded} | {
        "gamma", "beta", "running_mean", "running_variance"
    }  # fmt: skip
    assert set(snapshot.values) == set(FIELDS) - sparse_or_detail | norm | running | extra


def test_a_training_that_passes_to_another_thread_computes_on_one_core_there_too():
    def advanced_elsewhere(training: Training) -> int:
        torch.set_num_threads(2)  # as a thread has it that met torch before anybody chose
        training.advance()
        return torch.get_num_threads()

    with ThreadPoolExecutor(1) as other:
        assert other.submit(advanced_elsewhere, Training(ExperimentConfig())).result() == 1
