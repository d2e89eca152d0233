"""Recordings become histories: on shared axes, by name, bounded, and as near to the recorded values as they can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import wasserstein_distance

from bnviz.experiment.snapshot import BINS, CELLS
from bnviz.sharing.recording_bins import Distributions, rebin, shared_edges, wasserstein
from bnviz.sharing.recording_calls import Calls, Merged, names
from bnviz.sharing.recording_digest import WHOLE, Digest, Room
from bnviz.sharing.recording_history import histories
from bnviz.sharing.recording_lines import Header, Record
from bnviz.sharing.recording_schema import COLUMNS, RecordingError
from tests.sharing.recorded import layer, made, record, summarised

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def same_numbers(monkeypatch: pytest.MonkeyPatch):
    """Each test draws the same, whichever ran before it."""
    monkeypatch.setitem(globals(), "RANDOM", np.random.default_rng(3))


LAYERS = [layer("conv", "conv"), layer("norm", "batch_norm", 40), layer("act", "activation"), layer("aux")]


def normal(size: int = 2048, scale: float = 1.0) -> np.ndarray:
    return RANDOM.normal(size=size).astype(np.float32) * np.float32(scale)


def of(samples: list[np.ndarray]) -> Distributions:
    found = summarised(samples)
    return Distributions.of(found["histogram"], found["range"], found["percentiles"])


@pytest.fixture
def plain(tmp_path: Path):
    def make(steps: int, layers=LAYERS, name: str = "run", **others):
        def samples(step: int):
            z = normal(scale=1 + step)
            return {(0, 0): z, (0, 1): z + 1, (1, 0): normal(), (2, 0): np.maximum(z, 0)}

        return made(tmp_path / f"{name}.bnviz", layers, [record(s, samples(s), layers, **others) for s in range(steps)])

    return make


def test_the_axis_runs_over_all_calls_that_fired_in_the_models_order(plain):
    (history,) = histories([plain(3)])
    layout = history.layout
    assert layout.layers == layout.weights == ("conv", "conv (2)", "norm", "act")
    assert (layout.points, layout.norms, layout.config, layout.units) == (("output",), (2,), None, ())
    assert len(layout.channels[0]) == 16
    assert layout.channels[0][-1] == 39
    assert layout.called(1) == "conv (2)"
    assert history.last.config is None


def called(step: int, keys: list[tuple[int, int]], layers=LAYERS) -> dict[str, Any]:
    """A record whose series stand in the order of these calls."""
    found = record(step, {key: normal() + 10 * key[0] + key[1] for key in keys}, layers)
    place = {key: row for row, key in enumerate(sorted(keys))}
    rows = [place[key] for key in keys]
    return found | {
        name: found[name][rows] for name in found if name in COLUMNS and COLUMNS[name].axes[0] == "series"
    }  # fmt: skip


def test_the_axis_runs_in_the_order_of_the_calls_and_every_number_keeps_its_layer(tmp_path: Path):
    calls = [(0, 0), (3, 0), (1, 0), (2, 0), (3, 1)]
    layers = [layer("stem"), layer("mid"), layer("head"), layer("act", "activation")]
    file = made(tmp_path / "x.bnviz", layers, [called(step, calls, layers) for step in range(3)])
    (history,) = histories([file])
    assert history.layout.layers == ("stem", "act", "mid", "head", "act (2)")
    want = [10 * number + call for number, call in calls]
    np.testing.assert_allclose(history["mean"][:, 0], np.tile(want, (3, 1)), atol=0.5)
    np.testing.assert_array_equal(history["weight_norm"][0], [0, 3, 1, 2, np.nan])


@pytest.mark.parametrize(
    ("records", "order"),
    [
        ([[(0, 0), (2, 0)], [(1, 0)], [(0, 0), (1, 0)]], [(0, 0), (1, 0), (2, 0)]),  # the model's, throughout
        ([[(2, 0), (0, 0)], [(2, 0), (1, 0), (0, 0)]], [(2, 0), (1, 0), (0, 0)]),  # a branch that fires later
        ([[(2, 0), (0, 0)], [(1, 0), (2, 0)]], [(1, 0), (2, 0), (0, 0)]),
        ([[(2, 0), (0, 0)], [(1, 0)]], [(2, 0), (0, 0), (1, 0)]),  # nothing says where it is called
        ([[(2, 0), (1, 0)], [(1, 0), (2, 0)]], [(2, 0), (1, 0)]),  # the first order stays
        ([[(2, 0), (1, 0)], [], [(1, 0), (1, 1), (0, 0)]], [(2, 0), (1, 0), (1, 1), (0, 0)]),
    ],
)
def test_series_that_fire_later_take_their_place_among_the_others(records, order):
    calls = Calls()
    for keys in records:
        layers, numbers = (np.array([key[end] for key in keys], np.uint32) for end in (0, 1))
        calls.add(Record(0, 0.0, 1, False, None, {}, {"layer": layers, "call": numbers}))
    assert list(calls) == order


@given(st.lists(st.lists(st.integers(0, 12), max_size=8, unique=True), max_size=6))
def test_sequences_merged_hold_every_item_once_and_the_first_in_its_order(sequences):
    merged = Merged[int]()
    for one in sequences:
        merged.add(one)
    found = list(merged)
    assert len(merged) == len(found) == len(set(found))
    assert set(found) == {item for one in sequences for item in one}
    first = sequences[0] if sequences else []
    assert [item for item in found if item in first] == first


@given(st.permutations(range(8)), st.data())
def test_sequences_of_one_order_that_overlap_merge_to_that_order(order, data):
    start = data.draw(st.integers(1, 8))
    merged = Merged[int]()
    merged.add(order[:start])
    merged.add(order[max(0, start - 1) :])
    assert list(merged) == order


def test_columns_are_the_files_numbers_and_those_of_a_layer_stand_at_its_first_call(plain):
    file = plain(3)
    (history,) = histories([file])
    source = file.records[1].columns
    np.testing.assert_array_equal(history["percentiles"][1, 0], source["percentiles"])
    np.testing.assert_array_equal(history["mean"][1, 0], source["mean"])
    np.testing.assert_array_equal(history["gradient_z"][1], source["gradient_output"])
    np.testing.assert_array_equal(history["weight_norm"][1], [1, np.nan, 2, 3])
    np.testing.assert_array_equal(history["gamma"][1], source["gamma"])
    np.testing.assert_allclose(history["zeros"][1, 3], source["zeros"][3] / source["count"][3], rtol=1e-6)
    np.testing.assert_allclose(history["loss"], [1, 1 / 2, 1 / 3])
    assert "running_mean" not in history
    assert "unit_percentiles" not in history


def test_two_files_share_all_axes_and_what_one_lacks_is_nan(plain):
    other_layers = [layer("stem"), *LAYERS[:2], layer("head")]
    one, other = plain(4), plain(2, other_layers, "other")
    shared = histories([one, other])
    left, right = (history.layout for history in shared)
    assert left.layers == right.layers == ("stem", "stem (2)", "conv", "conv (2)", "norm", "act")
    assert left.norms == right.norms
    assert left.edges is right.edges
    act, stem = left.layers.index("act"), left.layers.index("stem")
    assert np.isnan(shared[0]["mean"][:, 0, stem]).all()
    assert np.isfinite(shared[1]["mean"][:, 0, stem]).all()
    assert (shared[0]["histogram"][:, 0, stem] == 0).all()
    assert np.isfinite(shared[0]["mean"][:, 0, act]).all()


def test_files_with_no_layer_in_common_and_files_without_records_open_too(plain):
    strange = [layer(name) for name in ("a", "b", "c", "d")]
    shared = histories([plain(2), plain(2, strange, "strange")])
    assert shared[0].layout.layers == ("conv", "conv (2)", "norm", "act", "a", "a (2)", "b", "c")
    empty, full = histories([plain(0, name="empty"), plain(2)])
    assert len(empty) == 0
    assert empty.layout.layers == full.layout.layers
    (alone,) = histories([plain(0, name="alone")])
    assert (len(alone), alone.layout.layers, alone.layout.edges.shape) == (0, (), (1, 0, BINS + 1))
    assert histories([]) == []


def test_equal_names_are_told_apart(tmp_path: Path):
    layers = [layer("x"), layer("x (2)"), layer("x")]
    samples = {(0, 0): normal(), (0, 1): normal(), (1, 0): normal(), (2, 0): normal()}
    (history,) = histories([made(tmp_path / "a.bnviz", layers, [record(0, samples, layers)])])
    assert history.layout.layers == ("x", "x (2)", "x (2) #2", "x #2")


class Name(str):
    """A layer's name that counts how often a label is made of it."""

    __slots__ = ()
    made = 0

    def __format__(self, spec: str) -> str:
        type(self).made += 1
        return super().__format__(spec)


