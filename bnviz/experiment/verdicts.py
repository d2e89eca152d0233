"""Plain-language verdicts on a comparison, each drawn from measured numbers and naming the one it rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np

from bnviz.experiment.history import History

Kind = Literal[
    "waiting", "diverged", "stuck", "training", "trained", "saturated", "dead", "vanishing", "exploding",
    "no_difference", "difference", "worse",
]  # fmt: skip

LEARNT = 0.9  # test accuracy of a network that is called trained
STUCK_AFTER = 100  # steps without a fall of the loss before "stuck at chance" may be said
WORSE = 2.0  # a training loss so many times that of step 0 is worse than at the start
STILL = 0.01  # a training loss that falls by less than this share does not fall
NEAR_CHANCE = 2.0  # accuracy within so many standard deviations of chance is "at chance"
MOSTLY = 0.5  # share of saturated values or dead units that is worth a word
STEEP = 10.0  # gradient ratio first to last hidden layer that is called vanishing or exploding
SAME = 0.02  # accuracies closer than this are no real difference
JUDGED_AFTER = 50  # steps before two arms are compared
UNDERFLOW = "too small for a 32-bit number in layer 1"
RECENT = 5  # snapshots whose median is judged, so that one noisy batch decides nothing


@dataclass(frozen=True)
class Verdict:
    """One sentence on one arm (`arm` is its index) or on all (`arm` is None), and the number it rests on."""

    arm: int | None
    kind: Kind
    text: str
    number: str


@dataclass(frozen=True)
class Chance:
    """What guessing reaches: the most frequent class's share of the test samples, and their number."""

    share: float
    samples: int

    @property
    def limit(self) -> float:
        """Up to here an accuracy can't be told from guessing: two binomial standard deviations above the share."""
        return self.share + NEAR_CHANCE * math.sqrt(self.share * (1 - self.share) / self.samples)


def verdicts(histories: Sequence[History], chances: Sequence[Chance]) -> list[Verdict]:
    """Return what the newest snapshots bear out, and nothing else; `chances` says what guessing reaches in each arm."""
    pairs = enumerate(zip(histories, chances, strict=True))
    found = [verdict for arm, (history, chance) in pairs for verdict in _of_arm(arm, history, chance)]
    return [*_across(histories), *found]


def _of_arm(arm: int, history: History, chance: Chance) -> list[Verdict]:
    if len(history) == 0:
        return [Verdict(arm, "waiting", "not started", "step 0")]
    if history.diverged is not None:
        broken = history.diverged
        number = f"first non-finite value in the {broken.where}"
        return [Verdict(arm, "diverged", f"diverged at step {broken.step}", number)]
    return [_progress(arm, history, chance), *_signals(arm, history)]


def _progress(arm: int, history: History, chance: Chance) -> Verdict:
    step, accuracy = int(history["step"][-1]), float(history["test_accuracy"][-1])
    number, recent = f"test accuracy {accuracy:.1%}", _recent(history, "test_accuracy")
    if recent >= LEARNT:
        return Verdict(arm, "trained", f"reached {LEARNT:.0%} {_reached(history)}", number)
    loss, first = _recent(history, "train_loss"), float(history["train_loss"][0])
    if loss > WORSE * first:
        number = f"training loss {first:.3g} at step 0, {loss:.3g} as the median of the last {RECENT} measured steps"
        return Verdict(arm, "worse", "worse than at the start", number)
    if max(accuracy, recent) <= chance.limit:
        number = f"{number}, chance {chance.share:.1%}"
        fall = _fall(history)
        if fall is None:
            return Verdict(arm, "waiting", "still at chance", f"{number}, step {step}")
        number = f"{number}; training loss {-fall:+.1%} in the last {STUCK_AFTER} steps"
        if fall < STILL:
            return Verdict(arm, "stuck", "stuck at chance", number)
        return Verdict(arm, "waiting", "still at chance, the loss is falling", number)
    return Verdict(arm, "training", "training", number)


