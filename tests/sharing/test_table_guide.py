"""The page about own tables says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from bnviz.experiment.own_table import (
    LARGEST,
    MAX_BYTES,
    MAX_CLASSES,
    MAX_FEATURES,
    MAX_ROWS,
    MIN_CLASSES,
    MIN_FEATURES,
    MIN_RAREST,
    MIN_ROWS,
)
from bnviz.live.shelf import MAX_HELD
from bnviz.sharing.table_file import CLASS_LENGTH, read_table
from bnviz.sharing.table_head import NAME_LENGTH
from bnviz.sharing.table_text import CELL_LENGTH, LISTED
from bnviz.ui.own_tables import MAX_TABLES

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "your-own-table.md").read_text(encoding="utf-8")


def test_the_limits_are_the_programs_own():
    said = re.sub(r"\s+", " ", GUIDE)
    words = {2: "two", 5: "five"}
    for line in (
        f"at most {MAX_BYTES // 2**20} MB, {MIN_ROWS} to {MAX_ROWS:,} rows",
        f"{MIN_FEATURES} to {MAX_FEATURES} number columns",
        f"{MIN_CLASSES} to {MAX_CLASSES}, at least {MIN_RAREST} rows each",
        f"as text or numbers of at most {CLASS_LENGTH} signs",
        f"from -{LARGEST:g} to {LARGEST:g}".replace("+", ""),
        f"the first {words[LISTED]} things at once",
        f"all different, of at most {NAME_LENGTH} signs",
        f"| cells | at most {CELL_LENGTH} signs |",
        f"keeps its last {words[MAX_TABLES]} tables",
        f"take at most {MAX_HELD // 2**20} MB",
    ):
        assert line in said


def test_the_example_is_a_table():
    head, *rows = re.search(r"```csv\n(.*?)```", GUIDE, re.DOTALL)[1].splitlines()
    found = read_table("iris.csv", "\n".join([head, *rows * 20]).encode())
    assert found.classes == ("setosa", "versicolor", "virginica")
    assert found.ref.features == 4
