"""Every captured number against torch's own layers, autograd and NumPy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.snapshot import QUANTILES, UNIT_QUANTILES, histogram_edges, kept_channels, traced_units
from bnviz.experiment.theory import gradient_factor
from bnviz.training.comparison import Comparison
from bnviz.training.evaluation import bounds
from bnviz.training.networks import ACTIVATIONS
from bnviz.training.unfold import Training, unfold

SMALL = ExperimentConfig(dataset="spirals", noise=0.1, hidden_layers=3, width=16, batch_size=40, learning_rate=0.05)
WARM_UP = 3
CASES = [
    pytest.param(activation, normalization, position, id=f"{activation}-{normalization}-{position}")
    for activation, normalization, position in itertools.product(
        ACTIVATIONS, ("none", "batch", "layer", "group"), ("before", "after")
    )
    if normalization != "none" or position == "before"
]


class Captured:
    """A captured step, and the same step of torch's own layers from the same parameters on the same batch."""

    def __init__(self, config, reference, trace, batches, steps: int = WARM_UP):
        self.config, self.training = config, Training(config)
        for _ in range(steps):
            self.training.advance()
        self.model = reference(config, self.training.network)
        self.evaluated = reference(config, self.training.network)
        self.start = [layer.weight.detach().clone() for layer in self.training.network.linears()]
        self.x, self.y = next(itertools.islice(batches(config), steps, None))
        self.trace = trace(config, self.model, self.x)
        self.loss = F.cross_entropy(self.trace.logits, self.y)
        self.snapshot = self.training.advance(capture=True)

    def probe(self, trace):
        return trace(self.config, self.evaluated.train(), self.training.data.train_x[:128])


@pytest.fixture
def captured(reference, trace, batches):
    return lambda config, **options: Captured(config, reference, trace, batches, **options)


def config_of(activation: str, normalization: str, position: str) -> ExperimentConfig:
    return SMALL.replace(activation=activation, normalization=normalization, norm_position=position)


def close(ours, oracle, rtol: float = 2e-4, atol: float = 2e-5) -> None:
    if isinstance(oracle, list) and isinstance(oracle[0], torch.Tensor):
        oracle = [tensor.detach().numpy() for tensor in oracle]
    np.testing.assert_allclose(ours, oracle, rtol=rtol, atol=atol)


@pytest.mark.parametrize(("activation", "normalization", "position"), CASES)
def test_a_captured_step_is_that_of_torchs_own_layers(captured, trace, activation, normalization, position):
    config = config_of(activation, normalization, position)
    case = captured(config)
    snapshot = case.snapshot
    points = [[tensor.detach().numpy() for tensor in layers] for layers in case.trace.points]

    close(snapshot.loss, case.loss.item())
    close(snapshot.percentiles, [[np.percentile(v, QUANTILES) for v in layers] for layers in points])
    close(snapshot.mean, [[v.mean() for v in layers] for layers in points])
    close(snapshot.deviation, [[v.std() for v in layers] for layers in points])
    _check_histograms(config, snapshot.histogram, points)
    _check_saturation(config, snapshot.saturated, case.trace.inputs)
    _check_gradients(case)
    _check_channels(case, position)
    _check_probe(config, snapshot, case.probe(trace))


def _check_histograms(config, ours, points):
    for counts, edges, layers in zip(ours, histogram_edges(config), points, strict=True):
        for row, values in zip(counts, layers, strict=True):
            inside = np.histogram(values, edges)[0]
            oracle = [(values < edges[0]).sum(), *inside, (values > edges[-1]).sum(), 0]
            assert row.sum() == values.size
            # A value within rounding of an edge may fall on either side of it.
            near = np.abs(values.ravel()[:, None] - edges).min(1) < 1e-5 * (1 + np.abs(values.ravel()))
            assert np.abs(row.astype(int) - oracle).sum() <= 2 * (near & (values.ravel() != 0)).sum()


