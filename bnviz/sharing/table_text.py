"""A stranger's bytes as rows of cells: UTF-8 text, and the sign that its first line says; what is no CSV is refused.

Rows are counted as a spreadsheet counts them, the row of names included, and a first line `sep=;` not.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence

from bnviz.experiment.own_table import MAX_BYTES

LISTED = 5  # things that are wrong; the others are found when these are mended
LONGEST = 40  # signs of a stranger's text in a message
CELL_LENGTH = 200  # signs; the longest number a program writes has 25, and what is long may be costly to look at
SAID = re.compile(r'"?sep=([^\r\n"]?)"?[ \t,;"]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
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
    if not said_separator(text)[1].strip(BLANK):
        raise TableFileError(EMPTY)
    return text


def said_separator(text: str) -> tuple[str | None, str]:
    """Return the sign that a first line `sep=;` says, None where there is no such line, and the text without it."""
    line = SAID.match(text)
    return (None, text) if line is None else (line[1], text[line.end() :])


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
