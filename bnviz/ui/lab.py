"""The lab page's composition."""

from __future__ import annotations

import streamlit as st

from bnviz.experiment.presets import PRESETS
from bnviz.sharing.link import encode
from bnviz.ui.address import plain
from bnviz.ui.controls import sidebar
from bnviz.ui.stage import stage
from bnviz.ui.state import lab_state


def show() -> None:
    """Draw the lab: controls beside, what to look for above, the stage below."""
    state = lab_state()
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
    state.address.write(encode(state.link))  # before the stage's news, so that an answer to them comes with it
    stage(state)