def _check_saturation(config, ours, inputs):
    if config.activation not in ("sigmoid", "tanh"):
        assert np.isnan(ours).all()
        return
    for share, z in zip(ours, inputs, strict=True):
        at = z.detach().clone().requires_grad_()
        ACTIVATIONS[config.activation]()(at).sum().backward()
        steepest = {"sigmoid": 0.25, "tanh": 1.0}[config.activation]
        assert share == pytest.approx((at.grad < 0.05 * steepest).float().mean().item(), abs=2 / z.numel())


def _check_gradients(case):
    weights = [module.weight for module in case.model if isinstance(module, torch.nn.Linear)]
    gradients = torch.autograd.grad(case.loss, [*case.trace.z, *weights])
    norms = [gradient.norm().item() for gradient in gradients]
    scale = max(norms) * 1e-4
    close(case.snapshot.gradient_z, norms[: len(weights)], rtol=1e-3, atol=scale)
    close(case.snapshot.gradient_weight, norms[len(weights) :], rtol=1e-3, atol=scale)
    moved = [
        ((layer.weight - old).norm() / old.norm()).item()
        for layer, old in zip(case.training.network.linears(), case.start, strict=True)
    ]
    close(case.snapshot.update_ratio, moved)


def _check_channels(case, position):
    normed = case.trace.z[:-1] if position == "before" else case.trace.activated
    close(case.snapshot.batch_mean, [z.mean(0) for z in normed])
    close(case.snapshot.batch_variance, [z.var(0, correction=0) for z in normed])
    norms = [m for m in case.evaluated if isinstance(m, torch.nn.BatchNorm1d)]  # as they were before the step
    assert ("running_mean" in case.snapshot.values) == bool(norms)
    if norms:
        close(case.snapshot.running_mean, [m.running_mean for m in norms])
        close(case.snapshot.running_variance, [m.running_var for m in norms])


def _check_probe(config, snapshot, probe):
    inputs = [z.detach().numpy() for z in probe.inputs]
    traced = [np.percentile(z[:, traced_units(config.width)], UNIT_QUANTILES, axis=0).T for z in inputs]
    close(snapshot.unit_percentiles, traced)
    dead = [(z <= 0).all(0).mean() for z in inputs] if config.activation == "relu" else [np.nan] * len(inputs)
    close(snapshot.dead, dead)


@pytest.mark.parametrize(
    "changes",
    [
        {"momentum": 0.9}, {"optimizer": "adam", "learning_rate": 0.01}, {"weight_decay": 0.1},
        {"momentum": 0.9, "normalization": "batch", "norm_position": "after"},
    ],
    ids=str,
)  # fmt: skip
def test_the_update_ratio_is_how_far_the_weights_really_moved(captured, changes):
    case = captured(SMALL.replace(**changes))
    moved = [
        ((layer.weight - old).norm() / old.norm()).item()
        for layer, old in zip(case.training.network.linears(), case.start, strict=True)
    ]

    close(case.snapshot.update_ratio, moved, rtol=1e-4)


def test_the_learnt_scale_and_shift_are_those_before_the_update_as_everything_of_a_step_is(captured):
    start = captured(SMALL.replace(normalization="batch"), steps=0).snapshot
    assert (start.gamma == 1).all()
    assert (start.beta == 0).all()
    case = captured(SMALL.replace(normalization="batch"))
    norms = [m for m in case.evaluated if isinstance(m, torch.nn.BatchNorm1d)]

    close(case.snapshot.gamma, [norm.weight for norm in norms], rtol=0, atol=0)
    close(case.snapshot.beta, [norm.bias for norm in norms], rtol=0, atol=0)


def test_without_an_affine_map_there_is_no_gamma_and_no_beta(captured):
    values = captured(SMALL.replace(normalization="batch", norm_affine=False)).snapshot.values

    assert not {"gamma", "beta"} & set(values)
    assert "running_mean" in values


def test_of_large_layers_the_first_rows_stand_for_all_but_channels_are_of_the_whole_batch(captured):
    config = ExperimentConfig(width=512, batch_size=100, hidden_layers=1, normalization="batch", activation="tanh")
    case = captured(config, steps=0)
    z = case.trace.z[0].detach().numpy()

    close(case.snapshot.percentiles[0, 0], np.percentile(z[:32], QUANTILES))
    close(case.snapshot.mean[0, 0], z[:32].mean())
    close(case.snapshot.deviation[0, 0], z[:32].std())
    close(case.snapshot.batch_mean[0], z.mean(0))
    close(case.snapshot.batch_variance[0], z.var(0))
    assert case.snapshot.histogram[0, 0].sum() == 32 * 512


