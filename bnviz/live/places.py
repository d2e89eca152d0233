"""Who may train now, and who waits for it: first come, first served.

A place is held by a page that plays, or that is seen and used. Who waits gets the place of a page that was lost ten
seconds ago, that has been hidden for a minute, or that has been paused and left alone for five (both are settings).
Where nobody waits, nobody loses anything. A run without a place is paused and keeps what it has measured, as long as
its memory is not needed: its page can read on, and any command of its player asks for a place again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bnviz.live.limits import Limits
from bnviz.live.run import LiveRun
from bnviz.live.watched import Watched

KEPT_FOR = 10.0  # seconds for a page whose connection blinked to come back, and for a new one to come at all
ADMITTED, RELEASED = 0, -1
Tell = Callable[[int], None]  # takes the place in the queue from 1 on, or one of these two; from any thread


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


class Places:
    """The places and the queue for them; whoever owns it sees to it that one thread at a time calls it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: dict[Seat, Tell] = {}
        self._queue: dict[Seat, Tell] = {}

    @property
    def crowded(self) -> bool:
        """Whether every place is held."""
        return len(self._held) >= self._limits.runs

    def wish(self, seat: Seat, tell: Tell) -> None:
        """Give the seat a place, or one in the queue; `tell` hears which, and each change. Raises `FullError`."""
        if seat in self._held:
            self._held[seat] = tell
            tell(ADMITTED)
            return
        if seat not in self._queue and self.crowded and len(self._queue) >= self._limits.waiting:
            self.advance()
            if len(self._queue) >= self._limits.waiting and self.crowded:
                raise FullError(
                    f"{taken(self._limits.runs)}, and as many pages wait as may: this page goes on trying by itself."
                )
        self._queue[seat] = tell
        if not self.advance():
            tell(list(self._queue).index(seat) + 1)

    def unwish(self, seat: Seat) -> None:
        """Take a page that has gone out of the queue; the others move up."""
        if self._queue.pop(seat, None) is not None:
            self._tell_all()

    def leave(self, seat: Seat) -> None:
        """Take a seat's place for whoever is next."""
        self.unwish(seat)
        if self._held.pop(seat, None) is not None:
            _allow(seat, False)
            self.advance()

    def advance(self) -> bool:
        """Let in as many as there is room for; whether anybody was."""
        before = len(self._queue)
        while self._queue and (not self.crowded or self._release_one()):
            seat = next(iter(self._queue))
            tell = self._held[seat] = self._queue.pop(seat)
            _allow(seat, True)
            tell(ADMITTED)
        if len(self._queue) < before:
            self._tell_all()
        return len(self._queue) < before

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
        run = seat.run
        assert isinstance(run, LiveRun), "only who trains needs a place"
        if seat.socket is None:
            return seat.left if now - seat.left > KEPT_FOR else None
        if now - run.asked > self._limits.held_hidden:
            return run.asked
        if not run.playing and now - run.used > self._limits.held_paused:
            return run.used
        return None

    def _tell_all(self) -> None:
        for number, tell in enumerate(self._queue.values(), 1):
            tell(number)


def taken(runs: int) -> str:
    """That no place is left, as the beginning of a sentence."""
    return f"All {runs} places for live runs are taken" if runs > 1 else "The only place for a live run is taken"


def _allow(seat: Seat, placed: bool) -> None:
    assert isinstance(seat.run, LiveRun), "only who trains needs a place"
    seat.run.use()
    seat.run.placed = placed
