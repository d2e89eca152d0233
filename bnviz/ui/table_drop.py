"""Where a reader drops a table of their own, and what is shown of the one that is in use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from bnviz.experiment.own_table import CONSTANT, MAX_BYTES, MAX_CLASSES, MAX_FEATURES, MAX_ROWS, OwnTable
from bnviz.experiment.words import value_label
from bnviz.sharing.table_text import LISTED
from bnviz.ui.address import plain
from bnviz.ui.own_tables import Refusal
from bnviz.ui.state import LabState

SHOWN_CLASSES = 5
FORM = (
    f"Each row is one sample: 2 to {MAX_FEATURES} columns of numbers and one with the class. A row of column names "
    f"may come first. At most {MAX_BYTES // 2**20} MB and {MAX_ROWS:,} rows."
)
EXAMPLE = """\
length,width,weight,fruit
19.2,3.6,118,banana
7.1,7.4,182,apple
17.5,3.4,105,banana"""
PRIVACY = (
    "Columns are separated by commas, semicolons or tabs; with semicolons or tabs 1,5 may stand for 1.5. There are 2 "
    f"to {MAX_CLASSES} classes, as text or whole numbers. The table stays in this server's memory while this page is "
    "open, for you alone, and is not part of the link."
)
MAIN = "main"  # the place of the drop above the stage; those of the settings are called after their network


def own_table(state: LabState, arms: Sequence[int]) -> None:
    """Draw what belongs to the choice of a table of one's own, for some of the networks, below that choice."""
    if state.own.missing(state.link.arms):
        st.caption("Drop the file above the place of the charts.")
        return
    table = next((state.own.held[state.link.arms[arm].table] for arm in arms if state.link.arms[arm].own_table), None)
    place = f"network-{arms[0]}"
    _drop(state, "Drop your own table (CSV)" if table is None else "Drop another table (CSV)", place, arms)
    if table is None:
        st.caption(FORM)
    else:
        _facts(table)
        _label(state, table, place, arms)


def is_missing(state: LabState) -> bool:
    """Draw a drop above the stage where a file is waited for; say whether there is nothing to train on without it."""
    if refs := state.own.missing(state.link.arms):
        missing = refs[0]
        st.info(
            f"This link is about the table **{plain(missing.name)}** ({missing.sizes}), which is not on this server: "
            "drop the file to go on. All other settings of the link are loaded."
        )
        _drop(state, f"Drop {plain(missing.name)}", MAIN)
    elif state.own.asked:
        _invitation(state)
    return bool(refs)


def _invitation(state: LabState) -> None:
    """What to do where a table of one's own was chosen and none is here yet."""
    arms = sorted(state.own.asked)
    data = " and ".join(dict.fromkeys(value_label(state.link.arms[arm].data_name) for arm in arms))
    st.info(f"**Drop a file to train on your own table.** {FORM} Until then the networks go on with {plain(data)}.")
    _drop(state, "Drop your own table (CSV)", MAIN, arms)
    st.caption("Such a file begins, for example, with")
    st.code(EXAMPLE, language=None)


def notice(state: LabState) -> None:
    """Say above all else what is wrong with a file, or worth knowing about the one that is in use."""
    if state.own.refusal is not None:
        _refused(state.own.refusal)
    for text in state.own.notices:
        st.warning(plain(text))


def _drop(state: LabState, title: str, place: str, arms: Sequence[int] = ()) -> None:
    """A drop for the table of some networks; it stays the same whatever becomes of a file, as another may follow."""
    key = f"table-{state.own.page}-{place}"

    def dropped() -> None:
        state.address.acted = True  # also where a file only makes room: the browser may not have the new address yet
        file = st.session_state[key]
        if file is None:  # taken out, or about to be replaced
            state.own.refusal = None
            return
        state.own.drops += 1
        state.take_file(file, arms=arms, place=place)

    st.file_uploader(title, key=key, on_change=dropped, help=PRIVACY, max_upload_size=MAX_BYTES // 2**20)
    refusal = state.own.refusal
    if refusal is None or refusal.place != place:
        return
    if place != MAIN:  # where it is said above
        _refused(refusal)
    if refusal.columns and st.session_state.get(key) is not None:
        _other_label(state, refusal.columns, key, place, arms)


def _refused(refusal: Refusal) -> None:
    more = " These are the first; mend them and drop it again." if len(refusal.problems) >= LISTED else ""
    lines = "".join(f"\n- {plain(problem)}" for problem in refusal.problems)
    st.error(f"{plain(refusal.said)}{more}\n{lines}")


def _other_label(state: LabState, columns: Sequence[str], drop: str, place: str, arms: Sequence[int]) -> None:
    """Where the last column can't be the classes', another one may be."""
    key = f"{drop}-label-{state.own.drops}"

    def choose() -> None:
        chosen, file = st.session_state[key], st.session_state.get(drop)
        if chosen is not None and file is not None:
            state.take_file(file, chosen + 1, arms=arms, place=place)

    st.selectbox(
        "Another column holds the class", range(len(columns)), index=None, key=key, on_change=choose,
        format_func=lambda index: columns[index], placeholder="choose it",
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
    for remark in table.remarks:
        st.warning(plain(remark))
    if constant:
        st.caption(f"Constant, so that nothing is learnt from it: {plain(', '.join(constant[:SHOWN_CLASSES]))}")


def _label(state: LabState, table: OwnTable, place: str, arms: Sequence[int]) -> None:
    key = f"label-{state.epoch}-{place}"

    def choose() -> None:
        state.choose_label(table, st.session_state[key] + 1, arms, place)

    st.selectbox(
        "Column of the class", range(len(table.columns)), index=table.ref.label - 1, key=key, on_change=choose,
        format_func=lambda index: table.columns[index],
        help="All other columns are what the networks see: each is standardised by itself, by the training split.",
    )  # fmt: skip
