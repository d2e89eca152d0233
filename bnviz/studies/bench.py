"""How well a study of many short trainings uses this machine, and what each training costs beside itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from time import perf_counter

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.errors import StudyError
from bnviz.studies.executor import LocalPool
from bnviz.studies.perform import perform
from bnviz.studies.store import Store
from bnviz.studies.trial import Trial
from bnviz.studies.worker import hello

BUSY_TARGET, OVERHEAD_TARGET = 0.9, 20.0
DEEP = ExperimentConfig(hidden_layers=10, normalization="batch")
TOGETHER = 0.05  # seconds that a worker holds its greeting, so that each gets one


@dataclass(frozen=True, kw_only=True)
class Used:
    """What a study took: `busy` is CPU time over wall time and workers, `overhead` ms a run without its training.

    `startup` (s, until every worker was ready) is paid once and is in neither.
    """

    runs: int
    workers: int
    startup: float
    seconds: float
    run_seconds: float
    busy: float
    overhead: float


def measure(runs: int, steps: int, workers: int | None, finished: Callable[[], object] = lambda: None) -> Used:
    """Run a study of so many trainings of so many steps; rows are written to a folder as in any study."""
    trials = [
        Trial(config=DEEP.replace(seed=seed), steps=steps, measures=("accuracy",), every=50) for seed in range(runs)
    ]
    with TemporaryDirectory() as folder, LocalPool(workers) as pool:
        startup = _start(pool)
        rows, began = [], perf_counter()
        for row in perform(trials, pool, store=Store(folder)):
            rows.append(row)
            finished()
        took = perf_counter() - began
        if failed := [row["failure"] for row in rows if row["failure"]]:
            raise StudyError(f"{len(failed)} of {runs} trainings failed: {failed[0]}")
        inside, cpu = (sum(row[name] for row in rows) for name in ("seconds", "cpu_seconds"))
        return Used(
            runs=runs,
            workers=pool.workers,
            startup=startup,
            seconds=took,
            run_seconds=inside / runs,
            busy=cpu / took / pool.workers,
            overhead=1000 * (took * pool.workers - inside) / runs,
        )


def _start(pool: LocalPool) -> float:
    """Wait until every worker is ready; return the seconds."""
    began, met = perf_counter(), set[int]()
    while len(met) < pool.workers:
        greetings = [pool.submit(hello, pool.warm, TOGETHER) for _ in range(pool.workers)]
        met |= {greeting.result().pid for greeting in greetings}
    return perf_counter() - began
