from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from bnviz.experiment.anatomy import SHARINGS
from bnviz.training.anatomy.axes import example, share_axes

LAYERS = {
    ("batch", 2): nn.BatchNorm2d(6),
    ("batch_dense", 2): nn.BatchNorm1d(6),
    ("layer", 2): nn.LayerNorm([6, 3, 3]),
    ("instance", 2): nn.InstanceNorm2d(6),
    **{("group", groups): nn.GroupNorm(groups, 6) for groups in (1, 2, 3, 6)},
}
every_layer = pytest.mark.parametrize(("norm", "groups"), LAYERS, ids=str)


def four(axes, flat):
    return flat.view(axes.shape)


@every_layer
def test_it_is_torchs_layer(norm, groups):
    axes, layer = share_axes(norm, groups), LAYERS[norm, groups].double()
    x = four(axes, axes.values)
    oracle = layer(x[:, :, 0, 0]).flatten() if norm == "batch_dense" else layer(x).flatten()

    torch.testing.assert_close(axes.normalized, oracle.detach(), rtol=1e-12, atol=1e-12)
    assert axes.torch_difference == pytest.approx((axes.normalized - oracle).abs().max().item(), abs=1e-14)
    assert axes.torch_difference < 1e-13


@every_layer
def test_its_name_makes_that_layer_and_its_parameters_are_counted(norm, groups):
    axes, layer = share_axes(norm, groups), LAYERS[norm, groups]
    made = eval(axes.torch_name, {"nn": nn})
    counts = [parameter.numel() for parameter in layer.parameters()]

    assert repr(made) == repr(layer)
    assert [int(number) for number in re.findall(r"\d+", axes.parameters)] == counts


@every_layer
def test_mean_and_variance_are_those_of_the_cells_of_one_group(norm, groups):
    axes = share_axes(norm, groups)
    for group in range(len(axes.members)):
        cells = axes.values[axes.group == group]
        assert len(cells) == axes.members[group]
        assert axes.mean[group].item() == pytest.approx(cells.mean().item())
        assert axes.variance[group].item() == pytest.approx(cells.var(correction=0).item())
    expected = (axes.values - axes.mean[axes.group]) / torch.sqrt(axes.variance[axes.group] + 1e-5)
    torch.testing.assert_close(axes.normalized, expected)


@every_layer
def test_the_sentence_says_how_many_cells_share_a_mean(norm, groups):
    axes = share_axes(norm, groups)

    assert axes.members.unique().tolist() == [int(re.search(r": (\d+) cells", axes.sentence)[1])]
    assert axes.members.sum() == len(axes.values)


@pytest.mark.parametrize(
    ("norm", "shared", "apart"),
    [
        ("batch", [(0, 2, 3)], [1]),
        ("batch_dense", [(0,)], [1]),
        ("layer", [(1, 2, 3)], [0]),
        ("instance", [(2, 3)], [0, 1]),
        ("group", [(2, 3)], [0]),
    ],
)
def test_a_mean_is_shared_over_these_axes_and_not_over_those(norm, shared, apart):
    axes = share_axes(norm, 2)
    group = four(axes, axes.group)
    for dims in shared:
        assert torch.equal(group.amax(dims), group.amin(dims))
    for dim in apart:
        assert all((group.select(dim, 0) != group.select(dim, -1)).flatten())


@pytest.mark.parametrize(("groups", "other"), [(1, "layer"), (6, "instance")])
def test_group_normalization_at_its_ends_is_layer_and_instance_normalization(groups, other):
    group, twin = share_axes("group", groups), share_axes(other)

    assert torch.equal(group.group, twin.group)
    torch.testing.assert_close(group.normalized, twin.normalized)
    assert f"{other.title()}Norm's grouping" in group.sentence
    assert "Norm's grouping" not in share_axes("group", 2).sentence


@pytest.mark.parametrize("norm", SHARINGS)
def test_the_example_has_one_decimal_is_always_the_same_and_differs_by_channel_and_sample(norm):
    x = example(norm)

    assert torch.equal(x, example(norm))
    assert torch.equal(
        x, torch.tensor([round(value, 1) for value in x.flatten().tolist()]).double().view_as(x).round(decimals=1)
    )
    assert x.mean((0, 2, 3)).std() > 1
    assert x.mean((1, 2, 3)).std() > 0.5
    assert share_axes(norm).shape == tuple(x.shape) == ((6, 6, 1, 1) if norm == "batch_dense" else (3, 6, 3, 3))


def test_each_norm_gives_something_else_but_for_the_twins():
    results = [share_axes(norm, 2).normalized for norm in ("batch", "layer", "instance", "group")]

    for index, one in enumerate(results):
        assert all((one - other).abs().max() > 0.1 for other in results[index + 1 :])


def test_errors_teach():
    with pytest.raises(
        ValueError, match="norm must be one of batch, batch_dense, layer, instance, group; got 'weight'"
    ):
        share_axes("weight")
    for groups in (0, 4, 12):
        with pytest.raises(ValueError, match=f"groups must divide the 6 channels into equal parts; got {groups}"):
            share_axes("group", groups)
