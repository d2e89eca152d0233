"""The words for fields and values, and names that tell arms apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnviz.experiment.config import PLAIN_FIELDS, ExperimentConfig
from bnviz.experiment.presets import PRESETS

LABELS = {
    "dataset": "Data", "samples": "Samples", "noise": "Noise", "data_seed": "Data seed",
    "hidden_layers": "Hidden layers", "width": "Width", "activation": "Activation", "dropout": "Dropout",
    "normalization": "Normalization", "norm_position": "Position", "norm_momentum": "Momentum of running statistics",
    "norm_eps": "Epsilon", "norm_affine": "Learn γ and β", "norm_groups": "Groups (GroupNorm)",
    "init": "Initial weights", "init_std": "Std of normal init", "seed": "Seed",
    "optimizer": "Optimizer", "learning_rate": "Learning rate", "momentum": "Momentum (SGD)",
    "weight_decay": "Weight decay", "batch_size": "Batch size",
}  # fmt: skip
VALUES = {
    "breast_cancer": "breast cancer", "spirals": "three spirals", "clusters": "four clusters", "relu": "ReLU",
    "leaky_relu": "leaky ReLU", "gelu": "GELU", "he": "He", "xavier": "Xavier", "lecun": "LeCun",
    "pytorch": "PyTorch's default", "normal": "N(0, std²)", "sgd": "SGD", "adam": "Adam", "none": "none",
    "batch": "BatchNorm", "layer": "LayerNorm", "group": "GroupNorm", "noisy_batch": "noisy BatchNorm",
    "table": "your own table (CSV)", "before": "before the activation", "after": "after the activation",
}  # fmt: skip
GIVEN_NAME_LENGTH = 40  # of a name made of the fields in which arms differ
SHORT = {
    "none": "without BN",
    "batch": "with BN",
    "layer": "LayerNorm",
    "group": "GroupNorm",
    "noisy_batch": "noisy BN",
}


def value_label(value: Any) -> str:
    """Return how a field's value is written on screen."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return VALUES.get(value, str(value)) if isinstance(value, str) else f"{value:g}"


def name_arms(arms: Sequence[ExperimentConfig]) -> tuple[str, ...]:
    """Name arms by the fields in which they differ, as in "with BN, learning rate 0.1"; presets keep their names."""
    bare = tuple(arm.replace(interventions=(), seed=0) for arm in arms)
    for preset in PRESETS.values():
        if preset.arms == bare:
            return preset.names
    varied = [name for name in PLAIN_FIELDS if len({_compared(arm, name) for arm in arms}) > 1]
    names = [_cut("; ".join(_said(arm, name) for name in varied)) or "network" for arm in arms]
    if len(set(names)) == len(names):
        return tuple(names)
    return tuple(f"{_cut(name, GIVEN_NAME_LENGTH - 2)} {number}" for number, name in enumerate(names, 1))


def _cut(name: str, length: int = GIVEN_NAME_LENGTH) -> str:
    """A name of at most so many characters, cut between words where it is longer."""
    if len(name) <= length:
        return name
    return name[:length].rpartition(" ")[0].rstrip("; ") or name[:length]


def _compared(arm: ExperimentConfig, name: str) -> Any:
    """A field's value, of a table of one's own the file's name."""
    return arm.data_name if name == "dataset" else getattr(arm, name)


def _said(arm: ExperimentConfig, name: str) -> str:
    """One field of an arm in words; without a comma, which parts names in a link."""
    value = _compared(arm, name)
    return SHORT[value] if name == "normalization" else f"{LABELS[name].lower()} {value_label(value)}"
