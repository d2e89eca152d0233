"""Who may train now, and who waits for it: first come, first served.

A place is held by a page that plays, or that is seen and used. Who waits gets the place of a page that was lost ten
seconds ago, that has been hidden for a minute, or that has been paused and left alone for five (both are settings).
Where nobody waits, only a page that has been hidden for two minutes loses its place, to none. A run without a place is
paused and keeps what it has measured, as long as its memory is not needed: its page can read on, and any command of its
player asks for a place again.
There are so many places, and so much memory for those who hold one: both may be what a page waits for. Who waits and
loses the line is passed by and keeps the number for ten seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bnviz.live.limits import Limits
from bnviz.live.run import LiveRun
from bnviz.live.watched import Watched

MIB = 2**20
KEPT_FOR = 10.0  # seconds for a page whose connection blinked to come back, and for a new one to come at all
ADMITTED, RELEASED, RESTED = 0, -1, -2
Tell = Callable[[int], None]  # takes the place in the queue from 1 on, or one of these three; from any thread


class FullError(RuntimeError):
    """Every place is taken by somebody who watches."""


@dataclass(eq=False)
class Seat:
    """A session's seat: its run, the page's socket if one is open, and since when nobody watches.

    dismiss: has the socket close, from any thread.
    """

    run: Watched
    revision: int
    token: str = ""
    socket: object | None = None
    dismiss: Callable[[], None] = lambda: None
    left: float = field(default_factory=time.monotonic)


@dataclass
class Waiting:
    """Somebody in the queue: who hears of it, and the number told last, so that nobody hears the same twice.

    lost: since when the page's line is lost, if it is.
    """

    tell: Tell
    told: int | None = None
    lost: float | None = None

    def hear(self, number: int) -> None:
        """Tell the number if it is another one."""
        if number != self.told:
            self.told = number
            self.tell(number)


class Places:
    """The places and the queue for them; whoever owns it sees to it that one thread at a time calls it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: dict[Seat, Tell] = {}
        self._queue: dict[Seat, Waiting] = {}

    @property
    def memory(self) -> int:
        """The bytes that the runs with a place may come to take."""
        return sum(_run(seat).nbytes for seat in self._held)

    def crowded(self, seat: Seat) -> bool:
        """Whether there is no room for one more run, or not for this one."""
        too_many = len(self._held) >= self._limits.runs
        return too_many or self.memory + _run(seat).nbytes > self._limits.live_mib * MIB

    def short(self) -> str:
        """What is missing for who waits, as the beginning of a sentence."""
        if len(self._held) >= self._limits.runs:
            return taken(self._limits.runs)
        return f"The {self._limits.live_mib} MiB for live runs are taken"

    def waits(self, seat: Seat) -> bool:
        """Whether the seat is in the queue."""
        return seat in self._queue

    def wish(self, seat: Seat, tell: Tell) -> None:
        """Give the seat a place, or one in the queue; `tell` hears which, and each change. Raises `FullError`."""
        if seat in self._held:
            self._held[seat] = tell
            tell(ADMITTED)
            return
        self.advance()
        if seat not in self._queue:
            while not self._queue and self.crowded(seat) and self._release_one():
                pass  # where nobody may wait, there is no queue that anybody could move up in
            if len(self._queue) >= self._limits.waiting and (self._queue or self.crowded(seat)):
                raise FullError(f"{self.short()}, and as many pages wait as may: this page goes on trying by itself.")
        if seat in self._queue:
            vars(self._queue[seat]).update(tell=tell, told=None, lost=None)
        else:
            self._queue[seat] = Waiting(tell)
        self.advance()
        self._tell_all()

    def lose(self, seat: Seat) -> None:
        """Pass a page by whose line has gone, as long as it may come back; the others move up meanwhile."""
        if seat in self._queue:
            self._queue[seat].lost = time.monotonic()
            self._tell_all()

    def leave(self, seat: Seat) -> None:
        """Take a seat's place, or its number in the queue, for whoever is next."""
        if self._queue.pop(seat, None) is not None:
            self._tell_all()
        if self._held.pop(seat, None) is not None:
            _allow(seat, False)
        self.advance()

    def rest(self, seat: Seat) -> None:
        """Take the place of a page that nobody looks at, whether somebody waits or not; who waits keeps the number."""
        if (tell := self._held.pop(seat, None)) is not None:
            _allow(seat, False)
            tell(RESTED)
        self.advance()

    def resize(self, seat: Seat) -> None:
        """Have a run whose experiment has grown beyond the memory that is left wait until there is as much."""
        if seat in self._held and self.memory > self._limits.live_mib * MIB:
            self._queue[seat] = Waiting(self._held.pop(seat), lost=seat.left if seat.socket is None else None)
            _allow(seat, False)
        self.advance()
        self._tell_all()

    def advance(self) -> None:
        """Let in as many as there is room for, in their order."""
        before = len(self._queue)
        now = time.monotonic()
        for seat, waiting in list(self._queue.items()):
            if waiting.lost is not None and now - waiting.lost > KEPT_FOR:
                del self._queue[seat]
        for seat in self._present():
            while self.crowded(seat) and self._release_one():
                pass
            if self.crowded(seat):
                break
            tell = self._held[seat] = self._queue.pop(seat).tell
            _allow(seat, True)
            tell(ADMITTED)
        if len(self._queue) < before:
            self._tell_all()

    def _present(self) -> list[Seat]:
        return [seat for seat, waiting in self._queue.items() if waiting.lost is None]

    def _release_one(self) -> bool:
        """Take the place that has been unused longest from its run; whether one was free to be taken."""
        now = time.monotonic()
        overdue = [(since, seat) for seat in self._held if (since := self._unused_since(seat, now)) is not None]
        if not overdue:
            return False
        seat = min(overdue, key=lambda pair: pair[0])[1]
        tell = self._held.pop(seat)
        _allow(seat, False)
        seat.run.order_instead(LiveRun.abandon)
        tell(RELEASED)
        return True

    def _unused_since(self, seat: Seat, now: float) -> float | None:
        """Since when a place has been held for nothing; None where its time is not over."""
        run = _run(seat)
        if seat.socket is None:
            return seat.left if now - seat.left > KEPT_FOR else None
        if now - run.asked > self._limits.held_hidden:
            return run.asked
        if not run.playing and now - run.used > self._limits.held_paused:
            return run.used
        return None

    def _tell_all(self) -> None:
        for number, seat in enumerate(self._present(), 1):
            self._queue[seat].hear(number)


def taken(runs: int) -> str:
    """That no place is left, as the beginning of a sentence."""
    return f"All {runs} places for live runs are taken" if runs > 1 else "The only place for a live run is taken"


def _run(seat: Seat) -> LiveRun:
    assert isinstance(seat.run, LiveRun), "only who trains needs a place"
    return seat.run


def _allow(seat: Seat, placed: bool) -> None:
    run = _run(seat)
    if placed:
        run.use()
    run.placed = placed
