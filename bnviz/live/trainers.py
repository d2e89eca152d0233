"""Processes that train for the live runs, each by itself: in one process, two networks get little more than one core.

The networks' operations are so short that threads spend their time on handing Python's lock to one another; beside
them, pages are drawn and answers are packed. A process is started when it is needed. Each trains the comparisons that
were made with it, one asking at a time; where one ends, its comparisons are lost, and the next asking starts another.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.own_table import NO_TABLES
from bnviz.experiment.presets import DEFAULT_PRESET, PRESETS
from bnviz.live.limits import limits
from bnviz.live.remote import Asked, RemoteComparison
from bnviz.live.trainer import LostError, Reply, Sent, Trainer, prepare

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from bnviz.training.processes import Nursery

LOG = logging.getLogger(__name__)
LOWERED = 5  # so that pages and the health route are served at once however many networks train


class Playing(Protocol):
    """What is known of a run: whether it trains, and whether it has networks yet."""

    placed: bool

    @property
    def playing(self) -> bool: ...

    @property
    def trained(self) -> bool: ...

    def __hash__(self) -> int: ...


class TrainerProcess:
    """A `Trainer` in a process of its own, which is started by the first asking and goes with this one."""

    apart = True

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self._lock = threading.Lock()
        self._line: Connection | None = None
        self.spent = 0.0

    def make(self, number: int, arms: Sequence[ExperimentConfig], tables: Sent, interval: float) -> Reply:
        """Make a comparison there; where the process has ended, nothing is lost with it that this one needs."""
        try:
            return self._count(self._call("make", number, arms, tables, interval))
        except LostError:
            return self._count(self._call("make", number, arms, tables, interval))

    def ask(self, number: int, op: str, *values: Any) -> Reply:
        """Have it do something there; raises `LostError` where its process has ended."""
        return self._count(self._call("ask", number, op, *values))

    def _count(self, reply: Reply) -> Reply:
        self.spent += reply.seconds
        return reply

    def drop(self, number: int) -> None:
        """Give it up there, and wait for nothing where there is no process."""
        if self._line is not None:
            with suppress(LostError):
                self._call("drop", number)

    def stop(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _call(self, what: str, *values: Any) -> Any:
        with self._lock:
            line = self._line or self._start()
            try:
                line.send((what, values))
                right, value = line.recv()
            except (OSError, EOFError):
                self._end()
                LOG.warning("a process that trains live runs has ended: its runs begin again (was memory short?)")
                raise LostError("the process that trained this network ended") from None
        if not right:
            raise value
        return value

    def _start(self) -> Connection:
        self._line = self._nursery.start(_serve, "bnviz-trainer")
        return self._line

    def _end(self) -> None:
        """Without a line, its process ends."""
        if self._line is not None:
            self._line.close()
        self._line = None


def _serve(line: Connection) -> None:
    """The process's side: answer until the line ends."""
    for number in (signal.SIGINT, signal.SIGTERM):  # it ends with its line, when the server has ended
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(LOWERED)
    trainer = Trainer()
    while True:
        try:
            what, values = line.recv()
        except (OSError, EOFError):
            return
        answer: tuple[bool, Any]
        try:
            answer = True, getattr(trainer, what)(*values)
        except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
            answer = False, error
        try:
            line.send(answer)
        except (OSError, EOFError):
            return
        except Exception as error:  # noqa: BLE001 - one that does not travel
            line.send((False, RuntimeError(f"{type(error).__name__}: {error}")))


class Trainers:
    """Chooses for each run the process that trains it: the one with the fewest that play or are about to.

    Without a count, the limits of this server say how many there are; where they say 0, runs train in this process.
    """

    def __init__(self, count: int | None = None) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._nursery: Nursery | None = None
        self._processes: list[TrainerProcess] = []
        self._chosen: WeakKeyDictionary[Playing, TrainerProcess] = WeakKeyDictionary()

    def choose(self, run: Playing) -> Asked:
        """Return the trainer for this run's next networks."""
        with self._lock:
            if not self._open():
                return Trainer()
            self._chosen.pop(run, None)
            taken = list(self._chosen.items())
            trainer = min(self._processes, key=lambda one: _load([run for run, its in taken if its is one]))
            self._chosen[run] = trainer
            return trainer

    def _open(self) -> list[TrainerProcess]:
        if not self._processes:
            count = limits().trainers if self._count is None else self._count
            if count:
                from bnviz.training.processes import Nursery

                nursery = self._nursery = Nursery(prepare)
                self._processes = [TrainerProcess(nursery) for _ in range(count)]
        return self._processes

    def warm_up(self) -> None:
        """Have the first lesson's networks make a step, so that nobody's first Play waits for imports.

        What is imported only when it is used, such as the data and the optimizers, takes twice as long as torch itself.
        """
        with self._lock:
            first: Asked = next(iter(self._open()), Trainer())
        comparison = RemoteComparison(first, PRESETS[DEFAULT_PRESET].arms, NO_TABLES, 0.0)
        comparison.advance(steps=2)
        comparison.close()

    def stop(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.stop()
        if self._nursery is not None:
            self._nursery.stop()


def _load(runs: list[Playing]) -> tuple[int, int]:
    return sum(run.playing or (run.placed and not run.trained) for run in runs), len(runs)
