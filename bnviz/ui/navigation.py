"""Links between the pages, each to where the reader left it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

    from bnviz.ui.anatomy_state import AnatomyState
    from bnviz.ui.state import LabState


@contextmanager
def navigation(lab: StreamlitPage, anatomy: StreamlitPage) -> Iterator[None]:
    """Links above the page that is run inside; Streamlit's own menu hides in the sidebar on a phone, these don't.

    They are written after the page, which may change its own address: its link would be one change behind.
    """
    links = st.container(horizontal=True, key="bnviz-pages")
    yield
    left: dict[str, LabState | AnatomyState] = st.session_state  # type: ignore[assignment]
    with links:
        for page, label, state in ((lab, "Lab", "lab"), (anatomy, "Anatomy", "anatomy_state")):
            query = left[state].address.written if state in left else {}
            st.page_link(page, label=label, query_params=query)