def test_non_finite_values_are_counted_and_disturb_nothing_else(captured):
    training = Training(SMALL.replace(activation="relu"))
    with torch.no_grad():
        training.network.hidden()[1].linear.bias[3] = torch.nan
        training.network.hidden()[1].linear.bias[5] = torch.inf
    snapshot = training.advance(capture=True)

    assert snapshot.diverged.layer == 1
    assert snapshot.histogram[0, 1, -1] == 2 * 40
    assert snapshot.histogram[0, 0, -1] == 0
    assert np.isfinite(snapshot.percentiles[0, :2]).all()


@pytest.mark.parametrize("position", ["before", "after"])
@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_drift_is_scipys_wasserstein_distance_of_each_unit_on_the_probe_batch(
    reference, trace, normalization, position
):
    config = config_of("tanh", normalization, position).replace(learning_rate=0.5)
    training, seen = Training(config), []
    for step in range(7):
        probe = trace(config, reference(config, training.network).train(), training.data.train_x[:128])
        snapshot = training.advance(capture=step % 3 == 0)
        if snapshot is not None:
            seen.append((snapshot, [z.detach().numpy() for z in probe.inputs]))
    for number, (snapshot, now) in enumerate(seen):
        for name, then in (("drift_start", seen[0][1]), ("drift_last", seen[max(number - 1, 0)][1])):
            oracle = [
                np.mean([stats.wasserstein_distance(a, b) for a, b in zip(old.T, new.T, strict=True)])
                for old, new in zip(then, now, strict=True)
            ]
            close(snapshot.values[name], oracle)
    assert (seen[0][0].drift_start == 0).all()
    assert (seen[1][0].drift_start > 0).all()


def test_drift_of_a_wide_layer_is_estimated_from_units_spread_over_it(reference, trace):
    config = SMALL.replace(width=200, learning_rate=0.3)
    training, seen = Training(config), []
    for _ in range(4):
        probe = trace(config, reference(config, training.network), training.data.train_x[:128])
        seen.append([z.detach().numpy() for z in probe.inputs])
        snapshot = training.advance(capture=True)
    oracle = [np.abs(np.sort(a, 0) - np.sort(b, 0)).mean() for a, b in zip(seen[0], seen[-1], strict=True)]

    close(snapshot.drift_start, oracle, rtol=0.25)


def test_drift_does_not_move_while_the_parameters_rest():
    for normalization in ("none", "batch"):
        config = SMALL.replace(normalization=normalization, learning_rate=1e-8, norm_momentum=1.0)
        *_, last = itertools.islice(unfold(config), 6)
        assert last.drift_start.max() < 1e-5


@pytest.mark.parametrize("position", ["before", "after"])
@pytest.mark.parametrize("normalization", ["none", "batch", "layer", "group"])
@pytest.mark.parametrize("dataset", ["digits", "spirals", "wine"])
def test_losses_and_accuracies_are_those_of_torchs_own_layers(captured, dataset, normalization, position):
    config = SMALL.replace(
        dataset=dataset, normalization=normalization, norm_position=position, learning_rate=0.3, norm_momentum=0.5
    )
    case = captured(config, steps=12)
    data, model = case.training.data, case.evaluated.eval()
    with torch.no_grad():
        for name, x, y in (("train", data.train_x, data.train_y), ("test", data.test_x, data.test_y)):
            logits = model(x[:512])
            close(case.snapshot.values[f"{name}_loss"], F.cross_entropy(logits, y[:512]).item())
            share = (logits.argmax(1) == y[:512]).float().mean().item()
            assert float(case.snapshot.values[f"{name}_accuracy"]) == pytest.approx(share, abs=1e-6)
        model.train()
        count, size = len(data.test_y), config.batch_size
        rows = torch.arange(math.ceil(count / size) * size) % count
        right = torch.cat([model(data.test_x[part]).argmax(1) == data.test_y[part] for part in rows.split(size)])
    oracle = right[:count].float().mean().item()
    assert float(case.snapshot.test_accuracy_train_mode) == pytest.approx(oracle, abs=1.1 / count)


