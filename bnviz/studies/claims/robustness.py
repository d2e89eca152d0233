"""Claims about robustness: learning rate, initial weights, batch size."""

from __future__ import annotations

from bnviz.experiment.presets import PRESETS
from bnviz.studies.claim import Arm, Claim, Experiment, Role
from bnviz.studies.claims.parts import DEEP, SMALL_WEIGHTS, WITH, WITHOUT, arm, sources, sweep
from bnviz.studies.effects import Gain, Reach
from bnviz.studies.predictions import above, times

RATES_RELU = (0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0)
RATES_TANH = (0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)
DEVIATIONS = (0.001, 0.003, 0.01, 0.03, 0.06, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 1.0, 3.0, 10.0)
LARGER = 1.5
WIDER = 5.0
TANH = DEEP.replace(activation="tanh", init="xavier")
_BETWEEN = "The largest rate that trains lies between two that were tried, and the interval allows for that."
SPAN = SMALL_WEIGHTS.replace(width=64, batch_size=64)


def _rates(key: str, title: str, words: str, arms: tuple[Arm, ...], role: Role = "test") -> Experiment:
    return Experiment(
        key=key, title=title, words=f"{words} 300 steps at each learning rate. A network trains where its accuracy at "
        "the end is above halfway from chance (what guessing gives) to the best of all. {_BETWEEN}",
        arms=arms, effect=Reach(WITH, WITHOUT), prediction=times(LARGER),
        predicts=f"With BN the largest learning rate that trains is more than {LARGER:g} times as large.",
        says="The largest of the tried learning rates that trains is {effect} as large with BN as without.",
        shows="accuracy", label="test accuracy after 300 steps", sweep="learning rate", log=True, role=role,
    )  # fmt: skip


def _well(key: str, title: str, arms: tuple[Arm, ...]) -> Experiment:
    return Experiment(
        key=f"{key}-well", title=f"{title}: rates at which the network trains well", role="context",
        words="The same networks, and a stricter word: a network trains well where its accuracy is above 95 % of the "
        "way from chance to the best.",
        arms=arms, effect=Reach(WITH, WITHOUT, share=0.95),
        says="The largest of the tried learning rates that trains well is {effect} as large with BN as without.",
        shows="accuracy", label="test accuracy after 300 steps", sweep="learning rate", log=True,
    )  # fmt: skip


_RELU_SWEEP = sweep(DEEP, "learning_rate", RATES_RELU, 300, 25)
_TANH_SWEEP = sweep(TANH, "learning_rate", RATES_TANH, 300, 25)
HIGHER_RATES = Claim(
    name="higher-learning-rates",
    title="BN allows higher learning rates",
    group="robustness",
    said="With batch normalization one can use much higher learning rates.",
    needs="The largest learning rate at which the network still trains is clearly larger with BN than without.",
    experiments=(
        _rates("relu", "Ten ReLU layers", "Digits, 10 hidden layers of 64 ReLU units, He's weights, batches of 64.",
               _RELU_SWEEP, "counter"),
        _rates("tanh", "Ten tanh layers", "Digits, 10 hidden layers of 64 tanh units, Xavier's weights, batches of 64.",
               _TANH_SWEEP),
        _well("relu", "Ten ReLU layers", _RELU_SWEEP),
        _well("tanh", "Ten tanh layers", _TANH_SWEEP),
    ),
    note="How much higher depends on the activation: plain ReLU layers break at rates that tanh still bears.",
    sources=sources("ioffe", "bjorck"),
)  # fmt: skip

