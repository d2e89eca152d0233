"""What a recording does while a training rests, and what becomes of it where the process is forked."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Protocol
from weakref import WeakSet, ref

SECONDS = 0.8  # without a step, until what waits is written; seen once in as many, so twice that at most


class Rests(Protocol):
    """What goes on in steps, from time to time."""

    @property
    def steps(self) -> int:
        """How many there were."""

    def write_what_waits(self) -> None:
        """There was none for a while; called by another thread, which has the lock."""

    def abandon(self) -> None:
        """This is a forked process: whatever there is belongs to the other one."""


class Pauses:
    """Sees, with a thread of its own that sleeps nearly always, when there was no step for a while.

    Steps themselves cost next to nothing more. The thread holds nothing but the lock, and that while it works. It ends
    with `stop`, with the program, or when what it looks after is gone.
    """

    def __init__(self, who: Rests, lock: AbstractContextManager[Any]) -> None:
        self._over, self._failures = Event(), list[Exception]()
        target = _Look(ref(who), lock, self._over, self._failures)
        self._thread = Thread(target=target, name="bnviz pauses", daemon=True)
        with suppress(RuntimeError):  # where there are no threads, what waits is written at the next step
            self._thread.start()
        _LIVE.add(who)
        atexit.register(self.stop)

    def check(self) -> None:
        """Raise what went wrong in a pause: hooks may have been running then, and nobody could take them off."""
        if self._failures:
            raise self._failures[0]

    def stop(self) -> None:
        """End the thread; whoever calls this has no lock that it may wait for."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self.forget()

    def forget(self) -> None:
        """Let nobody stop the thread when the program ends."""
        atexit.unregister(self.stop)


@dataclass
class _Look:
    who: ref[Rests]
    lock: AbstractContextManager[Any]
    over: Event
    failures: list[Exception]

    def __call__(self) -> None:
        before = -1
        while not self.over.wait(SECONDS) and not self.failures:
            found = self.who()
            if found is None:
                return
            if found.steps == before:
                self._write(found)
            before = found.steps
            del found

    def _write(self, found: Rests) -> None:
        with self.lock:
            if not self.over.is_set():
                try:
                    found.write_what_waits()
                except Exception as error:  # noqa: BLE001 - whatever it is, it is told at the next step
                    self.failures.append(error)


_LIVE: WeakSet[Rests] = WeakSet()


def _in_child() -> None:
    for one in list(_LIVE):
        one.abandon()
    _LIVE.clear()


if sys.platform != "win32":  # nothing is forked there
    os.register_at_fork(after_in_child=_in_child)
