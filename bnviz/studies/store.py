"""A folder of Parquet files that keeps every run: a study that was interrupted goes on from it.

Rows are appended as part files, each written under another name and renamed when it is whole; a study that ends puts
all files into one. So a crash costs the rows of the last two seconds at most, and several processes may write to one
folder: nobody deletes a file whose rows he hasn't written elsewhere, and rows that are there twice count once.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]

from bnviz.studies.errors import StudyError
from bnviz.studies.results import UNFINISHED, Result, from_table, newest, read, to_table, write
from bnviz.studies.worker import released, versions

FLUSHED_EVERY = 2.0  # seconds
FLUSHED_AT = 500  # rows
READ_TRIES = 20
ABANDONED_AFTER = 3600.0  # seconds


class Store:
    """The runs that are kept in a folder, which is made where there is none; raises `StudyError` for foreign files."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudyError(f"can't keep results in {str(folder)!r}: {error.strerror}") from None
        self._runs = {run["key"]: run for run in from_table(newest(_read_all(self.folder)[1]))}
        self._unwritten: list[Result] = []
        self._flushed = time.monotonic()

    def finished(self, keys: Iterable[str]) -> dict[str, Result]:
        """Return the runs with these keys that went well with the same torch and numpy.

        Those that failed are to be tried again, and so are those made with other versions: their numbers may be others.
        """
        found = {key: self._runs[key] for key in keys if key in self._runs}
        return {key: run for key, run in found.items() if not run["failure"] and not outdated(run)}

    def outdated(self, keys: Iterable[str]) -> list[Result]:
        """Return the runs with these keys that went well with another torch or numpy, and are to be run again."""
        found = [self._runs[key] for key in keys if key in self._runs]
        return [run for run in found if not run["failure"] and outdated(run)]

    def add(self, run: Result) -> None:
        """Keep a run; it is written within seconds, if `tend` is called."""
        self._runs[run["key"]] = run
        self._unwritten.append(run)
        self.tend()

    def tend(self) -> None:
        """Write what has waited long enough; called every now and then while nothing comes."""
        if len(self._unwritten) >= FLUSHED_AT or time.monotonic() - self._flushed >= FLUSHED_EVERY:
            self.flush()

    def flush(self) -> None:
        """Write what is not written yet."""
        if self._unwritten:
            _write(self.folder, to_table(self._unwritten))
            self._unwritten = []
        self._flushed = time.monotonic()

    def compact(self) -> None:
        """Put all files into one, of each key one row."""
        self.flush()
        names, tables = _read_all(self.folder)
        if len(names) > 1:
            _write(self.folder, newest(tables))
            for name in names:
                (self.folder / name).unlink(missing_ok=True)
        for file in self.folder.glob(f"*{UNFINISHED}"):  # of a writer that was killed
            with suppress(OSError):
                if time.time() - file.stat().st_mtime > ABANDONED_AFTER:
                    file.unlink()


def outdated(run: Result) -> bool:
    """Whether a run was made with another release of torch or numpy than this machine has."""
    here = versions()
    return any(released(run["versions"].get(name, "")) != released(here[name]) for name in ("torch", "numpy"))


def _write(folder: Path, table: pa.Table) -> None:
    try:
        write(folder / f"results-{uuid.uuid4().hex}.parquet", table)
    except OSError as error:
        raise StudyError(f"can't keep results in {str(folder)!r}: {error.strerror or error}") from None


def _read_all(folder: Path) -> tuple[list[str], list[pa.Table]]:
    """Return the files of a folder and their tables; where another process puts them together meanwhile, anew."""
    for _ in range(READ_TRIES):
        names = sorted(file.name for file in folder.glob("*.parquet"))
        try:
            return names, [read(folder / name) for name in names]
        except FileNotFoundError:
            time.sleep(0.05)
    raise StudyError(f"the files in {str(folder)!r} vanish while they are read: is another program tidying up there?")
