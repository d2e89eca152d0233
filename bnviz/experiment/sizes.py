"""How many features and classes a configuration's data have, known without loading them."""

from __future__ import annotations

from bnviz.experiment.config import ExperimentConfig

SHAPES = {  # features, classes
    "digits": (64, 10), "breast_cancer": (30, 2), "wine": (13, 3),
    "moons": (2, 2), "circles": (2, 2), "spirals": (2, 3), "xor": (2, 2), "clusters": (2, 4),
}  # fmt: skip


def sizes(config: ExperimentConfig) -> tuple[int, int]:
    """Return the data's numbers of features and classes."""
    table = config.own_table
    return SHAPES[config.dataset] if table is None else (table.features, table.classes)
