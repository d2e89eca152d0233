"""The lab page's composition."""

from __future__ import annotations

import streamlit as st

from bnviz.experiment.presets import PRESETS
from bnviz.sharing.link import encode
from bnviz.ui.address import plain
from bnviz.ui.controls import sidebar
from bnviz.ui.stage import stage
from bnviz.ui.state import lab_state
from bnviz.ui.table_drop import is_missing, notice


def show() -> None:
    """Draw the lab: controls beside, what to look for above, the stage below."""
    state = lab_state()
    with st.sidebar:
        st.markdown("**bnviz** · batch normalization, live")
        sidebar(state)
    with st.container():  # whatever is said, the stage keeps its place
        if state.problem:
            st.error(plain(state.problem))
            state.problem = None
        notice(state)
        missing = is_missing(state)
    preset = state.link.preset
    if preset is not None:
        st.markdown(f"**{PRESETS[preset].title}.** {PRESETS[preset].look_for}")
    else:
        table = next((arm.own_table for arm in state.link.arms if arm.own_table is not None), None)
        whole = "all of it" if table is None else f"all of it but the table {plain(table.name)}, which others need too"
        st.markdown(f"**Your own experiment.** The address of this page holds {whole}: copy it to share the run.")
    state.address.write(encode(state.link))  # before the stage's news, so that an answer to them comes with it
    if not missing:
        stage(state)
