"""Up to four arms advanced in lockstep: shared batches, shared initial weights wherever shapes allow."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.history import History
from bnviz.experiment.own_table import NO_TABLES, Tables
from bnviz.experiment.snapshot import Divergence
from bnviz.experiment.verdicts import Chance
from bnviz.training.evaluation import chance
from bnviz.training.unfold import Training

MAX_ARMS = 4
CAPTURE_SHARE = 0.25  # of all time
TURN_SHARE = 2 / 3  # of the time that this comparison is at work, where many take turns on a core
SURFACE_INTERVAL = 0.5


class Comparison:
    """Arms in lockstep, each with a history: `comparison.histories[0]["test_accuracy"]`.

    Arms with equal seeds see the same batches in the same order and start from the same weights where shapes are
    equal. With `every=k` steps 0, k, 2k, ... are captured; without, one is captured each `interval` seconds of
    training, later where capture would take more than a quarter of the time, or more than two thirds of its own where
    others take turns with it, and always the steps 0, 1, 2, ... 9, 10, 20, ... 90, 100, 200, ... An arm whose loss is
    not finite stops; the others go on. `history` makes what each arm's snapshots are appended to. Raises `ConfigError`
    for too few or many arms, and for a table of somebody's own that is not in `tables`.
    """

    def __init__(
        self,
        arms: Sequence[ExperimentConfig],
        *,
        every: int | None = None,
        interval: float = 0.1,
        tables: Tables = NO_TABLES,
        history: Callable[[], History] = History,
    ) -> None:
        if not 1 <= len(arms) <= MAX_ARMS:
            raise ConfigError("arms", f"a comparison has one to {MAX_ARMS} arms; got {len(arms)}")
        if every is not None and every < 1:
            raise ConfigError("every", f"every must be at least 1 step; got {every}")
        self.every, self.interval = every, interval
        self.tables = tables
        self.stop_at: int | None = None
        self._arms = list(arms)
        self._history = history
        self._start()

    def _start(self) -> None:
        self.trainings = [Training(arm, self.tables) for arm in self._arms]
        self.histories = [self._history() for _ in self._arms]
        self.step = 0
        self._captures = 0
        self._due = self._surface_due = -1.0
        self._owed = 0.0  # seconds of steps to be made before the next capture

    @property
    def configs(self) -> list[ExperimentConfig]:
        """The arms' configurations with every intervention so far: they unfold into these histories."""
        return [training.config for training in self.trainings]

    @property
    def chances(self) -> list[Chance]:
        """What guessing reaches on each arm's evaluated test samples."""
        return [chance(training.data) for training in self.trainings]

    @property
    def diverged(self) -> list[Divergence | None]:
        """Where each arm's training broke, if it did."""
        return [training.diverged for training in self.trainings]

    @property
    def finished(self) -> bool:
        """Whether no arm can go on."""
        return all(training.diverged is not None for training in self.trainings)

    def advance(self, *, steps: int | None = None, seconds: float | None = None, capture: bool = False) -> int:
        """Advance all arms by a number of steps or for a time; return the steps made. `capture` captures all of them.

        It ends early where every arm has diverged. `stop_at`, if set, is captured and the last step made.
        Raises `ValueError` unless exactly one of `steps` and `seconds` is given.
        """
        if (steps is None) == (seconds is None):
            raise ValueError("give exactly one of steps and seconds")
        started, first = time.perf_counter(), self.step
        while not self.finished and not self.stopped:
            if steps is not None and self.step - first >= steps:
                break
            if seconds is not None and time.perf_counter() - started >= seconds:
                break
            self._advance_once(capture)
        return self.step - first

    @property
    def stopped(self) -> bool:
        """Whether the step to stop at has been made."""
        return self.stop_at is not None and self.step > self.stop_at

    def _advance_once(self, forced: bool) -> None:
        now, began = time.perf_counter(), time.thread_time()  # what it takes: others may have the core meanwhile
        capture = forced or self._is_due(now)
        surface = self.every is not None or now >= self._surface_due or self.step == self.stop_at
        snapshots = [
            training.advance(capture=capture, surface=surface) if training.diverged is None else None
            for training in self.trainings
        ]
        for history, snapshot in zip(self.histories, snapshots, strict=True):
            if snapshot is not None:
                history.append(snapshot, self._captures)
        self.step += 1
        if any(snapshots):
            self._captures += 1
        took = time.thread_time() - began
        self._owed -= took
        if capture:
            self._due = now + max(self.interval, took / CAPTURE_SHARE)
            self._owed = took * (1 / TURN_SHARE - 1)
            if surface:
                self._surface_due = now + SURFACE_INTERVAL

    def _is_due(self, now: float) -> bool:
        if self.step == self.stop_at:
            return True
        if self.every is not None:
            return self.step % self.every == 0
        return (now >= self._due and self._owed <= 0) or _is_round(self.step)

    def turn(self, arm: int, intervention: Intervention) -> None:
        """Turn a knob of one arm at its next step and record it; raises `ConfigError` where it is not allowed."""
        training = self.trainings[arm]
        if training.diverged is not None:
            raise ConfigError("interventions", f"this arm broke at step {training.diverged.step}: rewind it first")
        training.turn(intervention)

    def rewind(self, *, forget: bool = False) -> None:
        """Go back to step 0 with the same initial weights; recorded interventions replay unless they are forgotten."""
        configs = [config.replace(interventions=()) if forget else config for config in self.configs]
        self._restart(configs)

    def reseed(self, seed: int | None = None) -> None:
        """Go back to step 0 with new initial weights and batches, of the given seed or the next one."""
        configs = self.configs
        chosen = configs[0].seed + 1 if seed is None else seed
        self._restart([config.replace(seed=chosen + config.seed - configs[0].seed) for config in configs])

    def _restart(self, configs: list[ExperimentConfig]) -> None:
        self._arms = configs
        self._start()


def _is_round(step: int) -> bool:
    """Whether a step has but one digit that is not 0: the first steps change most, and all runs share these."""
    while step and step % 10 == 0:
        step //= 10
    return step < 10
