"""Maps: the accuracy after n steps over two fields of any configuration, one map an arm, on shared colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.fields import ConfigError, whole
from bnviz.studies.map_axes import Arm, Axis, axis_of, distinct_arms
from bnviz.studies.rules import trained
from bnviz.studies.study import Finding, Row, Study, Verdict
from bnviz.studies.trial import Trial

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.str_]
MAX_CELLS = 400  # of all arms together
MAX_CELL_STEPS = 2000
LOOKS = 10
KEPT_SEEDS = 16  # whose trials a map remembers
MEASURES = ("accuracy", "broke", "chance")
CHANGED = 0.1  # share of cells measured again that may fall on the other side of the border
TWINS: tuple[Arm, ...] = (("without BN", {"normalization": "none"}), ("with BN", {"normalization": "batch"}))


class Cell(NamedTuple):
    """One network of a map; without a configuration, `reason` says why there can't be one."""

    arm: int
    row: int
    column: int
    config: ExperimentConfig | None
    reason: str


class Grid(NamedTuple):
    """What a map shows [arms, y, x]: mean accuracy (NaN where nothing is measured), seeds, and whether it trains.

    A network trains where its accuracy is above `threshold`, halfway from chance to the best on the map on its data.
    """

    accuracy: Floats
    seeds: npt.NDArray[np.int64]
    trains: Flags
    threshold: Floats


@dataclass(frozen=True, kw_only=True)
class MapStudy(Study):
    """A map over two fields; `map_study` makes one and checks it. Its verdict claims nothing: it counts cells."""

    base: ExperimentConfig
    x: Axis
    y: Axis
    arms: tuple[Arm, ...]
    steps: int
    words: str = ""
    seeds: int = 2
    check_seeds: int = 1

    @property
    def time(self) -> str:
        """For how long each network is trained, in words."""
        return f"{self.steps:,} step{'s' * (self.steps != 1)}"

    @property
    def unfair(self) -> str:
        """A sentence on what batches of different sizes have seen after as many steps; empty where all have one."""
        sizes = sorted({cell.config.batch_size for cell in self.cells if cell.config is not None})
        if len(sizes) < 2:
            return ""
        few, many = (f"{self.steps * size:,} samples at batch size {size}" for size in (sizes[0], sizes[-1]))
        return f"All networks take {self.time}, so that small batches have seen less: {few}, {many}."

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell, arm by arm and row by row."""
        return tuple(self._cells())

    def _cells(self) -> Iterator[Cell]:
        for arm, (_, changes) in enumerate(self.arms):
            for row, y in enumerate(self.y.values):
                for column, x in enumerate(self.x.values):
                    try:
                        config = self.base.replace(**{**changes, self.y.field: y, self.x.field: x})
                    except ConfigError as error:
                        yield Cell(arm, row, column, None, str(error))
                    else:
                        yield Cell(arm, row, column, config, "")

    def trial(self, cell: Cell, seed: int) -> Trial:
        """Return the trial of a cell that has a configuration."""
        assert cell.config is not None
        every = max(1, self.steps // LOOKS)
        return Trial(config=cell.config.replace(seed=seed), steps=self.steps, measures=MEASURES, every=every)

    def trials(self, seeds: Iterable[int]) -> list[Trial]:
        return [trial for seed in seeds for _, trial in self._of_seed(seed)]

    @cached_property
    def _of_seed(self) -> Callable[[int], tuple[tuple[Cell, Trial], ...]]:
        """The cells that can be and their trials for a seed, made once: a map that is watched asks every second."""

        @lru_cache(KEPT_SEEDS)
        def found(seed: int) -> tuple[tuple[Cell, Trial], ...]:
            return tuple((cell, self.trial(cell, seed)) for cell in self.cells if cell.config is not None)

        return found

    @cached_property
    def _datasets(self) -> Words:
        """Each cell's data set, "" where there is no network."""
        names = [cell.config.dataset if cell.config is not None else "" for cell in self.cells]
        return np.array(names).reshape(len(self.arms), len(self.y.values), len(self.x.values))

    def check_trials(self) -> list[Trial]:
        """Return every fourth cell, on diagonals, of the first seed."""
        chosen = (cell for cell in self.cells if cell.config is not None and (cell.row + cell.column) % 4 == 0)
        return [self.trial(cell, 0) for cell in chosen]

    def grid(self, rows: Sequence[Row]) -> Grid:
        """Return what is measured so far, the mean over seeds."""
        measured = {row["key"]: row["measures"] for row in rows}
        seeds = sorted({row["seed"] for row in rows})
        shape = self._datasets.shape
        total, chance, count = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64)
        for cell, trial in (pair for seed in seeds for pair in self._of_seed(seed)):
            found = measured.get(trial.key)
            if found is not None and math.isfinite(found.get("accuracy", math.nan)):
                total[cell[:3]] += found["accuracy"]
                count[cell[:3]] += 1
                chance[cell[:3]] = max(chance[cell[:3]], found["chance"])
        accuracy = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        trains, threshold = np.zeros(shape, np.bool_), np.zeros(shape)
        for dataset in np.unique(self._datasets):  # 75 % is much on one and little on another
            here = self._datasets == dataset
            low, best = chance[here].max(), accuracy[here & (count > 0)].max(initial=0.0)
            trains[here], threshold[here] = trained(accuracy[here], low, best), low + (best - low) / 2
        return Grid(accuracy, count, trains, threshold)

    def thresholds(self, grid: Grid) -> dict[str, float]:
        """Return the accuracy above which a network trains, for each data set of which something is measured."""
        measured = sorted(set(self._datasets[grid.seeds > 0].tolist()))
        return {dataset: float(grid.threshold[self._datasets == dataset][0]) for dataset in measured}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        grid = self.grid(rows)
        known = grid.seeds > 0
        findings = tuple(self.finding(arm, grid) for arm in range(len(self.arms)))
        complete = all(known[cell[:3]] for cell in self.cells if cell.config is not None)
        seeds = int(grid.seeds.max(initial=0))
        first, last = findings[0], findings[-1]
        gain = last.effect - first.effect
        return Verdict(
            kind="measured" if complete else "open", effect=gain, low=math.nan, high=math.nan, unit="points",
            seeds=seeds, sentence=" ".join(finding.sentence for finding in findings), findings=findings,
        )  # fmt: skip

    def finding(self, arm: int, grid: Grid) -> Finding:
        """Return how many of an arm's networks train."""
        total, trains = int((grid.seeds[arm] > 0).sum()), int(grid.trains[arm].sum())
        share = trains / total if total else math.nan
        name = self.arms[arm][0]
        return Finding(
            experiment=name, effect=share, low=math.nan, high=math.nan, bound="", unit="share",
            seeds=int(grid.seeds[arm].max(initial=0)), outcome="",
            sentence=f"{name[:1].upper()}{name[1:]}, {trains} of {total} networks train in {self.time}.",
        )  # fmt: skip

    def differs(self, shipped: Sequence[Row], again: Sequence[Row]) -> str | None:
        """Say so where too many of the cells measured again fall on the other side of the shipped border."""
        before, after = self.grid(shipped), self.grid(again)
        both = (before.seeds > 0) & (after.seeds > 0)
        moved = both & (before.trains != (np.nan_to_num(after.accuracy) > before.threshold))
        if not both.any() or moved.sum() <= CHANGED * both.sum():
            return None
        return f"{self.name}: {moved.sum()} of {both.sum()} cells measured again fall on the other side of the border"


