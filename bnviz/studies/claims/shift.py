"""Claims about internal covariate shift, in both of its meanings."""

from __future__ import annotations

from typing import NamedTuple

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.claim import Arm, Claim, Experiment, Role
from bnviz.studies.claims.parts import DEEP, EASY, HEADLINE, WITH, WITHOUT, arm, pair, sources
from bnviz.studies.effects import Duration, Ratio
from bnviz.studies.measures import LEARNT
from bnviz.studies.rules import times

NOISY = "noisy BN"
DRIFTING = ("drift_path", "drift_per_look", "drift_from_start")
LESS = 1.25
_NAMES = ((WITHOUT, "none"), (WITH, "batch"), (NOISY, "noisy_batch"))
_RACE = tuple(
    arm(name, HEADLINE.replace(normalization=kind), 1000, ("steps_to_90",), every=5, reach=LEARNT)
    for name, kind in _NAMES
)
_DRIFT = tuple(arm(name, HEADLINE.replace(normalization=kind), 60, DRIFTING, every=1) for name, kind in _NAMES)
_WORDS = "Digits, 3 hidden layers of 100 sigmoid units, weights from N(0, 0.1²), learning rate 0.5, batches of 60."


class Way(NamedTuple):
    """One of the measures of how far the distributions of the last layer's inputs move on a fixed probe batch."""

    key: str
    title: str
    words: str
    said: str
    label: str


WAYS = {
    "drift_per_look": Way(
        "step", "from step to step", "Wasserstein distance from one step to the next, mean of the first 60 steps.",
        "the distributions move {effect} as far from step to step", "drift a step",
    ),
    "drift_path": Way(
        "way", "the way of the medians", "Way of each unit's median over 60 steps, in units of the unit's own spread "
        "(15th to 85th percentile), mean over units.",
        "the medians travel {effect} as far", "way of the medians, in spreads",
    ),
    "drift_from_start": Way(
        "start", "from the start to the end", "Wasserstein distance between step 0 and step 60: what moves to and fro "
        "does not count.",
        "the distributions end up {effect} as far from where they began", "drift since step 0",
    ),
}  # fmt: skip
PINNED = (
    "Behind BN the values are normalised by the probe batch's own statistics, so their medians are held near beta by "
    "construction: that the way of the medians is shorter is what BN does to any values, trained or not."
)


def _premise(measure: str) -> Experiment:
    way = WAYS[measure]
    return Experiment(
        key=f"drift-{way.key}", title=f"Premise: noisy BN drifts more than BN, {way.title}",
        words=f"{_WORDS} The last layer's inputs on a fixed probe batch. {way.words}",
        arms=_DRIFT, effect=Ratio(NOISY, WITH, measure), prediction=times(LESS), role="premise",
        predicts="Noisy BN drifts clearly more than BN.",
        says=f"With noisy BN {way.said} as with BN.",
        shows=measure, label=way.label, log=True,
    )  # fmt: skip


def _against_none(measure: str) -> Experiment:
    way = WAYS[measure]
    return Experiment(
        key=f"none-{way.key}", title=f"Noisy BN against no BN, {way.title}",
        words=f"The same networks. {way.words}",
        arms=(_DRIFT[0], _DRIFT[2]), effect=Ratio(NOISY, WITHOUT, measure), role="context",
        says=f"With noisy BN {way.said} as without BN.",
        shows=measure, label=way.label, log=True,
    )  # fmt: skip


BECAUSE = Claim(
    name="because-of-shift",
    title="BN works because it reduces internal covariate shift",
    group="shift",
    said="Batch normalization works because it reduces internal covariate shift.",
    needs="A network with BN whose layers' inputs are made to drift more loses BN's advantage. Noisy BN does that: "
    "after BN it shifts and scales every channel at random, anew each step. That it drifts more than BN must hold "
    "by each of three measures of drift.",
    experiments=(
        Experiment(
            key="noisy", title="BN with noise that brings drift back",
            words=f"{_WORDS} Without BN, with BN, and with noisy BN; until 90 %, at most 1,000 steps.",
            arms=_RACE, effect=Duration(NOISY, WITH), prediction=times(2.0),
            predicts="Noisy BN needs more than twice as many steps as BN.",
            says="Noisy BN needs {effect} as many steps to 90 % as BN.",
            shows="steps_to_90", label="steps to 90 % test accuracy", log=True,
        ),
        Experiment(
            key="plain", title="For comparison: noisy BN against none",
            words="The same three networks.", arms=_RACE, effect=Duration(WITHOUT, NOISY), role="context",
            says="Without BN the network needs {effect} as many steps as with noisy BN.",
            shows="steps_to_90", label="steps to 90 % test accuracy", log=True,
        ),
        *(experiment(measure) for measure in WAYS for experiment in (_premise, _against_none)),
    ),
    note="Whether noisy BN drifts even more than no BN at all depends on the measure: from step to step it does, by "
    "the way of the medians and since the start it does not. By these two, noise brings a part of the drift back, and "
    f"a part of the advantage is all that the claim could lose. {PINNED} That the story does not hold does not say "
    "that BN does not help; see the claims on speed and the landscape.",
    sources=sources("ioffe", "santurkar"),
)  # fmt: skip


