"""Small tables of numbers, as people type and paste them: read strictly, and what is wrong is named by its place."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from bnviz.experiment.fields import ConfigError, real

MIN_ROWS, MAX_ROWS, MAX_COLUMNS = 2, 32, 8
SMALLEST, LARGEST = 1e-30, 1e6
LONGEST = 100_000  # characters that are looked at; the largest table has some 6,000
CALLED = {"batch": "the batch", "upstream": "the upstream gradient"}
Table = tuple[tuple[float, ...], ...]
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


class TableError(ConfigError):
    """A table that can't be read; `row` and `column`, from 0, say where, if it is one cell or one row."""

    def __init__(self, field: str, message: str, row: int | None = None, column: int | None = None) -> None:
        super().__init__(field, message)
        self.row, self.column = row, column


def number(name: str, value: Any) -> float:
    """Return a number that was typed, or is one already; raises `ConfigError`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) < 1e300 else math.inf
    text = str(value).strip().replace("\N{MINUS SIGN}", "-") if isinstance(value, str) else ""
    if not _is_number(text):
        comma = re.fullmatch(r"[+-]?\d[\d,]*,\d[\d.]*", text)
        hint = ": a point before decimals and no comma, as in 1000.5" if comma else ", such as 1.5 or -2e-3"
        shown = "nothing" if value == "" else f"{value!r:.40}"
        raise ConfigError(name, f"{name} must be a number{hint}; got {shown}")
    return float(text)


def _is_number(text: str) -> bool:
    return len(text) <= 40 and text.isascii() and NUMBER.fullmatch(text) is not None


def check_shape(name: str, rows: Any) -> tuple[int, int]:
    """Return the numbers of samples and channels, 2 to 32 and 1 to 8, of a table of anything; raises `TableError`."""
    called = CALLED.get(name, name)
    if not isinstance(rows, list | tuple) or not all(isinstance(row, list | tuple) for row in rows):
        raise TableError(name, f"{called} must be rows of numbers")
    if len(rows) > MAX_ROWS:
        raise TableError(name, f"{called} has {len(rows):,} rows; at most {MAX_ROWS} fit on the page")
    if len(rows) < MIN_ROWS:
        raise TableError(
            name, f"{called} needs at least {MIN_ROWS} rows: one sample has no batch variance; got {len(rows)}"
        )
    columns = len(rows[0])
    if not 1 <= columns <= MAX_COLUMNS:
        raise TableError(name, f"{called} has {columns:,} columns; 1 to {MAX_COLUMNS} fit on the page")
    for index, row in enumerate(rows):
        if len(row) != columns:
            plural = "" if len(row) == 1 else "s"
            raise TableError(
                name,
                f"sample {index + 1} of {called} has {len(row)} number{plural} where sample 1 has {columns}",
                row=index,
            )
    return len(rows), columns


def check_table(name: str, rows: Any) -> Table:
    """Return rows of numbers (or of texts that are numbers) as a table [B, C]; raises `TableError`.

    B is 2 to 32 samples, C 1 to 8 channels; every number is 0 or from 1e-30 to 1e6 in size.
    """
    check_shape(name, rows)
    return tuple(tuple(check_cell(name, i, j, value) for j, value in enumerate(row)) for i, row in enumerate(rows))


def check_cell(name: str, row: int, column: int, value: Any) -> float:
    """Return one cell's number; raises `TableError` with its place."""
    place = f"sample {row + 1}, channel {column + 1} of {CALLED.get(name, name)}"
    try:
        found = number(place, value)
    except ConfigError as error:
        raise TableError(name, str(error), row, column) from None
    if not abs(found) <= LARGEST:
        limits = f"from {-LARGEST:,.0f} to {LARGEST:,.0f}"
    elif 0 < abs(found) < SMALLEST:
        limits = f"0 or at least {SMALLEST:g} in size, so that its square is a number too"
    else:
        return found + 0.0  # no -0
    raise TableError(name, f"{place} must be {limits}; got {value!r:.40}", row, column)


def check_row(name: str, values: Any, limit: float) -> tuple[float, ...]:
    """Return numbers (or texts that are numbers), one a channel, each at most `limit` in size; raises `TableError`."""
    if not isinstance(values, list | tuple) or not values:
        raise TableError(name, f"{name} must be one number a channel")
    return tuple(_of_channel(name, column, value, limit) for column, value in enumerate(values))


def _of_channel(name: str, column: int, value: Any, limit: float) -> float:
    called = f"{name} of channel {column + 1}"
    try:
        return real(called, number(called, value), -limit, limit, "")
    except ConfigError as error:
        raise TableError(name, str(error), None, column) from None


def parse_table(name: str, text: Any) -> Table:
    """Return a text as a table: a sample a line, between numbers a tab, semicolon, comma or blanks.

    The brackets of a printed NumPy array or a Python list do no harm, nor does a line of headings above the numbers.
    Raises `TableError`.
    """
    if not isinstance(text, str):
        raise TableError(name, "a table must be text")
    called = CALLED.get(name, name)
    if len(text) > LONGEST:
        rows = text.count("\n") + 1
        raise TableError(
            name, f"{called} has {rows:,} rows and {len(text):,} characters; at most {MAX_ROWS} rows fit on the page"
        )
    lines = [line for line in re.sub(r"[\])]\s*,?\s*[\[(]", "\n", text).splitlines() if line.strip(" \t[](),;")]
    if not lines:
        raise TableError(name, f"there are no numbers for {called}")
    if len(lines) > MAX_ROWS + 1:
        raise TableError(name, f"{called} has {len(lines):,} rows; at most {MAX_ROWS} fit on the page")
    table = [_split(line) for line in lines]
    return check_table(name, table[_has_headings(table) :])


def _has_headings(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is words, and the second as many numbers."""
    first, second = rows[0], rows[1] if len(rows) > 1 else []
    words = all(cell and not cell[0].isdigit() and cell[0] not in "+-." for cell in first)
    return words and len(first) == len(second) and all(_is_number(cell) for cell in second) and "nan" not in first


def _split(line: str) -> Sequence[str]:
    bare = re.sub(r"[\[\]()]", " ", line)
    if "\t" in bare:
        return [cell.strip() for cell in bare.strip(" ").split("\t")]
    bare = bare.strip()
    for mark in (";", ","):
        if mark in bare:
            return [cell.strip() for cell in bare.removesuffix(mark).split(mark)]
    return bare.split()


def to_text(table: Sequence[Sequence[float]]) -> str:
    """Return a table as text that `parse_table` reads back exactly once `;` are line ends: `1,2.5;3,4`."""
    return ";".join(",".join(short(value) for value in row) for row in table)


def short(value: float) -> str:
    """Return the shortest text that reads back as exactly this number."""
    return repr(float(value)).removesuffix(".0")
