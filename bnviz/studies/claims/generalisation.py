"""Claims about generalisation: every seed also splits the data anew."""

from __future__ import annotations

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.claim import Arm, Claim, Experiment, Role
from bnviz.studies.claims.parts import WITH, WITHOUT, arm, sources
from bnviz.studies.effects import Gain, Gap, Ratio
from bnviz.studies.predictions import above, below

STEPS, EVERY = 600, 40
MEASURES = ("accuracy", "train_accuracy", "test_loss")
DROPOUT = "dropout 0.5, no BN"
FEW = ExperimentConfig(samples=200, noise=1.0, batch_size=32)
NOISY = ExperimentConfig(noise=1.0)
SETTINGS = {
    "digits": ("Digits as they are", "Digits", ExperimentConfig()),
    "noisy-digits": ("Noisy digits", "Digits with noise of standard deviation 1 on the standardised inputs", NOISY),
    "few-digits": (
        "Few noisy digits", "200 digits with noise of standard deviation 1 on the standardised inputs, batches of 32",
        FEW,
    ),
    "breast-cancer": (
        "Noisy breast cancer", "Breast cancer with noise of standard deviation 1 on every standardised column",
        ExperimentConfig(dataset="breast_cancer", noise=1.0),
    ),
    "moons": (
        "Overlapping moons", "200 points of two overlapping moons, batches of 32",
        ExperimentConfig(dataset="moons", noise=0.3, samples=200, batch_size=32),
    ),
    "wine": (
        "Wine", "Wine, 178 samples with 13 standardised columns, batches of 32",
        ExperimentConfig(dataset="wine", batch_size=32),
    ),
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
        predicts="The test accuracy is more than half a point higher.",
        says=f"{title}: with BN the test accuracy is {{effect}} {{higher}} than without.",
        shows="accuracy", label="test accuracy after 600 steps",
    )  # fmt: skip


GENERALISES = Claim(
    name="generalises-better",
    title="BN makes networks generalise better",
    group="generalisation",
    said="Networks with batch normalization generalise better.",
    needs="At the end of training the test accuracy is higher with BN than without.",
    experiments=tuple(_better(setting) for setting in SETTINGS),
    note="Where BN is more accurate in the literature, it is often because it allows another learning rate.",
    sources=sources("ioffe", "bjorck", "luo"),
    seeds=10,
    check_seeds=6,
)  # fmt: skip


def _gap(setting: str) -> Experiment:
    title, _, config = SETTINGS[setting]
    with_bn, without = (
        Gap(name, ("train_accuracy", "accuracy"), ("training split", "test split")) for name in (WITH, WITHOUT)
    )
    return Experiment(
        key=f"{setting}-gap", title=title, arms=_arms(config),
        words=f"{_words(setting)} The network without BN stands beside it for comparison.",
        effect=with_bn, beside=(without, "Without BN it is {effect} {higher}."),
        prediction=below(0.02, 0.05),
        predicts="With BN the training accuracy is less than 2 points above the test accuracy.",
        says=f"{title}: with BN the accuracy on the training split is {{effect}} {{higher}} than on the test split.",
        shows="train_accuracy", label="training accuracy minus test accuracy after 600 steps (points)",
    )  # fmt: skip


OVERFITS = Claim(
    name="cannot-overfit",
    title="With BN a network cannot overfit",
    group="generalisation",
    said="Batch normalization prevents overfitting: with it, a network cannot overfit.",
    needs="With BN the accuracy on the training split is no better than on the test split, even where the data are few "
    "or noisy.",
    experiments=(_gap("few-digits"), _gap("noisy-digits"), _gap("breast-cancer")),
    sources=sources("luo"),
    universal=True,
    seeds=10,
)  # fmt: skip

_WITH_DROPOUT = _arm(DROPOUT, FEW.replace(dropout=0.5))
REGULARISES = Claim(
    name="replaces-dropout",
    title="BN regularises and reduces the need for dropout",
    group="generalisation",
    said="Batch normalization regularises and reduces the need for dropout.",
    needs="With BN the test loss is lower and the accuracy higher than without, and dropout is no better than BN.",
    experiments=(
        Experiment(
            key="instead", title="BN instead of dropout", words=_words("few-digits"),
            arms=(_arms(FEW)[0], _WITH_DROPOUT), effect=Gain(WITH, DROPOUT), prediction=above(-0.01, -0.05),
            predicts="With BN the test accuracy is at most a point lower than with dropout.",
            says="With BN instead of dropout, the test accuracy is {effect} {higher}.",
            shows="accuracy", label="test accuracy after 600 steps",
        ),
        Experiment(
            key="accuracy", title="BN against neither: accuracy", words=_words("few-digits"), arms=_arms(FEW),
            effect=Gain(WITH, WITHOUT), prediction=above(0.005, -0.005),
            predicts="The test accuracy is more than half a point higher.",
            says="With BN, the test accuracy is {effect} {higher} than with neither BN nor dropout.",
            shows="accuracy", label="test accuracy after 600 steps",
        ),
        Experiment(
            key="loss", title="BN against neither: loss", words=_words("few-digits"), arms=_arms(FEW),
            effect=Ratio(WITHOUT, WITH, "test_loss"), prediction=above(1.05, 0.95),
            predicts="The test loss without BN is more than 5 % larger.",
            says="With neither, the test loss is {effect} that with BN.",
            shows="test_loss", label="test loss after 600 steps (nats)",
        ),
    ),
    note="All three predictions are tried on the same data, few and noisy digits. A regulariser is "
    "what keeps a network from learning its training samples by heart. What may regularise in BN is noise: each batch "
    "has another mean and variance (Luo et al.).",
    sources=sources("ioffe", "luo", "srivastava"),
    seeds=10,
    check_seeds=6,
)  # fmt: skip
CLAIMS = (REGULARISES, GENERALISES, OVERFITS)
