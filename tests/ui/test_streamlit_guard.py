"""Streamlit's faults, each shown without its guard and gone with it, on the runtime's own classes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit
from streamlit import config
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime, RuntimeConfig
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.session_manager import SessionClientDisconnectedError
from streamlit.runtime.state.session_state import SessionState
from streamlit.testing.v1 import AppTest

from bnviz.ui.streamlit_guard import GUARDS, KEPT_SESSIONS, VERSIONS, guard

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit as it comes; what a test changes is undone."""
    for owner, name, _ in GUARDS:
        method = getattr(owner, name)
        monkeypatch.setattr(owner, name, getattr(method, "mends", method))


@pytest.fixture(params=[False, True], ids=["without the guard", "with the guard"])
def guarded(request: pytest.FixtureRequest, unguarded: None) -> bool:
    """Whether Streamlit is guarded in this test."""
    return guard() if request.param else False


@dataclass
class Client:
    """A connection; `on_message` is called with each, before the runtime goes on to the next session."""

    got: list[str] = field(default_factory=list)
    gone: bool = False
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    on_message: Any = None
    client_context: Any = None

    def write_forward_msg(self, msg: ForwardMsg) -> None:
        self.heard.set()
        if self.gone:
            raise SessionClientDisconnectedError
        self.got.append(msg.page_info_changed.query_string)
        if self.on_message:
            self.on_message()


def message(text: str) -> ForwardMsg:
    made = ForwardMsg()
    made.page_info_changed.query_string = text
    return made


@pytest.fixture
def make_runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A function that makes the process's runtime, over a page that is never run."""
    monkeypatch.setattr(Runtime, "_instance", None)
    script = tmp_path / "page.py"
    script.write_text("")

    def make() -> Runtime:
        storage, uploads = MemoryMediaFileStorage("/media"), MemoryUploadedFileManager("/upload")
        return Runtime(RuntimeConfig(str(script), storage, uploads, session_storage=MemorySessionStorage()))

    return make


async def cut_in_the_middle_of_a_round(runtime: Runtime) -> tuple[Client, Client]:
    """Two tabs; while the first one is sent its message, the second is cut, comes back, and its run says something."""
    await runtime.start()
    first, old, new = Client(), Client(), Client()
    first_id, other_id = (runtime.connect_session(client, {}) for client in (first, old))
    session = runtime.get_app_session(other_id)
    assert session is not None

    def cut_and_come_back() -> None:
        old.gone = True
        runtime.disconnect_session(other_id, client=old)
        assert runtime.connect_session(new, {}, existing_session_id=other_id) == other_id
        session._enqueue_forward_msg(message("the resumed run"))

    first.on_message = cut_and_come_back
    runtime.get_app_session(first_id)._enqueue_forward_msg(message("anything"))
    waits = {asyncio.create_task(client.heard.wait()) for client in (old, new)}
    async with asyncio.timeout(30):
        _, waiting = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    runtime.stop()
    await runtime.stopped
    return old, new


def test_a_tab_that_is_cut_and_resumed_while_others_are_served_hears_its_run(guarded: bool, make_runtime: Any):
    async def play() -> tuple[Client, Client]:
        return await cut_in_the_middle_of_a_round(make_runtime())

    old, new = asyncio.run(play())
    assert old.got == []
    assert new.got == (["the resumed run"] if guarded else [])


def test_a_class_that_drops_at_once_is_kept(guarded: bool):
    storage = MemorySessionStorage()
    for number in range(KEPT_SESSIONS + 1):
        storage.save(SimpleNamespace(session=SimpleNamespace(id=str(number))))
    assert len(storage.list()) == (KEPT_SESSIONS if guarded else 128)
    assert storage.get(str(KEPT_SESSIONS)) is not None
    assert storage.get("0") is None


