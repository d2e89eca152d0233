"""The same code above a Dask cluster, one of this machine's processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bnviz.studies.errors import StudyError
from bnviz.studies.executor import CLUSTER_VARIABLE, ClusterPool, LocalPool, open_pool
from bnviz.studies.perform import Progress, perform
from bnviz.studies.worker import RunTrial
from tests.studies.stand_in import DIES, MEASURE, RAISES, alive, starts, trial, trials

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own, about sockets and ports


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from distributed import LocalCluster

    options = {"processes": True, "n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options, host="127.0.0.1", silence_logs=50) as started:
        yield started


@pytest.fixture
def pool(cluster: Any) -> Iterator[ClusterPool]:
    with ClusterPool(cluster.scheduler_address, warm=()) as opened:
        yield opened


def test_a_cluster_runs_every_trial_once(pool: ClusterPool, run: RunTrial, notes: Path):
    asked, seen = [*trials(12), trial(12, RAISES)], list[Progress]()
    rows = {row["key"]: row for row in perform(asked, pool, run=run, on_progress=seen.append)}
    assert {row["seed"]: row["measures"] for row in rows.values() if not row["failure"]} == {
        seed: {MEASURE: float(seed)} for seed in range(12)
    }
    assert rows[asked[-1].key]["failure"] == "ArithmeticError: seed 12 raises"
    assert Counter(seed for seed, _ in starts(notes)) == dict.fromkeys(range(13), 1)
    assert pool.workers == 2
    assert seen[-1].startup is not None
    assert os.getpid() not in {pid for _, pid in starts(notes)}


def test_a_cluster_s_worker_killed_in_the_middle_loses_nothing(pool: ClusterPool, run: RunTrial, notes: Path):
    asked, rows, killed = trials(16, seconds=0.1), [], False
    for row in perform(asked, pool, run=run):
        rows.append(row)
        if len(rows) == 4:
            os.kill(next(pid for _, pid in starts(notes) if alive(pid)), signal.SIGKILL)
            killed = True
    assert killed
    assert Counter(row["key"] for row in rows) == Counter(one.key for one in asked)
    assert all(row["measures"] == {MEASURE: row["seed"]} for row in rows)


@pytest.mark.slow
def test_a_trial_that_always_kills_a_cluster_s_worker_is_a_failed_row(pool: ClusterPool, run: RunTrial):
    rows = {row["seed"]: row for row in perform([trial(0, DIES), *trials(3)[1:]], pool, run=run)}
    assert "its worker process died" in rows[0]["failure"]
    assert [rows[seed]["measures"] for seed in (1, 2)] == [{MEASURE: 1.0}, {MEASURE: 2.0}]


def test_a_cancelled_study_begins_nothing_more_and_leaves_the_cluster_to_others(
    pool: ClusterPool, run: RunTrial, notes: Path, cluster: Any
):
    rows = perform([trial(0), *(trial(seed, seconds=1.5) for seed in range(1, 9))], pool, run=run)
    next(rows)
    rows.close()
    time.sleep(1.6)
    assert len(starts(notes)) <= 1 + 2 + 1  # what waited there is not begun any more
    with ClusterPool(cluster.scheduler_address, warm=()) as other:
        assert [row["seed"] for row in perform([trial(99)], other, run=run)] == [99]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "ftp://x", "127.0.0.1:1"])
def test_an_address_where_nobody_answers_is_said_so(address: str, run: RunTrial, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bnviz.studies.executor.CONNECT_SECONDS", 1)
    with pytest.raises(StudyError, match="no Dask scheduler answers"):
        list(perform(trials(1), ClusterPool(address), run=run))


def test_an_address_without_dask_says_what_to_install(monkeypatch: pytest.MonkeyPatch, run: RunTrial):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(StudyError, match="pip install 'dask"):
        list(perform(trials(1), ClusterPool("tcp://127.0.0.1:8786"), run=run))


def test_the_address_is_given_or_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    assert isinstance(open_pool(), LocalPool)
    assert open_pool(3).workers == 3
    monkeypatch.setenv(CLUSTER_VARIABLE, "tcp://1.2.3.4:8786")
    found = open_pool()
    assert isinstance(found, ClusterPool)
    assert found.address == "tcp://1.2.3.4:8786"
    with pytest.raises(StudyError, match="leave one out"):
        open_pool(2)


@pytest.mark.parametrize("workers", [-1, 0, 257])
def test_workers_are_a_sensible_number(workers: int):
    with pytest.raises(StudyError, match="from 1 to 256"):
        LocalPool(workers)
