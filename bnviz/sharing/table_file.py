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
    alike,
    file_name,
)
from bnviz.sharing.table_head import Head, head_of
from bnviz.sharing.table_numbers import SIGNS, Numbers, Place, without_thousands
from bnviz.sharing.table_text import LISTED, TableFileError, is_line, records, shown, text_of, too_long

CLASS_LENGTH = 40
ENOUGH = 20_000  # cells that are no numbers, after which no more are looked at: it takes ten times as long as numbers


def read_table(name: str, data: bytes, label: int | None = None) -> OwnTable:
    """Return the table in a file; `label` is the column of the classes, from 1, and the last one where it is None.

    Raises `TableFileError`, which lists the first few things that are wrong.
    """
    head, text = head_of(text_of(data))
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
    """What has been read so far; everything in it grows with the file, which is bounded.

    problems: what is wrong, and of which row, as each is said in the order of rows.
    """

    head: Head
    label: int
    rows: array[int] = field(default_factory=lambda: array("L"))
    labels: list[str] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    blanks: bool = False

    def __post_init__(self) -> None:
        self.digest = sha256("\x1f".join(self.head.columns).encode() if self.head.header else b"")
        self.numbers = Numbers(self.head.separator, LISTED)

    def take(self, row: int, cells: list[str]) -> None:
        """Read a row; raises `TableFileError` where so much is wrong that the rest can't matter."""
        columns = len(self.head.columns)
        if len(cells) > columns and not any(map(str.strip, cells[columns:])):
            cells, self.blanks = cells[:columns], True
        if len(cells) != columns:
            self._complain(row, f"row {row} has {len(cells)} cells, and row {self.head.first} has {columns}")
            return
        cells = [cell.strip() for cell in cells]
        if long := list(too_long(cells)):
            for column, reason in long:
                self._complain(row, f"{self.head.at(row, column)}: {reason}")
            return
        self.digest.update(("\x1e" + "\x1f".join(cells)).encode())
        self._take_label(row, cells.pop(self.label - 1))
        self.numbers.take(row, cells)
        self.rows.append(row)
        if self.numbers.faults > ENOUGH:
            self._refuse()
        if len(self.rows) > MAX_ROWS:
            raise TableFileError(f"the table has more than {MAX_ROWS:,} rows: leave some out")

    def _complain(self, row: int, problem: str) -> None:
        self.problems.append((row, problem))
        if len(self.problems) >= LISTED:
            self._refuse()

    def _refuse(self, *unclear: tuple[int, str]) -> None:
        """Say the first few things that are wrong, if there are any; those of whole columns come first."""
        found = sorted([*self.problems, *unclear, *self._wrong_numbers()], key=lambda problem: problem[0])
        if found:
            raise TableFileError(*(problem for _, problem in found[:LISTED]))

    def _take_label(self, row: int, label: str) -> None:
        if not label:
            self._complain(
                row, f"{self.head.at(row, self.label)}: the class is missing: fill it in, or leave the row out"
            )
        elif len(label) > CLASS_LENGTH or not is_line(label):
            self._complain(
                row,
                f"{self.head.at(row, self.label)}: a class has at most {CLASS_LENGTH} signs, on one line; "
                f"got {shown(label)}",
            )
        self.labels.append(label)

    def _column(self, index: int) -> int:
        """A cell's column in the file, from its place among the numbers."""
        return index + 1 + (index + 1 >= self.label)

    def _at(self, place: Place) -> str:
        return self.head.at(place.row, self._column(place.index))

    def _wrong_numbers(self) -> list[tuple[int, str]]:
        numbers = self.numbers
        found = [(0, text) for text in self._no_number_columns()]
        if len(numbers.signs) > 1:
            found.append(self._two_signs())
        for place in numbers.wrong():
            hint = ""
            if place.row == self.head.first and numbers.is_word(place.cell):
                hint = "; if this row holds the columns' names, none of them may be a number"
            found.append((place.row, f"{self._at(place)}: {numbers.reason(place.cell)}{hint}"))
        return found

    def _no_number_columns(self) -> list[str]:
        """Columns that can't be trained on as a whole are named once, all of them together."""
        said, words = [], self.numbers.of_words()
        if words:
            columns = self.head.named([self._column(place.index) for place in words])
            one, example = len(words) == 1, f"{shown(words[0].cell)} in row {words[0].row}"
            said.append(
                f"{columns} {'holds' if one else 'hold'} text, as {example}, and a network sees numbers only: remove "
                f"{'it' if one else 'them'} from the file, or choose {'it' if one else 'one of them'} as the column of "
                "the class"
            )
        if empty := [self._column(index) for index in self.numbers.empty()]:
            it = "it" if len(empty) == 1 else "them"
            said.append(f"{self.head.named(empty)}: no number is in any row: remove {it} from the file")
        return said

    def _two_signs(self) -> tuple[int, str]:
        (sign, first), (other, later) = self.numbers.signs.items()
        bare = next(filter(None, (without_thousands(place.cell) for place in (later, first))), "")
        hint = f"; if one of them parts thousands, leave it out, as in {bare}" if bare else ""
        return later.row, (
            f"{self._at(later)}: {shown(later.cell)} has a {SIGNS[other]}, and {shown(first.cell)} in row {first.row} "
            f"a {SIGNS[sign]}: the decimal sign is the same one in the whole file{hint}"
        )

    def _unclear(self, place: Place) -> str:
        sign, bare = self.numbers.decimal, without_thousands(place.cell)
        value = float(place.cell.replace(",", "."))
        return (
            f"{self._at(place)}: {shown(place.cell)} may be {bare} or {value:g}, as every {SIGNS[sign]} in the numbers "
            f"stands before three digits: leave thousands separators out, as in {bare}, or, if the {SIGNS[sign]} is "
            f"the decimal sign, write one of them with another digit, as {place.cell}0"
        )

    def table(self, name: str, source: bytes) -> OwnTable:
        """Return what was read, if all of it together is a table; raises `TableFileError`."""
        unclear = self.numbers.unclear  # what is not clear may become so up to the last row
        self._refuse(*([] if unclear is None else [(unclear.row, self._unclear(unclear))]))
        features = len(self.head.columns) - 1
        x = np.array(self.numbers.values).reshape(-1, features)
        self._check_sizes()
        self._check_range(x)
        self._refuse()
        classes, y = np.unique(self.labels, return_inverse=True)
        try:
            ref = TableRef(
                name=name, rows=len(y), features=features, classes=len(classes), rarest=int(np.bincount(y).min()),
                label=self.label, separator=self.head.separator, decimal_comma=self.numbers.decimal == ",",
                header=self.head.header, said=self.head.said, blanks=self.blanks,
                digest=self.digest.hexdigest()[:DIGEST_LENGTH],
            )  # fmt: skip
        except ConfigError as error:
            raise TableFileError(str(error)) from None
        return OwnTable(
            ref=ref, columns=self.head.columns, classes=tuple(map(str, classes)), x=x, y=y.astype(np.int64),
            source=source,
        )  # fmt: skip

    def _check_sizes(self) -> None:
        counts = Counter(self.labels)
        column = self.head.named([self.label])
        other = "if another column holds the classes, choose that one"
        said = []
        if len(self.rows) < MIN_ROWS:
            said = [f"the table has {len(self.rows)} rows of data; it needs {MIN_ROWS} or more"]
        elif len(counts) < MIN_CLASSES:
            said = [f"{column} holds only the class {shown(self.labels[0])}; there must be two; {other}"]
        elif len(counts) > MAX_CLASSES:
            said = [
                f"{column} holds {len(counts):,} different values; a table has at most {MAX_CLASSES} classes; {other}"
            ]
        else:
            said = [self._rare(label, count) for label, count in reversed(counts.most_common()) if count < MIN_RAREST]
        self.problems.extend((0, problem) for problem in said)

    def _rare(self, label: str, count: int) -> str:
        row = self.rows[self.labels.index(label)]
        twins = next((group for group in alike(set(self.labels)) if label in group), ())
        hint = "".join(f"; if {shown(twin)} is the same class, write it alike" for twin in twins if twin != label)
        return (
            f"{self.head.at(row, self.label)}: the class {shown(label)} has {count} row{'s' * (count != 1)} in all; it "
            f"needs {MIN_RAREST}, as a quarter is kept for the test{hint}"
        )

    def _check_range(self, x: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
        for index, feature in np.argwhere(~(np.abs(x) <= LARGEST))[:LISTED].tolist():
            row, value = self.rows[index], x[index, feature]
            said = f"{value:g} is too large; numbers are from -{LARGEST:g} to {LARGEST:g}"
            self.problems.append((row, f"{self.head.at(row, self._column(feature))}: {said}"))
