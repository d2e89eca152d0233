"""Limits come from the environment, each checked, and what is wrong is said with what is allowed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields

import pytest

from bnviz.live.limits import RUNS_A_CORE, UNKNOWN_MIB, LimitError, Limits, cores, half_the_memory, read

ITEMS = {item.metadata["variable"]: item for item in fields(Limits)}


def test_without_variables_the_defaults_hold_sixteen_runs_a_core():
    assert read({}) == Limits() == read(dict.fromkeys(ITEMS, " "))
    assert Limits().runs == RUNS_A_CORE * cores()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux grants cores to a process")
def test_a_process_that_may_use_one_core_counts_one():
    script = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); from bnviz.live.limits import Limits; "
        "from bnviz.live.workers import Workers; print(Limits().runs, Workers()._count)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(RUNS_A_CORE), "1"]


@pytest.mark.parametrize(
    ("granted", "mib"), [("2147483648", 1024), ("104857600", 256), ("max", None), ("9223372036854771712", None)]
)
def test_live_runs_may_take_half_of_what_the_machine_or_its_container_grants(monkeypatch, tmp_path, granted, mib):
    monkeypatch.setattr("os.sysconf", {"SC_PHYS_PAGES": 2**20, "SC_PAGE_SIZE": 2**14}.__getitem__, raising=False)
    path = tmp_path / "memory.max"
    path.write_text(granted + "\n")
    monkeypatch.setattr("bnviz.live.limits.GRANTED", (str(tmp_path / "none"), str(path)))
    assert half_the_memory() == (mib or 2**13), "16 GiB are in the machine"


def test_where_nobody_says_how_much_memory_there_is_a_gib_is_assumed(monkeypatch):
    monkeypatch.delattr("os.sysconf", raising=False)
    monkeypatch.setattr("bnviz.live.limits.GRANTED", ())
    assert half_the_memory() == UNKNOWN_MIB


@pytest.mark.parametrize("variable", ITEMS)
def test_a_variable_goes_before_its_default_up_to_both_ends(variable):
    item = ITEMS[variable]
    for value in (item.metadata["low"], item.metadata["high"]):
        assert getattr(read({variable: f" {value} "}), item.name) == value


@pytest.mark.parametrize("variable", ITEMS)
@pytest.mark.parametrize("text", ["-1", "1.5", "many", "nan", "1e3", "٣", "9" * 5000, "<b>", "0x10", "99999999"])
def test_a_wrong_one_is_named_with_its_value_and_what_is_allowed(variable, text):
    with pytest.raises(LimitError) as caught:
        read({variable: text})
    message, about = str(caught.value), ITEMS[variable].metadata
    for said in (variable, text[:20], str(about["low"]), str(about["high"]), about["doc"]):
        assert said in message
    assert len(message) < 200


def test_made_in_code_they_are_checked_as_well():
    with pytest.raises(LimitError, match="BNVIZ_LIVE_RUNS must be a whole number from 1 to 4096"):
        Limits(runs=0)
    with pytest.raises(LimitError):
        Limits(waiting=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit of open files")
def test_a_class_is_not_kept_out_by_a_shells_limit_of_open_files():
    """In a process of its own; where the shell's limit cannot be raised it stays."""
    script = (
        "import resource as r; hard = r.getrlimit(r.RLIMIT_NOFILE)[1]; r.setrlimit(r.RLIMIT_NOFILE, (200, hard)); "
        "from bnviz.live.limits import MOST_FILES, allow_files; allow_files(); allow_files(); "
        "most = MOST_FILES if hard == r.RLIM_INFINITY else min(hard, MOST_FILES); "
        "assert r.getrlimit(r.RLIMIT_NOFILE) == (most, hard); "
        "r.setrlimit(r.RLIMIT_NOFILE, (100, 100)); allow_files(); print(r.getrlimit(r.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(100, 100)"
