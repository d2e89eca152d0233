"""Claims about the loss landscape."""

from __future__ import annotations

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.claim import Claim, Experiment, Role
from bnviz.studies.claims.parts import CLEARLY, DEEP, EASY, HEADLINE, WITH, WITHOUT, pair, sources
from bnviz.studies.effects import Ratio
from bnviz.studies.predictions import times

SMOOTHER = CLEARLY


def _range(
    key: str, title: str, words: str, config: ExperimentConfig, *, steps: int = 50, role: Role = "test"
) -> Experiment:
    when = f"every 5 of the first {steps} steps" if steps else "at step 0"
    return Experiment(
        key=key, title=title, words=f"{words} The loss along the gradient's direction from 0.5 to 4 times the learning "
        f"rate, {when}: its range on that line, median over the looks.",
        arms=pair(config, steps, ("loss_range", "smoothness"), every=5), effect=Ratio(WITHOUT, WITH, "loss_range"),
        prediction=times(SMOOTHER),
        predicts=f"Without BN the range is more than {SMOOTHER:g} times as large.",
        says=f"{title}: without BN the loss along the gradient ranges {{effect}} as far as with it.",
        shows="loss_range", label="range of the loss along the gradient (nats)", role=role, log=True,
    )  # fmt: skip


def _gradient(key: str, title: str, words: str, config: ExperimentConfig) -> Experiment:
    return Experiment(
        key=key, title=title,
        words=f"{words} On the same line: the largest change of the gradient, divided by the distance moved, every 5 "
        "of the first 50 steps, median.",
        arms=pair(config, 50, ("loss_range", "smoothness"), every=5), effect=Ratio(WITHOUT, WITH, "smoothness"),
        prediction=times(SMOOTHER),
        predicts=f"Without BN the change is more than {SMOOTHER:g} times as large.",
        says=f"{title}: without BN the gradient changes {{effect}} as fast as with it.",
        shows="smoothness", label="change of the gradient per distance moved", role="counter", log=True,
    )  # fmt: skip


_EASY = "Digits, 3 hidden layers of 100 ReLU units, He's weights, batches of 64."
SMOOTHS = Claim(
    name="smooths-the-loss",
    title="BN smooths the loss landscape",
    group="landscape",
    said="Batch normalization makes the loss landscape smoother.",
    needs="Along the direction of the gradient, in which a step of training goes, the loss and the gradient itself "
    "change less with BN than without.",
    experiments=(
        _range("usual", "ReLU at the usual learning rate 0.1", _EASY, EASY, role="counter"),
        _range("deep", "Ten ReLU layers at 0.1",
               "Digits, 10 hidden layers of 64 ReLU units, He's weights, batches of 64.",
               DEEP, role="counter"),
        _range("small", "ReLU at the small learning rate 0.01", _EASY, EASY.replace(learning_rate=0.01),
               role="counter"),
        _range("start", "ReLU before the first step", _EASY, EASY, steps=0, role="counter"),
        _range("sigmoid", "The sigmoid network of the headline at 0.5",
               "Digits, 3 hidden layers of 100 sigmoid units, weights from N(0, 0.1²) (mean 0, standard deviation "
               "0.1), batches of 60.", HEADLINE),
        _gradient("deep-gradient", "Ten ReLU layers at 0.01",
                  "Digits, 10 hidden layers of 64 ReLU units, He's weights, batches of 64.",
                  DEEP.replace(learning_rate=0.01)),
    ),
    note="Whether smoothness is why BN helps is not tested here. And the comparison is not quite fair: with BN, the "
    "size of the weights does not change the output, so that the same distance in the weights means something else.",
    sources=sources("santurkar"),
)  # fmt: skip
CLAIMS = (SMOOTHS,)
