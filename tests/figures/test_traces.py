from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from bnviz.experiment.snapshot import QUANTILES, histogram_edges, kept_channels, traced_units
from bnviz.experiment.theory import gradient_factor
from bnviz.figures import theme
from bnviz.figures.charts import FIGURES
from bnviz.figures.gradient import gradient_over_depth
from bnviz.figures.look import Look

NAMES = ("without BN", "with BN")


def named(figure: go.Figure, name: str) -> go.Scatter:
    return next(trace for trace in figure.data if trace.name == name)


@pytest.mark.parametrize(
    ("name", "field", "suffix"),
    [
        ("accuracy", "test_accuracy", "test"),
        ("accuracy", "train_accuracy", "train"),
        ("accuracy", "test_accuracy_train_mode", "test with batch statistics"),
        ("loss", "test_loss", "test"),
        ("loss", "train_loss", "train"),
        ("loss", "loss", "this batch"),
    ],
)
def test_lines_of_one_number_a_snapshot_are_the_historys_columns(name, field, suffix, histories):
    figure = FIGURES[name].draw(histories, NAMES, Look())
    for arm, history in enumerate(histories):
        trace = named(figure, f"{NAMES[arm]}, {suffix}")
        np.testing.assert_array_equal(trace.x, history["step"])
        np.testing.assert_array_equal(trace.y, history[field])
        assert (trace.line.color, trace.line.dash) == (theme.arm_colour(arm), theme.DASHES[arm])


@pytest.mark.parametrize(
    ("name", "field"), [("drift", "drift_start"), ("gradient-time", "gradient_z"), ("update-ratio", "update_ratio"),
                        ("saturation", "saturated")],
)  # fmt: skip
@pytest.mark.parametrize("layer", [0, 2])
def test_lines_of_a_layer_are_the_historys_columns_and_the_other_layers_wait_in_the_legend(
    name, field, layer, histories
):
    figure = FIGURES[name].draw(histories, NAMES, Look(layer=layer))
    for arm, history in enumerate(histories):
        for cell in range(history[field].shape[1]):
            suffix = "output" if cell == 3 else f"layer {cell + 1}"
            trace = named(figure, f"{NAMES[arm]}, {suffix}")
            np.testing.assert_array_equal(trace.y, history[field][:, cell])
            assert trace.visible is True if cell == layer else trace.visible == "legendonly"


def test_bands_are_the_percentiles_and_a_gap_is_not_bridged(made_up):
    percentiles = np.random.default_rng(0).normal(size=(3, 3, 7)).astype(np.float32)
    whole = made_up(percentiles=percentiles)
    whole["percentiles"][10:12] = np.nan
    figure = FIGURES["distribution"].draw([whole], ["one"], Look(layer=1, point=2))
    assert [trace.name for trace in figure.data] == 2 * ["95th", "85th", "75th", "median", "25th", "15th", "5th"]
    for index, trace in enumerate(figure.data):
        run = slice(0, 10) if index < 7 else slice(12, 30)
        np.testing.assert_array_equal(trace.x, whole["step"][run])
        np.testing.assert_array_equal(trace.y, whole["percentiles"][run, 2, 1, 6 - index % 7])
        assert trace.fill == (None if QUANTILES[6 - index % 7] == 95 else "tonexty")


def test_bars_are_the_histograms_counts(histories):
    figure = FIGURES["layers"].draw(histories, NAMES, Look(step=5, point=2), root=False)
    for arm, history in enumerate(histories):
        edges, row = histogram_edges(history.last.config)[2], history["histogram"][5, 2]
        counts = np.zeros_like(row)
        layers, low, high, count, share = np.asarray(figure.data[arm].customdata).T
        bins = np.searchsorted(edges, (low + high) / 2)
        counts[layers.astype(int) - 1, bins] = count
        np.testing.assert_array_equal(counts[:, 1:-2], row[:, 1:-2])
        np.testing.assert_allclose(share, count / row.sum(axis=1)[layers.astype(int) - 1])
        reach = np.abs(figure.data[arm].x)
        np.testing.assert_allclose(reach / reach.max(), count / row[:, 1:-2].max(axis=1)[layers.astype(int) - 1], 1e-5)


