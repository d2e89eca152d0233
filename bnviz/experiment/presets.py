"""The lessons: pairs of configurations that each show one thing, with what to look for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bnviz.experiment.config import ExperimentConfig


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A lesson: a few named arms, one sentence that says what to look for, and how the lab opens for it.

    `speed` is in steps a second, 0 flat out; `point` is where values are taken: 0 before the norm, 1 after it, 2 after
    the activation; `options` are the charts' toggles that are on, besides those that are anyway.
    """

    title: str
    look_for: str
    arms: tuple[ExperimentConfig, ...]
    names: tuple[str, ...]
    speed: int = 0
    point: int = 0
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def twins(**shared: Any) -> tuple[ExperimentConfig, ExperimentConfig]:
    """Return two configurations that differ only in batch normalization: without, with."""
    return ExperimentConfig(**shared, normalization="none"), ExperimentConfig(**shared, normalization="batch")


TWIN_NAMES = ("without BN", "with BN")
HEADLINE = twins(activation="sigmoid", init="normal", init_std=0.1, learning_rate=0.5, batch_size=60)


def _small_batches() -> tuple[ExperimentConfig, ...]:
    shared = ExperimentConfig(hidden_layers=2, width=100, activation="relu", init="he")
    rate = 0.1 / 32
    return (
        shared.replace(normalization="batch", batch_size=2, learning_rate=rate * 2),
        shared.replace(normalization="batch", batch_size=32, learning_rate=rate * 32),
        shared.replace(normalization="group", batch_size=2, learning_rate=rate * 2),
        shared.replace(normalization="layer", batch_size=2, learning_rate=rate * 2),
    )


PRESETS: dict[str, Preset] = {
    "headline": Preset(
        title="The headline: a sigmoid network on digits",
        look_for="Watch the bands of the last layer: without BN they wander while learning waits; with BN they "
        "barely move and the network reads digits after some forty steps.",
        arms=HEADLINE,
        names=TWIN_NAMES,
    ),
    "circles": Preset(
        title="Two circles: stuck against solved",
        look_for="Watch the decision surface: without BN it stays one colour, with BN it closes around the inner ring.",
        arms=twins(
            dataset="circles", noise=0.1, hidden_layers=4, width=32, activation="sigmoid", init="xavier",
            learning_rate=0.5, batch_size=64,
        ),
        names=TWIN_NAMES,
    ),
    "spirals": Preset(
        title="Three spirals at a high learning rate",
        look_for="Press Step for the first ten steps at learning rate 1: without BN the values blow up and the network "
        "is lost, with BN it winds the three arms apart.",
        arms=twins(
            dataset="spirals", noise=0.05, hidden_layers=6, width=32, activation="relu", init="he",
            learning_rate=1.0, batch_size=64,
        ),
        names=TWIN_NAMES,
    ),
    "learning-rate": Preset(
        title="A learning rate that breaks a deep network",
        look_for="Press Step and watch the gradients over depth: at learning rate 1 the plain network is lost "
        "within a few updates, the same network with BN trains.",
        arms=twins(hidden_layers=10, width=64, activation="relu", init="he", learning_rate=1.0, batch_size=64),
        names=TWIN_NAMES,
    ),
    "initialisation": Preset(
        title="Initial weights that are far too small",
        look_for="Watch the histograms from layer to layer at step 0: without BN the signal shrinks to a spike at 0, "
        "with BN every layer starts at the same scale.",
        arms=twins(
            hidden_layers=10, width=100, activation="relu", init="normal", init_std=0.03, learning_rate=0.1,
            batch_size=60,
        ),
        names=TWIN_NAMES,
    ),
    "exploding-gradients": Preset(
        title="BN makes gradients explode with depth",
        look_for="Before you press Play, look at the gradients over depth at step 0: level without BN, with BN the "
        "squared norm grows by pi / (pi - 1) = 1.467 a layer towards the input.",
        arms=twins(hidden_layers=20, width=256, activation="relu", init="he", learning_rate=0.01, batch_size=256),
        names=TWIN_NAMES,
    ),
    "small-batch": Preset(
        title="Where BN fails: batches of two",
        look_for="Compare the test accuracies: in a batch of 2 BN turns every value into about +1 or -1, and learning "
        "lags far behind; group and layer normalization don't look at the batch and don't care.",
        arms=_small_batches(),
        names=("BN, batch 2", "BN, batch 32", "GroupNorm, batch 2", "LayerNorm, batch 2"),
    ),
    "no-difference": Preset(
        title="Where BN changes nothing much",
        look_for="Compare the losses: this ReLU network is well initialised and learns about as fast without BN. "
        "BN is not magic.",
        arms=twins(activation="relu", init="he", learning_rate=0.1, batch_size=64),
        names=TWIN_NAMES,
    ),
    "noisy-batch": Preset(
        title="Noisy BN: more drift, and just as fast",
        look_for="Noisy BN shifts and stretches each unit anew at every step; shown after the norm, its bands are "
        "wider. Press Play and watch Drift, set to “since last”: from step to step its last layer moves some eight "
        "times as far as without BN. That shift is the noise that is added, not a drift of the weights. Still it reads "
        "digits after some thirty steps, as BN does; without BN that takes some four hundred.",
        arms=(*HEADLINE, HEADLINE[1].replace(normalization="noisy_batch")),
        names=(*TWIN_NAMES, "noisy BN"),
        speed=10,
        point=1,
        options={"drift": ("since last",)},
    ),
}  # fmt: skip
DEFAULT_PRESET = "headline"
