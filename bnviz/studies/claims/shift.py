"""Claims about internal covariate shift, in both of its meanings."""

from __future__ import annotations

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.claim import Arm, Claim, Experiment, Role
from bnviz.studies.claims.parts import DEEP, EASY, HEADLINE, WITH, WITHOUT, arm, pair, sources
from bnviz.studies.effects import Duration, Ratio
from bnviz.studies.measures import LEARNT
from bnviz.studies.rules import above, times

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

BECAUSE = Claim(
    name="because-of-shift",
    title="BN works because it reduces internal covariate shift",
    group="shift",
    said="Batch normalization works because it reduces internal covariate shift.",
    needs="A network whose layers' inputs are made to drift, BN or not, loses BN's advantage. Noisy BN does that: "
    "after BN it shifts and scales every channel at random, anew each step.",
    experiments=(
        Experiment(
            key="noisy", title="BN with noise that brings the drift back",
            words=f"{_WORDS} Without BN, with BN, and with noisy BN; until 90 %, at most 1,000 steps.",
            arms=_RACE, effect=Duration(NOISY, WITH), prediction=times(2.0),
            predicts="Noisy BN needs more than twice as many steps as BN; contradicted by less than half as many.",
            says="Noisy BN needs {effect} as many steps to 90 % as BN.",
            shows="steps_to_90", label="steps to 90 % test accuracy", log=True,
        ),
        Experiment(
            key="drift", title="Premise: noisy BN drifts more than no BN at all",
            words=f"{_WORDS} Wasserstein distance of the last layer's inputs, step to step, on a fixed probe batch, "
            "mean of the first 60 steps.",
            arms=_DRIFT, effect=Ratio(NOISY, WITHOUT, "drift_per_look"), prediction=above(1.0, 1.0), role="premise",
            predicts="Noisy BN drifts more from step to step than no BN.",
            says="From step to step noisy BN's last layer drifts {effect} as far as without BN.",
            shows="drift_per_look", label="drift a step", log=True,
        ),
        Experiment(
            key="plain", title="For comparison: noisy BN against none",
            words="The same three networks.", arms=_RACE, effect=Duration(WITHOUT, NOISY), role="context",
            says="Without BN the network needs {effect} as many steps as with noisy BN.",
            shows="steps_to_90", label="steps to 90 % test accuracy", log=True,
        ),
    ),
    note="That the story does not hold does not say that BN does not help; see the claims on speed and the landscape.",
    sources=sources("ioffe", "santurkar"),
)  # fmt: skip


def _drift(key: str, title: str, words: str, arms: tuple[Arm, ...], role: Role = "test") -> Experiment:
    return Experiment(
        key=key, title=title, words=f"{words} Way of the last layer's medians on a fixed probe batch over 60 steps, in "
        "units of their own spread (15th to 85th percentile).",
        arms=arms, effect=Ratio(WITHOUT, WITH, "drift_path"), prediction=times(LESS), role=role,
        predicts=f"Without BN the way is more than {LESS:g} times as long; "
        f"contradicted by less than {1 / LESS:.2g} times.",
        says="Without BN the distributions of the last layer's inputs travel {effect} as far as with it.",
        shows="drift_path", label="way of the medians, in spreads", log=True,
    )  # fmt: skip


DRIFT = Claim(
    name="reduces-drift",
    title="BN reduces internal covariate shift: the drift of distributions",
    group="shift",
    said="Batch normalization reduces internal covariate shift: the distributions of the layers' inputs stay put.",
    needs="On a fixed probe batch, the percentiles of a layer's inputs move less while the network with BN trains.",
    experiments=(
        _drift("sigmoid", "The sigmoid network of the headline", _WORDS, _DRIFT[:2]),
        _drift("relu", "A well-initialised ReLU network",
               "Digits, 3 hidden layers of 100 ReLU units, He's weights, learning rate 0.1, batches of 64.",
               pair(EASY, 60, DRIFTING, every=1)),
        _drift("deep", "Ten ReLU layers at a small learning rate",
               "Digits, 10 hidden layers of 64 ReLU units, He's weights, learning rate 0.01, batches of 64.",
               pair(DEEP.replace(learning_rate=0.01), 60, DRIFTING, every=1), "counter"),
    ),
    sources=sources("ioffe-figure-1"),
)  # fmt: skip


def _shift(key: str, title: str, words: str, config: ExperimentConfig, role: Role = "test") -> Experiment:
    return Experiment(
        key=key, title=title, words=f"{words} Every 5 of the first 40 steps: the relative change of each layer's "
        "gradient when the layers below it take their step first, mean over layers and looks.",
        arms=pair(config, 40, ("gradient_shift", "gradient_cosine"), every=5),
        effect=Ratio(WITHOUT, WITH, "gradient_shift"), prediction=times(LESS), role=role,
        predicts=f"Without BN the shift is more than {LESS:g} times as large; "
        f"contradicted by less than {1 / LESS:.2g} times.",
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
               "Digits, 3 hidden layers of 100 ReLU units, He's weights, learning rate 0.1, batches of 64.", EASY),
        _shift("deep", "Ten ReLU layers at a small learning rate",
               "Digits, 10 hidden layers of 64 ReLU units, He's weights, learning rate 0.01, batches of 64.",
               DEEP.replace(learning_rate=0.01), "counter"),
        _shift("sigmoid", "The sigmoid network of the headline", _WORDS, HEADLINE, "counter"),
    ),
    note="Only weights are compared, which both networks have; the first layer's shift is 0 by construction and left "
    "out, as is the output layer's.",
    sources=sources("santurkar"),
)  # fmt: skip
CLAIMS = (BECAUSE, DRIFT, GRADIENT_SHIFT)
