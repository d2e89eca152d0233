"""A comparison in the page's words: what changes with every answer, and what holds for a whole generation."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bnviz.experiment.config import PLANAR_DATASETS, ExperimentConfig, Intervention
from bnviz.experiment.snapshot import (
    BINS,
    QUANTILES,
    SHOWN_IMAGES,
    histogram_edges,
    kept_channels,
    traced_units,
)  # fmt: skip
from bnviz.experiment.theory import gradient_factor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bnviz.training.comparison import Comparison
    from bnviz.training.unfold import Training


def arms(comparison: Comparison) -> list[dict[str, Any]]:
    """What each arm is set to now, and what was turned so far."""
    return [
        {
            "normalization": training.planned("normalization"),
            "learning_rate": training.planned("learning_rate"),
            "interventions": [_intervention(item) for item in training.config.interventions],
            "diverged": asdict(training.diverged) if training.diverged else None,
            "capacity": history.max_snapshots,
        }
        for training, history in zip(comparison.trainings, comparison.histories, strict=True)
    ]


def meta(comparison: Comparison, names: Sequence[str]) -> dict[str, Any]:
    """What does not change in one generation: names, configurations, edges, points, images."""
    first = comparison.trainings[0]
    planar = first.config.dataset in PLANAR_DATASETS
    return {
        "classes": list(first.data.classes),
        "dataset": first.config.dataset,
        "points": first.evaluation.points() if planar else None,
        "images": _images(first),
        "bins": BINS,
        "quantiles": list(QUANTILES),
        "chance": first.data.chance,
        "capacity": comparison.histories[0].max_snapshots,
        "arms": [_arm(name, config) for name, config in zip(names, comparison.configs, strict=True)],
    }


def _arm(name: str, config: ExperimentConfig) -> dict[str, Any]:
    factor = gradient_factor(config)
    return {
        "name": name,
        "config": {**asdict(config), "interventions": []},
        "layers": config.hidden_layers,
        "units": traced_units(config.width).tolist(),
        "channels": kept_channels(config.width).tolist(),
        "edges": histogram_edges(config).round(6).tolist(),
        "theory": None if factor is None else {"factor": factor.value, "text": factor.text},
    }


def _images(training: Training) -> dict[str, Any] | None:
    images = training.data.images
    if images is None:
        return None
    labels = training.data.test_y[:SHOWN_IMAGES].tolist()
    return {"width": 8, "height": 8, "pixels": images.tolist(), "labels": labels}


def _intervention(item: Intervention) -> dict[str, Any]:
    return {key: value for key, value in asdict(item).items() if value is not None}
