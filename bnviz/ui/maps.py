"""The maps page's composition: which map, one figure an arm, the chosen cell and its link into the lab."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from bnviz.experiment.words import LABELS, value_label
from bnviz.figures.maps import Field, Side, accuracy_map
from bnviz.sharing.link import encode
from bnviz.studies.default_maps import MAPS
from bnviz.studies.map_axes import Axis
from bnviz.studies.maps import Grid, MapStudy, border
from bnviz.studies.results import Result
from bnviz.ui.address import plain
from bnviz.ui.claims_evidence import disagreement, made_with, shipped_rows
from bnviz.ui.claims_figure import figure
from bnviz.ui.claims_lab import LAB, lab_link
from bnviz.ui.claims_measure import elsewhere, panel, said_seeds, watched
from bnviz.ui.claims_own import Own, remember
from bnviz.ui.maps_own import show_form
from bnviz.ui.maps_state import MapsState, OwnMap, encode_maps, maps_state

if TYPE_CHECKING:
    import plotly.graph_objects as go

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
    _intro()
    _chooser(state)
    show_form(state)
    st.markdown(f"**{plain(study.title)}.** {plain(study.words or _words(study))}")
    watched(study, lambda own: _map(state, study, own))
    remember()


def _intro() -> None:
    st.markdown(
        "**Which networks train?** Each square is a network of its own, trained with the settings on the two axes. The "
        "brighter, the higher its test accuracy; the white line parts those that train from those that don't. Click a "
        "square (or Tab, arrow keys, Enter) to see its numbers and open its run in the lab."
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
            st.markdown(f"**{plain(name[:1].upper() + name[1:])}**")
            figure(
                _drawn(_Picture.of(state, study, grid, arm, waiting=waiting)), key=f"map-{study.name}-{arm}",
                alt=f"{study.title}, {name}: {study.finding(arm, grid).sentence}", revision=study.title,
                picked=partial(state.choose, arm),
            )  # fmt: skip
            if state.chosen is not None and state.chosen[0] == arm:
                _chosen(state.chosen, study, grid)
    _legend(study, grid, shown)
    if rows:
        _measure(state, study, own, rows)
    st.caption(plain(f"Shipped: {made_with(rows)}.") if rows else "No results of this map come with the app.")


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


@dataclass(frozen=True)
class _Picture:
    """What an arm's figure is drawn from; equal ones, by what makes the difference, are drawn once."""

    shows: Hashable
    study: MapStudy = field(compare=False)
    grid: Grid = field(compare=False)
    arm: int
    chosen: tuple[int, int] | None
    waiting: bool

    @classmethod
    def of(cls, state: MapsState, study: MapStudy, grid: Grid, arm: int, *, waiting: bool) -> _Picture:
        shown = (grid.accuracy, grid.seeds, grid.trains)
        shows = (state.shown, *(part[arm].tobytes() for part in shown))
        return cls(shows, study, grid, arm, state.chosen and state.chosen[1:], waiting)


@lru_cache(maxsize=64)
def _drawn(picture: _Picture) -> go.Figure:
    """A watched map is asked for every second by everybody who looks, and changes more seldom."""
    return _arm_figure(picture.study, picture.grid, picture.arm, picture.chosen, waiting=picture.waiting)


def _arm_figure(study: MapStudy, grid: Grid, arm: int, chosen: tuple[int, int] | None, *, waiting: bool) -> go.Figure:
    shape = grid.accuracy[arm].shape
    texts = [[""] * shape[1] for _ in range(shape[0])]
    marks = [[""] * shape[1] for _ in range(shape[0])]
    for cell in study.cells:
        if cell.arm == arm:
            here = (arm, cell.row, cell.column)
            texts[cell.row][cell.column] = _hover(study, grid, here, cell.reason, waiting=waiting)
            if cell.config is None:
                marks[cell.row][cell.column] = "×"
            elif not grid.seeds[here]:
                marks[cell.row][cell.column] = "…" if waiting else "·"
    field = Field(accuracy=grid.accuracy[arm], texts=texts, marks=marks, border=known_border(grid, arm), chosen=chosen)
    return accuracy_map(field, side(study.x), side(study.y), f"test accuracy after {study.steps} steps")


def _hover(study: MapStudy, grid: Grid, here: tuple[int, int, int], reason: str, *, waiting: bool) -> str:
    _, row, column = here
    where = ", ".join(
        f"{LABELS[axis.field].lower()} {value_label(axis.values[place])}"
        for axis, place in ((study.x, column), (study.y, row))
    )
    if reason:
        return f"{where}: no network can have these settings: {reason}"
    if not grid.seeds[here]:
        return f"{where}: {'measuring …' if waiting else 'not measured'}"
    word = "trains" if grid.trains[here] else "does not train"
    return f"{where}: {grid.accuracy[here]:.1%} ({word})"


def side(axis: Axis) -> Side:
    """Return an axis as the figure takes it; logarithmic where its values rise over a factor of ten."""
    rising = axis.logarithmic and list(axis.values) == sorted(axis.values)
    return Side(
        label=LABELS[axis.field].lower(),
        texts=[value_label(value) for value in axis.values],
        places=[float(value) for value in axis.values] if rising else (),
    )


def known_border(grid: Grid, arm: int) -> list[tuple[float, float, float, float]]:
    """Return the border's edges between two cells that are both measured."""
    known = grid.seeds[arm] > 0

    def measured(edge: tuple[float, float, float, float]) -> bool:
        x0, y0, x1, y1 = edge
        row, column = math.floor((y0 + y1) / 2), math.floor((x0 + x1) / 2)
        other = (row, column + 1) if x0 == x1 else (row + 1, column)
        return bool(known[row, column] and known[other])

    return [edge for edge in border(grid.trains[arm]) if measured(edge)]


def _legend(study: MapStudy, grid: Grid, rows: Sequence[Result]) -> None:
    if not np.any(grid.seeds):
        st.caption(f"Nothing is measured yet.{_gaps(study)}")
        return
    st.caption(
        f"Mean of {said_seeds(rows)}. The white line is the border: a network trains beyond {_beyond(study, grid)}, "
        f"halfway from chance to the best on the map.{_gaps(study)}"
    )


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
        st.markdown(
            f"**{LABELS[study.x.field]} {plain(value_label(study.x.values[column]))}, "
            f"{LABELS[study.y.field].lower()} {plain(value_label(study.y.values[row]))}**"
        )
        for cell in cells:
            name = study.arms[cell.arm][0]
            st.markdown(plain(f"{name}: {_numbers(study, grid, (cell.arm, row, column), cell.reason)}"))
        runs = [(study.arms[cell.arm][0], cell.config) for cell in cells if cell.config is not None]
        if runs:
            link = lab_link(runs, study.steps)
            st.page_link(LAB, label="Open this run in the lab", icon=":material/play_arrow:", query_params=encode(link))


def _numbers(study: MapStudy, grid: Grid, here: tuple[int, int, int], reason: str) -> str:
    if reason:
        return f"no network can have these settings: {reason}"
    if not grid.seeds[here]:
        return "not measured yet"
    word = "it trains" if grid.trains[here] else "it does not train"
    return f"{grid.accuracy[here]:.1%} test accuracy after {study.steps} steps; {word}"


def _compare(study: MapStudy, mine: Sequence[Result]) -> None:
    difference = disagreement(study, mine)
    if difference is not None:
        st.warning(f"**The runs here disagree.** {plain(difference)}.")
    else:
        st.success("The runs here agree with the shipped map, except for single cells at the border.")
