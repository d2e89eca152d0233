"""Mounts the stage: one component, once, outside any fragment, with a fixed key."""

from __future__ import annotations

from typing import Any

import streamlit as st

from bnviz.experiment.presets import PRESETS
from bnviz.live.places import FullError
from bnviz.live.registry import REGISTRY
from bnviz.live.routes import SOCKET, assets_path
from bnviz.ui.component import stub
from bnviz.ui.state import LabState

_mount = st.components.v2.component("bnviz_stage", html="<div></div>", js=stub("stage.js"), isolate_styles=False)


def stage(state: LabState) -> None:
    """Show the live stage of the state's arms; what the reader turns on it comes back into the state."""
    link = state.link
    try:
        state.token = REGISTRY.open(
            state.token, state.revision, link.arms, link.names, link.until, tables=state.own.used(link.arms)
        )
    except FullError as error:
        st.warning(str(error))
        return
    data: dict[str, Any] = {
        "token": state.token,
        "generation": state.revision,
        "socket": SOCKET,
        "assets": assets_path(),
        "view": {"layer": link.shown_layer, "charts": link.charts and list(link.charts), "until": link.until},
        "lesson": lesson(link.preset),
    }
    _mount(key="stage", data=data, on_view_change=lambda: _follow(state), on_lost_change=lambda: None)


def lesson(name: str | None) -> dict[str, Any] | None:
    """Return how the stage opens for a lesson; None for an experiment of one's own, which changes nothing there."""
    if name is None:
        return None
    preset = PRESETS[name]
    options = {chart: list(names) for chart, names in preset.options.items()}
    return {"name": name, "speed": preset.speed, "point": preset.point, "options": options}


def _follow(state: LabState) -> None:
    view = st.session_state["stage"].get("view")
    if isinstance(view, dict):
        state.follow(view)
