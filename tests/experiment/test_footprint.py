"""What an experiment is expected to take in memory is what it takes."""

from __future__ import annotations

import pytest
import torch

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.footprint import memory
from bnviz.experiment.snapshot import SURFACE_SIDE
from bnviz.training.comparison import Comparison

ARMS = {
    "small": ExperimentConfig(),
    "batch": ExperimentConfig(normalization="batch", momentum=0.9),
    "planar": ExperimentConfig(dataset="moons", width=2, hidden_layers=1),
    "wide": ExperimentConfig(dataset="wine", hidden_layers=1, width=512, batch_size=100, optimizer="adam"),
    "deep": ExperimentConfig(dataset="breast_cancer", hidden_layers=30, width=20, normalization="layer"),
    "large": ExperimentConfig(hidden_layers=12, width=512, batch_size=256, optimizer="adam", normalization="batch"),
}


def held(comparison: Comparison) -> int:
    """What stays allocated between two turns; the histories are made for all they may come to hold."""
    total = sum(history.nbytes for history in comparison.histories)
    for training in comparison.trainings:
        capture = training.capture
        tensors = [training._epoch_x, training.evaluation._both, training.evaluation._wrapped_x, capture._stack]
        tensors += [*training.network.parameters(), *training.network.buffers(), *capture._old]
        tensors += [p.grad for p in training.network.parameters() if p.grad is not None]
        tensors += [v for state in training.optimizer.state.values() for v in state.values() if torch.is_tensor(v)]
        total += sum(tensor.nbytes for tensor in tensors) + capture._scratch.nbytes
        if training.config.planar:  # pictures of the plane are not allocated before they are there
            total += comparison.histories[0].max_snapshots * SURFACE_SIDE**2
    return total


@pytest.mark.parametrize("name", ARMS)
def test_it_is_what_is_allocated_or_a_little_more(name: str):
    comparison = Comparison([ARMS[name]], every=1)
    comparison.advance(steps=2)
    assert 0.9 * held(comparison) < memory([ARMS[name]]) < 2 * held(comparison)


def test_it_adds_up_over_the_arms_and_grows_with_the_optimizers_memory():
    small, large = ARMS["small"], ARMS["large"]
    assert memory([small, large]) == memory([small]) + memory([large])
    assert memory([large.replace(optimizer="sgd")]) < memory([large.replace(optimizer="sgd", momentum=0.5)])
    assert memory([large.replace(optimizer="sgd", momentum=0.5)]) < memory([large])
