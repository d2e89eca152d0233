"""Five faults of Streamlit 1.67, mended while the app runs on that version and not touched elsewhere.

Three of them show when many connections drop at once, as in a class whose Wi-Fi blinks:

- The runtime sends what waits for its sessions in rounds. A session that is dropped and resumed during a round is
  still sent to its old connection, which swallows the resumed run: the page stays deaf until its visitor does
  something. Mended: a round passes over who is no longer who it was; the next round is due anyway.
- Of the dropped sessions 128 are kept, the others start anew. Mended: `KEPT_SESSIONS` are.
- `server.fileWatcherType = "none"` is heeded when a session begins and forgotten when it is resumed: each resumed
  session then has every module's file looked up, on the server's event loop. Mended: it is heeded.

One shows when a second file is dropped while the page is drawn for the first:

- A browser asks where to send a file to. When a run of the script begins before the answer is on its way, the answer is
  thrown away with what the run before has drawn, and the file is never sent. Mended: the answer is kept.

And one after many changes:

- What a session knows of a widget (its callback, its options) stays for as long as the session, also when the widget
  is gone: some 10 kB a change in the lab. Mended: it goes with the widget.

Each is an addition to one method of Streamlit's that no option reaches. tests/ui/test_streamlit_guard.py shows each
fault without its guard, so that a release without the fault is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import streamlit
from streamlit import config
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.session_manager import ActiveSessionInfo
from streamlit.runtime.state.session_state import STREAMLIT_INTERNAL_KEY_PREFIX, SessionState
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

VERSIONS = frozenset({"1.67.0"})
KEPT_SESSIONS = 512  # two classes of 200 and some; a dropped session is some 40 to 600 kB, for two minutes
ANSWER = "file_urls_response"
Method = Callable[..., Any]


class Present(list[ActiveSessionInfo]):
    """A round through the sessions that passes over those that were dropped, or resumed, since it began."""

    def __init__(self, manager: WebsocketSessionManager, sessions: list[ActiveSessionInfo]) -> None:
        super().__init__(sessions)
        self._manager = manager

    def __iter__(self) -> Iterator[ActiveSessionInfo]:
        for one in super().__iter__():
            if self._manager.get_active_session_info(one.session.id) is one:
                yield one


def _only_the_present(original: Method) -> Method:
    def list_active_sessions(self: WebsocketSessionManager) -> list[ActiveSessionInfo]:
        return Present(self, original(self))

    return list_active_sessions


def _keep_more(original: Method) -> Method:
    def initialize(self: MemorySessionStorage, maxsize: int = KEPT_SESSIONS, ttl_seconds: int = 120) -> None:
        original(self, maxsize, ttl_seconds)

    return initialize


def _watch_only_when_asked(original: Method) -> Method:
    def register_file_watchers(self: AppSession) -> None:
        if config.get_option("server.fileWatcherType") != "none":
            original(self)

    return register_file_watchers


def _keep_answers_on_files(original: Method) -> Method:
    def clear(self: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, *rest: Any, **named: Any) -> None:
        answers = [one for one in self._queue if retain_lifecycle_msgs and one.WhichOneof("type") == ANSWER]
        original(self, retain_lifecycle_msgs, *rest, **named)
        self._queue += [one for one in answers if not any(one is kept for kept in self._queue)]

    return clear


def _forget_widgets_that_are_gone(original: Method) -> Method:
    def remove_stale_widgets(self: SessionState, active_widget_ids: frozenset[str]) -> None:
        original(self, active_widget_ids)
        context = get_script_run_ctx()
        if context is None or context.fragment_ids_this_run:
            return  # the widgets beside a fragment are not active, and not gone either
        known, values, before = self._new_widget_state.widget_metadata, self._new_widget_state.states, self._old_state
        keys = self._key_id_mapper.id_key_mapping
        for one in [one for one in keys if not (one in active_widget_ids or one in values or one in before)]:
            if one.startswith(STREAMLIT_INTERNAL_KEY_PREFIX):
                continue  # a component's events, which are never active and may come at any time
            known.pop(one, None)
            if self._key_id_mapper.get_id_from_key(keys[one]) == one:
                self._key_id_mapper.delete(keys[one])
            else:
                del keys[one]

    return remove_stale_widgets


GUARDS: tuple[tuple[type, str, Callable[[Method], Method]], ...] = (
    (WebsocketSessionManager, "list_active_sessions", _only_the_present),
    (MemorySessionStorage, "__init__", _keep_more),
    (ForwardMsgQueue, "clear", _keep_answers_on_files),
    (SessionState, "_remove_stale_widgets", _forget_widgets_that_are_gone),
    (AppSession, "register_file_watchers", _watch_only_when_asked),
)


def guard(version: str = streamlit.__version__) -> bool:
    """Mend the running Streamlit, before its runtime is made; whether its version is one that has the faults.

    Calling it again changes nothing.
    """
    if version not in VERSIONS:
        return False
    for owner, name, mend in GUARDS:
        method = getattr(owner, name)
        if not hasattr(method, "mends"):
            mended = mend(method)
            vars(mended)["mends"] = method
            setattr(owner, name, mended)
    return True
