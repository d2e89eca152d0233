"""A stranger's bytes as rows of cells: UTF-8 text, its separator and its columns' names; what is no CSV is refused.

Rows are counted as a spreadsheet counts them, the row of names included.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from bnviz.experiment.own_table import MAX_BYTES, MAX_FEATURES, MIN_FEATURES

LISTED = 5  # things that are wrong; the others are found when these are mended
LONGEST = 40  # signs of a stranger's text in a message
CELL_LENGTH = 200  # signs; the longest number a program writes has 25, and what is long may be costly to look at
NAME_LENGTH = 100  # signs of a column's name; a whole question of a survey is a longer one
SAMPLED = 20  # rows by which the separator is found
ORDER = ("\t", ";", ",")  # of the separators, where nothing else decides
# Each sign can be read in one way only: what is no number is found at its first wrong sign, and not by trying others
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?")  # 1,100 or 1,100,200 or 1,100.5
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}
SPREADSHEET = "open it in a spreadsheet and save it as CSV (UTF-8)"
KINDS = {
    b"PK\x03\x04": f"a workbook or a zip file: {SPREADSHEET}, or unpack it",
    b"PK\x05\x06": "an empty zip file",
    b"\xd0\xcf\x11\xe0": f"an old workbook: {SPREADSHEET}",
    b"\x1f\x8b": "compressed: unpack it first",
    b"BZh": "compressed: unpack it first",
    b"\xfd7zXZ": "compressed: unpack it first",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file: write it as CSV",
    b"\xff\xfe": "in UTF-16: save it as CSV in UTF-8",
    b"\xfe\xff": "in UTF-16: save it as CSV in UTF-8",
    b"\x89PNG": "a picture",
}
EMPTY = "the file is empty: a table has a row a sample, numbers and a class in each"
BLANK = ' \t\r\n,;"'


class TableFileError(ValueError):
    """A file that is no table to train on; `problems` say each where, what is wrong, and what to do."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def text_of(data: bytes) -> str:
    """Return a file's text, without a byte order mark; raises `TableFileError`."""
    if len(data) > MAX_BYTES:
        size = f"{len(data) / 2**20:.1f}"
        raise TableFileError(f"the file has {size} MB; at most {MAX_BYTES // 2**20} MB are read: leave rows out")
    for magic, kind in KINDS.items():
        if data.startswith(magic):
            raise TableFileError(f"this file is {kind}")
    if (place := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, place) + 1
        raise TableFileError(f"line {line} holds a zero byte, as no text does: save the file as CSV in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TableFileError(
            f"line {line} has a sign that is not UTF-8 (byte {data[error.start]:#04x}): save the file as CSV in UTF-8"
        ) from None
    if not text.strip(BLANK):
        raise TableFileError(EMPTY)
    return text


def separator_of(text: str) -> str:
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
    return len({len(cells) for cells in rows}) == 1, numbers, max((len(cells) for cells in rows), default=0)


def _decimal(separator: str, cell: str) -> str:
    """The decimal sign that a cell may be read with: a comma only where none separates."""
    return "," if separator != "," and "," in cell else "."


def is_number(cell: str, decimal: str) -> bool:
    """Whether a cell holds a number, written with this decimal sign."""
    text = cell.strip()
    if len(text) > CELL_LENGTH:
        return False
    if decimal == ",":
        text = text.replace(".", "x").replace(",", ".")
    return NUMBER.fullmatch(text) is not None


def records(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with its number as a spreadsheet counts; raises `TableFileError`."""
    reader, number = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), 0
    try:
        for number, cells in enumerate(reader, 1):
            if any(map(str.strip, cells)):
                yield number, cells
    except csv.Error as error:
        said = str(error)
        reason = "a quote is opened and not closed"
        if "expected after" in said:
            reason = "after a closing quote stands something else than a separator; a quote within quotes is doubled"
        elif "field larger" in said:
            reason = "a cell is longer than 131,072 signs: a quote may be opened and not closed"
        raise TableFileError(f"row {number + 1}: {reason}") from None


@dataclass(frozen=True)
class Head:
    """How a file is written and what its columns are called; `first` is the number of the first row."""

    separator: str
    columns: tuple[str, ...]
    header: bool
    first: int


def read_head(data: bytes) -> Head:
    """Return a file's columns, so that one of them can be chosen; raises `TableFileError`."""
    return head_of(text_of(data))


def head_of(text: str) -> Head:
    """A first row without a number is the columns' names."""
    separator = separator_of(text)
    first, cells = next(records(text, separator))
    count, cells = len(cells), [cell.strip() for cell in cells]
    if not MIN_FEATURES < count <= MAX_FEATURES + 1:
        raise TableFileError(
            f"row {first} has {count} columns, separated by {NAMES[separator]}; a table has {MIN_FEATURES} to "
            f"{MAX_FEATURES} number columns and one of the classes"
        )
    if long := [f"row {first}, column {column}: {reason}" for column, reason in too_long(cells)]:
        raise TableFileError(*long[:LISTED])
    if any(is_number(cell, sign) for cell in cells for sign in (".", "," if separator != "," else ".")):
        return Head(separator, tuple(f"column {number}" for number in range(1, count + 1)), header=False, first=first)
    return Head(separator, _names(cells, first), header=True, first=first)


def _names(names: list[str], row: int) -> tuple[str, ...]:
    problems = []
    for number, name in enumerate(names, 1):
        earlier = names.index(name) + 1
        if not name:
            hint = ": if it only counts the rows, leave it out" if number == 1 else ""
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


def too_long(cells: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the column, from 1, of each cell that is longer than any number or class, and what is wrong with it."""
    for column, cell in enumerate(cells, 1):
        if len(cell) > CELL_LENGTH:
            said = f"the cell has {len(cell):,} signs, at most {CELL_LENGTH} are read"
            yield column, f"{said}: if rows ran together, a quote before it is opened and not closed"


def is_line(text: str) -> bool:
    """Whether a text has no control signs and no line breaks."""
    return not any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in text)


def shown(text: str) -> str:
    """A stranger's text in quotes, short and on one line."""
    line = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[: LONGEST + 1])
    return f"'{line if len(line) <= LONGEST else line[: LONGEST - 1] + '…'}'"
