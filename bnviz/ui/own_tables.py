"""One session's own tables: which it has, which of its networks are to have one, and what was wrong with a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.own_table import OwnTable, TableRef, Tables, file_name
from bnviz.experiment.words import name_arms
from bnviz.live.shelf import SHELF, ShelfFullError
from bnviz.sharing.link import Link
from bnviz.sharing.table_file import read_table
from bnviz.sharing.table_head import read_head
from bnviz.sharing.table_text import TableFileError
from bnviz.ui.turns import FILES

MAX_TABLES = 2  # of a session: the one in use and the one before, for the browser's Back; more only if in use


class Dropped(Protocol):
    """A file as the page's file drop holds it."""

    name: str

    def getvalue(self) -> bytes:
        """Return its bytes."""


@dataclass(frozen=True)
class Refusal:
    """A file, or a column of classes, of which there is no table: what is said, and where in the page it was tried.

    columns: those of the file, where another of them may hold the classes. file: whether a file was dropped, of
    which it is said until another one comes; a column that was tried is forgotten with the next change.
    """

    said: str
    problems: tuple[str, ...]
    columns: tuple[str, ...] = ()
    place: str = ""
    file: bool = True


@dataclass
class OwnTables:
    """What a session has read, by the references' text; it goes with the session.

    asked: the networks whose reader wants a table of their own before there is one. page: grows when something else
    is shown, so that no file drop shows a file from before. drops: the files so far, so that no choice for one of them
    is taken for the next one's. notices: what is worth knowing about the table that was read last.
    """

    held: dict[str, OwnTable] = field(default_factory=dict)
    asked: frozenset[int] = frozenset()
    page: int = 0
    drops: int = 0
    refusal: Refusal | None = None
    notices: tuple[str, ...] = ()

    def read(
        self,
        name: str,
        data: bytes,
        label: int | None = None,
        *,
        arms: Sequence[ExperimentConfig] = (),
        place: str = "",
    ) -> OwnTable | None:
        """Read and hold a file's table beside those of the networks; None where it is none, which is said."""
        self.refusal, self.notices = None, ()
        try:
            table = _read(name, data, label)
        except TableFileError as error:
            columns = columns_of(data)
            tried = "" if label in (None, len(columns)) else f" with {_column(columns, label)} as the class"
            said = f"{file_name(name)} can't be trained on{tried}. What there was before stays."
            self.refusal = Refusal(said, error.problems, columns, place)
            return None
        except ShelfFullError as error:
            self.refusal = Refusal(f"{file_name(name)} was not read.", (str(error),), (), place)
            return None
        self._hold(table, arms)
        return table

    def keep(self, table: OwnTable, label: int) -> None:
        """Say of a column that was tried in vain that the networks go on with the one before."""
        if self.refusal is not None:
            tried, before = (_column(table.columns, column) for column in (label, table.ref.label))
            said = f"{tried} can't be the class of {table.ref.name}. The networks go on with {before}."
            self.refusal = replace(self.refusal, said=said, columns=(), file=False)

    def settle(self) -> None:
        """Something else is shown from now on: nobody waits for a table, and no file is wrong."""
        self.asked, self.refusal, self.notices = frozenset(), None, ()
        self.page += 1

    def go_on(self) -> None:
        """The experiment has changed: a column that was tried in vain is not said any more."""
        self.notices = ()
        if self.refusal is not None and not self.refusal.file:
            self.refusal = None

    def _hold(self, table: OwnTable, arms: Sequence[ExperimentConfig]) -> None:
        """Hold a table as the newest; of too many the oldest are given up, but none that the networks are about."""
        text, used = str(table.ref), {arm.table for arm in arms}
        self.held = {**{key: one for key, one in self.held.items() if key != text}, text: table}
        spare = [key for key in self.held if key not in used and key != text]
        for key in spare[: max(0, len(self.held) - MAX_TABLES)]:
            self.held.pop(key)

    def used(self, arms: Sequence[ExperimentConfig]) -> Tables:
        """The tables that the networks are about, of those that are here."""
        return {arm.table: self.held[arm.table] for arm in arms if arm.table in self.held}

    @property
    def newest(self) -> OwnTable | None:
        """The table that was read last."""
        return next(reversed(self.held.values()), None)

    def missing(self, arms: Sequence[ExperimentConfig]) -> tuple[TableRef, ...]:
        """The tables that the networks are about and that aren't here, in the networks' order."""
        refs = (arm.own_table for arm in arms if arm.table not in self.held)
        return tuple(dict.fromkeys(ref for ref in refs if ref is not None))

    def adopted(self, link: Link) -> Link:
        """The link with references to what is here: the file may have another name, or is read with another column."""
        arms = list(link.arms)
        for index, arm in enumerate(arms):
            arms[index] = self._adopted(arm, arms)
        by_rule = link.names == name_arms(link.arms)
        return replace(link, arms=tuple(arms), names=name_arms(arms) if by_rule else link.names)

    def _adopted(self, arm: ExperimentConfig, arms: Sequence[ExperimentConfig]) -> ExperimentConfig:
        ref = arm.own_table
        if ref is None or arm.table in self.held:
            return arm
        kin = [table for table in self.held.values() if table.ref.digest == ref.digest]
        try:
            table = next((table for table in kin if table.ref.label == ref.label), None)
            if table is None and kin:
                table = _read(kin[0].ref.name, kin[0].source, ref.label)
                self._hold(table, arms)
            return arm if table is None else arm.replace(table=str(table.ref))
        except (TableFileError, ShelfFullError, ConfigError):
            return arm


def _read(name: str, data: bytes, label: int | None) -> OwnTable:
    with FILES.turn():
        return SHELF.share(read_table(name, data, label))


def _column(columns: Sequence[str], label: int) -> str:
    return f"'{columns[label - 1]}'" if label <= len(columns) else f"column {label}"


def columns_of(data: bytes) -> tuple[str, ...]:
    """The columns of a file; none where it is no table at all."""
    try:
        with FILES.turn():
            return read_head(data).columns
    except TableFileError:
        return ()
