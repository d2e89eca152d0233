"""Measuring again: one session's order at the server's service, and the rows that it has brought."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import streamlit as st

from bnviz.studies.catalogue import STUDIES
from bnviz.studies.errors import StudyError
from bnviz.studies.orders import ENDED, Order
from bnviz.studies.results import Result
from bnviz.studies.rules import FEWEST
from bnviz.studies.service import FREED_AFTER, MAX_TRIALS, SERVICE, affordable, workers
from bnviz.studies.study import Study
from bnviz.ui.address import plain

EVERY, WAITING_EVERY = 0.8, 3.0  # seconds between two looks at what runs, at what waits for its turn
KEPT = 6  # studies whose own rows a session keeps
USUAL_SEEDS = FEWEST
OFF = "Measuring is switched off on this server: what is shown came with the app."


@dataclass
class Own:
    """What a session has measured of a study: the last look at its order."""

    study: Study
    order: Order

    @property
    def rows(self) -> list[Result]:
        """The runs that went well."""
        return [row for row in self.order.rows if not row["failure"]]

    @property
    def running(self) -> bool:
        return self.order.state not in ENDED

    @property
    def pace(self) -> float | None:
        """How many seconds lie between two looks at it; None where nothing changes any more."""
        return (WAITING_EVERY if self.order.state == "waiting" else EVERY) if self.running else None


@dataclass
class Measuring:
    """A session's orders: the service knows it by `session`; what was measured is kept here when it forgets."""

    session: str = field(default_factory=lambda: secrets.token_hex(12))
    owns: dict[str, Own] = field(default_factory=dict)
    problem: str | None = None

    def start(self, study: Study, seeds: int) -> None:
        """Order a study; what is not possible is said."""
        try:
            order = SERVICE.order(self.session, study, seeds)
        except StudyError as error:
            self.problem = str(error)
            return
        self.owns.pop(study.name, None)
        self.owns = {**dict(list(self.owns.items())[1 - KEPT :]), study.name: Own(study, order)}
        self.problem = None

    def cancel(self) -> None:
        SERVICE.cancel(self.session)

    def look(self) -> Own | None:
        """Return the study that runs or waits, as it is now; what it has brought is kept."""
        running = next((own for own in self.owns.values() if own.running), None)
        if running is None:
            return None
        order = SERVICE.look(self.session)
        if order is None or order.study != running.study.name:
            lost = f"Nobody looked for {FREED_AFTER:.0f} seconds, so the server ended it."
            before = running.order
            order = Order(
                before.study, before.seeds, "cancelled", 0, before.progress, before.rows, before.problem or lost
            )
        running.order = order
        return running

    def of(self, study: Study) -> Own | None:
        """Return what was measured of just this study."""
        own = self.owns.get(study.name)
        return own if own is not None and own.study == study else None


def measuring() -> Measuring:
    """Return this session's orders."""
    found = cast("Measuring | None", st.session_state.get("measuring"))
    if found is None:
        found = st.session_state["measuring"] = Measuring()
    return found


def watched(study: Study, draw: Callable[[Own | None], None]) -> None:
    """Draw what depends on a study's own runs, again and again while they come and never otherwise."""
    mine = measuring()
    mine.look()
    own = mine.of(study)
    pace = own.pace if own is not None else None

    def look() -> None:
        mine.look()
        now = mine.of(study)
        if pace != (now.pace if now is not None else None):
            st.rerun()  # the whole page: it is looked at again as often as what runs changes, or no more
        draw(now)

    st.fragment(look, run_every=pace)()


def panel(study: Study, own: Own | None, *, words: str, usual: int = USUAL_SEEDS) -> None:
    """Draw the button with its number of seeds, or how far the study is and the button that ends it."""
    mine = measuring()
    if mine.problem:
        st.error(plain(mine.problem))
        mine.problem = None
    if own is not None and own.running:
        _progress(own.order)
        st.button("Cancel", key="cancel-measuring", on_click=mine.cancel)
        return
    if workers() == 0:
        st.caption(f"{OFF} {_elsewhere(study) if study.name in STUDIES else ''}".strip())
    elif (most := affordable(study)) == 0:
        trainings = len(study.trials(range(1)))
        st.caption(f"{trainings} trainings: at most {MAX_TRIALS} are run here for one visitor. {_elsewhere(study)}")
    else:
        _start(study, most, words, usual)
    if own is not None:
        _ended(own.order)


def _elsewhere(study: Study) -> str:
    """What a reader can do instead; a study that he made up has no name on the command line."""
    known = study.name in STUDIES
    return f"On your own machine: `python -m bnviz study {study.name}`." if known else "Take fewer values on an axis."


def _start(study: Study, most: int, words: str, usual: int) -> None:
    mine = measuring()
    other = next((own for own in mine.owns.values() if own.running), None)
    with st.container(horizontal=True, vertical_alignment="bottom", key="measure-again"):
        seeds = 1
        if most > 1:
            seeds = st.number_input(
                "Seeds", 1, most, min(most, usual), key=f"seeds-{study.name}", width=130,
                help="Each seed is a training of every network with other initial weights and batches. A claim's "
                f"verdict needs {FEWEST}.",
            )  # fmt: skip
        st.button(
            words, key="measure", type="primary", on_click=lambda: mine.start(study, seeds), disabled=other is not None
        )
        trainings = len(study.trials(range(seeds)))
        st.caption(f"{trainings} trainings on this server" if trainings > 1 else "1 training on this server")
    if other is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"“{plain(other.study.title)}” is being measured: one study at a time.")
            st.button("Cancel that one", key="cancel-other", on_click=mine.cancel)


def _progress(order: Order) -> None:
    progress = order.progress
    done = progress.kept + progress.done
    if order.state == "waiting":
        text = f"Place {order.place} in the queue"
        if order.wait is not None:
            text += f", its turn comes in about {duration(order.wait)}"
        count = f"{done} of {progress.total} trainings done" if done else f"{progress.total} trainings"
        st.progress(done / max(1, progress.total), text=f"{text}; {count}.")
        return
    parts = [f"{done} of {progress.total} trainings done"]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.startup is None:
        parts.append("the server's worker starts")
    elif progress.seconds_left is not None and progress.left:
        parts.append(f"about {duration(progress.seconds_left)} left")
    st.progress(done / max(1, progress.total), text=", ".join(parts) + ".")
    st.caption(f"{_seeds(order.seeds)}. Keep this page open: a minute elsewhere ends it.")


def _ended(order: Order) -> None:
    failed = [row["failure"] for row in order.rows if row["failure"]]
    done = len(order.rows) - len(failed)
    if order.state == "failed":
        st.error(plain(f"It could not be measured: {order.problem}"))
    elif order.state == "cancelled":
        st.info(plain(f"Cancelled after {done} of {order.progress.total} trainings. {order.problem}".strip()))
    if failed:
        st.warning(plain(f"{len(failed)} of {order.progress.total} trainings failed: {failed[0]}"))


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def duration(seconds: float) -> str:
    """Return a time to wait in words."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def said_seeds(rows: Sequence[Result]) -> str:
    """Return how many seeds rows have."""
    return _seeds(len({row["seed"] for row in rows}))
