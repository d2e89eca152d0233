"""The claims page's address and state: `?claim=faster`, or a filtered list: `?verdict=refuted`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import streamlit as st

from bnviz.experiment.fields import ConfigError
from bnviz.sharing.query import LinkError, single_values
from bnviz.studies.catalogue import CLAIMS
from bnviz.studies.study import KINDS
from bnviz.ui.address import Address

KEYS = ("claim", "verdict")
VERDICTS = tuple(kind for kind in KINDS if kind != "measured")


@dataclass(frozen=True, kw_only=True)
class ClaimsLink:
    """What the address says: the claim that is open, else what the list is filtered by."""

    claim: str | None = None
    verdict: str | None = None


def encode_claims(link: ClaimsLink) -> dict[str, str]:
    """Return the query parameters that `decode_claims` reads back into the same link."""
    return {key: value for key in KEYS if (value := getattr(link, key)) is not None}


def decode_claims(query: Mapping[str, str | Sequence[str]]) -> ClaimsLink:
    """Return what a query says; raises `LinkError` with what is allowed."""
    single = single_values(query, KEYS)
    for key, allowed in (("claim", tuple(CLAIMS)), ("verdict", VERDICTS)):
        if key in single and single[key] not in allowed:
            raise LinkError(key, f"{key} must be one of {', '.join(allowed)}; got {single[key]!r:.60}")
    return ClaimsLink(**single)


@dataclass
class ClaimsState:
    """What the claims page remembers between two runs of its script; `epoch` grows when widgets have to follow."""

    link: ClaimsLink = field(default_factory=ClaimsLink)
    problem: str | None = None
    epoch: int = 0
    address: Address = field(default_factory=Address)

    def change(self, **changes: str | None) -> None:
        """Open a claim, or filter the list."""
        self.link = ClaimsLink(**{**vars(self.link), **changes})
        self.problem = None
        self.address.acted = True

    def show_all(self) -> None:
        """Show the whole list."""
        self.change(verdict=None)
        self.epoch += 1


def claims_state() -> ClaimsState:
    """Return this session's state; read from the address at first, and again when somebody changed the address."""
    state = cast("ClaimsState | None", st.session_state.get("claims"))
    if state is None:
        state = st.session_state["claims"] = ClaimsState()
    if (query := state.address.news()) is not None:
        try:
            state.link, state.problem = decode_claims(query), None
            state.epoch += 1
        except ConfigError as error:
            state.problem = f"This link can't be read: {error}. The page stays as it was."
    return state
