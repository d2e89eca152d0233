"""Rows are kept: whatever is written is read back, nothing is lost between processes, foreign files are refused."""

from __future__ import annotations

import math
import os
import re
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.studies import results, store
from bnviz.studies.catalogue import STUDIES
from bnviz.studies.errors import StudyError
from bnviz.studies.results import Result, as_result, from_table, newest, read, shipped, to_table, write
from bnviz.studies.store import Store
from bnviz.studies.worker import Outcome, versions
from tests.studies.stand_in import MEASURE, python, trial

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def row(seed: int, value: float = 1.0, *, failure: str = "", later: float = 0.0) -> Result:
    measures = {} if failure else {MEASURE: value}
    finished = NOW + timedelta(seconds=later)
    return as_result(trial(seed), "some", Outcome(measures=measures, failure=failure, seconds=1.5, finished=finished))


def seeds(folder: Path) -> list[int]:
    kept = Store(folder)
    return sorted(run["seed"] for run in kept.finished([trial(seed).key for seed in range(1000)]).values())


measures = st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), st.floats(), max_size=4)


@given(st.lists(st.tuples(measures, st.text(max_size=20), st.floats(0, 1e6)), max_size=6))
def test_rows_written_are_rows_read_and_nan_is_not_nothing(tmp_path_factory, made):
    rows = [
        as_result(trial(seed), "a", Outcome(measures=found, failure=why, seconds=took, finished=NOW))
        for seed, (found, why, took) in enumerate(made)
    ]
    file = tmp_path_factory.mktemp("rows") / "x.parquet"
    write(file, to_table(rows))
    again = list(from_table(read(file)))
    assert [{**one, "measures": None} for one in again] == [{**one, "measures": None} for one in rows]
    for one, other in zip(again, rows, strict=True):
        assert one["measures"].keys() == other["measures"].keys()
        assert all(repr(one["measures"][name]) == repr(float(value)) for name, value in other["measures"].items())


def test_a_row_says_what_it_was_made_with():
    (found,) = from_table(to_table([row(3)]))
    assert found["versions"] == versions()
    assert all(found["versions"].values())


def test_measures_are_columns_that_others_can_read(tmp_path: Path):
    write(tmp_path / "x.parquet", to_table([row(0, 0.25), row(1, math.nan), row(2, failure="broke")]))
    found = pq.read_table(tmp_path / "x.parquet").to_pydict()
    assert found["seed"] == [0, 1, 2]
    assert found[f"measure_{MEASURE}"][0] == 0.25
    assert math.isnan(found[f"measure_{MEASURE}"][1])
    assert found[f"measure_{MEASURE}"][2] is None
    assert found["failure"] == ["", "", "broke"]


def test_of_equal_trials_the_newest_that_went_well_counts():
    tables = [to_table([row(0, 1.0, later=5)]), to_table([row(0, 2.0, later=9), row(1, failure="a", later=1)])]
    tables += [to_table([row(0, failure="late", later=99), row(1, failure="b", later=2)])]
    found = {one["seed"]: one for one in from_table(newest(tables))}
    assert found[0]["measures"] == {MEASURE: 2.0}
    assert found[1]["failure"] == "b"
    assert len(found) == 2


def test_rows_with_other_measures_stand_side_by_side(tmp_path: Path):
    kept = Store(tmp_path)
    kept.add(row(0))
    kept.flush()
    other = row(1)
    kept.add({**other, "measures": {"broke": 1.0}})
    kept.compact()
    found = Store(tmp_path).finished([trial(0).key, trial(1).key])
    assert [one["measures"] for one in found.values()] == [{MEASURE: 1.0}, {"broke": 1.0}]


def test_what_is_kept_is_there_for_the_next_and_what_failed_is_not(tmp_path: Path):
    kept = Store(tmp_path / "new" / "folder")
    kept.add(row(0))
    kept.add(row(1, failure="broke"))
    kept.flush()
    kept.flush()
    assert seeds(kept.folder) == [0]
    assert len(list(kept.folder.iterdir())) == 1


@pytest.mark.parametrize(("package", "counts"), [("torch", False), ("numpy", False), ("python", True), ("bnviz", True)])
def test_rows_of_another_torch_or_numpy_are_kept_and_not_finished(tmp_path: Path, package: str, counts: bool):
    kept = Store(tmp_path)
    kept.add({**row(0), "versions": {**versions(), package: "0.0.1"}})
    kept.add(row(1))
    kept.compact()
    assert seeds(tmp_path) == ([0, 1] if counts else [1])
    (file,) = tmp_path.iterdir()
    assert sorted(read(file)["seed"].to_pylist()) == [0, 1]


def test_another_build_of_the_same_torch_counts(tmp_path: Path):
    kept = Store(tmp_path)
    kept.add({**row(0), "versions": {**versions(), "torch": versions()["torch"].partition("+")[0] + "+cu130"}})
    kept.flush()
    assert seeds(tmp_path) == [0]


def test_rows_are_written_as_time_passes_and_when_there_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "FLUSHED_AT", 3)
    kept = Store(tmp_path)
    kept.add(row(0))
    assert seeds(tmp_path) == []
    kept.add(row(1))
    kept.add(row(2))
    assert seeds(tmp_path) == [0, 1, 2]
    monkeypatch.setattr(store, "FLUSHED_EVERY", 0.0)
    kept.add(row(3))
    assert seeds(tmp_path) == [0, 1, 2, 3]


