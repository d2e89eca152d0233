"""Histories of real trainings: the headline, and arms of unlike depth."""

from __future__ import annotations

import pytest

from bnviz.experiment.history import History
from bnviz.experiment.presets import PRESETS
from bnviz.training.comparison import Comparison

STEPS = 12


@pytest.fixture(scope="module")
def histories() -> list[History]:
    twins = Comparison(PRESETS["headline"].arms, every=1)
    twins.advance(steps=STEPS)
    return twins.histories


@pytest.fixture(scope="module")
def deep() -> list[History]:
    small = {"width": 16, "batch_size": 32, "learning_rate": 0.1}
    plain, normed = (arm.replace(**small) for arm in PRESETS["learning-rate"].arms)
    twins = Comparison([plain, normed.replace(hidden_layers=2)], every=1)
    twins.advance(steps=3)
    return twins.histories
