"""Mounts figures: each a component that is drawn again in place when its data change, in the page's light or dark."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

from bnviz.figures.theme import DARK
from bnviz.live.routes import assets_path
from bnviz.ui.component import stub

if TYPE_CHECKING:
    import plotly.graph_objects as go

_mount = st.components.v2.component("bnviz_figure", html="<div></div>", js=stub("figure.js"), isolate_styles=False)


def figure(
    drawn: go.Figure, *, key: str, alt: str, revision: str = "", picked: Callable[[int, int], None] | None = None
) -> None:
    """Show a figure; the reader's zoom is kept while `revision` stays. `picked` hears of the cell that was clicked."""

    def heard() -> None:
        place = st.session_state[key].get("picked")
        if picked and isinstance(place, list) and len(place) == 2 and all(type(index) is int for index in place):
            picked(*place)

    data: dict[str, Any] = {
        "assets": assets_path(),
        "figure": drawn.to_json(),
        "height": int(drawn.layout.height),
        "alt": alt,
        "dark": dict(DARK),
        "revision": revision,
        "picks": picked is not None,
    }
    _mount(key=key, data=data, on_picked_change=heard)
