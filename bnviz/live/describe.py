"""A comparison or a recording in the page's words: what changes with each answer, what holds for a generation."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.experiment.layout import Layout, lab_layout
from bnviz.experiment.own_table import NO_TABLES, Tables
from bnviz.experiment.snapshot import BINS, QUANTILES, SHOWN_IMAGES
from bnviz.experiment.theory import gradient_factor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bnviz.experiment.snapshot import Array
    from bnviz.live.remote import RemoteComparison


def arms(comparison: RemoteComparison) -> list[dict[str, Any]]:
    """What each arm is set to now, and what was turned so far."""
    return [
        {
            "normalization": normalization,
            "learning_rate": learning_rate,
            "interventions": interventions(config),
            "diverged": asdict(diverged) if diverged else None,
            "capacity": history.max_snapshots,
        }
        for (normalization, learning_rate), config, diverged, history in zip(
            comparison.planned, comparison.configs, comparison.diverged, comparison.histories, strict=True
        )
    ]


def meta(comparison: RemoteComparison, names: Sequence[str]) -> dict[str, Any]:
    """What does not change in one generation: names, configurations, edges, points, images."""
    return {
        "kind": "lab",
        **comparison.scene(),
        "bins": BINS,
        "quantiles": list(QUANTILES),
        "capacity": comparison.histories[0].max_snapshots,
        "arms": [arm(name, lab_layout(config)) for name, config in zip(names, comparison.configs, strict=True)],
    }


def scene(config: ExperimentConfig, tables: Tables = NO_TABLES) -> dict[str, Any]:
    """What the first arm's data set gives to look at: classes, points, images; nothing of a table that is not here."""
    if config.own_table is not None and config.table not in tables:
        return {"classes": [], "dataset": config.data_name, "points": None, "images": None, "chance": None}
    from bnviz.training import datasets
    from bnviz.training.evaluation import Evaluation

    data = datasets.load(config, tables)
    images = {"width": 8, "height": 8, "pixels": data.images.tolist()} if data.images is not None else None
    return {
        "classes": list(data.classes),
        "dataset": config.data_name,
        "points": Evaluation(config, data).points() if config.planar else None,
        "images": images and {**images, "labels": data.test_y[:SHOWN_IMAGES].tolist()},
        "chance": data.chance,
    }


def arm(name: str, layout: Layout) -> dict[str, Any]:
    """One arm: what its axes stand for, and its configuration if it is one of the lab's.

    `edges` holds for each point the edges of all layers where they are equal, else a list of edges a layer;
    `channels` likewise the channels' numbers of all norm rows, or a list of them a row.
    """
    config = layout.config
    factor = gradient_factor(config) if config else None
    return {
        "name": name,
        "config": {**asdict(config), "dataset": config.data_name, "interventions": []} if config else None,
        "layers": len(layout.layers),
        "layer_names": list(layout.layers),
        "weights": list(layout.weights),
        "point_names": list(layout.points),
        "norms": list(layout.norms),
        "units": list(layout.units),
        "scalars": list(layout.scalars),
        "channels": _shared(layout.channels),
        "channel_count": max((len(row) for row in layout.channels), default=0),
        "edges": [_edges(point) for point in layout.edges],
        "theory": None if factor is None else {"factor": factor.value, "text": factor.text},
    }


def _edges(point: Array) -> list[Any]:
    """The edges [layer, BINS + 1] of one point; those of equal layers once."""
    rows = [[float(f"{edge:.7g}") for edge in row] for row in point.tolist()]
    return rows[0] if rows and np.all(point == point[0]) else rows


def _shared(rows: Sequence[Sequence[int]]) -> list[Any]:
    return list(rows[0]) if len(set(rows)) == 1 else [list(row) for row in rows]


def interventions(config: ExperimentConfig) -> list[dict[str, Any]]:
    """The knobs that were turned, each with the fields it has."""
    return [_intervention(item) for item in config.interventions]


def _intervention(item: Intervention) -> dict[str, Any]:
    return {key: value for key, value in asdict(item).items() if value is not None}
