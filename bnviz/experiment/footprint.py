"""What an experiment takes in memory while it runs, known from its configurations before anything is made."""

from __future__ import annotations

from collections.abc import Iterable

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.history import MAX_BYTES, MAX_SNAPSHOTS
from bnviz.experiment.sizes import sizes
from bnviz.experiment.snapshot import CELLS, POINTS, QUANTILES, SURFACE_SIDE, kept_channels

NUMBER = 4  # bytes
DATA_COPIES = 3  # the epoch in its order, and what is evaluated
WATCHED = 3  # values of a layer that are looked at: before and after the normalization, after the activation
SORTED = 16_384  # of these values at most are sorted, on a copy
A_LAYER = 20  # a history's other numbers a layer and snapshot
A_CHANNEL = 6  # and a channel's, where the normalization learns and has running statistics: a switch may bring it


def memory(arms: Iterable[ExperimentConfig]) -> int:
    """Return the bytes that a comparison of these arms comes to hold: networks, what watches them, full histories.

    It is an estimate, rather too high than too low, and counts nothing that only one turn needs.
    """
    return sum(_network(arm) + _history(arm) for arm in arms)


def _network(arm: ExperimentConfig) -> int:
    features, classes = sizes(arm)
    width, layers = arm.width, arm.hidden_layers
    parameters = (features + 1 + 2) * width + (layers - 1) * (width + 1 + 2) * width + (width + 1) * classes
    moments = 2 if arm.optimizer == "adam" else int(arm.momentum > 0)
    copies = 3 + moments  # weights, gradients, and the weights before the update
    values = arm.batch_size * width
    seen = WATCHED * layers * (values + min(values, SORTED))
    data = DATA_COPIES * arm.training_samples * features
    return NUMBER * (copies * parameters + seen + data)


def _history(arm: ExperimentConfig) -> int:
    a_layer = len(POINTS) * (len(QUANTILES) + CELLS + 2) + A_LAYER + A_CHANNEL * len(kept_channels(arm.width))
    row = NUMBER * arm.hidden_layers * a_layer
    surface = SURFACE_SIDE**2 if arm.planar else 0  # not in every snapshot, nor counted by the history
    kept = min(MAX_SNAPSHOTS, MAX_BYTES // row)
    return kept * (row + surface)
