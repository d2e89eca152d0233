"""Measuring again: how far a session's order is, on whichever page it is looked at, and the button that begins one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from bnviz.studies.catalogue import STUDIES
from bnviz.studies.orders import Order
from bnviz.studies.results import Result
from bnviz.studies.rules import FEWEST
from bnviz.studies.service import FREED_AFTER, MAX_TRIALS, affordable, workers
from bnviz.studies.study import Study
from bnviz.ui.address import plain
from bnviz.ui.claims_evidence import shipped_rows
from bnviz.ui.claims_own import Own, measuring

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
            _bar(ended, _came_to(ended.order), "See what came")
        return
    pace, name = own.pace, own.study.name

    def look() -> None:
        now = measuring().look()
        if now is None or now.study.name != name or now.pace != pace:
            measuring().news = name if now is None or now.study.name != name or not now.running else ""
            st.rerun()
        else:
            _bar(now, _far(now.order), "Show it")

    st.fragment(look, run_every=pace)()


def _bar(own: Own, words: str, label: str) -> None:
    with st.container(key="elsewhere", border=True, horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"“{plain(own.study.title)}”: {plain(words)}", width="stretch")
        if own.page:
            st.page_link(own.page, label=label, icon=":material/arrow_forward:", query_params=dict(own.query))
        if own.running:
            st.button("Cancel it", key="cancel-elsewhere", on_click=measuring().cancel)
        else:
            st.button("Close", key="close-elsewhere", on_click=_close, type="tertiary")


def _close() -> None:
    measuring().news = ""


def fresh(study: Study, own: Own | None) -> int:
    """Return the first seed that neither the shipped rows nor this session's last order has used.

    With the shipped seeds a server can only say that it computes alike; new ones are evidence of their own.
    """
    shipped = [row["seed"] for row in shipped_rows(study.name)]
    return max([0, *(seed + 1 for seed in shipped), *([own.order.first + own.order.seeds] if own else [])])


def panel(study: Study, own: Own | None, *, words: str, place: Place, usual: int | None = None) -> None:
    """Draw the button with its number of seeds, or how far the study is and the button that ends it.

    Without a `usual` number it is that which decides the study stably.
    """
    mine = measuring()
    if mine.problem:
        st.error(plain(mine.problem))
        mine.problem = None
    if own is not None and own.running:
        _progress(own.order)
        st.button("Cancel", key="cancel-measuring", on_click=mine.cancel)
        return
    if workers() == 0:
        st.caption(f"{OFF} {_on_your_own(study) if study.name in STUDIES else ''}".strip())
    elif (most := affordable(study)) == 0:
        trainings = len(study.trials(range(1)))
        st.caption(f"{trainings} trainings: at most {MAX_TRIALS} are run here for one visitor. {_on_your_own(study)}")
    else:
        _start(study, min(most, usual or study.check_seeds), most, words, (fresh(study, own), place))
    if own is not None:
        _ended(own.order)


def _on_your_own(study: Study) -> str:
    """What a reader can do instead; a study that he made up has no name on the command line."""
    known = study.name in STUDIES
    return f"On your own machine: `python -m bnviz study {study.name}`." if known else "Take fewer values on an axis."


def _start(study: Study, usual: int, most: int, words: str, where: tuple[int, Place]) -> None:
    first, (page, query) = where
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
    trainings = len(study.trials(range(first, first + seeds)))
    st.caption(f"{_trainings(trainings)} on this server, with {_which(first, seeds)}. {_why(study)}".strip())
    if other is not None:
        st.caption(f"“{plain(other.study.title)}” is being measured: one study at a time.")


def _trainings(count: int) -> str:
    return f"{count} training{'s' * (count != 1)}"


def _why(study: Study) -> str:
    """Why these seeds."""
    shipped = sorted({row["seed"] for row in shipped_rows(study.name)})
    if not shipped:
        return ""
    had = _which(shipped[0], shipped[-1] - shipped[0] + 1).removeprefix("seeds ").removeprefix("seed ")
    return (
        f"What is shipped has {had}: other seeds are new evidence, and may disagree. "
        f"`python -m bnviz study {study.name} --check` repeats shipped ones."
    )


def _which(first: int, seeds: int) -> str:
    return f"seed {first}" if seeds == 1 else f"seeds {first} to {first + seeds - 1}"


def which_seeds(order: Order) -> str:
    """Return an order's seeds in words."""
    return _which(order.first, order.seeds)


def _far(order: Order) -> str:
    """How far an order is, in words."""
    progress = order.progress
    done = progress.kept + progress.done
    if order.state == "waiting":
        text = f"place {order.place} in the queue"
        if order.wait is not None:
            text += f", its turn comes in about {duration(order.wait)}"
        return f"{text}; {f'{done} of ' if done else ''}{_trainings(progress.total)}{' done' * bool(done)}."
    parts = [f"{done} of {progress.total} trainings done"]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.startup is None:
        parts.append("the server's worker starts")
    elif progress.seconds_left is not None and progress.left:
        parts.append(f"about {duration(progress.seconds_left)} left")
    return ", ".join(parts) + "."


def _came_to(order: Order) -> str:
    """What became of an order, in words."""
    came = f"{order.progress.done} of {_trainings(order.progress.total)}"
    return {"done": f"measured here, {came}.", "failed": f"could not be measured: {order.problem}"}.get(
        order.state, f"ended after {came}. {order.problem}".strip()
    )


def _progress(order: Order) -> None:
    progress = order.progress
    words = _far(order)
    st.progress((progress.kept + progress.done) / max(1, progress.total), text=plain(words[:1].upper() + words[1:]))
    seeds = which_seeds(order)
    st.caption(
        f"{seeds[:1].upper()}{seeds[1:]}. It goes on while Claims or Maps is open; {FREED_AFTER:.0f} seconds without "
        "either end it."
    )


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
    """Return an estimated time in words, no finer than an estimate is."""
    return f"{max(5, 5 * round(seconds / 5))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def said_seeds(rows: Sequence[Result]) -> str:
    """Return how many seeds rows have."""
    return _seeds(len({row["seed"] for row in rows}))