def _drift(key: str, title: str, words: str, arms: tuple[Arm, ...], role: Role = "test") -> tuple[Experiment, ...]:
    """The experiment by each measure; by the way of the medians, which the paper's figure shows, first."""
    order = ("drift_path", "drift_per_look", "drift_from_start")
    return tuple(
        Experiment(
            key=f"{key}-{WAYS[measure].key}", title=f"{title}, {WAYS[measure].title}",
            words=f"{words} The last layer's inputs on a fixed probe batch. {WAYS[measure].words}",
            arms=arms, effect=Ratio(WITHOUT, WITH, measure), prediction=times(LESS), role=role,
            predicts=f"Without BN it is more than {LESS:g} times as much.",
            says=f"{title}: without BN {WAYS[measure].said} as with it.",
            shows=measure, label=WAYS[measure].label, log=True,
        )
        for measure in order
    )  # fmt: skip


DRIFT = Claim(
    name="reduces-drift",
    title="BN reduces internal covariate shift: the drift of distributions",
    group="shift",
    said="Batch normalization reduces internal covariate shift: the distributions of the layers' inputs stay put.",
    needs="On a fixed probe batch, the distributions of a layer's inputs move less while the network with BN trains: "
    "from step to step, along the way, and from the start to the end.",
    experiments=(
        *_drift("sigmoid", "The sigmoid network of the headline", _WORDS, _DRIFT[:2]),
        *_drift("relu", "A well-initialised ReLU network",
                "Digits, 3 hidden layers of 100 ReLU units, He's weights, learning rate 0.1, batches of 64.",
                pair(EASY, 60, DRIFTING, every=1), "counter"),
        *_drift("deep", "Ten ReLU layers at a small learning rate",
                "Digits, 10 hidden layers of 64 ReLU units, He's weights, learning rate 0.01, batches of 64.",
                pair(DEEP.replace(learning_rate=0.01), 60, DRIFTING, every=1), "counter"),
    ),
    note=PINNED,
    sources=sources("ioffe-figure-1"),
)  # fmt: skip


def _shift(key: str, title: str, words: str, config: ExperimentConfig, role: Role = "test") -> Experiment:
    return Experiment(
        key=key, title=title, words=f"{words} Every 5 of the first 40 steps: the relative change of each layer's "
        "gradient when the layers below it take their step first, mean over layers and looks.",
        arms=pair(config, 40, ("gradient_shift", "gradient_cosine"), every=5),
        effect=Ratio(WITHOUT, WITH, "gradient_shift"), prediction=times(LESS), role=role,
        predicts=f"Without BN the shift is more than {LESS:g} times as large.",
        says="Without BN the gradient shift is {effect} that with BN.",
        shows="gradient_shift", label="relative gradient shift", log=True,
    )  # fmt: skip


GRADIENT_SHIFT = Claim(
    name="reduces-gradient-shift",
    title="BN always reduces internal covariate shift: the shift of gradients",
    group="shift",
    said="Batch normalization reduces internal covariate shift: layers no longer pull the rug from under each other.",
    needs="When the layers below take their step first, a layer's gradient changes less with BN, in every network.",
    experiments=(
        _shift("relu", "A well-initialised ReLU network",
               "Digits, 3 hidden layers of 100 ReLU units, He's weights, learning rate 0.1, batches of 64.", EASY,
               "counter"),
        _shift("deep", "Ten ReLU layers at a small learning rate",
               "Digits, 10 hidden layers of 64 ReLU units, He's weights, learning rate 0.01, batches of 64.",
               DEEP.replace(learning_rate=0.01), "counter"),
        _shift("sigmoid", "The sigmoid network of the headline", _WORDS, HEADLINE),
    ),
    note="Only weights are compared, which both networks have; the first layer's shift is 0 by construction and left "
    "out, as is the output layer's.",
    sources=sources("santurkar"),
)  # fmt: skip
CLAIMS = (BECAUSE, DRIFT, GRADIENT_SHIFT)
