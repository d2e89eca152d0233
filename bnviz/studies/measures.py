"""What is measured on a trial: each measure reads the snapshots that the lab would show, or the network itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from statistics import mean, median
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bnviz.experiment.snapshot import Snapshot

if TYPE_CHECKING:
    from bnviz.studies.trial import Trial
    from bnviz.training.unfold import Training

LEARNT = 0.9
RECENT = 5  # looks whose median is the accuracy "at the end", so that one noisy batch decides nothing
Floats = npt.NDArray[np.float64]


@dataclass
class Run:
    """A trial that was run: the snapshots of its looks, and the training as it stands at the end."""

    trial: Trial
    training: Training
    snapshots: list[Snapshot] = field(default_factory=list)
    watched: dict[str, list[Any]] = field(default_factory=dict)

    def path(self, name: str) -> Floats:
        """One of the snapshot's quantities over the looks [looks, ...]."""
        return np.array([snapshot.values[name] for snapshot in self.snapshots], np.float64)

    @cached_property
    def accuracies(self) -> Floats:
        """Test accuracy at the looks, eval mode; a network that answers nothing finite is worth a guess."""
        values = self.path("test_accuracy")
        return np.where(np.isfinite(values), values, self.training.data.chance)

    @property
    def broke(self) -> bool:
        """Whether the loss was not finite any more."""
        return self.training.diverged is not None


class Measure(NamedTuple):
    """A number a run: what it means, its unit, how to read it, and what in `WATCHES` must be watched for it."""

    doc: str
    unit: str
    read: Callable[[Run], float]
    watch: str = ""


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


def _fact(room: str, name: str) -> Callable[[Run], float]:
    """A statement about a layer, tried on the network as it stands at the end."""

    def read(run: Run) -> float:
        from bnviz.training.facts import axes, convolutions, formula, inputs

        rooms: dict[str, ModuleType] = {
            "axes": axes,
            "convolutions": convolutions,
            "formula": formula,
            "inputs": inputs,
        }
        return float(getattr(rooms[room], name)(run.training))

    return read


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
_FACTS = {
    name: Measure(doc, "", _fact(room, name))
    for room, name, doc in (
        ("formula", "deviation_over_variance", "deviation after dividing by variance + eps"),
        ("formula", "deviation_over_root", "deviation after dividing by sqrt(variance + eps)"),
        ("formula", "undone_by_variance", "distance to x with gamma = Var[x], beta = E[x], in deviations"),
        ("formula", "undone_by_root", "distance to x with gamma = sqrt(Var[x] + eps), beta = E[x], in deviations"),
        ("formula", "smallest_deviation", "deviation of the normalized values in the quietest channel"),
        ("formula", "deviation_formula_error", "largest distance of a normalized variance to v / (v + eps)"),
        ("inputs", "statistics_moved_by_labels", "largest change of a batch statistic by permuted labels"),
        ("inputs", "weights_moved_by_labels", "largest change of a weight's first step by permuted labels"),
        ("inputs", "company_in_train_mode", "how far logits move with the rest of the batch, train mode"),
        ("inputs", "company_in_eval_mode", "how far logits move with the rest of the batch, eval mode"),
        ("inputs", "samples_lost", "share of a batch's samples without a gradient"),
        ("inputs", "activations_zeroed", "share of hidden activations that are 0, test split, dropout on"),
        (
            "inputs",
            "activations_zeroed_in_eval_mode",
            "share of hidden activations that are 0, test split, dropout off",
        ),
        ("convolutions", "convolutional_accuracy", "test accuracy of convolutions in the place of dense layers"),
        ("axes", "batch_and_space", "distance of BatchNorm2d to statistics over batch and space"),
        ("axes", "batch_alone", "distance of BatchNorm2d to statistics over the batch alone"),
        ("axes", "space_alone", "distance of BatchNorm2d to statistics over each image's space"),
        ("axes", "padding_moves_batch_norm", "change of a sequence's values by longer padding, batch norm"),
        ("axes", "padding_moves_layer_norm", "change of a sequence's values by longer padding, layer norm"),
    )
}
MEASURES: dict[str, Measure] = {**_PATH, **_SIGNALS, **_FACTS}
