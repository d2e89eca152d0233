"""Claims about internal covariate shift, in both of its meanings."""

from __future__ import annotations

from typing import NamedTuple

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.claim import Arm, Claim, Experiment, Role
from bnviz.studies.claims.parts import CLEARLY, DEEP, EASY, HEADLINE, WITH, WITHOUT, arm, pair, sources
from bnviz.studies.effects import Duration, Ratio
from bnviz.studies.measures import LEARNT
from bnviz.studies.predictions import times

NOISY = "noisy BN"
DRIFTING = ("drift_path", "drift_per_look", "drift_from_start")
_NAMES = ((WITHOUT, "none"), (WITH, "batch"), (NOISY, "noisy_batch"))
_RACE = tuple(
    arm(name, HEADLINE.replace(normalization=kind), 1000, ("steps_to_90",), every=5, reach=LEARNT)
    for name, kind in _NAMES
)
_DRIFT = tuple(arm(name, HEADLINE.replace(normalization=kind), 60, DRIFTING, every=1) for name, kind in _NAMES)
_WORDS = (
    "Digits, 3 hidden layers of 100 sigmoid units, weights from N(0, 0.1²) (mean 0, standard deviation 0.1), learning "
    "rate 0.5, batches of 60."
)


class Drift(NamedTuple):
    """One of the measures of how far the distributions of the last layer's inputs move on a fixed probe batch."""

    key: str
    title: str
    words: str
    said: str
    label: str


DRIFTS = {
    "drift_path": Drift(
        "path", "path of the medians", "How far the median of each unit's values travels in 60 steps, to and fro, in "
        "units of the unit's own spread (15th to 85th percentile); mean over units.",
        "the medians travel {effect} as far", "path of the medians, in spreads",
    ),
    "drift_per_look": Drift(
        "step", "from step to step", "Wasserstein distance (how far values have to be moved to turn one distribution "
        "into the other) from each step to the next, mean of the first 60 steps.",
        "the distributions move {effect} as far from step to step", "drift a step",
    ),
    "drift_from_start": Drift(
        "start", "from the start to the end", "Wasserstein distance (how far values have to be moved to turn one "
        "distribution into the other) between step 0 and step 60: what moves to and fro does not count.",
        "the distributions end up {effect} as far from where they began", "drift since step 0",
    ),
}  # fmt: skip
PINNED = (
    "Behind BN the values are normalised by the probe batch's own statistics, so that their medians are held near beta "
    "by construction: a shorter path of the medians is what BN does to all values, trained or not."
)
_PROBE = "The inputs of the last layer for the same samples at every step (the probe batch)."
_NOISE = (
    "Behind noisy BN the noise is new at each step, as in the paper: that is the shift. With the weights held still it "
    "would be about as large."
)


def _premise(measure: str) -> Experiment:
    drift = DRIFTS[measure]
    return Experiment(
        key=f"none-{drift.key}", title=f"Premise: noisy BN drifts more than no BN, {drift.title}",
        words=f"{_WORDS} {_PROBE} {drift.words} {_NOISE}",
        arms=_DRIFT, effect=Ratio(NOISY, WITHOUT, measure), prediction=times(CLEARLY), role="premise",
        predicts="Noisy BN drifts clearly more than no BN.",
        says=f"With noisy BN {drift.said} as without BN.",
        shows=measure, label=drift.label, log=True,
    )  # fmt: skip


def _against_bn(measure: str) -> Experiment:
    drift = DRIFTS[measure]
    return Experiment(
        key=f"drift-{drift.key}", title=f"For comparison: noisy BN against BN, {drift.title}",
        words=f"The same networks and samples. {drift.words} {_NOISE}",
        arms=_DRIFT[1:], effect=Ratio(NOISY, WITH, measure), role="context",
        says=f"With noisy BN {drift.said} as with BN.",
        shows=measure, label=drift.label, log=True,
    )  # fmt: skip


