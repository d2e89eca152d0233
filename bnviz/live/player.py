"""What a run's player is set to: whether it plays, how fast, and the single steps that it owes."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnviz.live.remote import RemoteComparison

SLICE = 0.015
SNAPSHOT_INTERVAL = 0.05
RATE_MEMORY = 1.0


class Player:
    """Belongs to the worker that has its run's turn, but for `cancel`, which any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.speed = 0.0  # steps a second at most; 0 is flat out
        self.begin_again()

    def begin_again(self) -> None:
        """Pause at a first step; the speed stays."""
        self.playing = False
        self.owed = 0
        self._next_step = 0.0
        self._marks: deque[tuple[float, int]] = deque()  # of each turn: when it ended, and the steps that it made

    def play(self) -> None:
        """Train whenever there is a turn."""
        self.playing, self.owed = True, 0
        self._marks.clear()

    def stop(self) -> None:
        """Neither play nor owe anything."""
        self.playing, self.owed = False, 0

    def owe(self, count: int) -> None:
        """Make so many single steps in place of playing."""
        self.playing, self.owed = False, count

    def cancel(self) -> None:
        """Owe nothing any more, also while a step is made."""
        with self._lock:
            self.owed = 0

    def set_speed(self, steps_per_second: float) -> None:
        """Train at most so many steps a second; 0 is flat out."""
        self.speed, self._next_step = steps_per_second, 0.0
        self._marks.clear()

    def pay(self, comparison: RemoteComparison, now: float) -> None:
        """Make owed steps, all captured, as many as one turn holds."""
        while time.monotonic() - now < SLICE:
            with self._lock:
                if not self.owed:
                    break
                self.owed -= 1
            if not comparison.advance(steps=1, capture=True):
                self.owed = 0

    def train(self, comparison: RemoteComparison, now: float) -> None:
        """Train for one turn, or make the one step that is due; pause where none can be made any more."""
        if self.speed:
            if now < self._next_step:
                return
            made = comparison.advance(steps=1, capture=self.speed <= 1 / SNAPSHOT_INTERVAL)
            self._next_step = max(now - SLICE, self._next_step) + 1 / self.speed
        else:
            made = comparison.advance(seconds=SLICE)
        self._marks.append((time.monotonic(), made))
        while self._marks[0][0] < now - RATE_MEMORY:
            self._marks.popleft()
        if comparison.finished or comparison.stopped:
            self.playing = False

    def due(self, now: float) -> float:
        """When the next turn of training is due."""
        return self._next_step if self.speed else now

    @property
    def rate(self) -> float:
        """Steps a second in the last second."""
        if not self.playing or len(self._marks) < 2:
            return 0.0
        return sum(made for _, made in list(self._marks)[1:]) / max(1e-3, self._marks[-1][0] - self._marks[0][0])
