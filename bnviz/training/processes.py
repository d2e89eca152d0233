"""What worker processes of this machine need of their parent: silence for Ctrl-C, and an end when it ends."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from multiprocessing import reduction, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


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


def start(serve: Callable[[Connection], None], name: str) -> tuple[Connection, BaseProcess]:
    """Start a process that serves its end of a line until the line ends, one thread for numbers; return this end.

    loky starts it: unlike the standard library's spawn it doesn't run the caller's script again, a page of the app.
    """
    from loky.backend import get_context  # type: ignore[import-untyped]

    context = get_context("loky")
    ours: Connection
    ours, theirs = context.Pipe()
    with deaf_children():
        process = context.Process(target=serve, args=(theirs,), name=name, daemon=True, env=ONE_THREAD)
        process.start()
    theirs.close()
    return ours, process


class Nursery:
    """Starts processes that serve a line; where the system can fork, they share what they have imported.

    A process of its own imports it, once, has no other thread of Python's and trains nothing: the others are forked
    from it, in milliseconds, and take a tenth of the memory. `prepare` is what it imports. Any thread may call.
    """

    def __init__(self, prepare: Callable[[], None]) -> None:
        self._prepare = prepare
        self._lock = threading.Lock()
        self._line: Connection | None = None
        self._process: BaseProcess | None = None

    def start(self, serve: Callable[[Connection], None], name: str) -> Connection:
        """Return this end of the line that a new process serves until it ends."""
        if sys.platform != "linux":  # elsewhere a fork is not safe, or there is none
            return start(serve, name)[0]
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            try:
                self._fork(serve, theirs.fileno())
            except (OSError, EOFError):
                self._line = None  # it has ended, for want of memory perhaps: once more, with a new one
                self._fork(serve, theirs.fileno())
        return Connection(ours.detach())

    def stop(self) -> None:
        """End it; those whom it has forked end with their own lines."""
        with self._lock:
            if self._line is not None:
                self._line.close()
            if self._process is not None:
                self._process.join(1)
            self._line = self._process = None

    def _fork(self, serve: Callable[[Connection], None], handle: int) -> None:
        if self._line is None:
            self._line, self._process = start(partial(_rear, self._prepare), "bnviz-nursery")
        self._line.send(serve)
        reduction.send_handle(self._line, handle, None)
        self._line.recv()


def _rear(prepare: Callable[[], None], line: Connection) -> None:
    """The nursery's side: fork a process for each line that comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who ends leaves nothing behind
    prepare()
    gc.collect()
    gc.freeze()
    with suppress(OSError, EOFError):
        while True:
            serve, handle = line.recv(), reduction.recv_handle(line)
            if os.fork() == 0:
                line.close()
                try:
                    serve(Connection(handle))
                except BaseException:  # noqa: BLE001 - whatever ends it is said
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            os.close(handle)
            line.send("forked")


def cores() -> int:
    """How many cores this process may use: a container or `taskset` may grant fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)
    return max(1, len(affinity(0))) if affinity else (os.cpu_count() or 1)