INITIALISATION = Claim(
    name="initialisation",
    title="BN makes the initial weights matter less",
    group="robustness",
    said="Batch normalization makes a network less sensitive to how its weights are initialised.",
    needs="The initial weights are random numbers with mean 0 and some standard deviation. The span of standard "
    "deviations from which the network trains (the largest over the smallest) is clearly wider with BN than without.",
    experiments=(
        Experiment(
            key="span", title="Ten ReLU layers from weights of any size",
            words="Digits, 10 hidden layers of 64 ReLU units, weights from N(0, std²), learning rate 0.1, batches of "
            "64. 300 steps from each standard deviation std. A network trains where its accuracy at the end is above "
            "halfway from chance to the best of all. The border lies between two standard deviations that were tried, "
            "and the interval allows for that.",
            arms=sweep(SPAN, "init_std", DEVIATIONS, 300, 25), effect=Reach(WITH, WITHOUT, span=True),
            prediction=times(WIDER),
            predicts=f"With BN the span is more than {WIDER:g} times as wide.",
            says="The span of initial standard deviations that train is {effect} as wide with BN as without.",
            shows="accuracy", label="test accuracy after 300 steps", log=True,
            sweep="standard deviation of the initial weights",
        ),
    ),
    note="The size of the weights still matters with BN, in another way: a step turns large weights less than small "
    "ones. What counts is the effective learning rate, the learning rate divided by the square of the weights' size.",
    sources=sources("ioffe", "van-laarhoven"),
)  # fmt: skip

SEEN = 32_000  # samples: as many steps of 2 as it takes to see what 1,000 steps of 32 see
_BN_TWO, _BN_THIRTY_TWO, _GROUP_TWO, _LAYER_TWO = (
    arm(name, config, SEEN // config.batch_size, ("accuracy", "train_mode_accuracy"),
        every=SEEN // config.batch_size // 20)
    for name, config in zip(
        ("BN, batch 2", "BN, batch 32", "GroupNorm, batch 2", "LayerNorm, batch 2"), PRESETS["small-batch"].arms,
        strict=True,
    )
)  # fmt: skip
_SMALL = (
    "Digits, 2 hidden layers of 100 ReLU units, He's weights, learning rate 0.1 · batch size / 32, and 32,000 samples "
    "seen by each network."
)
_AS_GOOD = above(-0.02, -0.05)  # to be better is no fault
BATCH_SIZE = Claim(
    name="any-batch-size",
    title="BN works at any batch size",
    group="robustness",
    said="Batch normalization is a safe default, whatever the batch size.",
    needs="The learning rate is in proportion to the batch size, so that each sample counts as much. After as many "
    "samples, the network with BN is about as accurate from batches of 2 as from batches of 32, or more so; and at "
    "batches of 2 BN is about as accurate as a normalization that doesn't look at the batch, or more so.",
    experiments=(
        Experiment(
            key="two", title="Batches of two against batches of 32",
            words=f"{_SMALL} With BN: 16,000 steps of 2, and 1,000 steps of 32, each with 16 times the learning rate.",
            arms=(_BN_TWO, _BN_THIRTY_TWO), effect=Gain("BN, batch 2", "BN, batch 32"), prediction=_AS_GOOD,
            predicts="From batches of 2 the accuracy is at most 2 points lower.",
            says="With BN, the test accuracy from batches of 2 is {effect} {higher} than from batches of 32, "
            "after as many samples.",
            shows="accuracy", label="test accuracy after 32,000 samples",
        ),
        Experiment(
            key="others", title="Batches of two: BN against LayerNorm",
            words=f"{_SMALL} 16,000 steps of 2 with BN, GroupNorm and LayerNorm: all three have small batches, so that "
            "small batches alone explain no difference.",
            arms=(_GROUP_TWO, _LAYER_TWO, _BN_TWO), effect=Gain("BN, batch 2", "LayerNorm, batch 2"),
            prediction=_AS_GOOD, predicts="With BN the accuracy is at most 2 points lower.",
            says="With batches of 2, the test accuracy with BN is {effect} {higher} than with LayerNorm.",
            shows="accuracy", label="test accuracy after 32,000 samples",
        ),
    ),
    note="In train mode, BN turns two values into about +1 and -1, however far apart they are: little is left to learn "
    "from.",
    sources=sources("wu", "ba"),
    universal=True,
)  # fmt: skip
CLAIMS = (HIGHER_RATES, INITIALISATION, BATCH_SIZE)
