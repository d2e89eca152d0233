"""How somebody's table is written: its separator, its columns and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from bnviz.experiment.own_table import MAX_FEATURES, MIN_FEATURES
from bnviz.sharing.table_numbers import is_number
from bnviz.sharing.table_text import (
    EMPTY,
    LISTED,
    TableFileError,
    is_line,
    records,
    said_separator,
    shown,
    text_of,
    too_long,
)

NAME_LENGTH = 100  # signs of a column's name; a whole question of a survey is a longer one
SAMPLED = 20  # rows by which the separator is found
ORDER = ("\t", ";", ",")  # of the separators, where nothing else decides
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True)
class Head:
    """How a file is written and what its columns are called; `first` is the number of the first row.

    said: whether a first line says the separator, which is no row. Cells after the last column are all blank.
    """

    separator: str
    columns: tuple[str, ...]
    header: bool
    first: int
    said: bool

    def at(self, row: int, column: int) -> str:
        """Where a cell is, as a reader finds it; the column is counted from 1."""
        return f"row {row}, {self.named([column])}"

    def named(self, columns: Sequence[int]) -> str:
        """Columns by their names, or by their numbers where they have none."""
        names = [shown(self.columns[column - 1]) if self.header else str(column) for column in columns]
        last = [" and ".join(names[-2:])]
        return f"column{'s' * (len(names) > 1)} {', '.join(names[:-2] + last)}"


def read_head(data: bytes) -> Head:
    """Return a file's columns, so that one of them can be chosen; raises `TableFileError`."""
    return head_of(text_of(data))[0]


def head_of(text: str) -> tuple[Head, str]:
    """Return how a text is written, and the text of its rows; a first row without a number is the columns' names."""
    said, text = said_separator(text)
    separator = _separator_of(text) if said is None else _allowed(said, text)
    first, cells = next(records(text, separator))
    cells = [cell.strip() for cell in cells[: _width(text, separator, cells)]]
    count = len(cells)
    if not MIN_FEATURES < count <= MAX_FEATURES + 1:
        raise TableFileError(
            f"row {first} has {count} columns, separated by {NAMES[separator]}; a table has {MIN_FEATURES} to "
            f"{MAX_FEATURES} number columns and one of the classes"
        )
    if long := [f"row {first}, column {column}: {reason}" for column, reason in too_long(cells)]:
        raise TableFileError(*long[:LISTED])
    header = not any(is_number(cell, sign) for cell in cells for sign in (".", "," if separator != "," else "."))
    names = _names(cells, first) if header else tuple(f"column {number}" for number in range(1, count + 1))
    return Head(separator, names, header, first, said is not None), text


def _width(text: str, separator: str, first: Sequence[str]) -> int:
    """The number of columns: those after the last one that holds anything are no columns.

    Spreadsheets and some programs end each row with separators.
    """
    width, most = _filled(first), len(first)
    if width < most:
        for _, cells in records(text, separator):
            width = max(width, _filled(cells[:most]))
            if width == most:
                break
    return width


def _filled(cells: Sequence[str]) -> int:
    """The number of cells up to the last that is not blank."""
    return next((number for number in range(len(cells), 0, -1) if cells[number - 1].strip()), 0)


def _allowed(said: str, text: str) -> str:
    if said not in NAMES:
        raise TableFileError(
            f"the first line says that columns are separated by {shown(said)}: separate them by commas, semicolons or "
            "tabs"
        )
    if _fit(text, said)[2] < 2 and next(records(text, said), None) is not None:
        raise TableFileError(
            f"the first line says that {NAMES[said]} separate the columns, and there is one column only"
        )
    return said


def _separator_of(text: str) -> str:
    """Return the separator under which the first rows are equally long and hold the most numbers.

    Raises `TableFileError` where there is none.
    """
    found = [(_fit(text, sign), sign) for sign in ORDER if sign in text]
    (_, _, columns), sign = max(found, key=lambda one: one[0], default=((False, 0, 0), ","))
    if columns < 2:
        if next(records(text, sign), None) is None:  # where quotes are the reason, they are named here
            raise TableFileError(EMPTY)
        raise TableFileError(
            "there is one column only: separate columns by commas, semicolons or tabs; a table has two number "
            "columns or more and one of the classes"
        )
    return sign


def _fit(text: str, separator: str) -> tuple[bool, int, int]:
    """How well a separator fits: whether rows are equally long, how many cells are numbers, how many columns."""
    rows: list[list[str]] = []
    with suppress(TableFileError):
        rows.extend(cells for _, cells in islice(records(text, separator), SAMPLED))
    first = [cell for cells in rows for cell in cells[: MAX_FEATURES + 2]]  # a table's rows are not longer
    numbers = sum(is_number(cell, _decimal(separator, cell)) for cell in first)
    equal = any(len(set(map(length, rows))) == 1 for length in (len, _filled))
    return equal, numbers, max(map(len, rows), default=0)


def _decimal(separator: str, cell: str) -> str:
    """The decimal sign that a cell may be read with: a comma only where none separates."""
    return "," if separator != "," and "," in cell else "."


def _names(names: list[str], row: int) -> tuple[str, ...]:
    problems = []
    for number, name in enumerate(names, 1):
        earlier = names.index(name) + 1
        if not name:
            hint = ": if it only counts the rows, leave it out" if number == 1 else ": name it, or leave it out"
            problems.append(f"row {row}, column {number}: the column has no name{hint}")
        elif len(name) > NAME_LENGTH:
            problems.append(
                f"row {row}, column {number}: a column's name has at most {NAME_LENGTH} signs; {shown(name)} has "
                f"{len(name)}"
            )
        elif not is_line(name):
            problems.append(f"row {row}, column {number}: the name holds a sign that can't be shown")
        elif earlier != number:
            problems.append(f"row {row}, column {number}: {shown(name)} is the name of column {earlier} too")
    if problems:
        raise TableFileError(*problems[:LISTED])
    return tuple(names)
