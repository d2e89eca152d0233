"""Worker processes that several tests share, and places to note what they did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bnviz.studies.executor import LocalPool
from bnviz.studies.worker import RunTrial
from tests.studies import stand_in


@pytest.fixture(scope="session")
def shared_pool() -> Iterator[LocalPool]:
    """Two processes without torch; who breaks them gets new ones."""
    with LocalPool(2, warm=()) as pool:
        yield pool


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A file for each start of a trial."""
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def run(notes: Path) -> RunTrial:
    return stand_in.running(notes)
