"""Somebody's table, read from a CSV file: every cell is checked, and what is wrong is named by row and column.

Read by the standard library's reader, row by row: a data frame would have lost which row of the file a cell was in,
guesses types, and takes "NA" for a number.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from bnviz.experiment.fields import ConfigError
from bnviz.experiment.own_table import (
    DIGEST_LENGTH,
    LARGEST,
    MAX_CLASSES,
    MAX_ROWS,
    MIN_CLASSES,
    MIN_RAREST,
    MIN_ROWS,
    OwnTable,
    TableRef,
    file_name,
)
from bnviz.sharing.table_text import (
    LISTED,
    THOUSANDS,
    Head,
    TableFileError,
    head_of,
    is_line,
    is_number,
    records,
    shown,
    text_of,
    too_long,
)

CLASS_LENGTH = 40
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "nil", "?", "-", "#n/a", "#value!"})
PLAIN = frozenset("0123456789+-.eE \x00")


def read_table(name: str, data: bytes, label: int | None = None) -> OwnTable:
    """Return the table in a file; `label` is the column of the classes, from 1, and the last one where it is None.

    Raises `TableFileError`, which lists the first few things that are wrong.
    """
    text = text_of(data)
    head = head_of(text)
    label = len(head.columns) if label is None else label
    if not 1 <= label <= len(head.columns):
        raise TableFileError(f"the classes are in a column from 1 to {len(head.columns)}; got {label}")
    reading = _Reading(head, label)
    for number, cells in records(text, head.separator):
        if not (head.header and number == head.first):
            reading.take(number, cells)
    return reading.table(file_name(name), data)


@dataclass
class _Reading:
    """What has been read so far; everything in it grows with the file, which is bounded."""

    head: Head
    label: int
    decimal: str = ""
    decimal_row: int = 0
    unclear: tuple[int, int, str] | None = None  # row, column and text of the first number that may be in thousands
    clear: bool = False  # a comma stands where no thousands separator does, so that commas are decimal signs
    numbers: array[float] = field(default_factory=lambda: array("d"))
    rows: array[int] = field(default_factory=lambda: array("L"))
    labels: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.digest = sha256("\x1f".join(self.head.columns).encode() if self.head.header else b"")
        if self.head.separator == ",":
            self.decimal = "."

    def take(self, row: int, cells: list[str]) -> None:
        """Read a row; raises `TableFileError` where so much is wrong that the rest can't matter."""
        columns = len(self.head.columns)
        if len(cells) != columns:
            self._complain(f"row {row} has {len(cells)} cells, and row {self.head.first} has {columns}")
            return
        cells = [cell.strip() for cell in cells]
        if long := list(too_long(cells)):
            for column, reason in long:
                self._complain(f"{self._at(row, column)}: {reason}")
            return
        self.digest.update(("\x1e" + "\x1f".join(cells)).encode())
        self._take_label(row, cells.pop(self.label - 1))
        self._weigh_commas(row, cells)
        values = self._plain(row, cells)
        self.numbers.extend(self._one_by_one(row, cells) if values is None else values)
        self.rows.append(row)
        if len(self.rows) > MAX_ROWS:
            raise TableFileError(f"the table has more than {MAX_ROWS:,} rows: leave some out")

    def _complain(self, problem: str) -> None:
        self.problems.append(problem)
        if len(self.problems) >= LISTED:
            raise TableFileError(*self.problems)

    def _take_label(self, row: int, label: str) -> None:
        if not label:
            self._complain(f"{self._at(row, self.label)}: the class is missing: fill it in, or leave the row out")
        elif len(label) > CLASS_LENGTH or not is_line(label):
            self._complain(
                f"{self._at(row, self.label)}: a class has at most {CLASS_LENGTH} signs, on one line; "
                f"got {shown(label)}"
            )
        self.labels.append(label)

    def _at(self, row: int, column: int) -> str:
        name = self.head.columns[column - 1]
        return f"row {row}, {f'column {shown(name)}' if self.head.header else name}"

    def _column(self, index: int) -> int:
        """A cell's column in the file, from its place among the numbers."""
        return index + 1 + (index + 1 >= self.label)

    def _weigh_commas(self, row: int, cells: list[str]) -> None:
        """Note whether a comma in this row tells that commas are decimal signs; 1,100 alone doesn't."""
        if self.clear or self.head.separator == ",":
            return
        for index, cell in enumerate(cells):
            if "," in cell and THOUSANDS.fullmatch(cell) is None:
                self.clear |= is_number(cell, ",")
            elif "," in cell:
                self.unclear = self.unclear or (row, self._column(index), cell)

    def _plain(self, row: int, cells: list[str]) -> list[float] | None:
        """The numbers of a row in which all is well; None where each cell has to be looked at."""
        together = "\x00".join(cells)
        if not self.decimal and (sign := next((sign for sign in together if sign in ",."), "")):
            self.decimal, self.decimal_row = sign, row
        if self.decimal == ",":
            if "." in together:
                return None
            together = together.replace(",", ".")
        if not PLAIN.issuperset(together):
            return None
        try:
            return [float(cell) for cell in together.split("\x00")]
        except ValueError:
            return None

    def _one_by_one(self, row: int, cells: list[str]) -> list[float]:
        values = []
        for index, cell in enumerate(cells):
            if is_number(cell, self.decimal or "."):
                values.append(float(cell.replace(",", ".") if self.decimal == "," else cell))
            else:
                values.append(0.0)
                self._complain(f"{self._at(row, self._column(index))}: {self._reason(row, cell)}")
        return values

    def _reason(self, row: int, cell: str) -> str:
        if cell.casefold() in MISSING:
            said = f"{shown(cell)} stands for a number that is missing" if cell else "the number is missing"
            return f"{said}: fill it in, or leave the row out"
        bare = cell.replace(",", "")
        if THOUSANDS.fullmatch(cell) is not None and not is_number(cell, ","):
            return f"{shown(cell)} has thousands separators: write {bare}"
        if self.head.separator == "," and THOUSANDS.fullmatch(cell) is not None:
            return (
                f"{shown(cell)} may be {bare} or {_one(cell)}: write {bare}, or {cell.replace(',', '.')} with a point"
            )
        if self.head.separator == "," and is_number(cell, ","):
            return f"{shown(cell)} has a decimal comma: write a point, or separate the columns by semicolons"
        other = "." if self.decimal == "," else ","
        if is_number(cell, other):
            kinds = ("point", "comma") if other == "." else ("comma", "point")
            return f"{shown(cell)} has a decimal {kinds[0]}, but row {self.decimal_row} has a decimal {kinds[1]}"
        first = ""
        if row == self.head.first:
            first = "; if this row holds the columns' names, none of them may be a number"
        return f"{shown(cell)} is not a number{first}"

    def table(self, name: str, source: bytes) -> OwnTable:
        """Return what was read, if all of it together is a table; raises `TableFileError`."""
        features = len(self.head.columns) - 1
        if self.decimal == "," and self.unclear is not None and not self.clear:
            row, column, cell = self.unclear
            bare, point = cell.replace(",", ""), cell.replace(",", ".")
            self.problems.append(
                f"{self._at(row, column)}: {shown(cell)} may be {bare} or {_one(cell)}, as every comma in the numbers "
                f"stands before three digits: write all of them without thousands separators, as {bare}, or with a "
                f"decimal point, as {point}"
            )
        if not self.problems:
            self._check_sizes()
            self._check_range(np.array(self.numbers).reshape(-1, features))
        if self.problems:
            raise TableFileError(*self.problems[:LISTED])
        classes, y = np.unique(self.labels, return_inverse=True)
        try:
            ref = TableRef(
                name=name, rows=len(y), features=features, classes=len(classes), rarest=int(np.bincount(y).min()),
                label=self.label, separator=self.head.separator, decimal_comma=self.decimal == ",",
                header=self.head.header, digest=self.digest.hexdigest()[:DIGEST_LENGTH],
            )  # fmt: skip
        except ConfigError as error:
            raise TableFileError(str(error)) from None
        x = np.array(self.numbers).reshape(len(y), features)
        return OwnTable(
            ref=ref, columns=self.head.columns, classes=tuple(map(str, classes)), x=x, y=y.astype(np.int64),
            source=source,
        )  # fmt: skip

    def _check_sizes(self) -> None:
        counts = Counter(self.labels)
        column = f"column {shown(self.head.columns[self.label - 1])}" if self.head.header else f"column {self.label}"
        other = "if another column holds the classes, choose that one"
        if len(self.rows) < MIN_ROWS:
            self.problems.append(f"the table has {len(self.rows)} rows of data; it needs {MIN_ROWS} or more")
        elif len(counts) < MIN_CLASSES:
            self.problems.append(f"{column} holds only the class {shown(self.labels[0])}; there must be two; {other}")
        elif len(counts) > MAX_CLASSES:
            self.problems.append(
                f"{column} holds {len(counts):,} different values; a table has at most {MAX_CLASSES} classes; {other}"
            )
        else:
            for label, count in sorted(counts.items(), key=lambda item: item[1]):
                if count < MIN_RAREST:
                    row = self.rows[self.labels.index(label)]
                    self.problems.append(
                        f"{self._at(row, self.label)}: the class {shown(label)} has {_rows(count)} in all; it needs "
                        f"{MIN_RAREST}, as a quarter is kept for the test"
                    )

    def _check_range(self, x: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
        for index, feature in np.argwhere(~(np.abs(x) <= LARGEST))[:LISTED].tolist():
            place = self._at(self.rows[index], self._column(feature))
            self.problems.append(
                f"{place}: {x[index, feature]:g} is too large; numbers are from -{LARGEST:g} to {LARGEST:g}"
            )


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


def _one(cell: str) -> str:
    """A number of which the comma is the decimal sign, as it is said."""
    return f"{float(cell.replace(',', '.')):g}"
