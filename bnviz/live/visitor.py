"""A page's visitor without a browser: speaks Streamlit's own protocol, so that a load test arrives as people do."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

FOLLOWED_BY_ANOTHER = 2  # a script's end that is not the page's


class LoadError(RuntimeError):
    """The server did not start, or something went wrong that makes the numbers worthless; the text says what."""


class PageError(LoadError):
    """The page shows an error, or mounts no stage."""


def wish(query: str, url: str) -> bytes:
    """The message by which a browser has a page drawn under a link's query."""
    message = BackMsg()
    message.rerun_script.query_string = query
    message.rerun_script.context_info.url = url
    return bytes(message.SerializeToString())


@dataclass
class Page:
    """What a page has said so far: the token of its live run, and whether it is drawn."""

    token: str = ""
    drawn: bool = False

    def take(self, data: bytes) -> None:
        """Take a message from the server; raises `PageError` with what the page would show as an error."""
        said = ForwardMsg.FromString(data)
        kind = said.WhichOneof("type")
        if kind == "delta":
            self._show(said.delta.new_element)
        elif kind == "script_finished":
            self.drawn = said.script_finished != FOLLOWED_BY_ANOTHER
            if self.drawn and not self.token:
                raise PageError("the page mounts no live stage")

    def _show(self, element: object) -> None:
        kind = element.WhichOneof("type")  # type: ignore[attr-defined]
        if kind == "exception":
            raise PageError(f"the page shows {element.exception.type}")  # type: ignore[attr-defined]
        if kind == "bidi_component":
            text = element.bidi_component.json or element.bidi_component.mixed.json  # type: ignore[attr-defined]
            found = re.search(r'"token": ?("[^"]+")', text)
            self.token = json.loads(found[1]) if found else self.token
