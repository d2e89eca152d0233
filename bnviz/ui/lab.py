"""The lab page's composition."""

from __future__ import annotations

import re

import streamlit as st

from bnviz.experiment.presets import PRESETS
from bnviz.ui.controls import sidebar
from bnviz.ui.stage import stage
from bnviz.ui.state import lab_state, write_address

STYLE = """
<style>
[data-testid="stMainBlockContainer"] { padding: 1rem 1.5rem; }
.stApp:has([data-testid="stExpandSidebarButton"]) [data-testid="stMainBlockContainer"] { padding-top: 2.8rem; }
[data-testid="stSidebarUserContent"] { padding-top: 0; }
[data-testid="stHeader"] { background: transparent; pointer-events: none; }
[data-testid="stHeader"] button { pointer-events: auto; }
</style>
"""


def plain(text: str) -> str:
    """Return Markdown that shows the text as it is: a message may quote what a stranger wrote into a link."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def show() -> None:
    """Draw the lab: controls beside, what to look for above, the stage below."""
    state = lab_state()
    st.html(STYLE)
    with st.sidebar:
        st.markdown("**bnviz** · batch normalization, live")
        sidebar(state)
    if state.problem:
        st.error(plain(state.problem))
        state.problem = None
    preset = state.link.preset
    if preset is not None:
        st.markdown(f"**{PRESETS[preset].title}.** {PRESETS[preset].look_for}")
    else:
        st.markdown("**Your own experiment.** The address of this page holds all of it: copy it to share the run.")
    stage(state)
    write_address(state)
