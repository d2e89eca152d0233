"""Claims about gradients at initialisation, with what theory says of them."""

from __future__ import annotations

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.theory import gradient_factor
from bnviz.studies.claim import Arm, Claim, Experiment, Role
from bnviz.studies.claims.parts import SMALL_WEIGHTS, WITH, WITHOUT, arm, pair, sources
from bnviz.studies.effects import Level, Ratio
from bnviz.studies.predictions import above, below

SIGMOID = ExperimentConfig(hidden_layers=10, activation="sigmoid", init="xavier", batch_size=60)
STACK = PRESETS["exploding-gradients"].arms[1]
LEVEL = 1.01
HE_TWICE = 2 * (2 / STACK.width) ** 0.5
TOO_LARGE = STACK.replace(init="normal", init_std=HE_TWICE)


def _left(key: str, title: str, words: str, arms: tuple[Arm, ...]) -> tuple[Experiment, Experiment]:
    """Without BN the gradient vanishes, which is what there is to cure; with BN it is still there."""
    premise = Experiment(
        key=f"{key}-without", title=f"{title}, without BN", words=words, arms=arms[:1],
        effect=Level(WITHOUT, "gradient_left", "times"), prediction=below(0.01, 0.01), role="premise",
        predicts="Without BN less than a hundredth of the gradient is left: there is something to cure.",
        says="Without BN, the first layer's gradient is {effect} the last hidden layer's.",
        shows="gradient_left", label="‖dL/dz‖, first over last hidden layer", log=True,
    )  # fmt: skip
    test = Experiment(
        key=key, title=title, words=words, arms=arms, effect=Level(WITH, "gradient_left", "times"),
        prediction=above(0.1, 0.01),
        predicts="With BN more than a tenth is left.",
        says="With BN, the first layer's gradient is {effect} the last hidden layer's.",
        beside=(Level(WITHOUT, "gradient_left", "times"), "Without BN it is {effect}."),
        shows="gradient_left", label="‖dL/dz‖, first over last hidden layer", log=True,
    )  # fmt: skip
    return test, premise


VANISHING = Claim(
    name="vanishing-gradients",
    title="BN cures vanishing gradients",
    group="gradients",
    said="Batch normalization handles vanishing gradients.",
    needs="dL/dz is the gradient of the loss by the values z that a layer's weights give, before normalization and "
    "activation. Where less than a hundredth "
    "of its size is left at the first layer without BN, more than a tenth is left with BN. Whether it grows instead is "
    "another claim.",
    experiments=(
        *_left("relu", "Ten ReLU layers from weights that are too small",
               "Digits, 10 hidden layers of 100 ReLU units, weights from N(0, 0.03²) (mean 0, standard deviation "
               "0.03): one backward pass at step 0.",
               pair(SMALL_WEIGHTS, 0, ("gradient_left",))),
        *_left("sigmoid", "Ten sigmoid layers",
               "Digits, 10 hidden layers of 100 sigmoid units, Xavier's weights: one backward pass at step 0.",
               pair(SIGMOID, 0, ("gradient_left",))),
    ),
    note="Look at dL/dz: with small weights and ReLU the gradients of the weights themselves stay level across layers "
    "while dL/dz vanishes.",
    sources=sources("ioffe", "bjorck"),
)  # fmt: skip


def _growth(key: str, title: str, words: str, config: ExperimentConfig, role: Role = "test") -> Experiment:
    theory = gradient_factor(config)
    expected = f" Theory, for Gaussian values, large batch and width: {theory.value:.3f}." if theory else ""
    return Experiment(
        key=key, title=title, words=f"{words}{expected}",
        arms=(arm(WITH if config.normalization == "batch" else WITHOUT, config, 0, ("gradient_growth",)),),
        effect=Level(WITH if config.normalization == "batch" else WITHOUT, "gradient_growth"),
        prediction=below(LEVEL, LEVEL) if role == "test" else None,
        predicts="The squared gradient grows by less than 1 % a layer." if role == "test" else "",
        says=f"{title}: ‖dL/dz‖² is multiplied by {{effect}} per layer towards the input.", role=role,
        shows="gradient_growth", label="factor of ‖dL/dz‖² a layer",
    )  # fmt: skip


_DEPTH = (
    "Digits, 20 hidden layers of 256 units, batches of 256, one backward pass at step 0; the first five and last two "
)
_DEPTH += "layers are left out."
EXPLODING = Claim(
    name="exploding-gradients",
    title="BN prevents exploding gradients",
    group="gradients",
    said="Batch normalization keeps gradients from exploding.",
    needs="In a deep network with BN, the gradient dL/dz (of the loss by the values z that a layer's weights give, "
    "before normalization and activation) does not grow from layer to layer on its way back to the input.",
    experiments=(
        _growth("relu", "ReLU with BN, He's weights", _DEPTH, STACK),
        _growth("relu-large", "ReLU with BN, twice He's weights", _DEPTH, TOO_LARGE),
        _growth("tanh", "Tanh with BN, Xavier's weights", _DEPTH, STACK.replace(activation="tanh", init="xavier")),
        _growth("sigmoid", "Sigmoid with BN, Xavier's weights", _DEPTH,
                STACK.replace(activation="sigmoid", init="xavier")),
        _growth("relu-none", "ReLU without BN, He's weights", _DEPTH, STACK.replace(normalization="none"), "context"),
        _growth("relu-large-none", "ReLU without BN, twice He's weights", _DEPTH,
                TOO_LARGE.replace(normalization="none"), "context"),
        Experiment(
            key="milder", title="Where weights are too large, BN is the milder of two evils",
            words="The two networks with twice He's weights against each other.",
            arms=(arm(WITH, TOO_LARGE, 0, ("gradient_growth",)),
                  arm(WITHOUT, TOO_LARGE.replace(normalization="none"), 0, ("gradient_growth",))),
            effect=Ratio(WITH, WITHOUT, "gradient_growth"), role="context",
            says="From weights twice as large as He's, the factor a layer with BN is {effect} the factor without.",
            shows="gradient_growth", label="factor of ‖dL/dz‖² a layer",
        ),
    ),
    note="This is at initialisation. BN itself makes the gradients grow: the size of the initial weights cancels.",
    sources=sources("yang", "he"),
)  # fmt: skip
CLAIMS = (VANISHING, EXPLODING)
