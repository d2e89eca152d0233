from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.fields import ConfigError
from bnviz.studies.default_maps import MAPS
from bnviz.studies.maps import MAX_CELLS, MapStudy, border, map_study
from bnviz.studies.study import Row, as_row
from bnviz.studies.trial import run_trial

BASE = ExperimentConfig(hidden_layers=1, width=8, samples=60, batch_size=8)
RATES, SIZES = ("learning_rate", (0.01, 0.1, 1.0)), ("batch_size", (4, 8, 64))
ALL = pytest.mark.parametrize("study", MAPS.values(), ids=MAPS)


def own(**more) -> MapStudy:
    return map_study(BASE, RATES, SIZES, steps=20, **more)


def filled(study: MapStudy, accuracy, seeds=(0,)) -> list[Row]:
    """Rows in which a cell's accuracy is a function of arm, row, column and seed."""
    return [
        as_row(study.trial(cell, seed), {"accuracy": accuracy(*cell[:3], seed), "broke": 0.0, "chance": 0.1})
        for cell in study.cells
        if cell.config is not None
        for seed in seeds
    ]


@ALL
def test_default_maps_have_a_configuration_in_every_cell_and_fit_the_limits(study):
    assert all(cell.config is not None for cell in study.cells)
    assert len(study.cells) == len(study.arms) * len(study.x.values) * len(study.y.values) <= MAX_CELLS
    assert len({trial.key for trial in study.default_trials()}) == len(study.cells) * study.seeds
    assert 10 <= len(study.check_trials()) <= len(study.cells) // 3


def test_a_cell_knows_the_configuration_that_opens_in_the_lab():
    study = own()

    for cell in study.cells:
        if cell.config is not None:
            assert cell.config.learning_rate == RATES[1][cell.column]
            assert cell.config.batch_size == SIZES[1][cell.row]
            assert cell.config.normalization == ("none", "batch")[cell.arm]
            assert study.trial(cell, 3).config == cell.config.replace(seed=3)


def test_combinations_that_can_not_be_are_empty_cells_with_the_reason():
    empty = [cell for cell in own().cells if cell.config is None]

    assert {(cell.arm, cell.row) for cell in empty} == {(0, 2), (1, 2)}  # batches larger than the training split
    assert all("batch_size must be at most" in cell.reason for cell in empty)
    assert len(own().trials([0])) == len(own().cells) - len(empty)


@pytest.mark.parametrize(
    ("x", "y", "more", "words"),
    [
        (("depth", (1, 2)), SIZES, {}, "x must be a field"),
        (("seed", (1, 2)), SIZES, {}, "x must be a field"),
        (RATES, ("interventions", ((), ())), {}, "y must be a field"),
        (RATES, RATES, {}, "different fields"),
        (RATES, ("batch_size", (4,)), {}, "two or more"),
        (RATES, ("batch_size", (4, 4)), {}, "two or more different values of batch_size; got 4, 4$"),
        (RATES, ("batch_size", ()), {}, "two or more different values of batch_size; got none$"),
        (("learning_rate", (0.1, math.inf)), SIZES, {}, "no inf and no nan; got 0.1, inf$"),
        (RATES, ("width", range(2, 2 + MAX_CELLS)), {}, f"at most {MAX_CELLS} cells"),
        (RATES, SIZES, {"steps": 0}, "steps must be from 1"),
        (RATES, SIZES, {"arms": ()}, "one to 4"),
        (("learning_rate", (-1, -2)), SIZES, {}, "no network on this map is allowed: learning_rate must be"),
        (("activation", ("relu", ["tanh"])), SIZES, {}, "plain values"),
    ],
)  # fmt: skip
def test_a_map_that_can_not_be_is_refused_in_words(x, y, more, words):
    with pytest.raises(ConfigError, match=words):
        map_study(BASE, x, y, **more)


def test_an_axis_over_normalization_leaves_one_map_instead_of_two_equal_ones():
    study = map_study(BASE, RATES, ("normalization", ("none", "batch", "layer")))

    assert len(study.arms) == 1
    assert {cell.config.normalization for cell in study.cells} == {"none", "batch", "layer"}


def test_an_axis_is_logarithmic_where_its_numbers_span_more_than_ten():
    assert own().x.logarithmic
    assert own().y.logarithmic
    assert not map_study(BASE, ("hidden_layers", (1, 2, 3)), ("activation", ("relu", "tanh"))).x.logarithmic
    assert not map_study(BASE, ("hidden_layers", (1, 2)), ("activation", ("relu", "tanh"))).y.logarithmic
    assert not map_study(BASE, ("dropout", (0.0, 0.5)), RATES).x.logarithmic


