"""The table of `bnviz run --table`: read from a file of one's own, and put into what is asked for."""

from __future__ import annotations

from pathlib import Path

import typer

from bnviz.experiment.fields import ConfigError
from bnviz.experiment.own_table import MAX_BYTES, TableRef, Tables
from bnviz.sharing.link import Link
from bnviz.sharing.table_file import read_table
from bnviz.sharing.table_head import read_head
from bnviz.sharing.table_link import moved
from bnviz.sharing.table_text import TableFileError


def with_table(link: Link, file: Path | None, label: str | None) -> tuple[Link, Tables]:
    """Return the link about the file's table, and the table; raises `ConfigError`.

    Of a link that is about a table already, it has to be that one: others would give other numbers.
    """
    about = next((arm.own_table for arm in link.arms if arm.own_table is not None), None)
    if file is None:
        if label is not None:
            raise ConfigError("label", "--label is a column of a table: say which table by --table FILE")
        if about is not None:
            raise ConfigError("table", f"the link is about a table: give it by --table {about.name} ({about.sizes})")
        return link, {}
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        table = read_table(file.name, data, _column(data, label, about))
    except OSError as error:
        raise ConfigError("table", f"{str(file)!r} can't be read: {error.strerror or error}") from None
    except TableFileError as error:
        raise ConfigError("table", f"{str(file)!r} can't be trained on: {error}") from None
    for remark in table.remarks:
        typer.echo(remark, err=True)
    if about is None:
        return moved(link, table, range(len(link.arms))), {str(table.ref): table}
    if any(arm.own_table is not None and arm.own_table.digest != table.ref.digest for arm in link.arms):
        raise ConfigError(
            "table",
            f"the link is about {about.name} ({about.sizes}), and {file.name} has other cells or names of columns",
        )
    users = [index for index, arm in enumerate(link.arms) if arm.own_table is not None]
    return moved(link, table, users), {str(table.ref): table}


def _column(data: bytes, label: str | None, about: TableRef | None) -> int | None:
    """A column's number from 1, by its name or number; else the link's, if there is such a column."""
    if label is None and about is None:
        return None
    columns = read_head(data).columns
    if label is None:
        return about.label if about is not None and about.label <= len(columns) else None
    if label in columns:
        return columns.index(label) + 1
    if label.isascii() and label.isdigit() and len(label) < 4 and 1 <= int(label) <= len(columns):
        return int(label)
    raise TableFileError(f"there is no column {label!r:.60}; there are {', '.join(columns)}")
