"""Measuring again: how far a session's order is, on whichever page it is looked at, and the button that begins one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from bnviz.studies.catalogue import STUDIES
from bnviz.studies.rules import FEWEST
from bnviz.studies.service import FREED_AFTER, MAX_TRIALS, affordable, workers
from bnviz.studies.study import Study
from bnviz.ui.address import plain
from bnviz.ui.claims_evidence import shipped_rows
from bnviz.ui.claims_own import Own, measuring
from bnviz.ui.claims_progress import came_to, cancelled, duration, expected, far, trainings, which
from bnviz.ui.command import command, where

OFF = "Measuring is switched off on this server: what is shown came with the app."
Place = tuple[str, Mapping[str, str]]  # a page and its query


def watched(study: Study, draw: Callable[[Own | None], None]) -> None:
    """Draw what depends on a study's own runs, again and again while they come and never otherwise."""
    measuring().look()
    own = measuring().of(study)
    pace = own.pace if own is not None else None
    if own is not None and not own.running and measuring().news == study.name:
        measuring().news = ""

    def look() -> None:
        measuring().look()
        now = measuring().of(study)
        if pace != (now.pace if now is not None else None):
            st.rerun()  # the whole page: it is looked at again as often as what runs changes, or no more
        draw(now)

    st.fragment(look, run_every=pace)()


def elsewhere(study: Study | None = None) -> None:
    """Say how far another study of this session is, or that it has ended; where none is, a page asks for nothing."""
    own = measuring().look()
    if own is None or own.study == study:
        ended = measuring().owns.get(measuring().news)
        if ended is not None and ended.study != study:
            _bar(ended, came_to(ended.order), "See what came")
        return
    pace, name = own.pace, own.study.name

    def look() -> None:
        now = measuring().look()
        if now is None or now.study.name != name or now.pace != pace:
            measuring().news = name if now is None or now.study.name != name or not now.running else ""
            st.rerun()
        else:
            _bar(now, far(now), "Show it")

    st.fragment(look, run_every=pace)()


def _bar(own: Own, words: str, label: str) -> None:
    with st.container(key="elsewhere", border=True, horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(own.study.title)}**: {plain(words)}", width="stretch")
        if own.page:
            st.page_link(own.page, label=label, icon=":material/arrow_forward:", query_params=dict(own.query))
        if own.running:
            st.button("Cancel it", key="cancel-elsewhere", on_click=measuring().cancel)
        else:
            st.button("Close", key="close-elsewhere", on_click=_close, type="tertiary")


def _close() -> None:
    measuring().news = ""


def fresh(study: Study, own: Own | None) -> int:
    """Return the first seed that neither the shipped rows nor this session's last order has measured.

    With the shipped seeds a server can only say that it computes alike; new ones are evidence of their own.
    """
    shipped = [row["seed"] for row in shipped_rows(study.name)]
    return max([0, *(seed + 1 for seed in shipped), *([own.next_seed] if own else [])])


def panel(study: Study, own: Own | None, *, words: str, place: Place, usual: int | None = None) -> None:
    """Draw the button with its number of seeds, or how far the study is and the button that ends it.

    Without a `usual` number it is that which decides the study stably.
    """
    mine = measuring()
    if mine.problem:
        st.error(plain(mine.problem))
        mine.problem = None
    if own is not None and own.running:
        _progress(own)
        st.button("Cancel", key="cancel-measuring", on_click=mine.cancel)
        return
    if workers() == 0:
        _instead(study, OFF)
    elif (most := affordable(study)) == 0:
        each = trainings(len(study.trials(range(1))))
        _instead(study, f"{each}: at most {MAX_TRIALS} are run here for one visitor.", "Take fewer values on an axis.")
    else:
        _start(study, min(most, usual or study.check_seeds), most, words, (fresh(study, own), place))
    if own is not None:
        _ended(own)


def _instead(study: Study, why: str, otherwise: str = "") -> None:
    """Say what a reader can do instead; a study that he made up has no name on the command line."""
    if study.name in STUDIES:
        words = f"study {study.name}"
        st.caption(f"{why} On your own machine: {command(words)}.", help=where(f"{words} --out /tmp/studies"))
    else:
        st.caption(f"{why} {otherwise}".strip())


def _start(study: Study, usual: int, most: int, words: str, start: tuple[int, Place]) -> None:
    first, (page, query) = start
    other = measuring().running
    with st.container(horizontal=True, vertical_alignment="bottom", key="measure-again"):
        seeds = 1
        if most > 1:
            seeds = st.number_input(
                "New seeds", 1, most, usual, key=f"seeds-{study.name}", width=130,
                help="Each seed is a training of every network with other initial weights and batches. A claim's "
                f"verdict needs {FEWEST}.",
            )  # fmt: skip
        st.button(
            words, key="measure", type="primary", disabled=other is not None,
            on_click=lambda: measuring().start(study, seeds, first, page, query),
        )  # fmt: skip
    asked, time = range(first, first + seeds), expected(study, seeds)
    said = f"{trainings(len(study.trials(asked)))} on this server, with {which(asked)}"
    st.caption(f"{said}{f': about {duration(time)}' if time is not None else ''}.")
    if shipped := sorted({row["seed"] for row in shipped_rows(study.name)}):
        check = f"study {study.name} --check"
        st.caption(
            f"What is shipped has {which(shipped)}: others are new evidence, and may disagree. {command(check)} "
            "repeats shipped ones.",
            help=where(check),
        )
    if other is not None:
        st.caption(f"**{plain(other.study.title)}** is being measured: one study at a time.")


def _progress(own: Own) -> None:
    progress, words, seeds = own.order.progress, far(own), which(own.asked)
    st.progress((progress.kept + progress.done) / max(1, progress.total), text=plain(words[:1].upper() + words[1:]))
    st.caption(
        f"{seeds[:1].upper()}{seeds[1:]}. It goes on while Claims or Maps is open; {FREED_AFTER:.0f} seconds without "
        "either end it."
    )


def _ended(own: Own) -> None:
    order = own.order
    failed = [row["failure"] for row in order.rows if row["failure"]]
    if order.state == "failed":
        st.error(plain(f"It could not be measured: {order.problem}"))
    elif order.state == "cancelled":
        st.info(plain(cancelled(own)))
    if failed:
        st.warning(plain(f"{len(failed)} of {order.progress.total} trainings failed: {failed[0]}"))
