"""A map's figure and its cells in words; drawn once for what it shows: all who watch a map ask for it every second."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from bnviz.experiment.words import LABELS, value_label
from bnviz.figures.maps import Field, Side, accuracy_map
from bnviz.studies.map_axes import Axis
from bnviz.studies.maps import Cell, Grid, MapStudy, border
from bnviz.ui.maps_state import MapsState

if TYPE_CHECKING:
    import plotly.graph_objects as go

COMING, NONE = ("Being measured:", "a square comes with each training"), ("Not measured yet",)


@dataclass(frozen=True)
class Picture:
    """What an arm's figure is drawn from; equal ones, by what makes the difference, are drawn once."""

    shows: Hashable
    study: MapStudy = field(compare=False)
    grid: Grid = field(compare=False)
    arm: int
    chosen: tuple[int, int] | None
    waiting: bool

    @classmethod
    def of(cls, state: MapsState, study: MapStudy, grid: Grid, arm: int, *, waiting: bool) -> Picture:
        shown = (grid.accuracy, grid.seeds, grid.trains)
        shows = (state.shown, *(part[arm].tobytes() for part in shown))
        return cls(shows, study, grid, arm, state.chosen and state.chosen[1:], waiting)


@lru_cache(maxsize=64)
def drawn(picture: Picture) -> go.Figure:
    """Return the figure."""
    return _arm_figure(picture.study, picture.grid, picture.arm, picture.chosen, waiting=picture.waiting)


def _arm_figure(study: MapStudy, grid: Grid, arm: int, chosen: tuple[int, int] | None, *, waiting: bool) -> go.Figure:
    rows, columns = grid.accuracy[arm].shape
    texts, marks = ([[""] * columns for _ in range(rows)] for _ in range(2))
    for cell in study.cells:
        if cell.arm == arm:
            texts[cell.row][cell.column] = f"{settings(study, cell)}: {found(study, grid, cell)}"
            if cell.config is None:
                marks[cell.row][cell.column] = "×"
            elif not grid.seeds[cell[:3]]:
                marks[cell.row][cell.column] = "…" if waiting else "·"
    field = Field(
        accuracy=grid.accuracy[arm], texts=texts, marks=marks, border=known_border(grid, arm), chosen=chosen,
        note=() if grid.seeds[arm].any() else COMING if waiting else NONE,
    )  # fmt: skip
    return accuracy_map(field, side(study.x), side(study.y), f"test accuracy after {study.time}")


def settings(study: MapStudy, cell: Cell) -> str:
    """Return what is set in a cell."""
    places = ((study.x, cell.column), (study.y, cell.row))
    return ", ".join(f"{LABELS[axis.field].lower()} {value_label(axis.values[place])}" for axis, place in places)


def found(study: MapStudy, grid: Grid, cell: Cell) -> str:
    """Return what was measured in a cell."""
    if cell.config is None:
        return f"no network can have these settings: {cell.reason}"
    if not grid.seeds[cell[:3]]:
        return "not measured yet"
    word = "trains" if grid.trains[cell[:3]] else "does not train"
    return f"{word} in {study.time}, {grid.accuracy[cell[:3]]:.1%} test accuracy"


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