def test_a_row_is_written_though_no_other_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kept = Store(tmp_path)
    kept.add(row(0))
    kept.tend()
    assert seeds(tmp_path) == []
    monkeypatch.setattr(store, "FLUSHED_EVERY", 0.0)
    kept.tend()
    assert seeds(tmp_path) == [0]


def test_tidying_up_removes_what_a_killed_writer_left_long_ago_and_nothing_newer(tmp_path: Path):
    left, fresh = (tmp_path / f"{name}.parquet.unfinished" for name in ("left", "fresh"))
    left.touch()
    fresh.touch()
    os.utime(left, (0, 0))
    Store(tmp_path).compact()
    assert list(tmp_path.iterdir()) == [fresh]


def test_compacting_leaves_one_file_with_every_row_once(tmp_path: Path):
    for _ in range(2):
        for seed in range(4):
            kept = Store(tmp_path)
            kept.add(row(seed))
            kept.flush()
    kept.compact()
    (file,) = tmp_path.iterdir()
    assert sorted(read(file)["seed"].to_pylist()) == [0, 1, 2, 3]
    kept.compact()
    assert list(tmp_path.iterdir()) == [file]


def test_several_that_write_and_tidy_up_in_one_folder_lose_no_row(tmp_path: Path):
    def fill(first: int) -> None:
        kept = Store(tmp_path)
        for seed in range(first, first + 20):
            kept.add(row(seed))
            kept.flush()
            if seed % 5 == 0:
                kept.compact()

    threads = [threading.Thread(target=fill, args=(first,)) for first in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seeds(tmp_path) == [first + seed for first in (0, 100, 200) for seed in range(20)]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_writer_that_is_killed_leaves_files_that_can_be_read(tmp_path: Path):
    script = (
        "import sys; from bnviz.studies.store import Store; from tests.studies.test_store import row\n"
        "kept = Store(sys.argv[1])\n"
        "for seed in range(1000):\n  kept.add(row(seed)); kept.flush(); print(seed, flush=True)"
    )
    with python("-c", script, str(tmp_path)) as writer:
        assert writer.stdout is not None
        for _ in range(10):
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
    assert seeds(tmp_path)[: last + 1] == list(range(last + 1))


def not_parquet(file: Path) -> None:
    file.write_bytes(b"PAR1 nothing of the sort")


def foreign(file: Path) -> None:
    pq.write_table(pa.table({"key": ["a"]}), file)


def newer(file: Path) -> None:
    pq.write_table(to_table([row(0)]).replace_schema_metadata({results.FORMAT_KEY: b"2"}), file)


def cut_short(file: Path) -> None:
    write(file, to_table([row(0)]))
    file.write_bytes(file.read_bytes()[:-40])


def lacking(file: Path) -> None:
    write(file, to_table([row(0)]).drop_columns(["seconds"]))


def of_text(file: Path) -> None:
    write(file, to_table([row(0)]).append_column("measure_loss", pa.array(["high"])))


def too_long(file: Path) -> None:
    write(file, to_table([row(0)] * 3))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (not_parquet, "can't read"), (foreign, "holds no study's results"), (newer, "another version"),
        (cut_short, "can't read"), (lacking, "lacks columns"), (of_text, "lacks columns"), (too_long, "more than"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_ours_is_named_with_what_to_do(tmp_path: Path, make, said: str, monkeypatch):
    make(tmp_path / "x.parquet")
    monkeypatch.setattr(results, "MAX_ROWS", 2)
    with pytest.raises(StudyError, match=said) as caught:
        Store(tmp_path)
    assert "x.parquet" in str(caught.value)
    assert "move" in str(caught.value)
    assert (tmp_path / "x.parquet").exists()


def test_a_folder_that_can_t_be_made_is_said_so(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match="can't keep results in"):
        Store(tmp_path / "file")


def test_rows_that_this_version_can_t_read_are_left_out_and_survive_tidying_up(tmp_path: Path):
    table = to_table([row(0), row(1)])
    strange = pa.array([row(0)["trial"].to_json(), '{"of": "tomorrow"}'])
    write(tmp_path / "a.parquet", table.set_column(table.column_names.index("trial"), "trial", strange))
    kept = Store(tmp_path)
    assert seeds(tmp_path) == [0]
    kept.add(row(2))
    kept.compact()
    (file,) = tmp_path.iterdir()
    assert sorted(read(file)["seed"].to_pylist()) == [0, 1, 2]


def test_shipped_results_are_read_by_the_study_s_name_without_failures(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(results, "files", lambda _: tmp_path)
    (tmp_path / "shipped").mkdir()
    write(tmp_path / "shipped" / "one-or_two.parquet", to_table([row(0), row(1, failure="broke")]))
    assert shipped("one-or_two") == [row(0)]


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_s_name_is_a_file_s_name(name: str):
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name)


@pytest.mark.parametrize("name", ["no_such_study", "", "../store", "a/b", "x.parquet"])
def test_a_study_without_shipped_results_has_none(name: str):
    assert shipped(name) == []