def test_values_beyond_the_bins_are_marked(made_up):
    histogram = np.zeros((3, 3, 51))
    histogram[0, :, 10], histogram[0, 0, 0], histogram[0, 1, -2], histogram[0, 2, -1] = 100, 5, 6, 1
    figure = FIGURES["layers"].draw([made_up(histogram=histogram)], ["one"], Look())
    assert [(a.text, a.hovertext) for a in figure.layout.annotations] == [
        ("▼", "4.76% below the bins"), ("▲", "5.66% above the bins"), ("✕", "0.99% not finite"),
    ]  # fmt: skip


def test_the_gradient_over_depth_is_the_row_of_the_asked_step(histories, deep):
    figure = gradient_over_depth(histories, NAMES, Look(step=4))
    for arm, history in enumerate(histories):
        np.testing.assert_array_equal(figure.data[arm].y, history["gradient_z"][4])
    weights = gradient_over_depth(deep, NAMES, Look(step=1), of="W")
    assert list(weights.data[1].x) == [1, 2, 11], "the output layer stands at the right end, however deep the arm is"
    np.testing.assert_array_equal(weights.data[1].y, deep[1]["gradient_weight"][1])


def test_theory_is_drawn_at_step_0_only_with_its_slope(deep):
    config = deep[0].last.config
    theory = [trace for trace in gradient_over_depth(deep, NAMES, Look(step=0)).data if "theory" in trace.name]
    slope = theory[0].y[0] / theory[0].y[1]
    assert slope == pytest.approx(gradient_factor(config).value ** (0.5 * (config.hidden_layers - 1)))
    assert not any("theory" in trace.name for trace in gradient_over_depth(deep, NAMES, Look(step=1)).data)


def test_unit_paths_are_the_historys_and_carry_the_units_numbers(histories):
    figure = FIGURES["units"].draw(histories, NAMES, Look(layer=1))
    for arm, history in enumerate(histories):
        for unit, number in enumerate(traced_units(100)):
            for index, quantile in enumerate((15, 50, 85)):
                trace = figure.data[arm * 9 + unit * 3 + index]
                assert trace.name == f"unit {number}, {quantile}th percentile"
                np.testing.assert_array_equal(trace.y, history["unit_percentiles"][:, 1, unit, index])


def test_gamma_and_beta_are_the_historys_channel_by_channel(histories):
    figure = FIGURES["affine"].draw(histories, NAMES, Look(layer=2))
    assert [trace.yaxis for trace in figure.data] == ["y", "y2"], "only one of the arms has them"
    for trace, field in zip(figure.data, ("gamma", "beta"), strict=True):
        lines = np.asarray(trace.y).reshape(32, len(histories[1]) + 1)
        np.testing.assert_array_equal(lines[:, :-1].T, histories[1][field][:, 2])
        assert np.isnan(lines[:, -1]).all()
        assert list(np.asarray(trace.customdata).reshape(lines.shape)[:, 0]) == list(kept_channels(100))


def test_running_statistics_stand_against_the_batchs_unbiased_ones(histories):
    figure = FIGURES["statistics"].draw(histories, NAMES, Look(layer=2, step=7))
    means, variances = figure.data
    history = histories[1]
    np.testing.assert_array_equal(means.x, history["running_mean"][7, 2])
    np.testing.assert_array_equal(means.y, history["batch_mean"][7, 2])
    np.testing.assert_array_equal(variances.x, history["running_variance"][7, 2])
    np.testing.assert_allclose(variances.y, history["batch_variance"][7, 2].astype(float) * 60 / 59)
