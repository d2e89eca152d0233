"""A few worker threads that take the live runs in turn, in short slices: fair, and as many threads as cores.

Fair is the time and not the number of turns: a run whose single step takes as long as ten slices waits until the
others have had as much. Each run has a clock that its turns put forward, and the one that is furthest behind is next
(start-time fair queueing, Goyal, Vin and Cheng 1996). Who was idle starts at the present and saves nothing up.
"""

from __future__ import annotations

import atexit
import heapq
import itertools
import logging
import math
import threading
import time
from contextlib import suppress
from weakref import WeakKeyDictionary

from bnviz.live.watched import Home, Worked
from bnviz.training.processes import cores

LOG = logging.getLogger(__name__)
LONGEST_WAIT = 3600.0  # a lock can't wait for ever
SMALLEST_TURN = 0.001  # seconds; what a turn costs beside its work
LARGEST_DEBT = 2.0  # seconds; the longest steps take one, and whoever made one goes on before a minute is over
FIRST_TURN = 0.05  # seconds that making networks is charged with: who comes first also loads what all the others use


class Workers:
    """Gives each run that has something to do a turn, the one that has had least of the time first.

    A run is in at most one worker's hands, and so is its home, the process in which it trains: who is next there waits
    while others go before. `wake` may be called from any thread, any number of times.
    """

    def __init__(self, count: int | None = None) -> None:
        self._count = count or cores()
        self._condition = threading.Condition()
        self._due: list[tuple[float, int, Worked]] = []
        self._planned: dict[Worked, float] = {}
        self._ready: dict[Worked, Home | None] = {}  # with its home; who came first is first
        self._present: WeakKeyDictionary[Home, float] = WeakKeyDictionary()  # of the run whose turn began last there
        self._nowhere = 0.0  # and of those that need no home
        self._clocks: WeakKeyDictionary[Worked, float] = WeakKeyDictionary()
        self._homes: WeakKeyDictionary[Worked, int] = WeakKeyDictionary()  # in which the clock was put
        self._busy: dict[Worked, Home | None] = {}
        self._woken: set[Worked] = set()
        self._order = itertools.count()
        self._threads: list[threading.Thread] = []
        self._stopping = False

    def wake(self, run: Worked) -> None:
        """Give the run a turn soon; starts the threads at the first call."""
        with self._condition:
            if not self._threads:
                self._start()
            if run in self._busy:
                self._woken.add(run)
            else:
                self._plan(run, time.monotonic())

    def stop(self) -> None:
        """End the threads after their present turns: at the interpreter's end none may be inside torch."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        for thread in self._threads:
            thread.join(timeout=5)

    def _start(self) -> None:
        atexit.register(self.stop)
        for number in range(self._count):
            thread = threading.Thread(target=self._serve, name=f"bnviz-live-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _plan(self, run: Worked, due: float) -> None:
        if due < self._planned.get(run, float("inf")):
            self._planned[run] = due
            heapq.heappush(self._due, (due, next(self._order), run))
            self._condition.notify()

    def _serve(self) -> None:
        while (run := self._take()) is not None:
            due: float | None = None
            making, home, began = not run.trained, self._busy[run], time.thread_time()
            elsewhere = home.spent if home is not None else 0.0
            try:
                due = run.work()
            except Exception:
                LOG.exception("a live run failed")
                with suppress(Exception):
                    run.fail()
            with self._condition:
                seconds = time.thread_time() - began + (home.spent - elsewhere if home is not None else 0.0)
                self._charge(run, min(seconds, FIRST_TURN) if making else seconds)
                del self._busy[run]
                if self._ready:
                    self._condition.notify()  # somebody may have waited for this home
                if run in self._woken:
                    self._woken.discard(run)
                    due = time.monotonic()
                if due is not None:
                    self._plan(run, due)
            del run, home  # a run that is freed while nobody has a turn must go

    def _charge(self, run: Worked, seconds: float) -> None:
        """Put a run's clock forward by the CPU time of its turn; while others had the core, none was used."""
        before, now = self._clocks.get(run, 0.0), self._now(self._busy.get(run))
        self._clocks[run] = min(before + max(seconds, SMALLEST_TURN), now + LARGEST_DEBT)

    def _now(self, home: Home | None) -> float:
        """The present in a home: each is a core of its own, whose runs share its time."""
        return self._nowhere if home is None else self._present.get(home, 0.0)

    def _take(self) -> Worked | None:
        with self._condition:
            while not self._stopping:
                now = time.monotonic()
                self._collect(now)
                if (run := self._next()) is not None:
                    return run
                self._condition.wait(min(self._due[0][0] - now, LONGEST_WAIT) if self._due else None)
        return None

    def _next(self) -> Worked | None:
        """The run that is furthest behind of those whose home is free."""
        busy = [home for home in self._busy.values() if home is not None]
        free = [run for run, home in self._ready.items() if not any(home is one for one in busy)]
        if not free:
            return None
        run = min(free, key=lambda one: self._clocks[one] - self._now(self._ready[one]))
        home = self._busy[run] = self._ready.pop(run)
        clock = max(self._now(home), self._clocks[run])
        if home is None:
            self._nowhere = clock
        else:
            self._present[home] = clock
        del self._planned[run]
        return run

    def _collect(self, now: float) -> None:
        """Line those up whose time has come, by their clocks."""
        while self._due and (self._due[0][0] <= now or self._planned.get(self._due[0][2]) != self._due[0][0]):
            due, _, run = heapq.heappop(self._due)
            if self._planned.get(run) == due:  # else it was planned anew for an earlier time
                self._planned[run] = -math.inf  # it is in the line: no waking brings it there twice
                self._line_up(run)

    def _line_up(self, run: Worked) -> None:
        """Who was idle, or lived elsewhere, begins at the present."""
        try:
            home = run.home
        except Exception:
            LOG.exception("no process can be had that trains")
            home = None  # its turn will say so
        moved = self._homes.get(run) != id(home)
        self._homes[run], self._ready[run] = id(home), home
        self._clocks[run] = self._now(home) if moved else max(self._now(home), self._clocks.get(run, 0.0))
