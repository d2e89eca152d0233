"""A comparison that is trained elsewhere: its histories here, its networks at a trainer."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.experiment.history import History
from bnviz.experiment.own_table import OwnTable, Tables
from bnviz.experiment.snapshot import Divergence
from bnviz.experiment.verdicts import Chance
from bnviz.live.trainer import Reply, Sent

_NUMBERS = itertools.count()


class Asked(Protocol):
    """A trainer, here or in a process of its own; its errors are the comparison's own, and `LostError`.

    apart: whether it is another process than this one; spent: CPU seconds used there.
    """

    apart: bool
    spent: float

    def make(self, number: int, arms: Sequence[ExperimentConfig], tables: Sent, interval: float) -> Reply:
        """Make a comparison of this number."""

    def ask(self, number: int, op: str, *values: Any) -> Reply:
        """Have it do something."""

    def drop(self, number: int) -> None:
        """Give it up."""


class RemoteComparison:
    """What `Comparison` is, with the networks at a trainer, which may be given up for a while.

    resting, returning: whether they are given up, or on their way back, and then `repeated` of their steps were made.
    nbytes: what the histories took in memory when they were given up.
    """

    def __init__(self, trainer: Asked, arms: Sequence[ExperimentConfig], tables: Tables, interval: float) -> None:
        self.trainer = trainer
        self._number = next(_NUMBERS)
        self.histories = [History() for _ in arms]
        self._scene: dict[str, Any] = {}
        self._first = 0  # the number here of what is the trainer's first snapshot
        self.resting = self.returning = False
        self.repeated = self.nbytes = 0
        self._interval = interval
        self._tables = {name: (_key(table), replace(table, source=b"")) for name, table in tables.items()}
        self._take(trainer.make(self._number, tuple(arms), self._tables, interval))

    def _take(self, reply: Reply) -> Any:
        self._standing = reply.standing
        for history, news in zip(self.histories, reply.news, strict=True):
            for number, snapshot in news:
                history.append(snapshot, self._first + number)
        return reply.value

    def _ask(self, op: str, *values: Any) -> Any:
        assert not self.away, "the networks are not where these histories end"
        return self._take(self.trainer.ask(self._number, op, *values))

    def close(self) -> None:
        """Give the networks up for good; the histories stay."""
        self.trainer.drop(self._number)

    # Networks that are given up for a while -----------------------------------------------------------------------

    @property
    def away(self) -> bool:
        """Whether the networks are given up, or on their way back to their step: nothing can be asked of them."""
        return self.resting or self.returning

    @property
    def unseen(self) -> bool:
        """Whether the last step was not captured, and one more can be made that is."""
        last = max(int(history["step"][-1]) for history in self.histories)
        return last < self.step - 1 and not (self.stopped or self.finished)

    def rest(self) -> None:
        """Give the networks up for a while; the histories stay, and `wake` and `go_back` bring them back."""
        if self.resting:
            return
        if not self.returning:
            self._scene = self.scene()
        self.close()
        self.nbytes = sum(history.nbytes for history in self.histories)
        self.resting, self.returning = True, False
        self.repeated = 0

    def wake(self, trainer: Asked) -> None:
        """Have a trainer make the networks anew: `go_back` leads them to where they were, and a rewind stays there."""
        self.trainer, self._number = trainer, next(_NUMBERS)
        trainer.make(self._number, self.configs, self._tables, self._interval)
        trainer.ask(self._number, "stop_at", self.step - 1)
        self.resting, self.returning = False, True
        self.repeated = self._dropped = 0

    def go_back(self, seconds: float) -> None:
        """Train towards the step where they were, for about so long; what is measured on the way is known already."""
        reply = self.trainer.ask(self._number, "advance", None, seconds, False)
        self.repeated = reply.standing.step
        self._dropped += len({number for news in reply.news for number, _ in news})
        if reply.standing.stopped or reply.standing.finished:
            self.returning = False
            self._first = 1 + max(int(history.ids[-1]) for history in self.histories) - self._dropped
            self._ask("stop_at", self.stop_at)

    @property
    def step(self) -> int:
        """The steps made."""
        return self._standing.step

    @property
    def stopped(self) -> bool:
        """Whether the step to stop at has been made."""
        return self._standing.stopped

    @property
    def finished(self) -> bool:
        """Whether no arm can go on."""
        return self._standing.finished

    @property
    def configs(self) -> tuple[ExperimentConfig, ...]:
        """The arms' configurations with every intervention so far."""
        return self._standing.configs

    @property
    def diverged(self) -> tuple[Divergence | None, ...]:
        """Where each arm's training broke, if it did."""
        return self._standing.diverged

    @property
    def planned(self) -> tuple[tuple[str, float], ...]:
        """The normalization and the learning rate of each arm in force from the next step on."""
        return self._standing.planned

    @property
    def chances(self) -> tuple[Chance, ...]:
        """What guessing reaches on each arm's evaluated test samples."""
        return self._standing.chances

    @property
    def stop_at(self) -> int | None:
        """The last step to be made, if there is one."""
        return self._standing.stop_at

    @stop_at.setter
    def stop_at(self, step: int | None) -> None:
        if self.away:
            stopped = step is not None and self.step > step
            self._standing = replace(self._standing, stop_at=step, stopped=stopped)
        elif step != self.stop_at:
            self._ask("stop_at", step)

    def advance(self, *, steps: int | None = None, seconds: float | None = None, capture: bool = False) -> int:
        """Advance all arms by a number of steps or for a time; return the steps made."""
        made: int = self._ask("advance", steps, seconds, capture)
        return made

    def turn(self, arm: int, intervention: Intervention) -> None:
        """Turn a knob of one arm at its next step; raises `ConfigError` where it is not allowed."""
        self._ask("turn", arm, intervention)

    def rewind(self, *, forget: bool = False) -> None:
        """Go back to step 0; recorded interventions replay unless they are forgotten."""
        self._begin_again("rewind", forget)

    def reseed(self, seed: int | None = None) -> None:
        """Go back to step 0 with new initial weights and batches."""
        self._begin_again("reseed", seed)

    def _begin_again(self, op: str, *values: Any) -> None:
        stop_at = self.stop_at
        reply = self.trainer.ask(self._number, op, *values)  # may be refused: then nothing has changed
        self.returning, self._first = False, 0
        self.histories = [History() for _ in self.histories]
        self._take(reply)
        self.stop_at = stop_at  # networks on their way back were to stop at their old step

    def scene(self) -> dict[str, Any]:
        """What the data set gives to look at."""
        found: dict[str, Any] = self._scene if self.away else self._ask("scene")
        return found

    def measure(self, what: str, seconds: float, *, afresh: bool) -> dict[str, Any] | None:
        """Go on measuring for about so long, or begin `afresh`; None while it is not done."""
        found: dict[str, Any] | None = self._ask("measure", what, seconds, afresh)
        return found


def _key(table: OwnTable) -> str:
    """What two tables share only where they are the same; the file itself is not sent, as it trains nothing."""
    return f"{table.ref}-{hashlib.sha256(table.source).hexdigest()}"
