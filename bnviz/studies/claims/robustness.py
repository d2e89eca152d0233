"""Claims about robustness: learning rate, initial weights, batch size."""

from __future__ import annotations

from bnviz.experiment.presets import PRESETS
from bnviz.studies.claim import Arm, Claim, Experiment
from bnviz.studies.claims.parts import DEEP, SMALL_WEIGHTS, WITH, WITHOUT, arm, sources, sweep
from bnviz.studies.effects import Gain, Reach
from bnviz.studies.rules import Prediction, times

RATES_RELU = (0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0)
RATES_TANH = (0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)
DEVIATIONS = (0.001, 0.003, 0.01, 0.03, 0.06, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 1.0, 3.0, 10.0)
LARGER = 1.5
WIDER = 5.0
TANH = DEEP.replace(activation="tanh", init="xavier")
SPAN = SMALL_WEIGHTS.replace(width=64, batch_size=64)


def _rates(key: str, title: str, words: str, arms: tuple[Arm, ...]) -> Experiment:
    return Experiment(
        key=key, title=title, words=f"{words} 300 steps at each learning rate. A network trains where its accuracy at "
        "the end is above halfway from chance to the best of all.",
        arms=arms, effect=Reach(WITH, WITHOUT), prediction=times(LARGER),
        predicts=f"With BN the largest learning rate that trains is more than {LARGER:g} times as large; "
        f"contradicted by less than {1 / LARGER:.2g} times.",
        says="The largest learning rate that trains is {effect} as large with BN as without.",
        shows="accuracy", label="test accuracy after 300 steps", sweep="learning rate", log=True,
    )  # fmt: skip


def _well(key: str, title: str, arms: tuple[Arm, ...]) -> Experiment:
    return Experiment(
        key=f"{key}-well", title=f"{title}: rates at which the network trains well", role="context",
        words="The same networks, and a stricter word: a network trains well where its accuracy is above 95 % of the "
        "way from chance to the best.",
        arms=arms, effect=Reach(WITH, WITHOUT, share=0.95),
        says="The largest learning rate that trains well is {effect} as large with BN as without.",
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
               _RELU_SWEEP),
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
    needs="The span of initial deviations from which the network trains (largest over smallest) is clearly wider with "
    "BN than without.",
    experiments=(
        Experiment(
            key="span", title="Ten ReLU layers from weights of any size",
            words="Digits, 10 hidden layers of 64 ReLU units, weights from N(0, std²), learning rate 0.1, batches of "
            "64. 300 steps from each deviation. A network trains where its accuracy at the end is above halfway from "
            "chance to the best of all; spans are those of the deviations that were tried.",
            arms=sweep(SPAN, "init_std", DEVIATIONS, 300, 25), effect=Reach(WITH, WITHOUT, span=True),
            prediction=times(WIDER),
            predicts=f"With BN the span is more than {WIDER:g} times as wide; "
            f"contradicted by less than {1 / WIDER:.2g} times.",
            says="The span of initial deviations that train is {effect} as wide with BN as without.",
            shows="accuracy", label="test accuracy after 300 steps", sweep="deviation of the initial weights", log=True,
        ),
    ),
    note="BN does not make the scale of the weights meaningless: it trades it for the effective learning rate, which "
    "falls with the square of the weights' size.",
    sources=sources("ioffe", "van-laarhoven"),
)  # fmt: skip

_TWO, _THIRTY_TWO, _GROUP, _LAYER = PRESETS["small-batch"].arms


def _small(name: str, config_index: int) -> Arm:
    config = PRESETS["small-batch"].arms[config_index]
    return arm(name, config, 1000, ("accuracy", "train_mode_accuracy"), every=50)


BATCH_SIZE = Claim(
    name="any-batch-size",
    title="BN works at any batch size",
    group="robustness",
    said="Batch normalization is a safe default, whatever the batch size.",
    needs="At equal rate a sample, the network with BN is about as accurate from batches of 2 as from batches of 32.",
    experiments=(
        Experiment(
            key="two", title="Batches of two",
            words="Digits, 2 hidden layers of 100 ReLU units, He's weights, learning rate 0.1 · batch size / 32, 1,000 "
            "steps of BN with batches of 2 and of 32.",
            arms=(_small("BN, batch 2", 0), _small("BN, batch 32", 1)), effect=Gain("BN, batch 2", "BN, batch 32"),
            prediction=Prediction((-0.02, 0.02), ((-1.0, -0.05),)),
            predicts="The accuracies are within 2 points; contradicted by a loss of more than 5.",
            says="From batches of 2 instead of 32, BN's test accuracy changes by {effect}.",
            shows="accuracy", label="test accuracy after 1,000 steps",
        ),
        Experiment(
            key="others", title="For comparison: normalizations that don't look at the batch",
            words="GroupNorm and LayerNorm with batches of 2, the same otherwise.",
            arms=(_small("GroupNorm, batch 2", 2), _small("LayerNorm, batch 2", 3), _small("BN, batch 2", 0)),
            effect=Gain("LayerNorm, batch 2", "BN, batch 2"), role="context",
            says="With batches of 2, LayerNorm in the place of BN changes the test accuracy by {effect}.",
            shows="accuracy", label="test accuracy after 1,000 steps",
        ),
    ),
    sources=sources("wu", "ba"),
)  # fmt: skip
CLAIMS = (HIGHER_RATES, INITIALISATION, BATCH_SIZE)
