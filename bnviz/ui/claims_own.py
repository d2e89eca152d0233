"""What a visitor has measured here: orders at the server's service, and rows that a reload of the page doesn't lose.

The server keeps them under a token that nobody can guess. The browser's tab remembers it, not the address, which people
share: whoever has the token could cancel what runs.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import streamlit as st

from bnviz.live.routes import assets_path
from bnviz.studies.errors import StudyError
from bnviz.studies.orders import ENDED, Order
from bnviz.studies.results import Result
from bnviz.studies.service import FREED_AFTER, SERVICE
from bnviz.studies.study import Study
from bnviz.ui.component import stub

EVERY, WAITING_EVERY = 0.8, 3.0  # seconds between two looks at what runs, at what waits for its turn
KEPT = 6  # studies whose own rows a session keeps
KEPT_FOR = 3600.0  # seconds that rows outlive the last look at them
MAX_SHELVES = 100  # sessions whose rows are kept


@dataclass(frozen=True)
class Own:
    """What a session has measured of a study: the last look at its order, and the page where it is shown."""

    study: Study
    order: Order
    page: str = ""
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[Result]:
        """The runs that went well."""
        return [row for row in self.order.rows if not row["failure"]]

    @property
    def asked(self) -> range:
        """The seeds that were ordered."""
        return range(self.order.first, self.order.first + self.order.seeds)

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds that were measured whole: an order that was cancelled has begun others in vain."""
        if self.order.state == "done":
            return list(self.asked)
        come = {row["key"] for row in self.order.rows}
        return [seed for seed in self.asked if all(trial.key in come for trial in self.study.trials([seed]))]

    @property
    def next_seed(self) -> int:
        """The first seed that has yet to be measured."""
        return next((seed for seed in self.asked if seed not in self.seeds), self.asked.stop)

    @cached_property
    def judged(self) -> list[Result]:
        """The rows of whole seeds, failed ones too, for a verdict; none while it runs, and where none went well."""
        if self.running or not self.rows:
            return []
        if self.order.state == "done":
            return list(self.order.rows)
        whole = {trial.key for trial in self.study.trials(self.seeds)}
        return [row for row in self.order.rows if row["key"] in whole]

    @property
    def running(self) -> bool:
        return self.order.state not in ENDED

    @property
    def pace(self) -> float | None:
        """How many seconds lie between two looks at it; None where nothing changes any more."""
        return (WAITING_EVERY if self.order.state == "waiting" else EVERY) if self.running else None


@dataclass
class Measuring:
    """A visitor's orders: the service knows him by `session`; what was measured is kept here when it forgets.

    Two tabs may hold the same one: `owns` is replaced and never changed.
    """

    session: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    owns: Mapping[str, Own] = field(default_factory=dict)
    problem: str | None = None
    news: str = ""  # the study that has ended while another page was looked at

    def start(self, study: Study, seeds: int, first: int = 0, page: str = "", query: Mapping[str, str] = {}) -> None:
        """Order a study's seeds from the first on; what is not possible is said."""
        try:
            order = SERVICE.order(self.session, study, seeds, first)
        except StudyError as error:
            self.problem = str(error)
            return
        others = [(name, own) for name, own in self.owns.items() if name != study.name]
        self.owns = {**dict(others[1 - KEPT :]), study.name: Own(study, order, page, dict(query))}
        self.problem, self.news = None, ""
        SHELVES.keep(self)

    def cancel(self) -> None:
        SERVICE.cancel(self.session)

    @property
    def running(self) -> Own | None:
        """The study that runs or waits, as it was at the last look."""
        return next((own for own in self.owns.values() if own.running), None)

    def look(self) -> Own | None:
        """Return the study that runs or waits, as it is now; what it has brought is kept."""
        running = self.running
        if running is None:
            return None
        order = SERVICE.look(self.session)
        if order is None or order.study != running.study.name:
            lost = f"Nobody looked for {FREED_AFTER:.0f} seconds, so the server ended it."
            before = running.order
            order = replace(before, state="cancelled", place=0, problem=before.problem or lost, wait=None)
        now = replace(running, order=order)
        self.owns = {**self.owns, running.study.name: now}
        return now

    def of(self, study: Study) -> Own | None:
        """Return what was measured of just this study."""
        own = self.owns.get(study.name)
        return own if own is not None and own.study == study else None


class Shelves:
    """The orders of those who have any, by their token; safe to call from any thread, and bounded."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[float, Measuring]] = {}
        self._lock = threading.Lock()

    def keep(self, mine: Measuring) -> None:
        """Keep a visitor's orders; those that nobody has looked at for longest make room."""
        with self._lock:
            self._held.pop(mine.session, None)
            limit = time.monotonic() - KEPT_FOR
            alive = [(token, one) for token, one in self._held.items() if one[0] >= limit]
            self._held = {**dict(alive[1 - MAX_SHELVES :]), mine.session: (time.monotonic(), mine)}

    def find(self, token: str) -> Measuring | None:
        """Return the orders kept under a token."""
        with self._lock:
            since, mine = self._held.get(token, (0.0, None))
            return mine if mine is not None and time.monotonic() - since < KEPT_FOR else None


SHELVES = Shelves()
_remember = st.components.v2.component("bnviz_own", html="<div></div>", js=stub("own.js"), isolate_styles=False)


def measuring() -> Measuring:
    """Return this session's orders."""
    found = cast("Measuring | None", st.session_state.get("measuring"))
    if found is None:
        found = st.session_state["measuring"] = Measuring()
    return found


def remember() -> None:
    """Have the browser's tab remember whose rows these are; a page that was loaded anew gets its own back."""
    mine = measuring()
    if mine.owns:
        SHELVES.keep(mine)
    data: dict[str, Any] = {"assets": assets_path(), "token": mine.session if mine.owns else ""}
    _remember(key="own", data=data, on_token_change=_take_up)


def _take_up() -> None:
    token = st.session_state["own"].get("token")
    mine = SHELVES.find(token) if isinstance(token, str) else None
    if mine is not None and not measuring().owns:
        st.session_state["measuring"] = mine
