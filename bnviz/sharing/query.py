"""What the links of all pages share: a bounded query of known keys, each given once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from bnviz.experiment.fields import ConfigError

# What mailers, searches and social sites append to a link that they pass on.
TRACKED = re.compile(
    r"utm_\w{1,40}|fbclid|gclid|dclid|gbraid|wbraid|msclkid|ttclid|twclid|yclid|igshid|igsh|mc_[ce]id|_hs(enc|mi)"
)
MAX_LENGTH = 16_000  # four networks with every field and every turn of their own fit


class LinkError(ConfigError):
    """A link that can't be read; the text says which part, and what is allowed."""


def single_values(query: Mapping[str, str | Sequence[str]], known: Sequence[str]) -> dict[str, str]:
    """Return each key's one value; raises `LinkError` for unknown or repeated keys and overlong links.

    What others append to tell visitors apart says nothing of the page, and is left out.
    """
    single = {key: _only(key, value) for key, value in query.items() if key in known or not TRACKED.fullmatch(key)}
    if sum(len(key) + len(value) for key, value in single.items()) > MAX_LENGTH:
        raise LinkError("link", f"a link has at most {MAX_LENGTH} characters")
    for key in single:
        if key not in known:
            near = get_close_matches(key[:40], known, 1)
            hint = f"did you mean {near[0]}?" if near else f"allowed are {', '.join(known)}"
            raise LinkError("link", f"unknown part {key!r:.60} in the link: {hint}")
    return single


def _only(key: str, value: str | Sequence[str]) -> str:
    if isinstance(value, str):
        return value
    if len(value) != 1:
        raise LinkError(
            "link", f"{key!r:.60} stands {len(value)} times in the link; give it once, a comma between values"
        )
    return value[0]
