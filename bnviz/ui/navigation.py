"""Links between the pages, each to where the reader left it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

    from bnviz.ui.anatomy_state import AnatomyState
    from bnviz.ui.state import LabState


def navigation(lab: StreamlitPage, anatomy: StreamlitPage) -> None:
    """Draw the links; Streamlit's own menu hides in the sidebar on a phone, these stay in sight."""
    left: dict[str, LabState | AnatomyState] = st.session_state  # type: ignore[assignment]
    with st.container(horizontal=True, key="bnviz-pages"):
        for page, label, state in ((lab, "Lab", "lab"), (anatomy, "Anatomy", "anatomy_state")):
            query = left[state].address.written if state in left else {}
            st.page_link(page, label=label, query_params=query)
