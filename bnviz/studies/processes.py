"""What worker processes of this machine need of their parent: silence for Ctrl-C, and an end when it ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import resource_tracker


@cache
def at_exit(end: Callable[[], None]) -> None:
    """Have the interpreter's end kill the pools that are still open, rather than wait for their trials as loky does.

    loky has just registered its own wait, and the last that was registered is called first. An `atexit` function would
    come too late, and there is no public way in between.
    """
    with suppress(RuntimeError):  # the interpreter ends already
        threading._register_atexit(end)  # type: ignore[attr-defined] # noqa: SLF001


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes started in here don't hear Ctrl-C, which is the parent's to answer, not even before they are ready."""
    if os.name != "posix":
        yield
        return
    resource_tracker.ensure_running()  # its start would end the deafness
    former = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else (os.cpu_count() or 1)
