"""The anatomy page's composition: one component, everything on it computed here from the state."""

from __future__ import annotations

from typing import Any

import streamlit as st

from bnviz.experiment.anatomy import EXAMPLES, FIELDS, STREAM_STEPS, UPSTREAMS
from bnviz.experiment.tables import MAX_COLUMNS, MAX_ROWS, MIN_ROWS
from bnviz.live.routes import assets_path
from bnviz.sharing.anatomy_link import encode_anatomy
from bnviz.ui.anatomy_result import as_json, result
from bnviz.ui.anatomy_state import AnatomyState, anatomy_state
from bnviz.ui.component import stub

OFFERED = {
    "limits": {"rows": [MIN_ROWS, MAX_ROWS], "columns": [1, MAX_COLUMNS], "steps": STREAM_STEPS},
    "examples": [{"name": name, "title": e.title, "sentence": e.sentence} for name, e in EXAMPLES.items()],
    "upstreams": [{"name": name, "title": title} for name, (title, _) in UPSTREAMS.items()],
    "fields": {
        name: {key: item.metadata[key] for key in ("low", "high", "choices") if key in item.metadata}
        for name, item in FIELDS.items()
    },
}
_mount = st.components.v2.component(
    "bnviz_anatomy", html="<div></div>", js=stub("anatomy/anatomy.js"), isolate_styles=False
)


def show() -> None:
    """Draw the page; each edit comes back as a draft, is taken over as far as it can be read, and computed anew."""
    state = anatomy_state()
    anatomy = state.anatomy
    data: dict[str, Any] = {
        "assets": assets_path(),
        "serial": state.serial,
        "problems": state.problems,
        "state": as_json(anatomy),
        "result": as_json(result(anatomy)),
        **OFFERED,
    }
    if state.settled:  # before the component's news, so that the edit that answers them comes with this address
        state.address.write(encode_anatomy(anatomy))
    _mount(key="anatomy", data=data, on_edit_change=lambda: _follow(state))


def _follow(state: AnatomyState) -> None:
    state.follow(st.session_state["anatomy"].get("edit"))
