"""What is kept of a trial that was run, and the Parquet file that it is kept in: one row a run, one column a measure.

The columns are `COLUMNS`, then `measure_NAME` as float64 for every measure that any row has: null where a row's trial
doesn't measure it, NaN where it measured and found no number. `trial` is JSON, `study` the one that asked first, and
`failure` says why a trial has no measures. The wide layout is what pandas, DuckDB and a spreadsheet read as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from bnviz.experiment.fields import ConfigError
from bnviz.studies.errors import StudyError
from bnviz.studies.study import Row
from bnviz.studies.trial import Trial
from bnviz.studies.worker import Outcome

FORMAT, FORMAT_KEY = b"1", b"bnviz.study_results"
MEASURE = "measure_"
UNFINISHED = ".unfinished"
VERSIONS = ("bnviz", "torch", "numpy", "python")
MAX_ROWS, MAX_COLUMNS, MAX_BYTES = 1_000_000, 2_000, 1 << 30
COLUMNS = pa.schema([
    ("key", pa.string()), ("study", pa.string()), ("trial", pa.string()), ("seed", pa.int64()),
    ("failure", pa.string()), ("seconds", pa.float64()), ("cpu_seconds", pa.float64()),
    ("finished", pa.timestamp("us", tz="UTC")), *((name, pa.string()) for name in VERSIONS),
])  # fmt: skip


class Result(Row):
    """A row that is kept: a trial, its measures, and how, when and with what they were made."""

    study: str
    failure: str
    seconds: float
    cpu_seconds: float
    finished: datetime
    versions: dict[str, str]


def as_result(trial: Trial, study: str, outcome: Outcome) -> Result:
    """Return the row of a trial that came back from a worker."""
    return Result(
        key=trial.key,
        trial=trial,
        seed=trial.seed,
        measures=outcome.measures,
        study=study,
        failure=outcome.failure,
        seconds=outcome.seconds,
        cpu_seconds=outcome.cpu_seconds,
        finished=outcome.finished,
        versions=outcome.versions,
    )


def to_table(runs: Sequence[Result]) -> pa.Table:
    """Return the rows as a table."""
    names = sorted({name for run in runs for name in run["measures"]})
    columns: dict[str, list[Any]] = {
        name: [run[name] for run in runs]  # type: ignore[literal-required]
        for name in COLUMNS.names
        if name not in ("trial", *VERSIONS)
    }
    columns["trial"] = [run["trial"].to_json() for run in runs]
    columns |= {name: [run["versions"].get(name, "") for run in runs] for name in VERSIONS}
    arrays = [pa.array(columns[column.name], column.type) for column in COLUMNS]
    measures = [pa.array([run["measures"].get(name) for run in runs], pa.float64()) for name in names]
    return pa.table([*arrays, *measures], names=[*COLUMNS.names, *(MEASURE + name for name in names)])


def from_table(table: pa.Table) -> Iterator[Result]:
    """Return the rows of a table; those whose trial this version can't read, being of a newer one, are left out."""
    names = [name for name in table.column_names if name.startswith(MEASURE)]
    for row in table.to_pylist():
        try:
            trial = Trial.from_json(row["trial"])
        except ConfigError:
            continue
        if trial.key != row["key"]:  # the same trial gives other numbers by now
            continue
        found = {name.removeprefix(MEASURE): row[name] for name in names if row[name] is not None}
        plain = {name: row[name] for name in COLUMNS.names if name not in VERSIONS}
        made_with = {name: row[name] for name in VERSIONS}
        yield cast(Result, {**plain, "trial": trial, "measures": found, "versions": made_with})


def newest(tables: Iterable[pa.Table]) -> pa.Table:
    """Return all rows, of each key one: the last that went well, or the last that failed where none did."""
    table = pa.concat_tables([COLUMNS.empty_table(), *tables], promote_options="default")
    order = [("failed", "descending"), ("finished", "ascending")]
    failed = pc.not_equal(table["failure"], "")
    last = {
        key: place for place, key in _sorted(table.select(["key", "finished"]).append_column("failed", failed), order)
    }
    return table.take(pa.array(sorted(last.values()), pa.int64()))


def _sorted(table: pa.Table, order: list[tuple[str, str]]) -> Iterator[tuple[int, str]]:
    places = pc.sort_indices(table, sort_keys=order)
    return zip(places.to_pylist(), table["key"].take(places).to_pylist(), strict=True)


def write(file: Path, table: pa.Table) -> None:
    """Write a table where no file of that name is seen before it is whole."""
    unfinished = file.with_name(f"{file.name}{UNFINISHED}")
    try:
        with unfinished.open("wb") as stream:
            pq.write_table(table.replace_schema_metadata({FORMAT_KEY: FORMAT}), stream, compression="zstd")
            stream.flush()
            os.fsync(stream.fileno())  # a new name on the disk before its content would be a broken file
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def read(file: Path) -> pa.Table:
    """Return a file's table; raises `StudyError` for what `write` didn't write, `FileNotFoundError` where none is."""
    try:
        with pq.ParquetFile(file) as parquet:
            _check(file, parquet)
            table = parquet.read()
    except (FileNotFoundError, StudyError):
        raise
    except (OSError, pa.ArrowException) as error:
        raise StudyError(f"can't read {str(file)!r} as Parquet; move it elsewhere ({str(error)[:200]})") from None
    return table.replace_schema_metadata(None)


def _check(file: Path, parquet: pq.ParquetFile) -> None:
    if file.stat().st_size > MAX_BYTES:
        raise StudyError(
            f"{str(file)!r} is larger than {MAX_BYTES >> 30} GB, as no study's results are: move it elsewhere"
        )
    schema = parquet.schema_arrow
    found = (schema.metadata or {}).get(FORMAT_KEY)
    if found is None:
        raise StudyError(f"{str(file)!r} holds no study's results: choose another folder, or move the file elsewhere")
    if found != FORMAT:
        raise StudyError(
            f"{str(file)!r} is of another version of this program: read it with that, or move it elsewhere"
        )
    if parquet.metadata.num_rows > MAX_ROWS or len(schema) > MAX_COLUMNS:
        raise StudyError(f"{str(file)!r} has more than {MAX_ROWS:,} rows or {MAX_COLUMNS:,} columns: move it elsewhere")
    types = {item.name: item.type for item in schema}
    right = all(types.get(column.name) == column.type for column in COLUMNS)
    if not right or any(types[name] != pa.float64() for name in types if name.startswith(MEASURE)):
        raise StudyError(f"{str(file)!r} lacks columns that a study's results have: move it elsewhere")


def shipped(name: str) -> list[Result]:
    """Return the results of a study that come with this package, none where none do."""
    resource = files("bnviz.studies") / "shipped" / f"{name}.parquet"
    if not name.replace("-", "").replace("_", "").isalnum() or not resource.is_file():
        return []
    return [run for run in from_table(read(Path(str(resource)))) if not run["failure"]]
