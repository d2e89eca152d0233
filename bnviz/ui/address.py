"""A page's address in the browser: it holds the page's whole state, and is told apart from its own echoes."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

import streamlit as st

ECHO = 5.0  # seconds in which a browser may still send the address before the newest


@dataclass
class Address:
    """What this session wrote into the address last, and for a while what stood there before.

    `acted` is to be set where the reader changes something on the page: then the browser may have sent the address
    from before its own change, an echo. Without that it is the reader who went back or wrote another one.
    """

    written: dict[str, str] = field(default_factory=dict)
    echoes: list[tuple[float, dict[str, str]]] = field(default_factory=list)
    acted: bool = False

    def write(self, query: dict[str, str]) -> None:
        """Put the state's query into the address, if it is another."""
        if query != self.written or query != st.query_params.to_dict():
            now = time.monotonic()
            recent = [(left, old) for left, old in self.echoes if now - left < ECHO]
            self.echoes = [*recent, (now, self.written)]
            self.written = query
            st.query_params.from_dict(query)

    def news(self) -> dict[str, list[str]] | None:
        """Return the query that somebody put into the address; None where it is our own."""
        query = {key: st.query_params.get_all(key) for key in st.query_params}
        last = {key: values[-1] for key, values in query.items()}
        now = time.monotonic()
        echo = self.acted and any(now - left < ECHO and last == old for left, old in self.echoes)
        self.acted = False
        return None if echo or last == self.written else query


def plain(text: str) -> str:
    """Return Markdown that shows the text as it is: a message may quote what a stranger wrote into a link."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
