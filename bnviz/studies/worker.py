"""What happens inside a worker process: it gets ready once, then runs one trial after the other."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from bnviz.studies.trial import Trial

WARM = ("torch", "bnviz.training.unfold")  # names of modules: nothing above training imports torch, workers do
ORPHAN_LOOKS = 0.5  # seconds between two looks at the parent
LONGEST_REASON = 500
DECIDING = ("bnviz", "torch", "numpy")  # what must be the same where numbers stand side by side
RunTrial = Callable[[Trial], Mapping[str, float]]


_PYTHON = platform.python_version()
_BNVIZ: str = import_module("bnviz").__version__  # the package as a whole stands above this room


def versions() -> dict[str, str]:
    """Return what the numbers were made with, without importing any of it."""
    return {"bnviz": _BNVIZ, "torch": _installed("torch"), "numpy": _installed("numpy"), "python": _PYTHON}


def released(version: str) -> str:
    """Return a version without the name of its build: 2.13.0+cpu is 2.13.0."""
    return version.partition("+")[0]


@cache
def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came back from a worker: measures, or the reason why there are none, and what they cost."""

    measures: dict[str, float] = field(default_factory=dict)
    failure: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    finished: datetime = field(default_factory=lambda: datetime.now(UTC))
    versions: dict[str, str] = field(default_factory=versions)


def work(run: RunTrial, trial: Trial) -> Outcome:
    """Run one trial; whatever it raises is its failure and not the study's."""
    wall, cpu = time.perf_counter(), time.thread_time()
    measures, failure = {}, ""
    try:
        measures = {name: float(value) for name, value in run(trial).items()}
    except Exception as error:  # noqa: BLE001 - any error of a training is a failed row
        failure = f"{type(error).__name__}: {error}"[:LONGEST_REASON]
    return Outcome(
        measures=measures,
        failure=failure,
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.thread_time() - cpu,
    )


@dataclass(frozen=True)
class Hello:
    """A worker that is ready says who it is; what it has imported decides whether its numbers can be used."""

    pid: int
    versions: dict[str, str]


def hello(warm: tuple[str, ...], wait: float = 0.0) -> Hello:
    """Import what trials need, so that the first one doesn't pay for it."""
    for name in warm:
        import_module(name)
    time.sleep(wait)
    return Hello(os.getpid(), versions())


def prepare(warm: tuple[str, ...], parent: int, gently: bool) -> None:
    """Get a process of this machine's pool ready; runs once in each.

    Ctrl-C reaches every process of a terminal: it is the parent's to answer. A parent that is killed can't tell its
    workers, so they look whether it is still there.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.name == "posix":
        os.nice(10 if gently else 0)
        threading.Thread(target=_die_with, args=(parent,), name="bnviz-orphan", daemon=True).start()
    hello(warm)


def _die_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(ORPHAN_LOOKS)
    os._exit(1)