def test_thousands_of_equal_names_are_told_apart_in_about_as_many_tries():
    layers, calls = 2000, 2
    keys = [(Name("x"), number, call) for number in range(layers) for call in range(calls)]
    keys += [(Name(f"x #{number}"), 0, 0) for number in range(2, 500)]
    found = names(keys)
    assert len(set(found)) == len(keys)
    assert found[:4] == ("x", "x (2)", "x #2", "x (2) #2")
    assert Name.made <= 3 * len(keys)


names_of_layers = st.lists(
    st.tuples(st.sampled_from(["x", "x #2", "x (2)", "x (2) #2", "x #2 #2"]), st.just(0), st.integers(0, 1)),
    max_size=30,
)


@given(names_of_layers)
def test_every_name_has_the_lowest_number_that_is_free(keys):
    found: list[str] = []
    for name, _, call in keys:
        wanted = name if call == 0 else f"{name} (2)"
        found.append(next(one for one in [wanted, *(f"{wanted} #{n}" for n in range(2, 99))] if one not in found))
    assert names(keys) == tuple(found)


def test_reported_numbers_have_their_names_and_the_loss_is_a_quantity_of_its_own(plain):
    (history,) = histories([plain(2, scalars={"loss": 0.5, "accuracy": 0.25, "odd": None})])
    assert history.layout.scalars == ("accuracy", "odd")
    np.testing.assert_array_equal(history["scalar"], [[0.25, np.nan]] * 2)
    np.testing.assert_array_equal(history["loss"], [0.5, 0.5])


