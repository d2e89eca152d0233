"""Claims about generalisation: every seed also splits the data anew."""

from __future__ import annotations

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.claim import Arm, Claim, Experiment, Role
from bnviz.studies.claims.parts import WITH, WITHOUT, arm, sources
from bnviz.studies.effects import Gain, Ratio
from bnviz.studies.rules import above, below

STEPS, EVERY = 600, 40
MEASURES = ("accuracy", "train_accuracy", "test_loss")
DROPOUT = "dropout 0.5, no BN"
FEW = ExperimentConfig(samples=200, noise=1.0, batch_size=32)
NOISY = ExperimentConfig(noise=1.0)
SETTINGS = {
    "digits": ("Digits as they are", "Digits", ExperimentConfig()),
    "noisy-digits": ("Noisy digits", "Digits with noise of deviation 1 on the inputs", NOISY),
    "few-digits": ("Few noisy digits", "200 digits with noise of deviation 1 on the inputs, batches of 32", FEW),
    "breast-cancer": (
        "Noisy breast cancer", "Breast cancer with noise of deviation 1",
        ExperimentConfig(dataset="breast_cancer", noise=1.0),
    ),
    "moons": (
        "Overlapping moons", "200 points of two overlapping moons, batches of 32",
        ExperimentConfig(dataset="moons", noise=0.3, samples=200, batch_size=32),
    ),
    "wine": ("Wine", "Wine, 178 samples, batches of 32", ExperimentConfig(dataset="wine", batch_size=32)),
}  # fmt: skip
_NETWORK = (
    "3 hidden layers of 100 ReLU units, He's weights, learning rate 0.1, 600 steps; each seed splits the data anew."
)


def _arm(name: str, config: ExperimentConfig) -> Arm:
    return arm(name, config, STEPS, MEASURES, every=EVERY, splits=True)


def _arms(config: ExperimentConfig) -> tuple[Arm, Arm]:
    return _arm(WITH, config.replace(normalization="batch")), _arm(WITHOUT, config)


def _words(setting: str) -> str:
    return f"{SETTINGS[setting][1]}; {_NETWORK}"


def _better(setting: str, role: Role = "test") -> Experiment:
    title, _, config = SETTINGS[setting]
    return Experiment(
        key=setting, title=title, words=_words(setting), arms=_arms(config), effect=Gain(WITH, WITHOUT),
        prediction=above(0.005, -0.005), role=role,
        predicts="The test accuracy is more than half a point higher; contradicted by more than half a point lower.",
        says=f"{title}: BN changes the test accuracy by {{effect}}.",
        shows="accuracy", label="test accuracy after 600 steps",
    )  # fmt: skip


GENERALISES = Claim(
    name="generalises-better",
    title="BN makes networks generalise better",
    group="generalisation",
    said="Networks with batch normalization generalise better.",
    needs="At the end of training the test accuracy is higher with BN, on one data set after the other.",
    experiments=tuple(_better(setting) for setting in SETTINGS),
    note="Where BN is more accurate in the literature, it is often because it allows another learning rate.",
    sources=sources("ioffe", "bjorck", "luo"),
    seeds=10,
    check_seeds=6,
)  # fmt: skip


def _gap(setting: str) -> Experiment:
    title, _, config = SETTINGS[setting]
    return Experiment(
        key=f"{setting}-gap", title=title, words=_words(setting), arms=_arms(config),
        effect=Gain(WITH, WITH, "train_accuracy", second_measure="accuracy"), prediction=below(0.02, 0.05),
        predicts="Training and test accuracy differ by less than 2 points; contradicted by more than 5.",
        says=f"{title}: from the training to the test split, the accuracy with BN differs by {{effect}}.",
        shows="accuracy", label="test accuracy after 600 steps",
    )  # fmt: skip


OVERFITS = Claim(
    name="cannot-overfit",
    title="With BN a network cannot overfit",
    group="generalisation",
    said="Batch normalization prevents overfitting.",
    needs="With BN the accuracy on the training split is no better than on the test split, even where the data are few "
    "or noisy.",
    experiments=(_gap("few-digits"), _gap("noisy-digits"), _gap("breast-cancer")),
    sources=sources("luo"),
    seeds=10,
    check_seeds=4,
)  # fmt: skip

_WITH_DROPOUT = _arm(DROPOUT, FEW.replace(dropout=0.5))
REGULARISES = Claim(
    name="replaces-dropout",
    title="BN regularises, so dropout is not needed",
    group="generalisation",
    said="Batch normalization regularises and reduces the need for dropout.",
    needs="With BN the test loss is lower and the accuracy higher than without, and dropout is no better than BN.",
    experiments=(
        Experiment(
            key="instead", title="BN instead of dropout", words=_words("few-digits"),
            arms=(_arms(FEW)[0], _WITH_DROPOUT), effect=Gain(WITH, DROPOUT), prediction=above(-0.01, -0.05),
            predicts="With BN the test accuracy is at most a point lower than with dropout; "
            "contradicted by more than 5 points.",
            says="BN in the place of dropout changes the test accuracy by {effect}.",
            shows="accuracy", label="test accuracy after 600 steps",
        ),
        Experiment(
            key="accuracy", title="BN against nothing: accuracy", words=_words("few-digits"), arms=_arms(FEW),
            effect=Gain(WITH, WITHOUT), prediction=above(0.005, -0.005),
            predicts="The test accuracy is more than half a point higher; "
            "contradicted by more than half a point lower.",
            says="BN in the place of nothing changes the test accuracy by {effect}.",
            shows="accuracy", label="test accuracy after 600 steps",
        ),
        Experiment(
            key="loss", title="BN against nothing: loss", words=_words("noisy-digits"), arms=_arms(NOISY),
            effect=Ratio(WITHOUT, WITH, "test_loss"), prediction=above(1.05, 0.95),
            predicts="The test loss without BN is more than 5 % larger; contradicted by more than 5 % smaller.",
            says="On noisy digits the test loss without BN is {effect} that with BN.",
            shows="test_loss", label="test loss after 600 steps (nats)",
        ),
    ),
    note="One source of it is the noise of the mini-batch's statistics, which Luo et al. describe as a regulariser.",
    sources=sources("ioffe", "luo", "srivastava"),
    seeds=10,
    check_seeds=6,
)  # fmt: skip
CLAIMS = (REGULARISES, GENERALISES, OVERFITS)
