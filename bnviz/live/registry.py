"""Which runs are alive, each reachable only by its unguessable token.

One registry a process, in this module and never in a cache that a visitor could clear.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.footprint import memory
from bnviz.experiment.own_table import NO_TABLES, Tables
from bnviz.live.limits import Limits, limits
from bnviz.live.places import KEPT_FOR, MIB, FullError, Places, Seat, Tell
from bnviz.live.playback import Playback
from bnviz.live.playbacks import check_room, making_room, playbacks
from bnviz.live.run import Command, LiveRun
from bnviz.live.trainers import Trainers
from bnviz.live.workers import Workers

MAX_SEATS = 1000
SWEPT_AFTER = 0.5  # seconds beyond a seat's time, and between two sweeps: a hall of pages that left is swept once


class Sweep:
    """The registry's own turns at the workers: what nobody needs goes in time, also where nobody comes any more."""

    trained = True
    home = None

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def work(self) -> float | None:
        """Free what is due; return when the next seat may be."""
        return self._registry.review()

    def fail(self) -> None:
        """Nobody waits for it; whoever comes next sweeps anyway."""


class Registry:
    """Opens, finds and frees live runs; safe to call from any thread. Without limits, those of the environment hold.

    Without trainers, the runs train in this process.
    """

    def __init__(self, workers: Workers, limits: Limits | None = None, trainers: Trainers | None = None) -> None:
        self.workers = workers
        self.trainers = trainers or Trainers(0)
        self._limits = limits
        self._made: Places | None = None
        self._seats: dict[str, Seat] = {}
        self._lock = threading.Lock()
        self._sweep = Sweep(self)

    @property
    def limits(self) -> Limits:
        """What this registry takes on; raises `LimitError` where the environment is wrong."""
        return self._limits or limits()

    @property
    def _places(self) -> Places:
        self._made = self._made or Places(self.limits)
        return self._made

    # What pages open ---------------------------------------------------------------------------------------------

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
        unknown or freed token gets a new run and a new token. Raises `FullError` where no seat is left for it, and
        where it takes more memory than all live runs may.
        """
        self._check_size(arms)
        with self._lock:
            self._free()
            seat = self._seats.get(token or "")
            if seat is None or not isinstance(seat.run, LiveRun):
                run = LiveRun(arms, names, until, tables, self.trainers.choose)
                run.placed = False
                return self._take(run, revision)
            if seat.revision != revision:
                seat.revision = revision
                seat.run.want(arms, names, until, tables)
                self._places.resize(seat)
                self._dissolve()
                self.workers.wake(seat.run)
            return seat.token

    def _check_size(self, arms: Sequence[ExperimentConfig]) -> None:
        """Refuse what no waiting helps."""
        most = self.limits.live_mib
        if (size := memory(arms)) > most * MIB:
            raise FullError(
                f"This experiment takes about {size / MIB:,.0f} MiB, and live runs may take {most:,} MiB in all on "
                "this server: choose fewer networks, fewer layers, a smaller width or a smaller batch."
            )

    def open_playback(self, token: str | None, revision: int, make: Callable[[], Playback]) -> str:
        """Return the token of the session's recordings; `make` opens them where this revision of them is not held.

        Another revision gets a new token, and the old one's place is given up. Raises `FullError`, and as `make`.
        """
        with self._lock:
            self._free()
            own = self._playback(token)
            if own is not None and own.revision == revision:
                return own.token
            check_room(playbacks(self._seats.values()), own, self.limits)  # before the files are read, and again after
        playback = make()  # reading files takes its time: nobody else waits for it
        with self._lock:
            self._free()
            own = self._playback(token)
            played = playbacks(self._seats.values())
            check_room(played, own, self.limits)
            gone = making_room(played, own, playback, self.limits)
            for seat in gone if own is None else [*gone, own]:
                self._remove(seat)
            return self._take(playback, revision)

    def close_playback(self, token: str | None) -> None:
        """Give up the place of recordings that their session has closed."""
        with self._lock:
            if (seat := self._playback(token)) is not None:
                self._remove(seat)

    def _playback(self, token: str | None) -> Seat | None:
        seat = self._seats.get(token or "")
        return None if seat is None or seat.run.trains else seat

    def _take(self, run: LiveRun | Playback, revision: int) -> str:
        if len(self._seats) >= MAX_SEATS:
            raise FullError(f"All {MAX_SEATS} places are taken: try again in a minute.")
        token = secrets.token_urlsafe(24)
        self._seats[token] = Seat(run, revision, token)
        self.workers.wake(self._sweep)  # its page may never come
        return token

    # What their sockets ask --------------------------------------------------------------------------------------

    def find(self, token: str) -> Seat | None:
        """Return the seat of a token, if it has one."""
        with self._lock:
            self._free()
            return self._seats.get(token)

    def crowded(self, seat: Seat) -> bool:
        """Whether this server has no room to train one more run, or not this one."""
        with self._lock:
            return self._places.crowded(seat)

    def short(self) -> str:
        """What is missing for who waits, as the beginning of a sentence."""
        with self._lock:
            return self._places.short()

    def waits(self, seat: Seat) -> bool:
        """Whether the seat waits for a place."""
        with self._lock:
            return self._places.waits(seat)

    def command(self, seat: Seat, command: Command) -> None:
        """Have the run do something at its next turn; raises `CommandError` where too many commands wait."""
        seat.run.order(command)
        self.workers.wake(seat.run)

    def sit(self, seat: Seat, socket: object, dismiss: Callable[[], None] = lambda: None) -> bool:
        """Give the seat to a page's socket; an older one loses it. Whether there is such a seat still.

        Where the seat is removed while its page is there, `dismiss` hears of it, from any thread.
        """
        with self._lock:
            if self._seats.get(seat.token) is not seat:
                seat.socket = None
                return False
            seat.socket, seat.dismiss = socket, dismiss
            return True

    def wish(self, seat: Seat, tell: Tell) -> None:
        """Ask for a place to train; `tell` hears of it, and of each change. Raises `FullError`."""
        with self._lock:
            if seat.socket is not None:  # who has gone meanwhile wants none
                self._places.wish(seat, tell)
                self._dissolve()
                self.workers.wake(self._sweep)  # it will be left one day

    def review(self) -> float | None:
        """Free what nobody needs any more, and let in who waits; when to look again, as far as is known."""
        with self._lock:
            self._free()
            self._rest()
            self._places.advance()
            self._dissolve()
            since = [seat.left for seat in self._seats.values() if seat.socket is None]
            since += [run.asked for _, run in self._held()]
        return max(time.monotonic(), min(since) + self.limits.freed_after) + SWEPT_AFTER if since else None

    def leave(self, seat: Seat, socket: object, *, closed: bool = False) -> None:
        """Take the seat from a socket that has gone, and pause its run.

        A page that was closed frees everything at once. A lost one may come back to its run for some time.
        """
        with self._lock:
            if seat.socket is not socket:
                return
            seat.socket, seat.left = None, time.monotonic()
            self._places.lose(seat)
            if closed:
                self._remove(seat)
        seat.run.ask(None)
        seat.run.order_instead(LiveRun.dissolve if closed else LiveRun.abandon)
        self.workers.wake(seat.run)
        self.workers.wake(self._sweep)

    # What goes ---------------------------------------------------------------------------------------------------

    def _free(self) -> None:
        """Free the runs that nobody has watched for two minutes; sooner, the longest left, where seats are short.

        A run that was opened or left just now keeps its seat: its page is about to come.
        """
        now = time.monotonic()
        played = len(playbacks(self._seats.values()))
        for seat in sorted((s for s in self._seats.values() if s.socket is None), key=lambda seat: seat.left):
            crowded = not seat.run.trains and played >= self.limits.recordings
            short = crowded or len(self._seats) >= MAX_SEATS
            if now - seat.left > (min(KEPT_FOR, self.limits.freed_after) if short else self.limits.freed_after):
                played -= not seat.run.trains
                self._remove(seat)
        self._dissolve()

    def _held(self) -> list[tuple[Seat, LiveRun]]:
        """The runs that have a place or networks, and whose page is there."""
        live = [(seat, run) for seat in self._seats.values() if isinstance(run := seat.run, LiveRun)]
        return [(seat, run) for seat, run in live if seat.socket is not None and (run.placed or run.keeps_networks)]

    def _rest(self) -> None:
        """Free the networks and the places of pages that have asked for nothing for two minutes: nobody sees them.

        What they have measured stays as long as there is room: their pages are open, and somebody may come back.
        """
        now = time.monotonic()
        for seat, run in self._held():
            if now - run.asked > self.limits.freed_after and run.open.question is None:  # else it waits for an answer
                self._places.rest(seat)
                self._put_away(run)

    def _dissolve(self) -> None:
        """Of the runs without a place, half as many as there are places may keep their networks, the latest used.

        They share the memory with those that have one, and come after them, and so do histories without networks.
        What finds no room in it starts again at step 0.
        """
        live = [seat.run for seat in self._seats.values() if isinstance(seat.run, LiveRun)]
        kept = sorted((run for run in live if run.started and not run.placed), key=lambda run: -run.asked)
        taken, trained, most = self._places.memory, 0, max(1, self.limits.runs // 2)
        for run in kept:
            taken += run.held
            trained += run.keeps_networks
            if taken > self.limits.live_mib * MIB:
                run.order_instead(LiveRun.dissolve)
                self.workers.wake(run)
            elif run.keeps_networks and trained > most:
                self._put_away(run)

    def _put_away(self, run: LiveRun) -> None:
        run.put_away()
        self.workers.wake(run)

    def _remove(self, seat: Seat) -> None:
        """A seat that has gone serves nobody any more: what its run holds is no longer counted."""
        self._seats.pop(seat.token, None)
        self._places.leave(seat)
        if isinstance(seat.run, LiveRun):  # also where a worker is just making its networks
            seat.run.order_instead(LiveRun.dissolve)
            self.workers.wake(seat.run)
        if seat.socket is not None:
            seat.socket = None
            seat.dismiss()


REGISTRY = Registry(Workers(), trainers=Trainers())
