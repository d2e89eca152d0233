"""Opens the lab as a visitor does, without a browser, and reads what the page gave to the stage."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from bnviz.sharing.link import Link, decode

INDEX = Path(__file__).resolve().parents[2] / "pages" / "index.py"


def open_lab(**query: str | list[str]) -> AppTest:
    """Open the lab under an address; nothing on it may fail."""
    lab = AppTest.from_file(INDEX, default_timeout=60)
    for key, value in query.items():
        lab.query_params[key] = value
    return run(lab)


def run(lab: AppTest) -> AppTest:
    lab.run()
    assert not lab.exception, lab.exception
    return lab


def _nodes(block: Any) -> Iterator[Any]:
    for child in getattr(block, "children", {}).values():
        yield child
        yield from _nodes(child)


def mounted(page: AppTest) -> Any:
    """The one component that a page mounts, as it goes to the browser."""
    (component,) = [node.proto for node in _nodes(page._tree) if getattr(node, "type", "") == "bidi_component"]
    return component


def stage_data(lab: AppTest) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(mounted(lab).json)
    return data


def link_of(lab: AppTest) -> Link:
    """What the lab shows, as the session knows it."""
    link: Link = lab.session_state["lab"].link
    return link


def address(lab: AppTest) -> Link:
    """What the page's address says."""
    return decode(lab.query_params)


def control(lab: AppTest, label: str) -> Any:
    """The one control of a label, whatever kind it is."""
    kinds = ("selectbox", "number_input", "slider", "toggle", "multiselect", "segmented_control")
    (found,) = [widget for kind in kinds for widget in getattr(lab, kind) if widget.label == label]
    return found


def labels(lab: AppTest) -> list[str]:
    kinds = ("selectbox", "number_input", "slider", "toggle", "multiselect", "segmented_control")
    return [widget.label for kind in kinds for widget in getattr(lab, kind)]


def set_control(lab: AppTest, label: str, value: Any) -> AppTest:
    control(lab, label).set_value(value)
    return run(lab)


def problems(lab: AppTest) -> list[str]:
    """The messages as they are read: on the wire they are Markdown with every sign escaped."""
    return [re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", element.value) for element in lab.error]