BECAUSE = Claim(
    name="because-of-shift",
    title="BN works because it reduces internal covariate shift",
    group="shift",
    said="Batch normalization works because it reduces internal covariate shift.",
    needs="A network that has BN, and yet more covariate shift than one without BN, loses BN's advantage. Noisy BN is "
    "to be such a network, after Santurkar et al. (2018, section 2.1): behind BN, each unit's values are shifted and "
    "scaled by random numbers, new ones in each step. That noise is the shift, rather than what learning does to the "
    "weights. The premise is theirs: noisy BN drifts more than no BN. It is tried by all measures of drift that this "
    "app has.",
    experiments=(
        Experiment(
            key="noisy", title="BN with noise that brings covariate shift back",
            words=f"{_WORDS} Without BN, with BN, and with noisy BN; until 90 %, at most 1,000 steps.",
            arms=_RACE, effect=Duration(NOISY, WITH), prediction=times(CLEARLY),
            predicts=f"Noisy BN needs more than {CLEARLY:g} times as many steps as BN.",
            says="Noisy BN needs {effect} as many steps to 90 % test accuracy as BN.",
            shows="steps_to_90", label="steps to 90 % test accuracy", log=True,
        ),
        *map(_premise, DRIFTS),
        Experiment(
            key="plain", title="For comparison: no BN against noisy BN",
            words="The same three networks.", arms=_RACE, effect=Duration(WITHOUT, NOISY), role="context",
            says="Without BN the network needs {effect} as many steps to 90 % test accuracy as with noisy BN.",
            shows="steps_to_90", label="steps to 90 % test accuracy", log=True,
        ),
        *map(_against_bn, DRIFTS),
    ),
    note="By a measure for which the premise does not hold, noise brings back a part of the drift at most, so that "
    f"only a part of BN's advantage could be lost: by that measure nothing is tested. {_NOISE} {PINNED} Whether BN "
    "helps at all is another question: see the claims on speed and on the landscape.",
    sources=sources("ioffe", "santurkar-2-1"),
)  # fmt: skip


def _drift(key: str, title: str, words: str, arms: tuple[Arm, ...], role: Role = "test") -> tuple[Experiment, ...]:
    """The experiment by each measure; by the path of the medians, which the first paper's figure shows, first."""
    return tuple(
        Experiment(
            key=f"{key}-{drift.key}", title=f"{title}, {drift.title}",
            words=f"{words} {_PROBE} {drift.words}",
            arms=arms, effect=Ratio(WITHOUT, WITH, measure), prediction=times(CLEARLY), role=role,
            predicts=f"Without BN it is more than {CLEARLY:g} times as much.",
            says=f"{title}: without BN {drift.said} as with it.",
            shows=measure, label=drift.label, log=True,
        )
        for measure, drift in DRIFTS.items()
    )  # fmt: skip


DRIFT = Claim(
    name="reduces-drift",
    title="BN reduces internal covariate shift: the drift of distributions",
    group="shift",
    said="Batch normalization reduces internal covariate shift: the distributions of the layers' inputs stay put.",
    needs="For the same samples, the distributions of a layer's inputs move less while the network with BN trains: "
    "along the path of their medians, from step to step, and from the start to the end.",
    experiments=(
        *_drift("sigmoid", "A sigmoid network from small weights", _WORDS, _DRIFT[:2]),
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
        key=key, title=title, words=f"{words} Every 5 of the first 40 steps: by how much a layer's gradient changes "
        "when the layers below it take their step first, relative to the gradient's own size; mean over layers and "
        "looks.",
        arms=pair(config, 40, ("gradient_shift", "gradient_cosine"), every=5),
        effect=Ratio(WITHOUT, WITH, "gradient_shift"), prediction=times(CLEARLY), role=role,
        predicts=f"Without BN the shift is more than {CLEARLY:g} times as large.",
        says=f"{title}: without BN the gradient shift is {{effect}} that with BN.",
        shows="gradient_shift", label="relative gradient shift", log=True,
    )  # fmt: skip


GRADIENT_SHIFT = Claim(
    name="reduces-gradient-shift",
    title="BN reduces internal covariate shift: the shift of gradients",
    group="shift",
    said="Batch normalization reduces internal covariate shift: layers disturb each other's learning less.",
    needs="All layers take their step at the same time. Had the layers below taken theirs first, a layer's gradient "
    "would be another one. With BN, it changes less.",
    experiments=(
        _shift("relu", "A well-initialised ReLU network",
               "Digits, 3 hidden layers of 100 ReLU units, He's weights, learning rate 0.1, batches of 64.", EASY,
               "counter"),
        _shift("deep", "Ten ReLU layers at a small learning rate",
               "Digits, 10 hidden layers of 64 ReLU units, He's weights, learning rate 0.01, batches of 64.",
               DEEP.replace(learning_rate=0.01), "counter"),
        _shift("sigmoid", "A sigmoid network from small weights", _WORDS, HEADLINE),
    ),
    note="Only weights are compared, which both networks have; the first layer's shift is 0 by construction and left "
    "out, as is the output layer's.",
    sources=sources("santurkar"),
)  # fmt: skip
CLAIMS = (BECAUSE, DRIFT, GRADIENT_SHIFT)
