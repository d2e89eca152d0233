"""Somebody's own table: its data, and the short text by which a configuration refers to it.

A configuration is in the address of a page; a table can't be. So a configuration says which table it is about, its
size and how its file is written, and the table itself stays with whoever has it.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from bnviz.experiment.fields import ConfigError

MAX_BYTES = 2 * 2**20
MIN_ROWS, MAX_ROWS = 40, 20_000
MIN_FEATURES, MAX_FEATURES = 2, 64
MIN_CLASSES, MAX_CLASSES = 2, 20
MIN_RAREST = 4  # rows of a class: one of them, a quarter, is in the test split
LARGEST = 1e30
CONSTANT = 1e-12  # a column's deviation over its largest value, below which it counts as constant
SEPARATORS = {"c": ",", "s": ";", "t": "\t"}
DIGEST_LENGTH = 20
NAME_LENGTH = 60
FORBIDDEN = frozenset("~,\"'\\<>&/:*?|`$")
SHAPE = re.compile(r"(\d{1,5})x(\d{1,2})x(\d{1,2})x(\d{1,5})")
FORM = re.compile(r"(\d{1,2})([cst])(d?)(n?)(e?)(b?)")


@dataclass(frozen=True, kw_only=True)
class TableRef:
    """Which table is meant, and how its file is written; as text `iris.csv~150x4x3x50~5c~<digest>`.

    name: of the file. rows, features, classes, rarest: samples, number columns, classes, rows of the rarest class.
    label: the column of the classes, from 1. separator: one of SEPARATORS' values. decimal_comma: 1,5 and not 1.5.
    header: whether the first row holds the columns' names. said: whether a line before it says the separator.
    blanks: whether there are blank cells after the last column. digest: of all other cells.
    """

    name: str
    rows: int
    features: int
    classes: int
    rarest: int
    label: int
    separator: str
    decimal_comma: bool
    header: bool
    digest: str
    said: bool = False
    blanks: bool = False

    def __post_init__(self) -> None:
        limits = {
            "rows": (MIN_ROWS, MAX_ROWS), "features": (MIN_FEATURES, MAX_FEATURES),
            "classes": (MIN_CLASSES, MAX_CLASSES), "rarest": (MIN_RAREST, self.rows // max(1, self.classes)),
            "label": (1, self.features + 1),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise ConfigError("table", f"table: {name} must be from {low} to {high}; got {getattr(self, name)}")

    def __str__(self) -> str:
        letter = next(letter for letter, sign in SEPARATORS.items() if sign == self.separator)
        marks = {"d": self.decimal_comma, "n": not self.header, "e": self.said, "b": self.blanks}
        form = f"{self.label}{letter}{''.join(mark for mark, given in marks.items() if given)}"
        return f"{self.name}~{self.rows}x{self.features}x{self.classes}x{self.rarest}~{form}~{self.digest}"

    @property
    def sizes(self) -> str:
        """Its sizes in words."""
        return f"{self.rows:,} rows, {self.features} number columns, {self.classes} classes"


@lru_cache(maxsize=256)
def table_ref(text: str) -> TableRef:
    """Read the text of a reference; raises `ConfigError`."""
    parts = text.split("~")
    shape, form = (
        (pattern.fullmatch(part) for pattern, part in zip((SHAPE, FORM), parts[1:3], strict=False))
        if len(parts) == 4
        else (None, None)
    )
    if shape is None or form is None or file_name(parts[0]) != parts[0] or not _is_digest(parts[3]):
        raise ConfigError("table", f"table is written by the lab, as name~sizes~form~digest; got {text!r:.80}")
    rows, features, classes, rarest = (int(number) for number in shape.groups())
    return TableRef(
        name=parts[0], rows=rows, features=features, classes=classes, rarest=rarest, label=int(form[1]),
        separator=SEPARATORS[form[2]], decimal_comma=bool(form[3]), header=not form[4],
        said=bool(form[5]), blanks=bool(form[6]), digest=parts[3],
    )  # fmt: skip


def _is_digest(text: str) -> bool:
    return re.fullmatch(f"[0-9a-f]{{{DIGEST_LENGTH}}}", text) is not None


def file_name(name: str) -> str:
    """Return a file's name as a reference, a link and a script can have it: without folders and signs of theirs."""
    bare = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1][: 4 * NAME_LENGTH])
    signs = ("_" if sign in FORBIDDEN or not sign.isprintable() else sign for sign in bare[:NAME_LENGTH])
    return "".join(signs).strip() or "table.csv"


def alike(classes: Iterable[str]) -> list[tuple[str, ...]]:
    """Classes that differ only in how they are written, in groups: in case, in blanks, 1 and 1.0."""
    groups: dict[str, list[str]] = {}
    for name in sorted(classes):
        groups.setdefault(_meant(name), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _meant(name: str) -> str:
    try:
        return repr(float(name))
    except ValueError:
        return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def check_table(name: str, value: object) -> str:
    """Return the text of a reference if it can be read, or none; raises `ConfigError`."""
    if not isinstance(value, str) or len(value) > 200:
        raise ConfigError(name, f"{name} must be text, as the lab writes it into its address; got {value!r:.80}")
    return str(table_ref(value)) if value else ""


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnTable:
    """A table that was read and checked: x float64 [rows, features], y int64 [rows], the index of each row's class.

    columns: the names of all columns of the file, the classes' column included. source: the file itself, from which
    it is read again with another column of classes.
    """

    ref: TableRef
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.int64]
    source: bytes

    @cached_property
    def nbytes(self) -> int:
        """What it takes of the memory."""
        names = sum(map(sys.getsizeof, (*self.columns, *self.classes)))
        return self.x.nbytes + self.y.nbytes + len(self.source) + names

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the number columns."""
        return tuple(name for number, name in enumerate(self.columns, 1) if number != self.ref.label)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader should know of the classes: those that may be meant to be one."""
        groups = (" and ".join(f"'{name}'" for name in group) for group in alike(self.classes))
        return tuple(
            f"The classes {group} of {self.ref.name} differ only in case, blanks or how a number is written: they are "
            f"classes of their own here. If one class is meant, write it alike in all rows and drop the file again."
            for group in groups
        )


Tables = Mapping[str, OwnTable]  # by their references' text
NO_TABLES: Tables = MappingProxyType({})
