"""What is measured on a trial: each measure reads the snapshots that the lab would show, or the network itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import mean, median
from typing import TYPE_CHECKING, Any

import numpy as np

from bnviz.studies.facts import FACTS
from bnviz.studies.runs import Measure, Run

if TYPE_CHECKING:
    from bnviz.studies.trial import Trial
    from bnviz.training.unfold import Training

LEARNT = 0.9
RECENT = 5  # looks whose median is the accuracy "at the end", so that one noisy batch decides nothing


def measure(trial: Trial) -> dict[str, float]:
    """Train as the lab does and return the trial's measures; see `bnviz.studies.trial.run_trial`."""
    run = train(trial)
    with np.errstate(all="ignore"):  # a network that broke has infinities, and gives NaN
        return _measured(run)


def _measured(run: Run) -> dict[str, float]:
    trial = run.trial
    return {name: float(MEASURES[name].read(run)) for name in trial.measures}


def train(trial: Trial) -> Run:
    """Run the trial's training and keep what its measures need."""
    from bnviz.training.unfold import Training

    training = Training(trial.config)
    run = Run(trial, training)
    watching = {watch for name in trial.measures if (watch := MEASURES[name].watch)}
    while not run.broke:
        looked = training.step % trial.every == 0 or training.step == trial.steps
        for watch in watching if looked else ():
            run.watched.setdefault(watch, []).append(WATCHES[watch](training))
        last = training.step == trial.steps
        snapshot = training.advance(capture=looked, surface=False)
        if snapshot is not None:
            run.snapshots.append(snapshot)
            if last or (trial.reach is not None and snapshot.values["test_accuracy"] >= np.float32(trial.reach)):
                break
    return run


def steps_to(run: Run, accuracy: float) -> float:
    """The first look at which the test accuracy is reached; NaN where it never is."""
    reached = run.path("test_accuracy") >= np.float32(accuracy)  # 405 of 450 are 90 %, in float32 as the snapshots are
    return float(run.snapshots[int(reached.argmax())].step) if reached.any() else math.nan


def final(run: Run) -> float:
    """The median test accuracy of the last looks; a network that broke is worth a guess."""
    return run.training.data.chance if run.broke else float(np.median(run.accuracies[-RECENT:]))


def last(run: Run, name: str) -> float:
    """The median of a quantity at the last looks; NaN for a network that broke."""
    return math.nan if run.broke else float(np.median(run.path(name)[-RECENT:]))


def drift_path(run: Run) -> float:
    """How far the medians of the last layer's traced units travel, in units of their own spread (15th to 85th)."""
    rows = run.path("unit_percentiles")[:, -1]
    spread = rows[:-1, :, 2] - rows[:-1, :, 0]
    return float((np.abs(np.diff(rows[..., 1], axis=0)) / spread).sum(0).mean())


def drift_per_look(run: Run) -> float:
    """How far the last layer's distributions move from look to look, on average; NaN where there is one look alone."""
    drifts = run.path("drift_last")[1:, -1]
    return float(drifts.mean()) if len(drifts) else math.nan


def gradient_growth(run: Run) -> float:
    """The factor per layer, towards the input, of ||dL/dz||^2 at step 0, without the first five and last two layers."""
    norms = run.path("gradient_z")[0, :-1]
    first, last = (5, len(norms) - 3) if len(norms) >= 10 else (0, len(norms) - 1)
    return float((norms[first] / norms[last]) ** (2 / (last - first))) if norms[last] > 0 else math.nan


def gradient_left(run: Run) -> float:
    """||dL/dz|| of the first hidden layer over that of the last, at step 0; NaN where none reached the last."""
    norms = run.path("gradient_z")[0, :-1]
    return float(norms[0] / norms[-1]) if norms[-1] > 0 else math.nan


def _observed(
    watch: str, pick: Callable[[Any], float], choose: Callable[[list[float]], float]
) -> Callable[[Run], float]:
    """One number of what was watched at the looks; looks at which it could not be told are left out."""

    def read(run: Run) -> float:
        seen = [value for value in map(pick, run.watched[watch]) if math.isfinite(value)]
        return float(choose(seen)) if seen else math.nan

    return read


def _shift(training: Training) -> Any:
    from bnviz.training.gradient_shift import gradient_shift

    return gradient_shift(training)


def _landscape(training: Training) -> Any:
    from bnviz.training.landscape import landscape

    return landscape(training)


WATCHES: dict[str, Callable[[Training], Any]] = {"shift": _shift, "landscape": _landscape}


_PATH = {
    "steps_to_90": Measure(
        "steps until the test accuracy is first 90 % (nothing where it never is)",
        "steps",
        lambda r: steps_to(r, LEARNT),
    ),
    "accuracy": Measure("test accuracy at the end, eval mode, median of the last looks", "share", final),
    "best_accuracy": Measure("best test accuracy on the way, eval mode", "share", lambda r: float(r.accuracies.max())),
    "mean_accuracy": Measure("test accuracy on average over the looks", "share", lambda r: float(r.accuracies.mean())),
    "train_accuracy": Measure(
        "accuracy on the training split at the end", "share", lambda r: last(r, "train_accuracy")
    ),
    "train_mode_accuracy": Measure(
        "test accuracy at the end with batch statistics", "share", lambda r: last(r, "test_accuracy_train_mode")
    ),
    "test_loss": Measure("cross-entropy of the test split at the end", "nats", lambda r: last(r, "test_loss")),
    "broke": Measure("1 where the loss was not finite any more, else 0", "", lambda r: float(r.broke)),
    "chance": Measure("test accuracy of always guessing the same class", "share", lambda r: r.training.data.chance),
}
_SIGNALS = {
    "drift_path": Measure("path of the last layer's medians, in their own spreads", "spreads", drift_path),
    "drift_per_look": Measure("drift of the last layer from look to look", "", drift_per_look),
    "drift_from_start": Measure(
        "drift of the last layer from step 0 to the end", "", lambda r: float(r.path("drift_start")[-1, -1])
    ),
    "gradient_growth": Measure("growth of ||dL/dz||² a layer towards the input, step 0", "times", gradient_growth),
    "gradient_left": Measure("||dL/dz|| of the first hidden layer over the last one's, step 0", "times", gradient_left),
    "gradient_shift": Measure(
        "relative gradient shift, mean over hidden layers and looks", "",
        _observed("shift", lambda shift: float(shift.relative[1:-1].mean()), mean), "shift",
    ),
    "gradient_cosine": Measure(
        "cosine of the gradient before and after the lower layers' step, mean over hidden layers and looks", "",
        _observed("shift", lambda shift: float(shift.cosine[1:-1].mean()), mean), "shift",
    ),
    "loss_range": Measure(
        "range of the loss along the gradient, median over looks", "nats",
        _observed("landscape", lambda line: float(line.range), median), "landscape",
    ),
    "smoothness": Measure(
        "largest change of the gradient over the distance moved, median over looks", "",
        _observed("landscape", lambda line: float(line.smoothness), median), "landscape",
    ),
}  # fmt: skip
MEASURES: dict[str, Measure] = {**_PATH, **_SIGNALS, **FACTS}