@pytest.mark.parametrize("limit", [16, 100])
def test_of_many_records_as_many_stay_as_a_history_would_keep(plain, limit):
    file = plain(300)
    row = histories([file])[0]
    size = sum(row[name].nbytes for name in row._columns) // len(row)
    (history,) = histories([file], room=Room(history=limit * size))
    assert limit // 2 <= len(history) <= limit
    assert sum(column.nbytes for column in history._columns.values()) <= limit * size
    assert history["step"][0] == 0
    assert history["step"][-1] == 299
    assert (np.diff(history.ids) <= history.thinned).all()
    np.testing.assert_array_equal(history["drift_last"][1:], row["drift_last"][history.ids][1:])


def test_a_file_of_large_records_is_thinned_while_it_is_read(plain):
    (history,) = histories([plain(100)], room=Room(waiting=200_000))
    assert 8 <= len(history) < 50
    assert history["step"][-1] == 99
    assert history.layout.layers == ("conv", "conv (2)", "norm", "act")


def test_of_ones_own_file_every_record_is_kept(plain):
    file = plain(2500)
    (shown,), (whole,) = histories([file]), histories([file], room=WHOLE)
    assert len(shown) < len(whole) == 2500
    assert list(whole["step"]) == list(range(2500))


@pytest.mark.parametrize("what", ["the records before", "long names"])
def test_what_is_kept_while_reading_is_bounded_with_the_records_before_and_their_names(what):
    limit = 2**21
    before = what == "the records before"

    def one(step: int) -> Record:
        columns = {"gamma": np.full((2500 if before else 0, 1), step, np.float32)}
        scalars = {} if before else {f"{number}/{step}" + "x" * 390: 1.0 for number in range(20)}
        return Record(step, 0.0, 1, skipped=False, learning_rate=None, scalars=scalars, columns=columns)

    digest = Digest.of(Header("model", 1, "Net", ()), (one(step) for step in range(600)), Room(waiting=limit))
    held = {id(found): found for kept in digest.kept for found in (kept.record, kept.before) if found is not None}
    size = sum(
        sum(values.nbytes for values in found.columns.values()) + sum(map(len, found.scalars))
        for found in held.values()
    )
    assert limit / 8 < size <= limit
    assert [digest.kept[0].record.step, digest.kept[-1].record.step] == [0, 599]


def test_more_series_than_can_be_shown_are_refused(plain, monkeypatch):
    monkeypatch.setattr("bnviz.sharing.recording_calls.MAX_SERIES", 3)
    with pytest.raises(RecordingError, match="at most 3 different series"):
        histories([plain(1)])


# --- where a training broke --------------------------------------------------------------------------------------


def broken_at(tmp_path: Path, steps: int, broken: set[int], **others):
    layers = LAYERS[:3]
    records = []
    for step in range(steps):
        bad = normal()
        bad[:3] = np.nan
        samples = {(0, 0): normal(), (1, 0): bad if step in broken else normal(), (2, 0): normal()}
        scalars = {"loss": None if step in broken else 1.0}
        records.append(record(step, samples, layers, **({"scalars": scalars} | others)))
    return histories([made(tmp_path / "run.bnviz", layers, records)])[0]