def border(trains: Flags) -> list[tuple[float, float, float, float]]:
    """Return the edges (x0, y0, x1, y1) between cells that train and cells that don't [y, x], in cells from 0.

    A cell (row, column) is the square of side 1 around (x, y) = (column, row).
    """
    rows, columns = trains.shape
    upright = [
        (column + 0.5, row - 0.5, column + 0.5, row + 0.5)
        for row in range(rows)
        for column in range(columns - 1)
        if trains[row, column] != trains[row, column + 1]
    ]
    level = [
        (column - 0.5, row + 0.5, column + 0.5, row + 0.5)
        for row in range(rows - 1)
        for column in range(columns)
        if trains[row, column] != trains[row + 1, column]
    ]
    return upright + level


def map_study(
    base: ExperimentConfig,
    x: tuple[str, Sequence[Any]],
    y: tuple[str, Sequence[Any]],
    *,
    arms: Sequence[Arm] = TWINS,
    steps: int = 200,
    name: str = "own-map",
    title: str = "",
    words: str = "",
    seeds: int = 1,
) -> MapStudy:
    """Return the map of two fields' values around a configuration; raises `ConfigError` where there can't be one.

    `map_study(base, x=("learning_rate", (.01, .1, 1)), y=("init_std", (.01, .1, 1)))`. Combinations that a
    configuration does not allow are empty cells; a map on which none is allowed is refused. An arm's field that is
    also an axis is the axis's.
    """
    if base.own_table is not None:
        raise ConfigError(
            "dataset", f"a map is of the data sets that come along, and {base.data_name} is your own table"
        )
    across, up = axis_of("x", x), axis_of("y", y)
    if across.field == up.field:
        raise ConfigError("y", f"the two axes must be different fields; both are {up.field}")
    arms = distinct_arms(arms, {across.field, up.field})
    cells = len(arms) * len(across.values) * len(up.values)
    if cells > MAX_CELLS:
        raise ConfigError("x", f"a map has at most {MAX_CELLS} cells, all arms together; this one has {cells}")
    steps = whole("steps", steps, 1, MAX_CELL_STEPS, ": a map has many networks to train")
    study = MapStudy(
        name=name, title=title or f"{across.field} × {up.field}", base=base.replace(interventions=()), x=across, y=up,
        arms=arms, steps=steps, words=words, seeds=seeds,
    )  # fmt: skip
    if all(cell.config is None for cell in study.cells):
        raise ConfigError("x", f"no network on this map is allowed: {study.cells[0].reason}")
    return study
