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
from bnviz.experiment.own_table import NO_TABLES, Tables
from bnviz.live.playback import Playback
from bnviz.live.run import Command, LiveRun
from bnviz.live.watched import Watched
from bnviz.live.workers import Workers

FREED_AFTER = 120.0
KEPT_FOR = 10.0
MAX_RUNS, MAX_PLAYBACKS, MAX_SEATS = 64, 64, 1000


@dataclass
class Seat:
    """A session's place: its run, the page's socket if one is open, and since when nobody watches."""

    run: Watched
    revision: int
    socket: object | None = None
    left: float = field(default_factory=time.monotonic)


class FullError(RuntimeError):
    """Every place is taken by somebody who watches."""


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
        *,
        tables: Tables = NO_TABLES,
    ) -> str:
        """Return the token of the session's run, which starts anew where `revision` is another than before.

        The run alone holds the session's own `tables`, for as long as it needs them: no other can reach them. An
        unknown or freed token gets a new run and a new token. Raises `FullError` where no place is left for it.
        """
        with self._lock:
            self._free()
            seat = self._seats.get(token or "")
            if seat is None or not seat.run.trains:
                return self._take(LiveRun(arms, names, until, tables), revision)
            assert token is not None
            if seat.revision != revision:
                seat.revision = revision
                seat.run.order_instead(lambda run: run.configure(arms, names, until, tables))
                self.workers.wake(seat.run)
            return token

    def open_playback(self, token: str | None, revision: int, make: Callable[[], Playback]) -> str:
        """Return the token of the session's recordings; `make` opens them where this revision of them is not held.

        Another revision gets a new token, and the old one's place is given up. Raises `FullError`, and as `make`.
        """
        with self._lock:
            self._free()
            seat = self._seats.get(token or "")
            own = seat is not None and not seat.run.trains
            if own and seat is not None and seat.revision == revision:
                return token or ""
            self._check_room(own)  # before the files are read, and again after
        playback = make()  # reading files takes its time: nobody else waits for it
        with self._lock:
            self._free()
            self._check_room(own and (token or "") in self._seats)
            if own:
                self._seats.pop(token or "", None)
            return self._take(playback, revision)

    def _check_room(self, own: bool) -> None:
        """Whether there is room for one more recording, or one in place of a session's own; else `FullError`."""
        if self._playbacks() - own >= MAX_PLAYBACKS:
            raise FullError(f"All {MAX_PLAYBACKS} places for recordings are taken: try again in a minute.")

    def close_playback(self, token: str | None) -> None:
        """Give up the place of recordings that their session has closed."""
        with self._lock:
            seat = self._seats.get(token or "")
            if seat is not None and not seat.run.trains:
                del self._seats[token or ""]

    def _playbacks(self) -> int:
        return sum(not seat.run.trains for seat in self._seats.values())

    def _take(self, run: Watched, revision: int) -> str:
        if len(self._seats) >= MAX_SEATS:
            raise FullError(f"All {MAX_SEATS} places are taken: try again in a minute.")
        token = secrets.token_urlsafe(24)
        self._seats[token] = Seat(run, revision)
        return token

    def find(self, token: str) -> Seat | None:
        """Return the seat of a token, if it has one."""
        with self._lock:
            self._free()
            return self._seats.get(token)

    def sweep(self) -> None:
        """Free what nobody has watched for two minutes, though nobody else comes: it may hold somebody's table."""
        with self._lock:
            self._free()

    @property
    def crowded(self) -> bool:
        """Whether as many runs are watched as this server trains at once."""
        with self._lock:
            return sum(seat.run.trains and seat.socket is not None for seat in self._seats.values()) >= MAX_RUNS

    def command(self, seat: Seat, command: Command) -> None:
        """Have the run do something at its next turn; raises `CommandError` where too many commands wait."""
        seat.run.order(command)
        self.workers.wake(seat.run)

    def sit(self, seat: Seat, socket: object) -> None:
        """Give the seat to a page's socket; an older one loses it."""
        seat.socket = socket
        self._count()

    def leave(self, seat: Seat, socket: object) -> None:
        """Take the seat from a closed socket: the run pauses at once and is freed when nobody comes back."""
        if seat.socket is socket:
            seat.socket, seat.left = None, time.monotonic()
            seat.run.ask(None)
            seat.run.order_instead(LiveRun.abandon)
            self.workers.wake(seat.run)
            self._count()

    def _count(self) -> None:
        with self._lock:
            watched = [seat for seat in self._seats.values() if seat.run.trains and seat.socket is not None]
        for seat in watched:
            seat.run.crowd = len(watched)

    def _free(self) -> None:
        """Free the runs that nobody has watched for two minutes; sooner, the longest left, where places are short.

        A run that was opened or left just now keeps its place: its page is about to come.
        """
        now = time.monotonic()
        started = sum(seat.run.started for seat in self._seats.values() if seat.run.trains)
        played = self._playbacks()
        empty = sorted((seat.left, token) for token, seat in self._seats.items() if seat.socket is None)
        for left, token in empty:
            seat = self._seats[token]
            trains = seat.run.trains
            crowded = started > MAX_RUNS if trains else played >= MAX_PLAYBACKS
            short = len(self._seats) >= MAX_SEATS or (seat.run.started and crowded)
            if now - left > (KEPT_FOR if short else FREED_AFTER):
                started -= trains and seat.run.started
                played -= not trains
                del self._seats[token]


REGISTRY = Registry(Workers())
