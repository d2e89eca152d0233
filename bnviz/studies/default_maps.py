"""The maps that are shipped."""

from __future__ import annotations

from collections.abc import Mapping

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.maps import MapStudy, map_study

RATES = (0.01, 0.03, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
DEVIATIONS = (0.003, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 1.0, 3.0)
DEPTHS = (1, 2, 3, 5, 8, 12, 16, 20)
SIZES = (2, 4, 8, 16, 32, 64, 128, 256)
RELU = ExperimentConfig(hidden_layers=5, width=64)
_DEFAULTS = (
    map_study(
        RELU.replace(init="normal"), ("learning_rate", RATES), ("init_std", DEVIATIONS), steps=150, seeds=2,
        name="rate-and-weights", title="Learning rate × initial weights",
        words="Digits, 5 hidden layers of 64 ReLU units, weights from N(0, std²).",
    ),
    map_study(
        RELU, ("learning_rate", RATES), ("hidden_layers", DEPTHS), steps=150, seeds=2,
        name="rate-and-depth", title="Learning rate × depth",
        words="Digits, hidden layers of 64 ReLU units, He's weights.",
    ),
    map_study(
        RELU.replace(init="normal", learning_rate=0.1), ("init_std", DEVIATIONS), ("hidden_layers", DEPTHS), steps=150,
        seeds=2, name="weights-and-depth", title="Initial weights × depth",
        words="Digits, hidden layers of 64 ReLU units, weights from N(0, std²), learning rate 0.1.",
    ),
    map_study(
        ExperimentConfig(hidden_layers=2), ("batch_size", SIZES),
        ("normalization", ("none", "batch", "noisy_batch", "layer", "group")), steps=300, seeds=2,
        arms=(("learning rate 0.02", {"learning_rate": 0.02}), ("learning rate 0.1", {"learning_rate": 0.1})),
        name="batch-and-normalization", title="Batch size × normalization",
        words="Digits, 2 hidden layers of 100 ReLU units, He's weights.",
    ),
    map_study(
        RELU.replace(init="xavier"), ("learning_rate", RATES),
        ("activation", ("relu", "leaky_relu", "gelu", "tanh", "sigmoid", "linear")), steps=150, seeds=2,
        name="rate-and-activation", title="Learning rate × activation",
        words="Digits, 5 hidden layers of 64 units, Xavier's weights.",
    ),
)  # fmt: skip
MAPS: Mapping[str, MapStudy] = {study.name: study for study in _DEFAULTS}