def test_a_loss_that_stays_broken_is_a_divergence_with_its_layer(tmp_path: Path):
    history = broken_at(tmp_path, 6, {3, 4, 5})
    assert (history.diverged.step, history.diverged.layer, history.diverged.where) == (3, 1, "norm")


def test_a_loss_that_comes_back_is_none(tmp_path: Path):
    history = broken_at(tmp_path, 6, {3, 4})
    assert history.diverged is None
    assert history["nonfinite"][3, 1] > 0


def test_without_a_loss_outputs_decide_and_a_mask_of_infinities_is_no_break(tmp_path: Path):
    assert broken_at(tmp_path, 6, {4, 5}, scalars={}).diverged.step == 4
    assert broken_at(tmp_path, 6, set(range(6)), scalars={}).diverged is None


def test_a_mask_of_infinities_that_fires_now_and_then_is_no_break_and_what_breaks_later_is(tmp_path: Path):
    mask, bad = np.full(64, -np.inf), normal(64)
    bad[0] = np.nan

    def run(breaks: bool):
        records = []
        for step in range(10):
            now_and_then = {(1, 0): mask, (2, 0): bad if breaks and step == 9 else normal(64)}
            samples = {(0, 0): normal(64), **(now_and_then if step % 2 else {})}
            records.append(record(step, samples, LAYERS[:3], scalars={}))
        return histories([made(tmp_path / f"{breaks}.bnviz", LAYERS[:3], records)])[0]

    assert run(breaks=False).diverged is None
    broken = run(breaks=True).diverged
    assert (broken.step, broken.where) == (9, "act")


# --- distributions -----------------------------------------------------------------------------------------------

SHAPES = {
    "normal": lambda n: RANDOM.normal(size=n),
    "shifted": lambda n: RANDOM.normal(3, 0.2, n),
    "rectified": lambda n: np.maximum(RANDOM.normal(size=n), 0),
    "wide": lambda n: RANDOM.normal(0, 30, n),
    "sigmoid": lambda n: 1 / (1 + np.exp(-4 * RANDOM.normal(size=n))),
    "heavy": lambda n: RANDOM.standard_t(3, n),
    "constant": lambda n: np.full(n, 2.5),
}


@pytest.mark.parametrize("one", SHAPES)
@pytest.mark.parametrize("other", SHAPES)
def test_the_distance_of_two_histograms_is_near_that_of_their_samples(one, other):
    """To 3 % of the distance and of the narrower deviation; heavy tails, known by their number only, to 10 %."""
    first, second = (SHAPES[name](2048).astype(np.float32) for name in (one, other))
    exact = wasserstein_distance(first, second)
    tails = 0.1 if "heavy" in (one, other) else 0.03
    slack = tails * exact + tails * max(min(first.std(), second.std()), 0.1)
    assert wasserstein(of([first]), of([second]))[0] == pytest.approx(exact, abs=slack)


def test_a_distribution_is_at_no_distance_from_itself_and_one_without_values_at_none():
    samples = [SHAPES[name](500) for name in SHAPES]
    np.testing.assert_allclose(wasserstein(of(samples), of(samples)), 0, atol=1e-12)
    nothing = of([np.full(9, np.nan)] * len(samples))
    assert np.isnan(wasserstein(of(samples), nothing)).all()


def test_a_shift_is_its_own_distance():
    sample = normal()
    assert wasserstein(of([sample]), of([sample + 8]))[0] == pytest.approx(8, rel=1e-3)


def test_drift_starts_at_the_first_record_in_which_a_layer_fired(tmp_path: Path):
    layers = [layer("early"), layer("late")]
    sample = normal()
    records = [
        record(step, {(0, 0): sample + step} | ({(1, 0): sample * 2 + step} if step >= 2 else {}), layers)
        for step in range(5)
    ]
    (history,) = histories([made(tmp_path / "run.bnviz", layers, records)])
    np.testing.assert_allclose(history["drift_start"][:, 0], range(5), atol=0.01)
    np.testing.assert_allclose(history["drift_start"][2:, 1], range(3), atol=0.02)
    np.testing.assert_allclose(history["drift_last"][1:, 0], 1, atol=0.01)
    assert np.isnan(history["drift_start"][:2, 1]).all()
    assert np.isnan(history["drift_last"][:3, 1]).all()


