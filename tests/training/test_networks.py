from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

from bnviz.experiment.config import ExperimentConfig
from bnviz.training.networks import Dropout, Network
from bnviz.training.randomness import STREAMS, generator
from bnviz.training.unfold import Training

SMALL = ExperimentConfig(dataset="moons", noise=0.2, hidden_layers=2, width=12, batch_size=32, norm_groups=3)
ACTIVATIONS = ("relu", "leaky_relu", "tanh", "sigmoid", "gelu", "linear")
STEPS = 30


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("position", ["before", "after"])
@pytest.mark.parametrize("normalization", ["none", "batch", "layer", "group"])
def test_training_is_torchs_own_training_of_torchs_own_layers(activation, position, normalization, reference, batches):
    config = SMALL.replace(activation=activation, norm_position=position, normalization=normalization)
    _compare(config, reference, batches)


@pytest.mark.parametrize(
    "changes",
    [
        {"momentum": 0.9}, {"weight_decay": 0.01}, {"momentum": 0.5, "weight_decay": 0.1}, {"norm_affine": False},
        # after the activation: a bias before the norm has rounding errors for a gradient, which adam scales to its rate
        {"optimizer": "adam", "learning_rate": 0.01, "norm_position": "after"},
        {"norm_momentum": 0.5, "norm_eps": 0.1}, {"batch_size": 2},
        {"optimizer": "adam", "learning_rate": 0.01, "weight_decay": 0.1}, {"batch_size": 700}, {"init": "pytorch"},
    ],
    ids=str,
)  # fmt: skip
def test_training_with_batch_normalization_heeds_every_knob_as_torch_does(changes, reference, batches):
    _compare(SMALL.replace(normalization="batch", **changes), reference, batches)


def test_digits_train_as_with_torchs_own_layers(reference, batches):
    config = ExperimentConfig(normalization="batch", activation="sigmoid", width=32, learning_rate=0.5, batch_size=60)

    _compare(config, reference, batches)


def _compare(config, reference, batches):
    """Ours against nn.Sequential, from equal weights on equal batches, with torch's own optimizer."""
    training = Training(config)
    model = reference(config, training.network)
    options = {"lr": config.learning_rate, "weight_decay": config.weight_decay, "foreach": False}
    if config.optimizer == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), momentum=config.momentum, **options)
    else:
        optimizer = torch.optim.Adam(model.parameters(), **options)
    for x, y in itertools.islice(batches(config), STEPS):
        training.advance()
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert training.step == STEPS
    ours, theirs = reference(config, training.network), model
    tolerance = 2e-2 if config.batch_size == 2 else 1e-3  # rounding errors grow where two samples nearly agree
    for (name, value), oracle in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        if "num_batches" not in name:
            torch.testing.assert_close(value, oracle, rtol=tolerance, atol=tolerance)
    x = training.data.test_x
    for mode in (True, False):
        torch.testing.assert_close(
            training.network.train(mode)(x), theirs.train(mode)(x), rtol=5 * tolerance, atol=5 * tolerance
        )


def test_dropout_drops_its_share_scales_the_rest_and_does_nothing_in_eval_mode():
    dropout, x = Dropout(0.3, generator(0, "dropout", 0)), torch.ones(500, 200)
    out = dropout(x)

    assert (out == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert out[out != 0].unique().tolist() == pytest.approx([1 / 0.7])
    assert not torch.equal(dropout(x), out)
    assert dropout.eval()(x) is x


@pytest.mark.parametrize("init", ["he", "xavier", "lecun", "normal", "pytorch"])
def test_initial_weights_have_their_schemes_deviation(init):
    config = ExperimentConfig(init=init, init_std=0.07, width=200, hidden_layers=2)
    network = Network(config, 64, 10)
    for layer in network.linears():
        fan_out, fan_in = layer.weight.shape
        deviation = {
            "he": (2 / fan_in) ** 0.5, "xavier": (2 / (fan_in + fan_out)) ** 0.5, "lecun": fan_in**-0.5,
            "normal": 0.07, "pytorch": (3 * fan_in) ** -0.5,
        }[init]  # fmt: skip
        assert layer.weight.std().item() == pytest.approx(deviation, rel=0.05)
        assert layer.weight.mean().item() == pytest.approx(0, abs=0.1 * deviation)
        if init == "pytorch":
            assert layer.weight.abs().max() <= fan_in**-0.5
            assert 0 < layer.bias.abs().max() <= fan_in**-0.5
        else:
            assert layer.bias.abs().max() == 0


def test_networks_of_any_depth_share_the_weights_of_the_layers_that_both_have():
    shallow, deep = (Network(SMALL.replace(hidden_layers=depth), 2, 3).linears() for depth in (2, 5))

    for one, other in ((shallow[0], deep[0]), (shallow[1], deep[1]), (shallow[-1], deep[-1])):
        assert torch.equal(one.weight, other.weight)
    assert not torch.equal(deep[1].weight, deep[2].weight)


def test_a_scheme_only_scales_the_same_draws():
    he, normal = (Network(SMALL.replace(init=init, init_std=1), 2, 3).linears()[1].weight for init in ("he", "normal"))

    torch.testing.assert_close(he, normal * (2 / 12) ** 0.5)


@pytest.mark.parametrize("normalization", ["none", "batch", "layer", "group", "noisy_batch"])
@pytest.mark.parametrize("position", ["before", "after"])
def test_observing_gives_the_values_of_a_pass_and_leaves_no_trace(normalization, position, reference, trace):
    config = SMALL.replace(normalization=normalization, norm_position=position, dropout=0.2)
    training = Training(config)
    for _ in range(3):
        training.advance()
    network, x = training.network, training.data.train_x[:50]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    sources = [part.source for part in network.modules() if isinstance(part, Dropout)]
    states = [source.get_state() for source in sources]
    for statistics, mode in (("batch", True), ("running", False)):
        signals, logits = network.observe(x, statistics, generator(0, "probe"))
        if normalization == "noisy_batch":
            continue
        oracle = trace(config, reference(config, network.train(mode)), x)
        torch.testing.assert_close(logits, oracle.logits, rtol=1e-4, atol=1e-5)
        for signal, *values in zip(signals, *oracle.points, oracle.inputs, strict=True):
            ours = (signal.z, signal.normalized, signal.activated, signal.activation_input)
            if normalization == "none" and position == "after":
                values[1] = signal.activated  # nothing normalises: what is handed on
            for one, other in zip(ours, values, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(torch.equal(source.get_state(), state) for source, state in zip(sources, states, strict=True))


def test_random_streams_are_apart_and_repeatable():
    draws = {
        (seed, stream, position): tuple(torch.rand(4, generator=generator(seed, stream, position)).tolist())
        for seed in (0, 1, 2**31 - 1)
        for stream in STREAMS
        for position in (0, 1, 1000)
    }

    assert len(set(draws.values())) == len(draws)
    assert tuple(torch.rand(4, generator=generator(1, "noise", 1)).tolist()) == draws[1, "noise", 1]