@pytest.mark.parametrize("watcher", ["none", "poll"])
def test_a_resumed_session_watches_files_only_where_that_is_asked_for(guarded: bool, watcher: str, make_runtime: Any):
    async def watched() -> list[bool]:
        runtime = make_runtime()
        await runtime.start()
        client = Client()
        name = runtime.connect_session(client, {})
        seen = [runtime.get_app_session(name)._local_sources_watcher is not None]
        runtime.disconnect_session(name, client=client)
        runtime.connect_session(Client(), {}, existing_session_id=name)
        seen.append(runtime.get_app_session(name)._local_sources_watcher is not None)
        runtime.stop()
        await runtime.stopped
        return seen

    before = config.get_option("server.fileWatcherType")
    config.set_option("server.fileWatcherType", watcher)
    try:
        started, resumed = asyncio.run(watched())
    finally:
        config.set_option("server.fileWatcherType", before)
    assert started is (watcher != "none")
    assert resumed is (watcher != "none" or not guarded)


def test_the_time_to_live_and_a_size_that_is_asked_for_are_heeded(unguarded: None):
    guard()
    assert MemorySessionStorage(ttl_seconds=7)._cache.ttl == 7
    assert MemorySessionStorage(3)._cache.maxsize == 3


def test_another_version_of_streamlit_is_left_as_it_is(unguarded: None):
    before = [getattr(owner, name) for owner, name, _ in GUARDS]
    assert not guard("1.68.0")
    assert [getattr(owner, name) for owner, name, _ in GUARDS] == before


def test_guarding_twice_changes_nothing(unguarded: None):
    assert guard()
    once = [getattr(owner, name) for owner, name, _ in GUARDS]
    assert guard()
    assert [getattr(owner, name) for owner, name, _ in GUARDS] == once


def test_the_streamlit_that_is_pinned_is_one_that_the_guard_knows():
    """Where this fails after an upgrade: see docs/operations.md, 'Upgrading Streamlit'."""
    assert streamlit.__version__ in VERSIONS
    assert f"streamlit=={streamlit.__version__} " in (ROOT / "requirements.txt").read_text()


def test_the_app_is_guarded_however_it_is_started():
    code = (
        f"import runpy; runpy.run_path({str(ROOT / 'app.py')!r}); "
        "from bnviz.ui.streamlit_guard import GUARDS; print(all(hasattr(getattr(o, n), 'mends') for o, n, _ in GUARDS))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.parametrize("fragments", [None, ["one"]])
def test_a_browser_that_asks_where_to_send_a_file_is_answered_though_a_run_begins(guarded, fragments):
    queue, answer, drawn = ForwardMsgQueue(), ForwardMsg(), ForwardMsg()
    answer.file_urls_response.response_id = "asked"
    drawn.delta.fragment_id = "one"
    drawn.delta.new_element.text.body = "old"
    for message in (drawn, answer):
        queue.enqueue(message)
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=fragments)
    left = [message.file_urls_response.response_id for message in queue.flush()]
    assert left == (["asked"] if guarded or fragments else [])
    queue.enqueue(answer)
    queue.clear()
    assert queue.flush() == [], "of a session that ends, nothing is kept"


def renamed_widgets() -> None:
    """A page whose widget has a new key each time it is drawn, beside one that stays."""
    import streamlit as st

    st.session_state.drawn = st.session_state.get("drawn", 0) + 1
    st.text_input("new", "as it was", key=f"new-{st.session_state.drawn}")
    st.text_input("stays", key="stays", on_change=lambda: st.session_state.update(heard=st.session_state.stays))


def test_what_is_known_of_a_widget_goes_with_it_and_what_is_there_still_works(guarded: bool, monkeypatch):
    known: dict[str, Any] = {}
    mended = SessionState._remove_stale_widgets

    def look(self: SessionState, active: frozenset[str]) -> None:
        mended(self, active)
        known.update(metadata=len(self._new_widget_state.widget_metadata), ids=len(self._key_id_mapper.id_key_mapping))

    monkeypatch.setattr(SessionState, "_remove_stale_widgets", look)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # a page's script takes its place
    page = AppTest.from_function(renamed_widgets).run()
    for _ in range(20):
        page.run()
    assert (max(known.values()) <= 4) is guarded
    page.text_input(key="stays").set_value("a word").run()
    assert page.session_state.heard == "a word"
    assert not page.exception
