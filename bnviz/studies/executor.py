"""Where trials run: processes on this machine, or a Dask cluster; both are `concurrent.futures` executors.

This machine's pool is loky's: its processes never run the caller's script again, as the standard library's spawned
ones do (a page of the app would be run once more in each), and they can be killed at once.
"""

from __future__ import annotations

import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, wait
from typing import Any, Self
from weakref import WeakSet

from bnviz.studies.errors import StudyError
from bnviz.studies.worker import DECIDING, WARM, Hello, hello, prepare, released, versions
from bnviz.training.processes import ONE_THREAD, at_exit, cores, deaf_children

CLUSTER_VARIABLE = "BNVIZ_CLUSTER"
MAX_WORKERS = 256
CONNECT_SECONDS = 10
TRIES = 3  # of a trial whose worker dies
COUNTED_EVERY = 5.0  # seconds between two counts of a cluster's workers
INSTALL_DASK = "a cluster needs Dask here and on its workers: pip install 'dask[distributed]'"


_OPEN: WeakSet[LocalPool] = WeakSet()
_ENDED = threading.Event()


class Pool(ABC):
    """An executor that is started when it is first needed, made anew when a worker has died, and killed at once.

    `startup` is how many seconds the first worker took to be ready, None before; `ready` is whether one of those that
    are there now was. `breaks` says that a worker's death ends the others too.
    """

    breaks = False

    def __init__(self, warm: tuple[str, ...] = WARM) -> None:
        self.warm = warm
        self.startup: float | None = None
        self.ready = False
        self._executor: Executor | None = None
        self._opened = 0.0
        self._greeting: Future[Hello] | None = None

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many trials can run at once."""

    @abstractmethod
    def _open(self) -> Executor: ...

    @abstractmethod
    def kill(self) -> None:
        """Stop what runs, at once; the next `submit` starts anew."""

    @abstractmethod
    def deaths(self, error: BaseException) -> int:
        """Return how many workers have died of what a future raised; 0 where it is no worker's death."""

    def submit(self, call: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have a worker make this call; starts the workers if none are there. Raises `BrokenExecutor` if some died."""
        return self._started().submit(call, *args)

    def greet(self, seconds: float) -> bool:
        """Whether a worker is ready, waiting for so long at most; starts the workers if none are there.

        Raises `BrokenExecutor` where one died before, `StudyError` where they can't run the trials of this bnviz.
        """
        self._started()
        if self.ready or self._greeting is None or not wait([self._greeting], seconds).done:
            return self.ready
        try:
            error = self._greeting.exception()
        except CancelledError as cancelled:
            error = cancelled
        if error is None:
            self._welcome(self._greeting.result())
            return True
        if self.deaths(error):
            raise BrokenExecutor("a worker died before it was ready") from error
        raise StudyError(f"the workers can't start: {type(error).__name__}: {error}"[:500]) from error

    def _started(self) -> Executor:
        if _ENDED.is_set():
            raise StudyError("the program is ending")
        if self._executor is None:
            self.ready = False
            self._opened = time.perf_counter()
            self._executor = self._open()
            with deaf_children():
                self._greeting = self._executor.submit(hello, self.warm)
        return self._executor

    def _welcome(self, found: Hello) -> None:
        here = versions()
        for name in DECIDING:
            if released(here[name]) != released(found.versions[name]):
                raise StudyError(
                    f"the workers have {name} {found.versions[name] or '(none)'} and here is {here[name] or '(none)'}: "
                    "install the same version there"
                )
        self.ready = True
        if self.startup is None:
            self.startup = time.perf_counter() - self._opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class LocalPool(Pool):
    """Processes on this machine, one thread each; by default as many as it has cores. `gently` leaves others first."""

    breaks = True

    def __init__(self, workers: int | None = None, warm: tuple[str, ...] = WARM, *, gently: bool = False) -> None:
        super().__init__(warm)
        self._gently = gently
        self._workers = cores() if workers is None else workers
        if not 1 <= self._workers <= MAX_WORKERS:
            raise StudyError(f"workers must be from 1 to {MAX_WORKERS}; got {workers}")

    @property
    def workers(self) -> int:
        return self._workers

    def _started(self) -> Executor:
        _OPEN.add(self)
        executor = super()._started()
        at_exit(_end)
        return executor

    def _open(self) -> Executor:
        from loky import ProcessPoolExecutor  # type: ignore[import-untyped]

        executor: Executor = ProcessPoolExecutor(
            self._workers, env=ONE_THREAD, initializer=prepare, initargs=(self.warm, os.getpid(), self._gently)
        )
        return executor

    def kill(self) -> None:
        _OPEN.discard(self)
        executor, self._executor, self._greeting = self._executor, None, None
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg] # loky's own

    def deaths(self, error: BaseException) -> int:
        return int(isinstance(error, BrokenExecutor))


class ClusterPool(Pool):
    """The workers of a Dask cluster that others have started, best with one thread each.

    Dask itself runs a trial again whose worker died. What runs there when a study is cancelled can't be killed without
    harm to others who use the cluster: it ends by itself, and nobody waits for it.
    """

    def __init__(self, address: str, warm: tuple[str, ...] = WARM) -> None:
        super().__init__(warm)
        self.address = address
        self._client: Any = None
        self._counted: tuple[float, int] = (-COUNTED_EVERY, 1)

    @property
    def workers(self) -> int:
        now = time.monotonic()
        if self._client is not None and now - self._counted[0] >= COUNTED_EVERY:
            self._counted = (now, max(1, sum(self._client.nthreads().values())))
        return self._counted[1]

    def _open(self) -> Executor:
        try:
            from distributed import Client
        except ImportError:
            raise StudyError(INSTALL_DASK) from None
        try:
            self._client = Client(  # type: ignore[no-untyped-call]
                self.address, timeout=CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, ValueError) as error:
            raise StudyError(
                f"no Dask scheduler answers at {self.address!r}: give an address such as tcp://10.0.0.1:8786 "
                f"({str(error)[:200]})"
            ) from None
        executor: Executor = self._client.get_executor(pure=False)
        return executor

    def kill(self) -> None:
        executor, client = self._executor, self._client
        self._executor = self._client = self._greeting = None
        self._counted = (-COUNTED_EVERY, 1)
        if executor is not None:
            executor.shutdown(wait=False)  # Dask cancels what waits
        if client is not None:
            client.close(timeout=1)

    def deaths(self, error: BaseException) -> int:
        from distributed import KilledWorker

        if isinstance(error, CancelledError):
            raise StudyError(f"the cluster at {self.address!r} is gone: start the study again to go on") from error
        return TRIES if isinstance(error, KilledWorker) else 0


def _end() -> None:
    _ENDED.set()
    for pool in list(_OPEN):
        pool.kill()


def open_pool(workers: int | None = None, cluster: str | None = None, warm: tuple[str, ...] = WARM) -> Pool:
    """Return the pool of a cluster's address, given or in the environment, otherwise of this machine's processes."""
    address = cluster or os.environ.get(CLUSTER_VARIABLE, "").strip()
    if address and workers is not None:
        raise StudyError(f"workers are this machine's, and the trainings run on the cluster {address!r}: leave one out")
    return ClusterPool(address, warm) if address else LocalPool(workers, warm)
