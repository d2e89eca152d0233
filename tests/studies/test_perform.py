"""Trials on processes: none lost, none counted twice, nothing left behind."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from concurrent.futures import wait
from pathlib import Path

import pytest

from bnviz.studies.errors import StudyError
from bnviz.studies.executor import TRIES, LocalPool
from bnviz.studies.perform import Progress, perform
from bnviz.studies.results import Result
from bnviz.studies.store import Store
from bnviz.studies.worker import RunTrial
from tests.studies import stand_in
from tests.studies.stand_in import DIES, DIES_ONCE, MEASURE, RAISES, alive, gone, starts, trial, trials


def test_every_trial_becomes_one_row_with_its_measures(shared_pool: LocalPool, run: RunTrial, notes: Path):
    asked = trials(20)
    rows = list(perform(asked, shared_pool, run=run, study="some"))
    assert {row["key"]: row["measures"] for row in rows} == {one.key: {MEASURE: one.seed} for one in asked}
    assert all(row["trial"] in asked and row["study"] == "some" and not row["failure"] for row in rows)
    assert sorted(seed for seed, _ in starts(notes)) == list(range(20))


def test_equal_trials_are_run_once(shared_pool: LocalPool, run: RunTrial, notes: Path):
    assert len(list(perform([*trials(3), *trials(3)], shared_pool, run=run))) == 3
    assert len(starts(notes)) == 3


def test_no_trials_start_no_process():
    with LocalPool(2, warm=()) as pool:
        assert list(perform([], pool)) == []
        assert pool.startup is None


def test_rows_come_while_others_still_run(shared_pool: LocalPool, run: RunTrial, notes: Path):
    rows = perform([trial(0), *(trial(seed, seconds=60) for seed in range(1, 9))], shared_pool, run=run)
    assert next(rows)["seed"] == 0
    assert len(starts(notes)) < 9
    rows.close()


def test_a_bounded_number_is_handed_out(shared_pool: LocalPool, run: RunTrial):
    handed: list[int] = []
    submit = shared_pool.submit

    def counting(call, *args):
        handed.append(1)
        return submit(call, *args)

    shared_pool.submit = counting  # type: ignore[method-assign]
    try:
        rows = perform(trials(100), shared_pool, run=run)
        next(rows)
        assert len(handed) <= 8
        rows.close()
    finally:
        del shared_pool.submit


def test_a_trial_that_raises_is_a_failed_row_and_the_study_goes_on(shared_pool: LocalPool, run: RunTrial, notes: Path):
    rows = {row["seed"]: row for row in perform([trial(0), trial(1, RAISES), trial(2)], shared_pool, run=run)}
    assert rows[1]["failure"] == "ArithmeticError: seed 1 raises"
    assert rows[1]["measures"] == {}
    assert [rows[seed]["measures"] for seed in (0, 2)] == [{MEASURE: 0.0}, {MEASURE: 2.0}]
    assert Counter(seed for seed, _ in starts(notes)) == {0: 1, 1: 1, 2: 1}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_worker_killed_in_the_middle_loses_nothing_and_counts_nothing_twice(
    shared_pool: LocalPool, run: RunTrial, notes: Path
):
    asked, rows, killed, seen = trials(24, seconds=0.03), [], set(), list[Progress]()
    for row in perform(asked, shared_pool, run=run, on_progress=seen.append):
        rows.append(row)
        if len(rows) in (4, 12):
            pid = next(pid for _, pid in starts(notes) if alive(pid))
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
    assert len(killed) == 2
    assert Counter(row["key"] for row in rows) == Counter(one.key for one in asked)
    assert all(row["measures"] == {MEASURE: row["seed"]} for row in rows)
    assert seen[-1].died == 2
    assert (seen[-1].done, seen[-1].failed, seen[-1].left) == (24, 0, 0)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_trial_that_always_kills_its_worker_fails_alone(shared_pool: LocalPool, run: RunTrial, notes: Path):
    asked = [trial(0, DIES), trial(1, DIES_ONCE), *(trial(seed, seconds=0.05) for seed in range(2, 6))]
    rows = list(perform(asked, shared_pool, run=run))
    assert Counter(row["key"] for row in rows) == Counter(one.key for one in asked)
    assert {row["seed"]: row["failure"] for row in rows if row["failure"]} == {
        0: f"its worker process died, {TRIES} times: killed from outside or out of memory"
    }
    # It counts as a death, too, where another trial ends the pool before this one is begun.
    assert 1 <= Counter(seed for seed, _ in starts(notes))[0] <= TRIES


@pytest.mark.parametrize("how", ["closed", "cancelled"])
def test_a_study_that_is_stopped_leaves_no_process_behind(run: RunTrial, notes: Path, how: str):
    stop: list[bool] = []
    with LocalPool(2, warm=()) as pool:
        rows = perform(
            [trial(0), *(trial(s, seconds=60) for s in range(1, 9))], pool, run=run, cancelled=lambda: bool(stop)
        )
        next(rows)
        while len(starts(notes)) < 3:
            time.sleep(0.01)
        pids = {pid for _, pid in starts(notes)}
        assert any(map(alive, pids))
        if how == "closed":
            rows.close()
        else:
            stop.append(True)
            assert list(rows) == []
        assert gone(pids)
        assert [row["seed"] for row in perform([trial(77)], pool, run=run)] == [77]


def test_progress_adds_up_and_says_what_starting_took(shared_pool: LocalPool, run: RunTrial, tmp_path: Path):
    store, seen = Store(tmp_path / "kept"), list[Progress]()
    list(perform(trials(4), shared_pool, run=run, store=store))
    list(perform([*trials(10), trial(50, RAISES)], shared_pool, run=run, store=store, on_progress=seen.append))
    assert seen[0] == Progress(11, 4)
    assert all(one.kept + one.done + one.left == one.total for one in seen)
    assert (seen[-1].done, seen[-1].failed, seen[-1].left, seen[-1].seconds_left) == (7, 1, 0, 0)
    assert seen[-1].startup is not None


def test_what_the_store_has_is_given_back_and_not_run_again_but_what_failed_is(
    shared_pool: LocalPool, run: RunTrial, notes: Path, tmp_path: Path
):
    asked = [*trials(5), trial(5, RAISES)]
    first = list(perform(asked, shared_pool, run=run, store=Store(tmp_path / "kept")))
    again = list(perform(asked, shared_pool, run=run, store=Store(tmp_path / "kept")))

    def fine(rows: list[Result]) -> list[Result]:
        return sorted((row for row in rows if not row["failure"]), key=lambda row: row["seed"])

    assert fine(first) == fine(again)
    assert Counter(seed for seed, _ in starts(notes)) == {0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 2}


def test_what_has_come_back_is_kept_though_nobody_takes_it(
    shared_pool: LocalPool, run: RunTrial, notes: Path, tmp_path: Path
):
    asked = trials(4)  # as many as are handed out at once
    rows = perform(asked, shared_pool, run=run, store=Store(tmp_path / "k"))
    submit, futures = shared_pool.submit, []
    shared_pool.submit = lambda *args: futures.append(submit(*args)) or futures[-1]  # type: ignore[func-returns-value, method-assign]
    try:
        next(rows)
    finally:
        del shared_pool.submit
    wait(futures)
    rows.close()
    assert set(Store(tmp_path / "k").finished(one.key for one in asked)) == {one.key for one in asked}


def test_enough_begins_nothing_more_and_finishes_what_runs(shared_pool: LocalPool, run: RunTrial, notes: Path):
    rows = perform(trials(50, seconds=0.02), shared_pool, run=run, enough=lambda: len(starts(notes)) >= 3)
    found = {row["seed"] for row in rows}
    assert found == {seed for seed, _ in starts(notes)}
    assert 3 <= len(found) < 50
    pids = {pid for _, pid in starts(notes)}
    assert any(map(alive, pids))  # the processes stay for the next


def test_an_interrupted_study_goes_on_where_it_stopped(
    shared_pool: LocalPool, run: RunTrial, notes: Path, tmp_path: Path
):
    rows = perform(
        [*trials(6), *(trial(s, seconds=60) for s in (6, 7))], shared_pool, run=run, store=Store(tmp_path / "k")
    )
    seeds = {next(rows)["seed"] for _ in range(6)}
    rows.close()
    assert seeds == set(range(6))
    rest = list(perform(trials(8), shared_pool, run=run, store=Store(tmp_path / "k")))
    assert len(rest) == 8
    assert all(count == 1 for seed, count in Counter(s for s, _ in starts(notes)).items() if seed < 6)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_trials_that_all_kill_their_workers_are_failed_rows_and_not_workers_that_cannot_start(run: RunTrial):
    with LocalPool(2, warm=()) as pool:
        rows = list(perform([trial(seed, DIES) for seed in range(3)], pool, run=run))
        assert pool.submit(abs, -1).result() == 1
    assert sorted(row["seed"] for row in rows if "worker process died" in row["failure"]) == [0, 1, 2]


def test_workers_that_cannot_start_end_the_study_with_a_sentence(run: RunTrial):
    with (
        LocalPool(1, warm=("bnviz.no_such_module",)) as pool,
        pytest.raises(StudyError, match="before they were ready"),
    ):
        list(perform(trials(30), pool, run=run))


def test_a_worker_does_not_outlive_a_parent_that_is_killed(notes: Path):
    script = (
        "import sys; from bnviz.studies.executor import LocalPool; from bnviz.studies.perform import perform\n"
        "from tests.studies.stand_in import running, trial\n"
        "list(perform([trial(s, seconds=60) for s in range(4)], LocalPool(2, warm=()), run=running(sys.argv[1])))"
    )
    with stand_in.python("-c", script, str(notes)) as parent:
        while len(starts(notes)) < 2:
            assert parent.poll() is None
            time.sleep(0.02)
        pids = {pid for _, pid in starts(notes)}
        assert all(map(alive, pids))
        parent.kill()
    assert gone(pids)
