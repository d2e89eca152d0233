"""One page is drawn at a time, the others when their turn comes.

Each visitor's page is drawn by a thread of its own, and one interpreter runs one of them at a time. When a class opens
a link, 200 threads take that one turn from each other and from the server's own loop, which then answers nobody for
seconds; drawn one at a time, and each only when the loop has gone round, the pages are done sooner and the loop hardly
waits.

A turn ends with the drawing or when its time is over: a page that takes long keeps nobody waiting for ever, and however
many wait, so many come in then as turns have ended, and never all of them together.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

AT_ONCE = 1
GIVEN = 1.0  # seconds that a drawing waits for the loop at most
PATIENCE = 0.5  # seconds, after which a turn counts no more, though its page may still be drawn


class Turns:
    """So many at once, in the order in which they came; safe to call from any thread."""

    def __init__(
        self, at_once: int = AT_ONCE, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.at_once, self.patience, self.clock = at_once, patience, clock
        self._ends: dict[threading.Event, float] = {}  # of the turns that count
        self._waiting: dict[threading.Event, None] = {}  # who came first is first
        self._lock = threading.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and give it back however what is done in it ends."""
        ours = threading.Event()
        try:
            with self._lock:
                self._waiting[ours] = None
            while not ours.wait(self._let_in()):
                pass
            self._give_way()
            yield
        finally:
            with self._lock:
                self._waiting.pop(ours, None)
                self._ends.pop(ours, None)
            self._let_in()

    def _give_way(self) -> None:
        """Let the server's loop go round once: whoever comes, and what is to be sent, goes before the next drawing."""
        if self.loop is not None and self.loop.is_running():
            round_made = threading.Event()
            self.loop.call_soon_threadsafe(round_made.set)
            round_made.wait(GIVEN)

    def _let_in(self) -> float:
        """Give the turns that are free to those who wait longest; return the seconds until the next one ends."""
        with self._lock:
            now = self.clock()
            self._ends = {one: end for one, end in self._ends.items() if end > now}
            while self._waiting and len(self._ends) < self.at_once:
                first = next(iter(self._waiting))
                del self._waiting[first]
                self._ends[first] = now + self.patience
                first.set()
            return min(self._ends.values(), default=now) - now


PAGES = Turns()
FILES = Turns(patience=5.0)  # a dropped file is read before its page is drawn, so in a turn of its own
