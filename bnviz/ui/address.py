"""A page's address in the browser: it holds the page's whole state, and is told apart from its own echoes."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

import streamlit as st

PAGE, CAME_BACK = "page", "came_back"
ECHO = 5.0  # seconds in which a browser may still send the address before the newest


@dataclass
class Address:
    """What this session wrote into the address last, and for a while what stood there before."""

    written: dict[str, str] = field(default_factory=dict)
    echoes: list[tuple[float, dict[str, str]]] = field(default_factory=list)

    def write(self, query: dict[str, str]) -> None:
        """Put the state's query into the address, if it is another."""
        if query == self.written and query == st.query_params.to_dict():
            return
        now = time.monotonic()
        recent = [(left, old) for left, old in self.echoes if now - left < ECHO]
        self.echoes = [*recent, (now, self.written)]
        self.written = query
        st.query_params.from_dict(query)

    def news(self) -> dict[str, list[str]] | None:
        """Return the query that somebody put into the address; None where it is our own.

        A browser still sends the address before the newest while that is on its way, and none at all where the reader
        comes back from another page of the app (`switch_page`).
        """
        query = {key: st.query_params.get_all(key) for key in st.query_params}
        last = {key: values[-1] for key, values in query.items()}
        now = time.monotonic()
        own = last == self.written or any(now - left < ECHO and last == old for left, old in self.echoes)
        came_back = not query and self.written and st.session_state.get(CAME_BACK, False)
        return None if own or came_back else query


def switch_page(name: str) -> None:
    """Note which page is shown now: one that is come back to by its link goes on where it was."""
    st.session_state[CAME_BACK] = st.session_state.get(PAGE, name) != name
    st.session_state[PAGE] = name


def plain(text: str) -> str:
    """Return Markdown that shows the text as it is: a message may quote what a stranger wrote into a link."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
