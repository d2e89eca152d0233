"""What is a number in somebody's file, and which sign is the decimal one; nothing is read that may mean two things.

`1.726` is 1.726 to some and 1726 to others. Where commas separate the columns, a point is the decimal sign. Elsewhere
the sign is clear only by a number in which it can part no thousands, as in 0,5 or 17.26, and all of the file's numbers
have to have the same one.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from bnviz.sharing.table_text import CELL_LENGTH, shown

# Each sign can be read in one way only: what is no number is found at its first wrong sign, and not by trying others
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
# 1,100 or 1.100.200 or 1'100 or 1,100.5; the sign before three digits, and the sign after which decimals come
GROUPS = re.compile(r"[+-]?[1-9][0-9]{0,2}([.,'’ \u00a0\u202f])[0-9]{3}(?:\1[0-9]{3})*(?:([.,])[0-9]*)?")
SIGNS = {",": "comma", ".": "point"}
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "nil", "?", "-", "#n/a", "#value!"})
PLAIN = frozenset("0123456789+-.eE \x00")


def is_number(cell: str, decimal: str) -> bool:
    """Whether a cell holds a number, written with this decimal sign."""
    text = cell.strip()
    if len(text) > CELL_LENGTH:
        return False
    if decimal == ",":
        text = text.replace(".", "x").replace(",", ".")
    return NUMBER.fullmatch(text) is not None


def without_thousands(cell: str) -> str:
    """A number as it is without thousands separators, its decimal sign kept; empty where it can have none."""
    parts = GROUPS.fullmatch(cell)
    return "" if parts is None or parts[1] == parts[2] else cell.replace(parts[1], "")


def _is_missing(cell: str) -> bool:
    return cell.casefold() in MISSING


@dataclass(frozen=True)
class Place:
    """A cell, by its row in the file and its place among the number columns, and what it holds."""

    row: int
    index: int
    cell: str


@dataclass
class Column:
    """What was no number in a column: how many cells, of these the missing ones and the words, and the first few."""

    wrong: int = 0
    missing: int = 0
    words: int = 0
    first: list[Place] = field(default_factory=list)


@dataclass
class Numbers:
    """The number columns of a file, row by row; `values` has 0 for what is no number.

    faults: the cells that are no numbers. signs: the first number with each decimal sign. clear: the signs that can
    part no thousands somewhere.
    """

    separator: str
    most: int  # wrong cells that are kept of a column
    rows: int = 0
    faults: int = 0
    values: array[float] = field(default_factory=lambda: array("d"))
    signs: dict[str, Place] = field(default_factory=dict)
    clear: set[str] = field(default_factory=set)
    columns: dict[int, Column] = field(default_factory=dict)

    @property
    def decimal(self) -> str:
        """The decimal sign: the one that came first."""
        return "." if self.separator == "," else next(iter(self.signs), ".")

    @property
    def unclear(self) -> Place | None:
        """The first number whose sign may part thousands, where no number tells that it doesn't."""
        return None if len(self.signs) != 1 or self.clear else self.signs[self.decimal]

    def take(self, row: int, cells: Sequence[str]) -> None:
        """Read a row."""
        self.rows += 1
        together = "\x00".join(cells)
        if self.separator != ",":
            self._weigh(row, cells, {sign for sign in SIGNS if sign in together} - self.clear)
        self.values.extend(self._plain(together) or self._one_by_one(row, cells))

    def _weigh(self, row: int, cells: Sequence[str], signs: set[str]) -> None:
        """Note which decimal signs a row has, and whether they are clear."""
        for index, cell in enumerate(cells if signs else ()):
            for sign in signs:
                if sign in cell and is_number(cell, sign):
                    self.signs.setdefault(sign, Place(row, index, cell))
                    if not without_thousands(cell):
                        self.clear.add(sign)

    def _plain(self, together: str) -> list[float] | None:
        """The numbers of a row in which all is well; None where each cell has to be looked at."""
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

    def _one_by_one(self, row: int, cells: Sequence[str]) -> list[float]:
        values = []
        for index, cell in enumerate(cells):
            right = is_number(cell, self.decimal)
            values.append(float(cell.replace(",", ".")) if right else 0.0)
            if not right and not self._has_other_sign(cell):
                self._note(Place(row, index, cell))
        return values

    def _has_other_sign(self, cell: str) -> bool:
        """Whether a cell is wrong only by its decimal sign, which is said once for all."""
        return self.separator != "," and any(is_number(cell, sign) for sign in SIGNS)

    def _note(self, place: Place) -> None:
        column = self.columns.setdefault(place.index, Column())
        self.faults += 1
        column.wrong += 1
        column.missing += _is_missing(place.cell)
        column.words += self.is_word(place.cell)
        if len(column.first) < self.most:
            column.first.append(place)

    def is_word(self, cell: str) -> bool:
        """Whether a cell holds text that no other way of writing numbers explains."""
        return not (_is_missing(cell) or without_thousands(cell) or any(is_number(cell, sign) for sign in SIGNS))

    def of_words(self) -> list[Place]:
        """The first word of each column that holds more words than numbers."""
        return [
            next((place for place in column.first if self.is_word(place.cell)), column.first[0])
            for _, column in sorted(self.columns.items())
            if column.words > self.rows - column.wrong
        ]

    def empty(self) -> list[int]:
        """The columns in which no number and no word stands."""
        return [index for index, column in sorted(self.columns.items()) if column.missing == self.rows]

    def wrong(self) -> list[Place]:
        """The first few cells that are no numbers, in the columns of numbers."""
        others = {place.index for place in self.of_words()}.union(self.empty())
        places = (place for index, column in self.columns.items() if index not in others for place in column.first)
        return sorted(places, key=lambda place: (place.row, place.index))[: self.most]

    def reason(self, cell: str) -> str:
        """What is wrong with a cell, and what to do."""
        if _is_missing(cell):
            said = f"{shown(cell)} stands for a number that is missing" if cell else "the number is missing"
            return f"{said}: fill it in, or leave the row out"
        bare = without_thousands(cell)
        if self.separator == "," and is_number(cell, ","):
            if bare:
                point = cell.replace(",", ".")
                return f"{shown(cell)} may be {bare} or {float(point):g}: write {bare}, or {point} with a point"
            return f"{shown(cell)} has a decimal comma: write a point, or separate the columns by semicolons"
        if bare:
            said = re.sub("[,.]", self.decimal, bare)
            return f"{shown(cell)} has thousands separators: write {said}"
        return f"{shown(cell)} is not a number"
