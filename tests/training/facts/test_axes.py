from __future__ import annotations

import pytest
import torch
from torch import nn

from bnviz.experiment.config import ExperimentConfig
from bnviz.training.facts import axes
from bnviz.training.unfold import Training

TRAINING = Training(ExperimentConfig(batch_size=30))


def test_batch_norm_on_images_runs_over_batch_and_space():
    assert axes.batch_and_space(TRAINING) < 1e-10
    assert axes.batch_alone(TRAINING) > 0.5


def test_a_mean_in_each_image_is_instance_norms():
    maps = axes._feature_maps(TRAINING)
    instance = nn.InstanceNorm2d(axes.CHANNELS).double()(maps)
    batch = nn.BatchNorm2d(axes.CHANNELS).double()(maps)

    assert axes.space_alone(TRAINING) == pytest.approx(float((instance - batch).detach().abs().max()))


def test_padding_moves_batch_normalised_sequences_and_no_layer_normalised_ones():
    assert axes.padding_moves_batch_norm(TRAINING) > 0.1
    assert axes.padding_moves_layer_norm(TRAINING) == 0


def test_sequences_are_padded_with_nothing_and_have_different_lengths():
    sequences, real = axes._sequences(TRAINING)

    assert sequences.shape == (30, axes.SIDE, axes.CHANNELS)
    assert not sequences[~real].any()
    assert len(set(real.sum(1).tolist())) > 2
    assert torch.equal(real.sum(1), real.cumprod(1).sum(1))
