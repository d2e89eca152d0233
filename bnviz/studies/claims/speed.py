"""Claims about speed."""

from __future__ import annotations

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.claim import Arm, Claim, Experiment, Role
from bnviz.studies.claims.parts import CLEARLY, EASY, HEADLINE, SMALL_WEIGHTS, WITH, WITHOUT, race, sources
from bnviz.studies.effects import Duration
from bnviz.studies.predictions import times

SOONER = CLEARLY


def _race(key: str, title: str, words: str, arms: tuple[Arm, ...], role: Role = "test") -> Experiment:
    network = title.removeprefix("Counter-case: ")
    return Experiment(
        key=key, title=title, words=words, arms=arms, effect=Duration(WITHOUT, WITH), prediction=times(SOONER),
        predicts=f"Without BN the network needs more than {SOONER:g} times as many steps.",
        says=f"{network[0].upper()}{network[1:]}: without BN it needs {{effect}} as many steps to 90 % test accuracy "
        "as with BN.",
        shows="steps_to_90", label="steps to 90 % test accuracy", role=role, log=True,
    )  # fmt: skip


FASTER = Claim(
    name="faster",
    title="BN makes training faster",
    group="speed",
    said="Networks with batch normalization converge faster: they need fewer epochs.",
    needs="The same network, with the same initial weights, batches and learning rate, reaches 90 % test accuracy in "
    "clearly fewer steps with BN than without.",
    experiments=(
        _race(
            "sigmoid", "A sigmoid network from small weights",
            "Digits, 3 hidden layers of 100 sigmoid units, weights from N(0, 0.1²) (mean 0, standard deviation 0.1), "
            "learning rate 0.5, batches of 60: the setting of the paper's first figure in small. Trained until 90 %, "
            "at most 1,000 steps.",
            race(HEADLINE, 1000, 5),
        ),
        _race(
            "small-weights", "A deep ReLU network whose weights are far too small",
            "Digits, 10 hidden layers of 100 ReLU units, weights from N(0, 0.03²) (mean 0, standard deviation 0.03), "
            "learning rate 0.1, batches of 60. Trained until 90 %, at most 400 steps.",
            race(SMALL_WEIGHTS, 400, 10),
        ),
        _race(
            "well-initialised", "Counter-case: a well-initialised ReLU network",
            "Digits, 3 hidden layers of 100 ReLU units, He's weights, learning rate 0.1, batches of 64. Trained "
            "until 90 %, at most 400 steps.",
            race(EASY, 400, 2), "counter",
        ),
        _race(
            "small-rate", "Counter-case: the same at a small learning rate",
            "The same network at learning rate 0.01. Trained until 90 %, at most 1,500 steps.",
            race(EASY.replace(learning_rate=0.01), 1500, 10), "counter",
        ),
        _race(
            "breast-cancer", "Counter-case: an easy table of numbers",
            "Breast cancer, a table of 30 measurements of each of 569 tumours: 3 hidden layers of 100 ReLU units, He's "
            "weights, learning rate 0.1, batches of 64. The accuracy is looked at after every step, as few are needed.",
            race(ExperimentConfig(dataset="breast_cancer"), 400, 1), "counter",
        ),
    ),
    note="Steps are counted, not seconds: a step with BN also costs more time.",
    sources=sources("ioffe-figure-1", "bjorck"),
)  # fmt: skip
CLAIMS = (FASTER,)
