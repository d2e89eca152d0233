"""Which runs are alive, each reachable only by its unguessable token.

One registry a process, in this module and never in a cache that a visitor could clear.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bnviz.experiment.config import ExperimentConfig
from bnviz.live.run import LiveRun
from bnviz.live.workers import Workers

FREED_AFTER = 120.0
MAX_RUNS = 64


@dataclass
class Seat:
    """A session's place: its run, the page's socket if one is open, and since when nobody watches."""

    run: LiveRun
    revision: int
    socket: object | None = None
    left: float = field(default_factory=time.monotonic)


class Registry:
    """Opens, finds and frees live runs; safe to call from any thread."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self._seats: dict[str, Seat] = {}
        self._lock = threading.Lock()

    def open(
        self,
        token: str | None,
        revision: int,
        arms: Sequence[ExperimentConfig],
        names: Sequence[str],
        until: int | None,
    ) -> str:
        """Return the token of the session's run, which starts anew where `revision` is another than before.

        An unknown or freed token gets a new run and a new token.
        """
        with self._lock:
            self._free()
            seat = self._seats.get(token or "")
            if seat is None:
                token = secrets.token_urlsafe(24)
                self._seats[token] = Seat(LiveRun(arms, names, until), revision)
                return token
            assert token is not None
            if seat.revision != revision:
                seat.revision = revision
                self.command(seat, lambda run: run.configure(arms, names, until))
            return token

    def find(self, token: str) -> Seat | None:
        """Return the seat of a token, if it has one."""
        with self._lock:
            self._free()
            return self._seats.get(token)

    def command(self, seat: Seat, command: Callable[[LiveRun], None]) -> None:
        """Have the run do something at its next turn."""
        seat.run.inbox.append(command)
        self.workers.wake(seat.run)

    def sit(self, seat: Seat, socket: object) -> None:
        """Give the seat to a page's socket; an older one loses it."""
        seat.socket = socket
        self._count()

    def leave(self, seat: Seat, socket: object) -> None:
        """Take the seat from a closed socket: the run pauses at once and is freed when nobody comes back."""
        if seat.socket is socket:
            seat.socket, seat.left = None, time.monotonic()
            seat.run.question = None
            self.command(seat, LiveRun.abandon)
            self._count()

    def _count(self) -> None:
        with self._lock:
            watched = [seat for seat in self._seats.values() if seat.socket is not None]
        for seat in watched:
            seat.run.crowd = len(watched)

    def _free(self) -> None:
        """Free the runs that nobody has watched for two minutes; sooner, the longest left, where there are too many."""
        now = time.monotonic()
        empty = sorted((seat.left, token) for token, seat in self._seats.items() if seat.socket is None)
        excess = len(self._seats) - MAX_RUNS
        for left, token in empty:
            if now - left > FREED_AFTER or excess > 0:
                del self._seats[token]
                excess -= 1


REGISTRY = Registry(Workers())
