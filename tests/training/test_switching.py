from __future__ import annotations

import copy

import pytest
import torch

from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.training.normalization import BatchNorm
from bnviz.training.switching import calibrate, exchange, fold
from bnviz.training.unfold import Training

SMALL = ExperimentConfig(hidden_layers=3, width=24, activation="tanh", batch_size=60, norm_groups=3)
both_positions = pytest.mark.parametrize("position", ["before", "after"])
both_affine = pytest.mark.parametrize("affine", [True, False])


def trained(steps: int = 40, **changes: object) -> Training:
    training = Training(SMALL.replace(**changes))
    for _ in range(steps):
        training.advance()
    return training


def distance(ours: torch.Tensor, other: torch.Tensor) -> float:
    return ((ours - other).norm() / other.norm()).item()


@torch.no_grad()
def out(network, x, mode: bool) -> torch.Tensor:
    return copy.deepcopy(network).train(mode)(x)


@both_positions
@both_affine
@pytest.mark.parametrize("kind", ["batch", "noisy_batch"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_folding_batch_normalization_keeps_the_eval_mode_function(position, affine, kind, dtype, tolerance):
    training = trained(normalization=kind, norm_position=position, norm_affine=affine)
    network, x = training.network.to(dtype), training.data.test_x.to(dtype)
    before = out(network, x, False)
    changed = exchange(network, training.config, "none", x[:60])

    assert all(block.norm is None for block in network.hidden())
    assert distance(out(network, x, False), before) < tolerance
    linears = network.linears()[:-1] if position == "before" else network.linears()[1:]
    assert changed == {parameter for layer in linears for parameter in layer.parameters()}


@both_positions
def test_a_fold_is_the_affine_map_of_the_running_statistics(position):
    training = trained(normalization="batch", norm_position=position)
    network = training.network.double()
    block, following = network.hidden()[0], network.linears()[1]
    norm = block.norm
    x = training.data.test_x.double()
    with torch.no_grad():
        if position == "before":
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            oracle = scale * (block.linear(x) - norm.running_mean) + norm.bias
            fold(block, following)
            ours = block.linear(x)
        else:
            hidden = block.activation(block.linear(x))
            oracle = following(norm.eval()(hidden))
            fold(block, following)
            ours = following(hidden)

    assert distance(ours, oracle) < 1e-12


@both_positions
@pytest.mark.parametrize("kind", ["batch", "noisy_batch"])
def test_inserting_batch_normalization_keeps_the_function_on_its_batch_and_in_eval_mode(position, kind):
    training = trained(norm_position=position)
    network, data = training.network, training.data
    batch, other = data.train_x[:60], data.train_x[60:120]
    before = {name: out(network, x, False) for name, x in (("batch", batch), ("other", other), ("test", data.test_x))}
    assert exchange(network, training.config, kind, batch) == set()

    assert distance(out(network, data.test_x, False), before["test"]) < 1e-5
    if kind == "batch":
        assert distance(out(network, batch, True), before["batch"]) < 1e-5
        assert 0.02 < distance(out(network, other, True), before["other"]) < 1


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_a_calibrated_layer_returns_its_batch_unchanged_in_both_modes(dtype, tolerance):
    norm = BatchNorm(SMALL).to(dtype)
    values = 3 + 5 * torch.randn(50, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    with torch.no_grad():
        calibrate(norm, values)
        results = [norm.eval()(values), norm.train()(values)]

    assert max(distance(result, values) for result in results) < tolerance
    torch.testing.assert_close(norm.weight.data, torch.sqrt(values.var(0, correction=0) + norm.eps))


@both_positions
def test_on_and_off_again_keeps_the_eval_mode_function(position):
    training = trained(norm_position=position)
    network, x = training.network, training.data.test_x
    before = out(network, x, False)
    for kind in ("batch", "none", "batch", "noisy_batch", "batch", "none"):
        exchange(network, training.config, kind, training.data.train_x[:60])

    assert distance(out(network, x, False), before) < 1e-4


@both_positions
def test_batch_and_noisy_batch_normalization_hand_each_other_their_state(position):
    training = trained(normalization="batch", norm_position=position)
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    exchange(training.network, training.config, "noisy_batch", training.data.train_x[:60])

    assert all(torch.equal(value, before[name]) for name, value in training.network.state_dict().items())


@pytest.mark.parametrize("kind", ["layer", "group"])
def test_layer_and_group_normalization_come_as_new_and_go_as_they_are(kind):
    training = trained()
    weights = [layer.weight.clone() for layer in training.network.linears()]
    exchange(training.network, training.config, kind, training.data.train_x[:60])
    norm = training.network.hidden()[1].norm

    assert (norm.weight == 1).all()
    assert (norm.bias == 0).all()
    exchange(training.network, training.config, "none", training.data.train_x[:60])
    assert all(torch.equal(a, b.weight) for a, b in zip(weights, training.network.linears(), strict=True))


OPTIMIZERS = pytest.mark.parametrize(
    "optimizer",
    [{"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05}, {"optimizer": "adam", "learning_rate": 0.01}],
    ids=["sgd", "adam"],
)


def memories(training: Training) -> dict[torch.nn.Parameter, dict[str, torch.Tensor]]:
    return {parameter: copy.deepcopy(state) for parameter, state in training.optimizer.state.items()}


def went_on(training: Training, parameter, old: dict | None) -> bool:
    """Whether the newest update used the old memory (else it began anew); raises where it did neither."""
    state, gradient = training.optimizer.state[parameter], parameter.grad
    if "momentum_buffer" in state:
        name, fresh, rate = "momentum_buffer", gradient, 0.9
        kept = rate * old[name] + gradient if old else None
    else:
        name, fresh = "exp_avg", 0.1 * gradient
        kept = 0.9 * old[name] + 0.1 * gradient if old else None
        assert state["step"].item() == (old["step"].item() + 1 if old and torch.allclose(state[name], kept) else 1)
    if kept is not None and torch.allclose(state[name], kept, rtol=1e-4, atol=1e-7):
        return True
    torch.testing.assert_close(state[name], fresh, rtol=1e-4, atol=1e-7)
    return False


@OPTIMIZERS
@both_positions
def test_the_optimizer_forgets_the_folded_weights_and_remembers_the_others(optimizer, position):
    training = trained(normalization="batch", norm_position=position, **optimizer)
    old = memories(training)
    training.turn(Intervention(normalization="none"))
    training.advance()
    linears = training.network.linears()
    remembered = [went_on(training, layer.weight, old[layer.weight]) for layer in linears]

    folded_away = [True, True, True, False] if position == "before" else [False, True, True, True]
    assert remembered == [not folded for folded in folded_away]
    assert set(training.optimizer.state) == set(training.network.parameters())


@OPTIMIZERS
@both_positions
@pytest.mark.parametrize("kind", ["batch", "layer", "group", "noisy_batch"])
def test_the_optimizer_remembers_every_weight_when_a_normalization_comes_and_starts_anew_for_it(
    optimizer, position, kind
):
    training = trained(norm_position=position, **optimizer)
    old = memories(training)
    training.turn(Intervention(normalization=kind))
    training.advance()

    assert all(went_on(training, layer.weight, old[layer.weight]) for layer in training.network.linears())
    assert not any(went_on(training, block.norm.weight, None) for block in training.network.hidden())


@OPTIMIZERS
def test_a_new_learning_rate_keeps_the_optimizers_memory(optimizer):
    training = trained(normalization="batch", **optimizer)
    old = memories(training)
    training.turn(Intervention(learning_rate=0.001))
    training.advance()

    assert training.learning_rate == 0.001
    assert all(went_on(training, layer.weight, old[layer.weight]) for layer in training.network.linears())
