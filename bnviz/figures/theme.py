"""The page's colours, dashes and marks in Plotly's words; light, and how each light colour becomes a dark one."""

from __future__ import annotations

import html
from collections.abc import Mapping
from types import MappingProxyType

# Okabe-Ito: vermillion, blue, green, purple, as in the page's theme; lighter in the dark.
ARMS = ("213, 94, 0", "0, 114, 178", "0, 143, 104", "180, 96, 154")
ARMS_DARK = ("255, 154, 87", "108, 192, 240", "69, 209, 164", "235, 163, 206")
TEXT, PAPER, ALARM = "49, 51, 63", "255, 255, 255", "192, 31, 31"
DARK: Mapping[str, str] = MappingProxyType(
    dict(zip(ARMS, ARMS_DARK, strict=True)) | {TEXT: "250, 250, 250", PAPER: "14, 17, 23", ALARM: "255, 128, 128"}
)
DASHES = ("dash", "solid", "dot", "dashdot")  # of the lab's networks: colour is never the only cue
FIRST_SOLID = ("solid", "dash", "dot", "dashdot")  # of recorded models, and of a network alone
UNIT_DASHES = ("solid", "dash", "dot")
SYMBOLS = ("circle", "square", "triangle-up", "diamond")
FONT = "system-ui, sans-serif"


def rgba(triplet: str, opacity: float = 1) -> str:
    """Return a colour as "rgba(r, g, b, opacity)", the only way in which figures write one: `DARK` maps triplets."""
    return f"rgba({triplet}, {opacity:g})"


def arm_colour(arm: int, opacity: float = 1) -> str:
    """Return the colour of an arm by its index."""
    return rgba(ARMS[arm % len(ARMS)], opacity)


INK, MUTED, AXIS, GRID = (rgba(TEXT, opacity) for opacity in (0.92, 0.68, 0.32, 0.09))


def plain(text: str) -> str:
    """Return a text that Plotly shows as it is: names come from strangers, and it reads tags and templates in texts."""
    return html.escape(" ".join(text.split()), quote=False).replace("%{", "%&#123;")
