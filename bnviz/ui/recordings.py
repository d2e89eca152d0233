"""The recordings page's composition: what to open above, the stage that plays it below."""

from __future__ import annotations

from typing import Any

import streamlit as st

from bnviz.live.places import FullError
from bnviz.live.playback import Playback
from bnviz.live.registry import REGISTRY
from bnviz.live.routes import SOCKET, assets_path
from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.recording_schema import RecordingError
from bnviz.sharing.recordings_link import encode_recordings
from bnviz.ui.address import plain
from bnviz.ui.command import command
from bnviz.ui.component import stub
from bnviz.ui.recordings_sources import Source
from bnviz.ui.recordings_state import RecordingsState, recordings_state

LINES = {"digits-conv": "A convolutional net on digits, with BatchNorm2d", "dying-mlp": "A deep plain MLP that dies"}
HOW = """
with bnviz.record(model, "run.bnviz") as recording:
    for x, y in batches:  # the loop that you have
        ...
        optimizer.step()
        recording.step(loss=loss)
"""
_mount = st.components.v2.component(
    "bnviz_recording", html="<div></div>", js=stub("recording.js"), isolate_styles=False
)


def show() -> None:
    """Draw the page: what can be opened, what is open, and the stage."""
    state = recordings_state()
    chooser, place = st.container(), st.empty()
    if state.wanted is not None:
        with place, st.spinner(f"Reading {plain(state.wanted.name)} …", show_time=True):
            state.read()
    with chooser.expander("Open a recording", expanded=not state.sources):
        _chooser(state)
    if state.problem:
        st.error(plain(state.problem))
        state.problem = None
    if state.sources:
        _opened(state)
    state.address.write(encode_recordings(state.link))
    if state.sources:
        _stage(state)
    else:
        place.caption("Nothing is open. A recording is played here on the lab's charts: every layer, step by step.")


def _chooser(state: RecordingsState) -> None:
    ship, drop, how = st.columns([4, 4, 5], gap="medium")
    with ship:
        for name, line in LINES.items():
            _shipped(state, name, line)
    with drop:
        key = f"drop-{state.drop}"
        st.file_uploader(
            "Drop your own recording, or two to see side by side",
            accept_multiple_files=True,
            key=key,
            on_change=lambda: _dropped(state, key),
            help="Files that `bnviz.record` wrote, or that were saved from the lab. They stay on this server's memory "
            "for as long as this page is open.",
        )
        most = st.get_option("server.maxUploadSize")
        st.caption(
            f"A file over {most:,} MB is refused here; {command('open run.bnviz')} on the machine that recorded it "
            "takes larger ones."
        )
    with how:
        st.markdown("How to record your own model: two lines around your loop")
        st.code(HOW.strip(), language="python")


def _shipped(state: RecordingsState, name: str, line: str) -> None:
    """One that ships: a button that opens it, and one that puts it beside the one that is open."""
    with st.container(gap="xxsmall"):
        st.button(
            line,
            key=f"show-{name}",
            on_click=state.ask,
            args=([Source(show=name)],),
            help=EXAMPLES[name].text,
            width="stretch",
        )
        if len(state.sources) == 1 and state.sources[0].show != name and not state.is_lab:
            (there,) = state.sources
            st.button(
                f"… side by side with {plain(there.file or there.show)}",
                key=f"beside-{name}",
                type="tertiary",
                on_click=state.ask,
                args=([there, Source(show=name)],),
            )
        if not state.sources:
            st.caption(EXAMPLES[name].text)


def _dropped(state: RecordingsState, key: str) -> None:
    state.drop_files(st.session_state[key] or ())


def _opened(state: RecordingsState) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="bnviz-opened"):
        lost = f". Reloading the page closes it; {command('open')} keeps it" if state.are_dropped else ""
        st.caption(" · ".join(plain(line) for line in state.opened) + lost)
        st.button("Close", key="close", type="tertiary", on_click=_close, args=(state,))


def _close(state: RecordingsState) -> None:
    REGISTRY.close_playback(state.token)
    state.close()


def _stage(state: RecordingsState) -> None:
    try:
        state.token = REGISTRY.open_playback(state.token, state.revision, lambda: Playback(state.take()))
    except (FullError, RecordingError) as error:
        state.loaded = None  # it is read again where a place gets free: nobody waits with it in memory
        st.warning(plain(str(error)))
        return
    data: dict[str, Any] = {
        "token": state.token,
        "generation": state.revision,
        "socket": SOCKET,
        "assets": assets_path(),
        "view": {"layer": state.layer, "charts": state.link.charts and list(state.link.charts), "until": None},
    }
    _mount(key="recording", data=data, on_view_change=lambda: _follow(state), on_lost_change=lambda: None)


def _follow(state: RecordingsState) -> None:
    view = st.session_state["recording"].get("view")
    if isinstance(view, dict):
        state.follow(view)
