"""The recordings page's address: `?show=digits-conv,dying-mlp&layer=3&charts=loss,layers`.

Only recordings that ship, and what `bnviz open` was given (`show=opened`), have an address; a file that was dropped
has none, and a link never holds a path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.link import CHARTS
from bnviz.sharing.query import LinkError, single_values

OPENED = "opened"
FILES_VARIABLE = "BNVIZ_OPENED_FILES"  # set by `bnviz open`, whose user owns the machine; no visitor can set it
SHOWN = (*EXAMPLES, OPENED)
RECORDING_CHARTS = (*CHARTS, "reported", "weight-norm", "zeros", "nonfinite")
KEYS = ("show", "layer", "charts")
MAX_SHOWN, MAX_LAYER = 2, 99_999


@dataclass(frozen=True, kw_only=True)
class RecordingsLink:
    """What the address says: which recordings are open, and what the reader looks at; None is the page's own choice."""

    show: tuple[str, ...] = ()
    layer: int | None = None
    charts: tuple[str, ...] | None = None


def encode_recordings(link: RecordingsLink) -> dict[str, str]:
    """Return the query parameters that `decode_recordings` reads back into the same link; nothing without `show`."""
    query: dict[str, str] = {}
    if link.show:
        query["show"] = ",".join(link.show)
        if link.layer is not None:
            query["layer"] = str(link.layer)
        if link.charts is not None:
            query["charts"] = ",".join(link.charts)
    return query


def decode_recordings(query: Mapping[str, str | Sequence[str]]) -> RecordingsLink:
    """Return what a query says; raises `LinkError` with what is allowed."""
    single = single_values(query, KEYS)
    show = tuple(single["show"].split(",")) if single.get("show") else ()
    for name in show:
        if name not in SHOWN:
            raise LinkError("show", f"show must be one of {', '.join(SHOWN)}, or two of them; got {name!r:.60}")
    if len(show) > MAX_SHOWN or len(set(show)) < len(show):
        raise LinkError("show", f"show names one recording, or two different ones; got {', '.join(show)!r:.60}")
    return RecordingsLink(show=show, layer=_layer(single), charts=_charts(single))


def _layer(single: Mapping[str, str]) -> int | None:
    text = single.get("layer")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= MAX_LAYER):
        raise LinkError("layer", f"layer must be a whole number from 0 to {MAX_LAYER}; got {text!r:.60}")
    return int(text)


def _charts(single: Mapping[str, str]) -> tuple[str, ...] | None:
    if "charts" not in single:
        return None
    names = tuple(dict.fromkeys(single["charts"].split(","))) if single["charts"] else ()
    for name in names:
        if name not in RECORDING_CHARTS:
            raise LinkError("charts", f"charts must be from {', '.join(RECORDING_CHARTS)}; got {name!r:.60}")
    return names
