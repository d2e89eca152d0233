"""An order: a study that a session has asked for, what has come of it, and how much it has run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bnviz.studies.perform import Progress
from bnviz.studies.results import Result
from bnviz.studies.trial import Trial

State = Literal["waiting", "running", "done", "cancelled", "failed"]
ENDED: tuple[State, ...] = ("done", "cancelled", "failed")


@dataclass(frozen=True)
class Order:
    """What a session sees of its study: `place` in the queue is 1 for the next, 0 when it doesn't wait.

    `rows` are those that have come so far, failed ones among them; `problem` says why a study has failed or was ended.
    `wait` is for how many seconds it has yet to wait, an estimate; None where it doesn't. Its seeds are so many from
    `first` on.
    """

    study: str
    seeds: int
    state: State
    place: int
    progress: Progress
    rows: tuple[Result, ...]
    problem: str
    wait: float | None = None
    first: int = 0


@dataclass(eq=False)
class Job:
    """An order as the service has it: `ran` is for how many seconds, in all the turns that it had."""

    study: str
    seeds: int
    trials: list[Trial]
    first: int = 0
    state: State = "waiting"
    progress: Progress = field(default_factory=lambda: Progress(0))
    rows: list[Result] = field(default_factory=list)
    problem: str = ""
    stop: bool = False
    ran: float = 0.0
    began: float | None = None  # the present turn
    seen: float = field(default_factory=time.monotonic)

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def end(self, state: State, problem: str = "") -> None:
        self.problem, self.state = problem, state

    def begin(self) -> None:
        """Begin a turn."""
        self.state, self.began = "running", time.monotonic()

    def rest(self) -> None:
        """End the turn, whatever becomes of the study."""
        self.ran, self.began = self.lasted(), None

    def lasted(self) -> float:
        """Return for how many seconds it has run, the present turn included."""
        return self.ran + (0.0 if self.began is None else time.monotonic() - self.began)

    def left(self) -> list[Trial]:
        """Return the trials that have not come back."""
        come = {row["key"] for row in self.rows}
        return [trial for trial in self.trials if trial.key not in come]

    def after(self, earlier: Progress, turn: Progress) -> Progress:
        """Return the progress of the whole study: what earlier turns have done and this one."""
        return replace(
            turn,
            total=earlier.total,
            done=earlier.done + turn.done,
            failed=earlier.failed + turn.failed,
            died=earlier.died + turn.died,
        )

    def turn_left(self, turn: float) -> float:
        """Return for how many seconds its turn goes on at most, or its next one will."""
        rest = turn if self.began is None else max(0.0, turn - (time.monotonic() - self.began))
        known = self.progress.seconds_left
        return rest if known is None else min(rest, known)

    def look(self, queue: Sequence[Job], waits: float | None) -> Order:
        """Return what the session sees."""
        place = queue.index(self) + 1 if self in queue else 0
        return Order(
            self.study, self.seeds, self.state, place, self.progress, tuple(self.rows), self.problem, waits,
            self.first,
        )  # fmt: skip
