"""One visitor's live run: a comparison, what its player is set to, and the page's open question.

All of it belongs to the worker that has the run's turn; others only put commands and questions into its inbox.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bnviz.experiment.config import MAX_STEP, PLANAR_DATASETS, ExperimentConfig, Intervention
from bnviz.experiment.snapshot import (
    BINS,
    QUANTILES,
    SHOWN_IMAGES,
    histogram_edges,
    kept_channels,
    traced_units,
)  # fmt: skip
from bnviz.experiment.theory import gradient_factor
from bnviz.experiment.verdicts import verdicts
from bnviz.live.packing import pack

if TYPE_CHECKING:
    from bnviz.training.comparison import Comparison

SLICE = 0.015
SNAPSHOT_INTERVAL = 0.05
UNWATCHED_AFTER = 2.0
VERDICT_INTERVAL = 0.5
RATE_MEMORY = 1.0


class CommandError(ValueError):
    """A page's message that cannot be carried out; the text says what is allowed."""


@dataclass(frozen=True)
class Question:
    """A page's request for everything newer; `answer` takes the messages in order and may be called from any thread."""

    generation: int
    cursor: int
    layer: int
    layer_cursor: int
    answer: Callable[[list[str | bytes]], None]


class LiveRun:
    """A comparison that trains while its page asks for it."""

    def __init__(self, arms: Sequence[ExperimentConfig], names: Sequence[str], until: int | None = None) -> None:
        self.inbox: deque[Callable[[LiveRun], None]] = deque()
        self.question: Question | None = None
        self.impatient = False
        self.asked = time.monotonic()
        self.crowd = 1
        self.generation = 0
        self._comparison: Comparison | None = None
        self._requested = (tuple(arms), tuple(names))
        self._until = until
        self._reset_player()

    def _reset_player(self) -> None:
        self.playing = False
        self.speed = 0.0
        self._next_step = 0.0
        self._stale = True
        self._verdicts: tuple[float, list[dict[str, Any]]] = (-1.0, [])
        self._marks: deque[tuple[float, int]] = deque()

    # What a page may ask for -------------------------------------------------------------------------------------

    def configure(self, arms: Sequence[ExperimentConfig], names: Sequence[str], until: int | None) -> None:
        """Start anew with another configuration, at step 0 and paused."""
        self._requested = (tuple(arms), tuple(names))
        self._comparison = None
        self._until = until
        self.generation += 1
        self._reset_player()

    def play(self) -> None:
        """Train whenever this run has its turn; where it was to pause and did, go on beyond."""
        if self.comparison.stopped:
            self.stop_at(None)
        self.playing = not self.comparison.finished
        self._marks.clear()

    def pause(self) -> None:
        """Stop, after one more step that is captured, so that what is shown is what has been trained."""
        if self.playing:
            self.playing = False
            self.comparison.advance(steps=1, capture=True)

    def advance(self, count: int) -> None:
        """Make a few steps, all captured, and pause."""
        self.playing = False
        self.comparison.advance(steps=count, capture=True)

    def rewind(self) -> None:
        """Go back to step 0 with the same initial weights."""
        self.comparison.rewind()
        self._begin_again()

    def reseed(self) -> None:
        """Go back to step 0 with new initial weights."""
        self.comparison.reseed()
        self._begin_again()

    def forget(self) -> None:
        """Go back to step 0 without what was switched; kept on, the run would be one that no link replays."""
        self.comparison.rewind(forget=True)
        self._begin_again()

    def turn(self, arm: int, intervention: Intervention) -> None:
        """Turn a knob of one arm at its next step."""
        if not 0 <= arm < len(self.comparison.trainings):
            raise CommandError(f"arm must be from 0 to {len(self.comparison.trainings) - 1}; got {arm}")
        self.comparison.turn(arm, intervention)

    def set_speed(self, steps_per_second: float) -> None:
        """Train at most so many steps a second; 0 is flat out."""
        self.speed, self._next_step = steps_per_second, 0.0
        self._marks.clear()

    def abandon(self) -> None:
        """Pause without another step: nobody watches any more."""
        self.playing = False

    def ask(self, question: Question) -> None:
        """Put the page's question, which is answered as soon as something is newer; an older one is dropped."""
        self.asked = time.monotonic()
        self.question = question

    def stop_at(self, step: int | None) -> None:
        """Pause exactly at a step, or never."""
        if step is not None and not 0 <= step <= MAX_STEP:
            raise CommandError(f"until must be a step from 0 to {MAX_STEP}; got {step}")
        self.comparison.stop_at = self._until = step

    # The worker's side -------------------------------------------------------------------------------------------

    @property
    def comparison(self) -> Comparison:
        """The comparison, made at its first use: torch is imported by a worker, never by the page."""
        if self._comparison is None:
            from bnviz.training.comparison import Comparison

            self._comparison = Comparison(self._requested[0], interval=SNAPSHOT_INTERVAL)
            self._comparison.stop_at = self._until
            self._comparison.advance(steps=1)
        return self._comparison

    def _begin_again(self) -> None:
        self.generation += 1
        speed = self.speed
        self._reset_player()
        self.speed = speed
        self.comparison.stop_at = self._until
        self.comparison.advance(steps=1)

    def work(self) -> float | None:
        """Use one turn: obey, train for a slice, answer. Return when the next turn is due, None where nothing waits."""
        now = time.monotonic()
        while self.inbox:
            self.inbox.popleft()(self)
            self._stale = True
        watched = now - self.asked < UNWATCHED_AFTER
        if self.playing and watched:
            self._train(now)
        if (question := self.question) is not None:
            self._answer(question)
        if not (self.playing and watched):
            return None
        return self._next_step if self.speed else time.monotonic()

    def fail(self) -> None:
        """Pause and tell the page, after an error that should not have happened; the server goes on."""
        self.playing = False
        self.inbox.clear()
        question, self.question = self.question, None
        if question is not None:
            message = "the training stopped by an error on the server: rewind, or change the experiment"
            question.answer([_to_json({"type": "error", "message": message})])

    def _train(self, now: float) -> None:
        comparison = self.comparison
        comparison.interval = SNAPSHOT_INTERVAL * max(1.0, self.crowd / 2)
        if self.speed:
            if now < self._next_step:
                return
            made = comparison.advance(steps=1, capture=self.speed <= 1 / SNAPSHOT_INTERVAL)
            self._next_step = max(now, self._next_step) + 1 / self.speed
        else:
            made = comparison.advance(seconds=SLICE)
        self._marks.append((time.monotonic(), made))
        while self._marks[0][0] < now - RATE_MEMORY:
            self._marks.popleft()
        if comparison.finished or comparison.stopped:
            self.playing = False
            self._stale = True

    def _rate(self) -> float:
        if not self.playing or len(self._marks) < 2:
            return 0.0
        return sum(made for _, made in list(self._marks)[1:]) / max(1e-3, self._marks[-1][0] - self._marks[0][0])

    def _answer(self, question: Question) -> None:
        """Answer if anything is newer than the page knows, or if it has waited long enough."""
        histories = self.comparison.histories
        fresh = question.generation == self.generation
        newest = max(int(history.ids[-1]) for history in histories)
        layers = min(config.hidden_layers for config in self.comparison.configs)
        layer = min(max(question.layer, 0), layers - 1)
        behind = question.cursor < newest or question.layer_cursor < newest
        if not (behind or self._stale or self.impatient or not fresh):
            return
        messages: list[str | bytes] = []
        cursors = {"cursor": question.cursor, "layer_cursor": question.layer_cursor}
        if not fresh:
            messages.append(_to_json(self.meta()))
            cursors = {"cursor": -1, "layer_cursor": -1}
        messages.append(pack(self._state(), histories, self._arms(), layer=layer, **cursors))
        self.impatient = self._stale = False
        if self.question is question:  # otherwise a newer page asked meanwhile
            self.question = None
        question.answer(messages)

    def _state(self) -> dict[str, Any]:
        comparison = self.comparison
        finished = None
        if comparison.finished:
            finished = "every network has diverged: rewind, or change the experiment"
        elif comparison.stopped and not self.playing:
            finished = f"paused at step {comparison.stop_at}, as asked"
        state: dict[str, Any] = {
            "generation": self.generation, "playing": self.playing, "finished": finished, "step": comparison.step - 1,
            "steps_per_second": round(self._rate(), 1), "until": comparison.stop_at, "speed": self.speed,
            "seed": comparison.configs[0].seed,
        }  # fmt: skip
        now = time.monotonic()
        if self._stale or now - self._verdicts[0] >= VERDICT_INTERVAL:
            found = [asdict(v) for v in verdicts(comparison.histories, comparison.chances)]
            if found != self._verdicts[1] or self._stale:
                state["verdicts"] = found
            self._verdicts = (now, found)
        return state

    def _arms(self) -> list[dict[str, Any]]:
        return [
            {
                "normalization": training.planned_normalization,
                "learning_rate": training.learning_rate,
                "interventions": [_intervention(i) for i in training.config.interventions],
                "diverged": asdict(training.diverged) if training.diverged else None,
            }
            for training in self.comparison.trainings
        ]

    def meta(self) -> dict[str, Any]:
        """What does not change in one generation: names, configurations, edges, points, images."""
        first = self.comparison.trainings[0]
        config, data = first.config, first.data
        images = None
        if data.images is not None:
            images = {
                "width": 8, "height": 8, "pixels": data.images.tolist(), "labels": data.test_y[:SHOWN_IMAGES].tolist()
            }  # fmt: skip
        arms = []
        for name, arm in zip(self._requested[1], self.comparison.configs, strict=True):
            factor = gradient_factor(arm)
            arms.append({
                "name": name, "config": {**asdict(arm), "interventions": []}, "layers": arm.hidden_layers,
                "units": traced_units(arm.width).tolist(), "channels": kept_channels(arm.width).tolist(),
                "edges": histogram_edges(arm).round(6).tolist(),
                "theory": None if factor is None else {"factor": factor.value, "text": factor.text},
            })  # fmt: skip
        return {
            "type": "meta", "generation": self.generation, "classes": list(data.classes), "dataset": config.dataset,
            "points": first.evaluation.points() if config.dataset in PLANAR_DATASETS else None, "images": images,
            "bins": BINS, "quantiles": list(QUANTILES),
            "chance": data.chance,
            "capacity": self.comparison.histories[0].max_snapshots, "arms": arms,
        }  # fmt: skip


def _intervention(item: Intervention) -> dict[str, Any]:
    return {key: value for key, value in asdict(item).items() if value is not None}


def _to_json(message: Mapping[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"), allow_nan=False)
