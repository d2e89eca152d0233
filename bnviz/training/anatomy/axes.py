"""Which cells of a batch share a mean: batch, layer, instance and group normalization are one formula on other axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bnviz.training.anatomy.steps import moments
from bnviz.training.randomness import generator

SAMPLES, CHANNELS, SIDE = 3, 6, 3
EPS = 1e-5
_MAP = [CHANNELS, SIDE, SIDE]

# Over which axes of [samples, groups, channels of a group, height, width] a mean is taken, and torch's own layer.
# A dense layer is the special case of one place.
_LAYERS: dict[str, tuple[tuple[int, ...], Callable[[int], nn.Module]]] = {
    "batch": ((0, 2, 3, 4), lambda _: nn.BatchNorm2d(CHANNELS, EPS)),
    "batch_dense": ((0, 2, 3, 4), lambda _: nn.BatchNorm1d(CHANNELS, EPS)),
    "layer": ((2, 3, 4), lambda _: nn.LayerNorm(_MAP, EPS)),
    "instance": ((2, 3, 4), lambda _: nn.InstanceNorm2d(CHANNELS, EPS)),
    "group": ((2, 3, 4), lambda groups: nn.GroupNorm(groups, CHANNELS, EPS)),
}
_NAMES = {
    "batch": f"nn.BatchNorm2d({CHANNELS})",
    "batch_dense": f"nn.BatchNorm1d({CHANNELS})",
    "layer": f"nn.LayerNorm({_MAP})",
    "instance": f"nn.InstanceNorm2d({CHANNELS})",
}
_SENTENCES = {
    "batch": "Each channel has one mean, taken over all {samples} samples and all {places} places: {members} cells.",
    "batch_dense": "Each feature has one mean, taken over all {samples} samples: {members} cells.",
    "layer": "Each sample has one mean, taken over all {channels} channels and all {places} places: {members} cells.",
    "instance": "Each channel of each sample has its own mean, taken over its {places} places: {members} cells.",
    "group": "Each group of {size} of a sample has its own mean, taken over all {places} places: {members} cells.",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Axes:
    """One small batch [N, C, H, W], normalised; tensors are flat in row-major order, or have one entry a group.

    `group` tells for each cell with which others it shares mean and (biased) variance; gamma is 1 and beta 0.
    """

    shape: tuple[int, ...]
    values: Tensor
    group: Tensor
    normalized: Tensor
    mean: Tensor
    variance: Tensor
    members: Tensor
    torch_name: str
    torch_difference: float
    sentence: str
    parameters: str


def share_axes(norm: str, groups: int = 2) -> Axes:
    """Normalise a fixed batch over the axes of `norm`; `groups` counts for "group" alone and must divide 6."""
    if norm not in _LAYERS:
        raise ValueError(f"share_axes: norm must be one of {', '.join(_LAYERS)}; got {norm!r}")
    if norm == "group" and (groups < 1 or CHANNELS % groups):
        raise ValueError(f"share_axes: groups must divide the {CHANNELS} channels into equal parts; got {groups}")
    values = example(norm)
    axes, make = _LAYERS[norm]
    parts = {"layer": 1, "group": groups}.get(norm, CHANNELS)
    split = values.view(len(values), parts, CHANNELS // parts, *values.shape[2:])
    mean, variance = moments(split, axes)
    normalized = ((split - mean) / torch.sqrt(variance + EPS)).view_as(values)
    group = torch.arange(mean.numel()).view_as(mean).expand_as(split)
    layer = make(groups).double()
    fed = values[:, :, 0, 0] if norm == "batch_dense" else values
    return Axes(
        shape=tuple(values.shape), values=values.flatten(), group=group.flatten(), normalized=normalized.flatten(),
        mean=mean.flatten(), variance=variance.flatten(), members=group.flatten().bincount(),
        torch_name=_NAMES.get(norm, f"nn.GroupNorm({groups}, {CHANNELS})"),
        torch_difference=float((layer(fed).detach().flatten() - normalized.flatten()).abs().max()),
        sentence=_sentence(norm, parts, split), parameters=_parameters(layer),
    )  # fmt: skip


def example(norm: str) -> Tensor:
    """Return the batch [N, C, H, W], float64 with one decimal; samples and channels differ to the eye.

    A dense layer gets six samples of six features.
    """
    samples, side = (CHANNELS, 1) if norm == "batch_dense" else (SAMPLES, SIDE)
    source = generator(0, "probe", side)
    cells = torch.randn((samples, CHANNELS, side, side), generator=source, dtype=torch.float64)
    sample = torch.linspace(-1.5, 1.5, samples, dtype=torch.float64).view(-1, 1, 1, 1)
    channel = torch.tensor([0.0, 4.0, -3.0, 1.0, 8.0, -6.0], dtype=torch.float64).view(1, -1, 1, 1)
    spread = torch.tensor([1.0, 0.4, 2.0, 0.7, 1.5, 1.0], dtype=torch.float64).view(1, -1, 1, 1)
    return (channel + sample + spread * cells).round(decimals=1)


def _sentence(norm: str, groups: int, split: Tensor) -> str:
    samples, _, size, *sides = split.shape
    members = split.numel() // groups // (1 if norm.startswith("batch") else samples)
    text = _SENTENCES[norm].format(
        samples=samples, channels=CHANNELS, places=sides[0] * sides[1], members=members,
        size="one channel" if size == 1 else f"{size} channels",
    )  # fmt: skip
    if norm == "group" and groups == 1:
        text += " One group is LayerNorm's grouping."
    if norm == "group" and groups == CHANNELS:
        text += " One channel a group is InstanceNorm's grouping."
    return text


def _parameters(layer: nn.Module) -> str:
    """How many gamma and beta the layer learns, and over what, counted in torch's own layer."""
    counts = [parameter.numel() for parameter in layer.parameters()]
    if not counts:
        return "no γ and no β unless asked for (affine=True)"
    over = "channel" if counts[0] == CHANNELS else "channel and place"
    return f"one γ and one β for each {over}: {counts[0]} + {counts[1]}"