@given(
    arrays.arrays(np.uint32, (3, CELLS), elements=st.integers(0, 2**32 - 1) | st.integers(0, 2048)),
    arrays.arrays(np.float32, (3, 2), elements=st.floats(width=32, allow_infinity=False)),
    arrays.arrays(np.float32, (3, 7), elements=st.floats(width=32, allow_infinity=False)),
    arrays.arrays(np.float32, (1, 3, 2), elements=st.floats(width=32, allow_infinity=False)),
)
@settings(max_examples=150)
def test_whatever_a_stranger_writes_is_binned_with_its_sum_preserved(counts, ranges, percentiles, others):
    found = Distributions.of(counts, ranges, percentiles)
    edges = shared_edges([(others[..., 0], others[..., 1]), (ranges[None, :, 0], ranges[None, :, 1])])
    assert (np.diff(edges.astype(float), axis=1) > 0).all()
    binned = rebin(found, edges.astype(float))
    np.testing.assert_array_equal(binned[:, :-1].sum(1, dtype=np.int64), found.totals.astype(np.int64))
    np.testing.assert_array_equal(binned[:, -1], np.minimum(counts[:, -1], 2**25))
    distance = wasserstein(found, found)
    assert (np.nan_to_num(distance) == 0).all()


def test_binning_anew_keeps_the_cumulative_counts():
    samples = [SHAPES[name](2048).astype(np.float32) for name in ("normal", "sigmoid", "shifted")]
    edges = np.tile(np.linspace(-4, 5, BINS + 1), (3, 1))
    binned = rebin(of(samples), edges)
    for row, sample in enumerate(samples):
        exact = np.searchsorted(np.sort(sample), edges[row])
        error = np.abs(np.cumsum(binned[row, :-2]) - exact)
        assert error.max() <= 0.03 * len(sample), "a fraction of one recorded bin"


def test_the_same_bins_give_the_same_counts():
    found = summarised([normal()])
    again = Distributions.of(found["histogram"], found["range"], found["percentiles"])
    edges = np.linspace(*found["range"][0], BINS + 1)[None]
    np.testing.assert_array_equal(rebin(again, edges)[0], found["histogram"][0])


def test_a_few_wild_records_do_not_squeeze_all_others(tmp_path: Path):
    layers = [layer("x")]
    records = [record(s, {(0, 0): normal(scale=1e6 if s in (50, 51) else 1)}, layers) for s in range(100)]
    (history,) = histories([made(tmp_path / "run.bnviz", layers, records)])
    low, high = history.layout.edges[0, 0, [0, -1]]
    assert -8 <= low < -2.5
    assert 2.5 < high <= 8
    inside = history["histogram"][:, 0, 0, 1:-2].sum(1) / 2048
    assert (inside[[50, 51]] < 0.01).all()
    assert (np.delete(inside, [50, 51]) > 0.97).all()


@pytest.mark.parametrize("centre", [0.0, 8000.0, -30_000.0])
def test_one_wild_file_does_not_squeeze_the_other(centre, tmp_path: Path):
    layers = [layer("x")]
    calm = made(tmp_path / "calm.bnviz", layers, [record(s, {(0, 0): normal()}, layers) for s in range(5)])
    wild = made(
        tmp_path / "wild.bnviz", layers, [record(s, {(0, 0): normal(scale=1e4) + centre}, layers) for s in range(5)]
    )
    edges = histories([calm, wild])[0].layout.edges[0, 0]
    assert edges[-1] - edges[0] < 10 * 8


def test_values_of_a_layer_that_gave_nothing_finite_are_no_data(tmp_path: Path):
    layers = [layer("x")]
    records = [record(s, {(0, 0): np.full(64, np.nan)}, layers) for s in range(3)]
    (history,) = histories([made(tmp_path / "run.bnviz", layers, records)])
    np.testing.assert_array_equal(history.layout.edges[0, 0, [0, -1]], [0, 1])
    np.testing.assert_array_equal(history["histogram"][:, 0, 0, -1], 64)
    np.testing.assert_array_equal(history["nonfinite"][:, 0], np.float32(0.01))


def test_a_run_of_the_lab_has_no_place_beside_a_model(plain):
    file = plain(1)
    with pytest.raises(RecordingError, match="open a run of the lab alone"):
        histories([file, replace(file, header=replace(file.header, kind="lab"))])
