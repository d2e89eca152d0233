"""Where a reader drops a table of their own, and what is shown of the one that is in use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from bnviz.experiment.own_table import CONSTANT, MAX_BYTES, MAX_CLASSES, MAX_FEATURES, MAX_ROWS, OwnTable
from bnviz.sharing.table_text import LISTED
from bnviz.ui.address import plain
from bnviz.ui.state import LabState

SHOWN_CLASSES = 5
FORM = (
    f"Each row is one sample: 2 to {MAX_FEATURES} columns of numbers and one with the class. A row of column names "
    f"may come first. At most {MAX_BYTES // 2**20} MB and {MAX_ROWS:,} rows."
)
PRIVACY = (
    "Columns are separated by commas, semicolons or tabs; with semicolons or tabs 1,5 may stand for 1.5. There are 2 "
    f"to {MAX_CLASSES} classes, as text or whole numbers. The table stays in this server's memory while this page is "
    "open, for you alone, and is not part of the link."
)


def own_table(state: LabState, arms: Sequence[int]) -> None:
    """Draw what belongs to the choice of a table of one's own, for some of the networks, below that choice."""
    if state.own.missing(state.link.arms):
        st.caption("Drop the file beside, above the place of the charts.")
        return
    table = next((state.own.held[state.link.arms[arm].table] for arm in arms if state.link.arms[arm].own_table), None)
    if table is not None:
        _facts(table)
        _label(state, table)
    _drop(state, "Drop another table (CSV)" if table is not None else "Drop your own table (CSV)")
    if table is None:
        st.caption(FORM)


def is_missing(state: LabState) -> bool:
    """Draw a drop in place of the stage where the link is about a table that is not here; say whether it is."""
    if not (refs := state.own.missing(state.link.arms)):
        return False
    missing = refs[0]
    st.info(
        f"This link is about the table **{plain(missing.name)}** ({missing.sizes}), which is not on this server: "
        "drop the file to go on. All other settings of the link are loaded."
    )
    _drop(state, f"Drop {plain(missing.name)}")
    return True


def notice(state: LabState) -> None:
    """Say once what is worth knowing about the table that was dropped."""
    if state.own.notice:
        st.warning(plain(state.own.notice))
        state.own.notice = ""


def _drop(state: LabState, title: str) -> None:
    key = f"table-{state.own.drop}"

    def dropped() -> None:
        file = st.session_state[key]
        if file is None:
            state.own.settle()
        else:
            state.take_file(file)

    st.file_uploader(title, key=key, on_change=dropped, help=PRIVACY, max_upload_size=MAX_BYTES // 2**20)
    if state.own.problems:
        _problems(state.own.problems)
        if state.own.columns and st.session_state.get(key) is not None:
            _other_label(state, key)


def _problems(problems: Sequence[str]) -> None:
    """Where the file was dropped: on a phone nothing else is to be seen."""
    more = " These are the first; mend them and drop it again." if len(problems) >= LISTED else ""
    lines = "".join(f"\n- {plain(problem)}" for problem in problems)
    st.error(f"This file can't be trained on. What there was before stays.{more}\n{lines}")


def _other_label(state: LabState, drop: str) -> None:
    """Where the last column can't be the classes', another one may be."""
    columns, key = state.own.columns, f"{drop}-label"

    def choose() -> None:
        if (chosen := st.session_state[key]) is not None and st.session_state.get(drop) is not None:
            state.take_file(st.session_state[drop], chosen + 1)

    st.selectbox(
        "Another column holds the class", range(len(columns)), index=None, key=key, on_change=choose,
        format_func=lambda index: columns[index], placeholder="the last one was tried",
    )  # fmt: skip


def _facts(table: OwnTable) -> None:
    counts = np.bincount(table.y)
    classes = [f"{name} ({count:,})" for name, count in zip(table.classes, counts.tolist(), strict=True)]
    rest = len(classes) - SHOWN_CLASSES
    said = ", ".join([*classes[:SHOWN_CLASSES], *([f"and {rest} more"] if rest > 0 else [])])
    constant = [
        name
        for name, column in zip(table.features, table.x.T, strict=True)
        if column.std() <= CONSTANT * np.abs(column).max()
    ]
    st.markdown(f"**{plain(table.ref.name)}**: {table.ref.sizes}")
    st.caption(f"Classes: {plain(said)}")
    if constant:
        st.caption(f"Constant, so that nothing is learnt from it: {plain(', '.join(constant[:SHOWN_CLASSES]))}")


def _label(state: LabState, table: OwnTable) -> None:
    key = f"label-{state.epoch}-{table.ref.digest}"

    def choose() -> None:
        state.choose_label(table, st.session_state[key] + 1)

    st.selectbox(
        "Column of the class", range(len(table.columns)), index=table.ref.label - 1, key=key, on_change=choose,
        format_func=lambda index: table.columns[index],
        help="All other columns are what the networks see: each is standardised by itself, by the training split.",
    )  # fmt: skip