@pytest.mark.parametrize("values", [(0.1, math.inf), (0.1, math.nan, 5.0), (-math.inf, 0.1)])
def test_values_that_are_no_finite_numbers_are_refused_in_words(values):
    with pytest.raises(ConfigError, match="finite values of learning_rate"):
        map_study(BASE, ("learning_rate", values), SIZES)


@pytest.mark.parametrize(
    ("values", "logarithmic"), [((1e-320, 1e-5), False), ((1e-3, 1e200), False), ((1e-9, 1), True)]
)
def test_an_axis_so_long_that_its_edges_are_no_numbers_is_not_logarithmic(values, logarithmic):
    assert map_study(BASE, ("norm_eps", values), RATES).x.logarithmic == logarithmic


def test_what_trains_is_decided_on_each_data_set_by_its_own_chance_and_best():
    study = map_study(BASE, RATES, ("dataset", ("digits", "moons")), arms=(("all", {}),))
    accuracy = {0: (0.1, 0.5, 0.75), 1: (0.5, 0.75, 1.0)}  # digits, with chance at 0.1, and moons, with 0.5
    rows = [
        as_row(study.trial(cell, 0), {
            "accuracy": accuracy[cell.row][cell.column], "broke": 0.0, "chance": 0.5 if cell.row else 0.1,
        })
        for cell in study.cells
    ]  # fmt: skip

    grid = study.grid(rows)

    assert grid.trains[0].tolist() == [[False, True, True], [False, False, True]]
    assert study.thresholds(grid) == {"digits": pytest.approx(0.425), "moons": pytest.approx(0.75)}
    assert study.thresholds(study.grid(rows[:3])) == {"digits": pytest.approx(0.425)}


def test_the_grid_shows_means_over_seeds_and_which_networks_train():
    study = own(seeds=2)
    rows = filled(study, lambda arm, row, column, seed: 0.9 if arm == 1 or column == 0 else 0.2 + 0.1 * seed, (0, 1))

    grid = study.grid(rows)

    np.testing.assert_allclose(grid.accuracy[0, :2], [[0.9, 0.25, 0.25]] * 2)
    np.testing.assert_array_equal(grid.seeds[:, :2], 2)
    assert np.isnan(grid.accuracy[:, 2]).all()
    assert study.thresholds(grid) == {"digits": pytest.approx(0.5)}
    assert grid.trains[:, :2].tolist() == [[[True, False, False]] * 2, [[True] * 3] * 2]
    assert not grid.trains[:, 2].any()


def test_a_map_counts_the_networks_that_train_and_is_open_until_all_are_there():
    study = own()
    rows = filled(study, lambda arm, row, column, seed: 0.9 if arm == 1 or column == 0 else 0.1)

    verdict = study.judge(rows)

    assert verdict.kind == "measured"
    assert verdict.sentence == " ".join(
        f"{arm} BN, {trains} of 6 networks train in 20 steps." for arm, trains in (("Without", 2), ("With", 6))
    )
    assert verdict.effect == pytest.approx(1 - 2 / 6)
    assert study.judge(rows[1:]).kind == "open"
    assert study.judge([]).kind == "open"


def test_a_map_measured_again_differs_where_the_border_has_moved():
    study = own()
    shipped = filled(study, lambda arm, row, column, seed: 0.9 if column == 0 else 0.1)
    moved = filled(study, lambda arm, row, column, seed: 0.9 if column < 2 else 0.1)

    assert study.differs(shipped, shipped) is None
    assert study.differs(shipped, shipped[:2]) is None
    assert "4 of 12 cells" in (study.differs(shipped, moved) or "")


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5))
def test_the_border_runs_between_all_cells_that_train_and_that_do_not(flags):
    trains = np.array(flags)
    edges = border(trains)

    differing = np.count_nonzero(trains[:, 1:] != trains[:, :-1]) + np.count_nonzero(trains[1:] != trains[:-1])
    assert len(edges) == len(set(edges)) == differing
    for x0, y0, x1, y1 in edges:
        middle = (x0 + x1) / 2, (y0 + y1) / 2
        if x0 == x1:
            sides = trains[int(middle[1]), int(middle[0] - 0.5)], trains[int(middle[1]), int(middle[0] + 0.5)]
        else:
            sides = trains[int(middle[1] - 0.5), int(middle[0])], trains[int(middle[1] + 0.5), int(middle[0])]
        assert sides[0] != sides[1]


def test_a_small_map_is_measured_from_end_to_end():
    study = map_study(BASE, RATES, ("activation", ("relu", "tanh")), steps=10)
    rows = [as_row(trial, run_trial(trial)) for trial in study.default_trials()]

    verdict = study.judge(rows)

    assert verdict.kind == "measured"
    assert np.isfinite(study.grid(rows).accuracy).all()
