"""The maps page's composition: which map, one figure an arm, the chosen cell and its link into the lab."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from bnviz.experiment.words import LABELS, value_label
from bnviz.sharing.link import encode
from bnviz.studies.default_maps import MAPS
from bnviz.studies.maps import Grid, MapStudy
from bnviz.studies.results import Result
from bnviz.ui.address import plain
from bnviz.ui.claims_evidence import disagreement, made_with, shipped_rows
from bnviz.ui.claims_figure import figure
from bnviz.ui.claims_lab import LAB, lab_link
from bnviz.ui.claims_measure import elsewhere, panel, watched
from bnviz.ui.claims_own import Own, remember
from bnviz.ui.maps_own import show_form
from bnviz.ui.maps_picture import Picture, drawn, found, settings
from bnviz.ui.maps_state import MapsState, OwnMap, encode_maps, maps_state

OWN = "own"


def show() -> None:
    """Draw the page: the choice of a map, the map, what was clicked, and the button that measures it."""
    state = maps_state()
    if state.problem:
        st.error(plain(state.problem))
        state.problem = None
    state.address.write(encode_maps(state.shown))
    study = state.study
    elsewhere(study)
    _intro(study)
    _chooser(state)
    show_form(state)
    st.markdown(f"**{plain(study.title)}.** {plain(study.words or _words(study))} {plain(study.unfair)}".strip())
    watched(study, lambda own: _map(state, study, own))
    remember()


def _intro(study: MapStudy) -> None:
    st.markdown(
        "**Which networks train?** Each square is a network of its own, trained with the settings on the two axes. The "
        f"brighter, the higher its test accuracy; the white line parts those that train in {study.time} from those "
        "that don't. Click a square (or Tab, arrow keys, Enter) to see its numbers and open its run in the lab."
    )


def _chooser(state: MapsState) -> None:
    options = [*MAPS, *([OWN] if isinstance(state.shown, OwnMap) else [])]
    current = OWN if isinstance(state.shown, OwnMap) else state.shown
    key = f"map-{state.epoch}-{len(options)}"

    def choose() -> None:
        if (name := st.session_state[key]) in MAPS:
            state.change(name)

    st.pills(
        "Map", options, default=current, key=key, on_change=choose, label_visibility="collapsed", required=True,
        format_func=lambda name: MAPS[name].title if name in MAPS else "Your own map",
    )  # fmt: skip


def _words(study: MapStudy) -> str:
    taken = {study.x.field, study.y.field, "normalization"}
    kept = ("dataset", "hidden_layers", "width", "activation", "init", "optimizer", "learning_rate", "batch_size")
    said = [f"{LABELS[name].lower()} {value_label(getattr(study.base, name))}" for name in kept if name not in taken]
    return f"{said[0][:1].upper()}{', '.join(said)[1:]}."


def _map(state: MapsState, study: MapStudy, own: Own | None) -> None:
    rows = list(shipped_rows(study.name)) if study.name in MAPS else []
    mine = own.rows if own is not None else []
    shown = mine if own is not None and (mine or own.running) and _shows_own(study, bool(rows)) else rows
    grid = study.grid(shown)
    waiting = own is not None and own.running and shown is not rows
    if not rows:
        _measure(state, study, own, rows)  # first, as nothing else can be done with an empty map
    columns = st.columns(2, gap="medium") if len(study.arms) > 1 else [st.container()]
    for arm, (name, _) in enumerate(study.arms):
        with columns[arm % len(columns)]:
            st.markdown(f"**{plain(name[:1].upper() + name[1:])}**{_of_how_many(study, grid, arm)}")
            figure(
                drawn(Picture.of(state, study, grid, arm, waiting=waiting)), key=f"map-{study.name}-{arm}",
                alt=f"{study.title}, {name}: {study.finding(arm, grid).sentence}", revision=study.title,
                picked=partial(state.choose, arm),
            )  # fmt: skip
            if state.chosen is not None and state.chosen[0] == arm:
                _chosen(state.chosen, study, grid)
    _legend(study, grid)
    if rows:
        _measure(state, study, own, rows)
    st.caption(plain(f"Shipped: {made_with(rows)}.") if rows else "No results of this map come with the app.")


def _of_how_many(study: MapStudy, grid: Grid, arm: int) -> str:
    """How many of an arm's networks are measured, as long as some are not."""
    known = [grid.seeds[cell[:3]] > 0 for cell in study.cells if cell.arm == arm and cell.config is not None]
    return "" if all(known) else f" · {sum(known)} of {len(known)} networks measured"


def _measure(state: MapsState, study: MapStudy, own: Own | None, rows: Sequence[Result]) -> None:
    with st.container(border=True):
        st.markdown("**Measure it here**")
        words = "Measure again" if rows else "Measure this map"
        panel(study, own, words=words, place=("maps.py", encode_maps(state.shown)), usual=1)
        if own is not None and not own.running and rows and own.rows:
            _compare(study, own.rows)


def _shows_own(study: MapStudy, both: bool) -> bool:
    """Ask which of both is shown, where there are both."""
    if not both:
        return True
    chosen = st.segmented_control(
        "Shown", ["measured here", "shipped"], default="measured here", key=f"shown-{study.name}", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    return chosen != "shipped"


def _legend(study: MapStudy, grid: Grid) -> None:
    if not np.any(grid.seeds):
        st.caption(f"Nothing is measured yet.{_gaps(study)}")
        return
    st.caption(
        f"{_mean_of(grid)}. The white line is the border: a network trains beyond {_beyond(study, grid)} after "
        f"{study.time}, halfway from chance to the best on the map.{_gaps(study)}"
    )


def _mean_of(grid: Grid) -> str:
    """Over how many seeds: where an order was cancelled, not over as many in every cell."""
    known = grid.seeds[grid.seeds > 0]
    low, high = int(known.min()), int(known.max())
    if high == 1:
        return "1 seed"
    return f"Mean of {high} seeds" if low == high else f"Mean of {low} to {high} seeds"


def _beyond(study: MapStudy, grid: Grid) -> str:
    found = study.thresholds(grid)
    if len(found) == 1:
        return f"{next(iter(found.values())):.0%}"
    return ", ".join(f"{threshold:.0%} on {value_label(dataset)}" for dataset, threshold in found.items())


def _gaps(study: MapStudy) -> str:
    """What a cross means, where there are any."""
    if all(cell.config is not None for cell in study.cells):
        return ""
    return " No network can have the settings of a cell marked ×: hover over it to read why."


def _chosen(chosen: tuple[int, int, int], study: MapStudy, grid: Grid) -> None:
    """The numbers of the cell that was clicked, in all arms, and the link that opens these networks in the lab."""
    _, row, column = chosen
    cells = [cell for cell in study.cells if (cell.row, cell.column) == (row, column)]
    with st.container(border=True, key="chosen-cell"):
        said = settings(study, cells[0])
        st.markdown(f"**{plain(said[:1].upper() + said[1:])}**")
        for cell in cells:
            st.markdown(plain(f"{study.arms[cell.arm][0]}: {found(study, grid, cell)}"))
        runs = [(study.arms[cell.arm][0], cell.config) for cell in cells if cell.config is not None]
        if runs:
            link = lab_link(runs, study.steps)
            st.page_link(LAB, label="Open this run in the lab", icon=":material/play_arrow:", query_params=encode(link))


def _compare(study: MapStudy, mine: Sequence[Result]) -> None:
    difference = disagreement(study, mine)
    if difference is not None:
        st.warning(f"**The runs here disagree.** {plain(difference)}.")
    else:
        st.success("The runs here agree with the shipped map, except for single cells at the border.")
