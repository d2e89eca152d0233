from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.history import History
from bnviz.experiment.snapshot import Divergence, Snapshot, kept_channels

CONFIG = ExperimentConfig()


def snapshot(step: int, **values: object) -> Snapshot:
    return Snapshot(step, CONFIG, {"loss": np.float32(step), **values})


def filled(count: int, max_snapshots: int = 2000, every: int = 1) -> History:
    history = History(max_snapshots)
    for number in range(count):
        history.append(snapshot(number * every))
    return history


def test_an_empty_history_has_no_rows_and_has_not_diverged():
    history = History()

    assert len(history) == 0
    assert history.diverged is None
    assert history.last is None
    assert len(history["step"]) == len(history.ids) == 0
    assert "loss" not in history
    with pytest.raises(KeyError):
        history["loss"]


def test_a_history_that_could_not_be_thinned_is_refused():
    with pytest.raises(ValueError, match="at least 8"):
        History(7)


@given(st.integers(1, 700), st.integers(8, 70), st.integers(1, 9))
def test_a_full_history_keeps_the_first_the_newest_quarter_and_evenly_spaced_older_ones(count, room, every):
    history = filled(count, room, every)
    ids = history.ids

    assert 0 < len(history) <= room
    assert ids[0] == 0
    assert ids[-1] == count - 1
    assert (np.diff(ids) > 0).all()
    np.testing.assert_array_equal(history["step"], ids * every)
    np.testing.assert_array_equal(history["loss"], (ids * every).astype(np.float32))
    stride = history.thinned
    assert stride & (stride - 1) == 0
    older = ids[: len(ids) - len(ids) // 4]
    if count > room:
        newest = ids[-1] - np.arange(min(len(ids), room * 2 // 10))[::-1]
        assert np.isin(newest, ids).all()
        assert (np.diff(ids) <= stride).all()
    else:
        np.testing.assert_array_equal(ids, np.arange(count))
        assert stride == 1
    assert len(older) >= len(ids) // 2


def test_a_hundred_thousand_snapshots_stay_bounded_and_evenly_spread():
    history = filled(100_000)

    assert 1000 <= len(history) <= 2000
    assert (np.diff(history.ids) <= history.thinned).all()
    middle = history.ids[np.searchsorted(history.ids, 20_000) : np.searchsorted(history.ids, 60_000)]
    assert set(np.diff(middle)) == {history.thinned}
    assert history.last.step == history["step"][-1] == 99_999


def test_memory_is_bounded_however_large_a_snapshot_is():
    budget = 200_000
    history = History(2000, max_bytes=budget)
    for step in range(600):
        history.append(snapshot(step, histogram=np.full((3, 5, 51), step, np.uint32)))

    size = sum(history[name].base.nbytes for name in ("loss", "histogram"))
    assert size <= budget
    assert 8 <= len(history) <= history.max_snapshots < 600
    assert history.ids[0] == 0
    np.testing.assert_array_equal(history["histogram"][:, 2, 4, 50], history["step"])


def test_eight_snapshots_are_kept_even_where_they_take_too_much():
    history = History(2000, max_bytes=1)
    for step in range(100):
        history.append(snapshot(step))

    assert history.max_snapshots == 8
    assert history["step"][0] == 0
    assert history["step"][-1] == 99


def test_a_quantity_that_appears_late_is_nan_before():
    history = filled(5)
    history.append(snapshot(5, dead=np.float32([0.5, 0.25])))
    history.append(snapshot(6))

    np.testing.assert_array_equal(history["dead"][:, 1], [np.nan] * 5 + [0.25, np.nan])
    np.testing.assert_array_equal(history["step"], range(7))


@pytest.mark.parametrize("count", [30, 99, 100])
def test_a_late_quantity_that_leaves_less_room_loses_no_newest_snapshot(count):
    history = History(100, max_bytes=100 * 4)
    for step in range(count):
        history.append(snapshot(step))
    history.append(snapshot(count, mean=np.full((3, 3), count, np.float32)))

    assert history.max_snapshots == 10
    assert history["step"][0] == 0
    assert history["step"][-1] == count
    assert history["loss"][-1] == count
    assert history["mean"][-1, 0, 0] == count
    assert np.isnan(history["mean"][:-1]).all()
    np.testing.assert_array_equal(history["loss"], history["step"])


def test_what_is_not_in_every_snapshot_goes_with_its_snapshot():
    history = History(16)
    for step in range(200):
        extra = {"surface": np.full((2, 2), step % 256, np.uint8)} if step % 3 == 0 else {}
        history.append(snapshot(step, **extra))

    rows = history.sparse("surface")
    assert "surface" in history
    assert set(rows) == {number for number in history.ids.tolist() if number % 3 == 0}
    assert all(rows[number][0, 0] == number % 256 for number in rows)
    assert history.sparse("predictions") == {}


@pytest.mark.parametrize("width", [2, 31, 32, 33, 512])
def test_of_the_channels_at_most_32_evenly_spaced_ones_are_kept(width):
    channels = kept_channels(width)
    history = History()
    history.append(snapshot(0, gamma=np.arange(2 * width, dtype=np.float32).reshape(2, width)))

    assert len(channels) == min(width, 32)
    assert channels[0] == 0
    assert channels[-1] == width - 1
    assert np.ptp(np.diff(channels)) <= 1
    np.testing.assert_array_equal(history["gamma"][0, 1], width + channels)


def test_numbers_may_leave_gaps_but_go_on_from_there():
    history = History()
    history.append(snapshot(0), 0)
    history.append(snapshot(3), 7)
    history.append(snapshot(4))

    assert history.ids.tolist() == [0, 7, 8]


def test_the_last_snapshot_tells_where_the_training_broke():
    broken = Divergence(3, 1, "hidden layer 2")
    history = filled(3)
    history.append(Snapshot(3, CONFIG, {"loss": np.float32(np.nan)}, broken))

    assert history.diverged is broken


def test_a_snapshot_gives_its_values_as_attributes_and_says_what_it_lacks():
    one = snapshot(4, dead=np.float32([0.5]))

    assert one.loss == 4
    assert one.dead[0] == 0.5
    with pytest.raises(AttributeError, match="gamma was not measured at step 4"):
        one.gamma  # noqa: B018
    with pytest.raises(AttributeError):
        one.nonsense  # noqa: B018
    assert [name for name, _ in one.items()] == ["loss", "dead"]


@given(st.integers(1, 40), st.integers(1, 60))
def test_a_copy_and_its_original_know_nothing_of_each_others_later_snapshots(before, after):
    history = History(8)
    for number in range(before):
        history.append(snapshot(number, surface=np.full((32, 32), number, np.uint8)))
    twin, kept = history.copy(), (history.ids.tolist(), history["loss"].tolist(), list(history.sparse("surface")))
    for number in range(after):
        history.append(snapshot(before + number))

    assert (twin.ids.tolist(), twin["loss"].tolist(), list(twin.sparse("surface"))) == kept
    assert twin.last is not history.last
    newest = history.ids.tolist(), history["loss"].tolist()
    twin.append(snapshot(10**6))
    assert (history.ids.tolist(), history["loss"].tolist()) == newest