def test_train_mode_accuracy_is_measured_with_dropout_on():
    config = SMALL.replace(dropout=0.8, learning_rate=0.2, hidden_layers=1, width=64, dataset="clusters")
    *_, last = itertools.islice(unfold(config, every=20), 6)

    assert last.test_accuracy_train_mode < last.test_accuracy


@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_the_surface_is_the_network_on_a_grid_from_the_lowest_y_on(captured, normalization):
    config = SMALL.replace(normalization=normalization, learning_rate=0.3)
    case = captured(config, steps=30)
    x0, x1, y0, y1 = bounds(case.training.data)
    everything = torch.cat([case.training.data.train_x, case.training.data.test_x])
    grid = np.stack(np.meshgrid(np.linspace(x0, x1, 32), np.linspace(y0, y1, 32)), -1).reshape(-1, 2)
    with torch.no_grad():
        shares = torch.softmax(case.evaluated.eval()(torch.from_numpy(np.float32(grid))), 1)
    confidence, winner = (part.reshape(32, 32).numpy() for part in shares.max(1))
    ours = case.snapshot.surface.astype(int)
    clear = np.sort(shares.numpy().reshape(32, 32, -1), 2)
    clear = clear[..., -1] - clear[..., -2] > 1e-4

    assert x0 < everything[:, 0].min() < everything[:, 0].max() < x1
    assert y0 < everything[:, 1].min() < everything[:, 1].max() < y1
    np.testing.assert_array_equal((ours // 64)[clear], winner[clear])
    assert np.abs(ours % 64 - confidence * 63).max() < 0.51
    assert len(np.unique(winner)) > 1


def test_the_shown_digits_predictions_are_the_networks(captured):
    case = captured(ExperimentConfig(hidden_layers=2, width=20, learning_rate=0.2), steps=20)
    with torch.no_grad():
        confidence, winner = torch.softmax(case.evaluated.eval()(case.training.data.test_x[:12]), 1).max(1)

    np.testing.assert_array_equal(case.snapshot.predictions, winner)
    close(case.snapshot.confidences, confidence)


def test_a_history_keeps_the_channels_it_says(captured):
    comparison = Comparison([SMALL.replace(width=100, normalization="batch")], every=1)
    comparison.advance(steps=3)
    full = comparison.histories[0].last.batch_mean

    np.testing.assert_array_equal(comparison.histories[0]["batch_mean"][-1], full[:, kept_channels(100)])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_at_the_start_gradients_grow_with_depth_as_theory_says(seed):
    config = ExperimentConfig(hidden_layers=20, width=256, batch_size=256, seed=seed)
    factors = {}
    for changes in ({}, {"normalization": "batch"}, {"normalization": "batch", "init": "normal", "init_std": 0.3}):
        arm = config.replace(**changes)
        squared = next(unfold(arm)).gradient_z[5:18].astype(float) ** 2
        factors[str(changes)] = (squared[0] / squared[-1]) ** (1 / (len(squared) - 1))
        assert factors[str(changes)] == pytest.approx(gradient_factor(arm).value, rel=0.06)
    plain, he, wild = factors.values()
    assert he == pytest.approx(1.467, rel=0.06)
    assert plain == pytest.approx(1.0, rel=0.06)
    assert wild == pytest.approx(he, rel=0.03)


def test_a_gradient_too_small_for_the_square_in_float32_is_not_called_zero(captured):
    config = ExperimentConfig(
        hidden_layers=16, width=30, activation="sigmoid", init="normal", init_std=0.01, batch_size=32
    )
    case = captured(config, steps=0)
    oracle = [z.grad.double().norm().item() for z in _backward(case)]

    assert min(oracle) < 1e-20
    assert min(oracle) > 0
    close(case.snapshot.gradient_z[:-1], oracle, rtol=1e-3, atol=0)


def _backward(case) -> list[torch.Tensor]:
    layers = case.trace.z[:-1]
    for z in layers:
        z.retain_grad()
    case.loss.backward()
    return layers
