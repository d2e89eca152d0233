"""Links between the pages, each to where the reader left it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

    from bnviz.ui.address import Address


@contextmanager
def navigation(pages: Sequence[tuple[StreamlitPage, str, str]]) -> Iterator[None]:
    """Links above the page that is run inside; Streamlit's own menu hides in the sidebar on a phone, these don't.

    Each page comes with its link's label and the name of its state, which has the page's `Address`. The links are
    written after the page, which may change its own address: its link would be one change behind.
    """
    links = st.container(horizontal=True, key="bnviz-pages")
    yield
    with links:
        for page, label, state in pages:
            address: Address | None = getattr(st.session_state.get(state), "address", None)
            st.page_link(page, label=label, query_params=address.written if address else {})
