"""Trials that train nothing: what they do is told by their configuration, in worker processes of every kind.

The learning rate is the number of seconds a trial takes; the seed is what it measures; `noise` is the number of
the behaviour in `BEHAVIOURS`. What was run is noted in a folder, a file a start.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from functools import partial
from pathlib import Path

import psutil

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.trial import Trial
from bnviz.studies.worker import RunTrial

FINE, RAISES, DIES, DIES_ONCE = 0.0, 0.25, 0.5, 0.75
ROOT = Path(__file__).resolve().parents[2]
MEASURE = "accuracy"


def trial(seed: int, behaviour: float = FINE, seconds: float = 1e-8) -> Trial:
    config = ExperimentConfig(seed=seed, noise=behaviour, learning_rate=seconds)
    return Trial(config=config, steps=1, measures=(MEASURE,))


def trials(count: int, seconds: float = 1e-8) -> list[Trial]:
    return [trial(seed, seconds=seconds) for seed in range(count)]


def running(folder: Path | str) -> RunTrial:
    return partial(run, str(folder))


def run(folder: str, trial: Trial) -> dict[str, float]:
    """Note the start under the trial's seed and this process; then do as the trial says."""
    note = Path(folder) / f"{trial.seed}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    again = any(Path(folder).glob(f"{trial.seed}-*"))
    note.touch()
    behaviour = trial.config.noise
    if behaviour == RAISES:
        raise ArithmeticError(f"seed {trial.seed} raises")
    if behaviour == DIES or (behaviour == DIES_ONCE and not again):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(trial.config.learning_rate)
    return {MEASURE: float(trial.seed)}


def starts(folder: Path) -> list[tuple[int, int]]:
    """The seed and the process of every start."""
    return [(int(seed), int(pid)) for seed, pid, _ in (file.name.split("-") for file in folder.iterdir())]


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def gone(pids: set[int]) -> bool:
    """Whether these processes all end; how long it takes is the machine's affair."""
    limit = time.monotonic() + 50
    while any(map(alive, pids)) and time.monotonic() < limit:
        time.sleep(0.01)
    return not any(map(alive, pids))


def python(*arguments: str) -> subprocess.Popen[str]:
    """Another Python, in the repository's root, that hears Ctrl-C."""
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, **pipes)  # type: ignore[call-overload]
    finally:
        signal.signal(signal.SIGINT, heard)