def _reached(history: History) -> str:
    """When, as nearly as it was measured: not every step is."""
    row = int(np.argmax(history["test_accuracy"] >= LEARNT))
    step, before = int(history["step"][row]), int(history["step"][max(0, row - 1)])
    return f"at step {step}" if step - before <= 1 else f"between steps {before} and {step}"


def _fall(history: History) -> float | None:
    """By what share of itself the training loss fell in the last `STUCK_AFTER` steps; None where there are fewer."""
    steps, losses = history["step"], history["train_loss"]
    earlier = int(np.searchsorted(steps, steps[-1] - STUCK_AFTER, "right"))
    if earlier == 0:
        return None
    before = float(np.median(losses[max(0, earlier - RECENT) : earlier]))
    return 1 - _recent(history, "train_loss") / before if before > 0 else 0.0


def _signals(arm: int, history: History) -> list[Verdict]:
    found = []
    for name, word in (("saturated", "saturated"), ("dead", "dead")):
        shares = np.median(history[name][-RECENT:], axis=0)
        if np.isfinite(shares).all() and shares.max() >= MOSTLY:
            layer, what = int(shares.argmax()), "of its values" if name == "saturated" else "of its units"
            text = f"layer {layer + 1} is {'saturated' if name == 'saturated' else 'dying'}"
            found.append(Verdict(arm, word, text, f"{shares[layer]:.0%} {what}"))  # type: ignore[arg-type]
    return [*found, *_gradients(arm, history)]


def _gradients(arm: int, history: History) -> list[Verdict]:
    """The gradient at the first hidden layer against the last one's: what depth does to the signal on its way back."""
    gradients = np.median(history["gradient_z"][-RECENT:], axis=0)[:-1]
    first, last = float(gradients[0]), float(gradients[-1])
    if len(gradients) < 3 or not (np.isfinite(first) and np.isfinite(last)):
        return []
    if last > 0 and first <= last / STEEP:
        number = (
            f"{last / first:,.0f} times smaller in layer 1 than in layer {len(gradients)}" if first > 0 else UNDERFLOW
        )
        return [Verdict(arm, "vanishing", "gradients vanish towards the input", number)]
    if last > 0 and first >= last * STEEP:
        number = f"{first / last:,.0f} times larger in layer 1 than in layer {len(gradients)}"
        return [Verdict(arm, "exploding", "gradients grow towards the input", number)]
    return []


def _across(histories: Sequence[History]) -> list[Verdict]:
    started = [history for history in histories if len(history)]
    if len(histories) < 2 or len(started) < len(histories) or any(h.diverged for h in histories):
        return []
    if min(int(history["step"][-1]) for history in histories) < JUDGED_AFTER:
        return []
    ends = [float(history["test_accuracy"][-1]) for history in histories]
    gap = max(ends) - min(ends)
    number = f"test accuracies {', '.join(f'{end:.1%}' for end in ends)}"
    if gap < SAME:
        past = max(_average_gap(histories), 0.0)
        if past < SAME:
            return [Verdict(None, "no_difference", "no real difference so far", number)]
        return [
            Verdict(None, "difference", "level now, not on the way", f"{number}; average gap {past * 100:.1f} points")
        ]
    return [Verdict(None, "difference", f"{gap * 100:.1f} points apart", number)]


def _average_gap(histories: Sequence[History]) -> float:
    """The mean over training of the gap between the best and the worst arm, on the steps that all have."""
    shared = reduce(np.intersect1d, [history["step"] for history in histories])
    gaps = np.ptp([history["test_accuracy"][np.isin(history["step"], shared)] for history in histories], axis=0)
    if len(shared) < 2:
        return float(gaps.max(initial=0.0))
    return float(np.trapezoid(gaps, shared.astype(float)) / (shared[-1] - shared[0]))


def _recent(history: History, name: str) -> float:
    return float(np.median(history[name][-RECENT:]))
