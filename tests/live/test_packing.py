"""Whatever a page pulls, in whatever pieces, it holds exactly what the histories hold."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.history import History
from bnviz.experiment.snapshot import FIELDS, Snapshot
from bnviz.live.assets import FRONTEND
from bnviz.live.packing import MAX_ROWS, pack, window
from tests.live.wire import DETAIL, DTYPES, SHAPES, Page, decode, sizes

CONFIG = ExperimentConfig(width=4)
STATE = {"generation": 0, "playing": True}


def snapshot(step: int, size: dict[str, int], rng: np.random.Generator, *, sparse: bool) -> Snapshot:
    """A snapshot of random values, NaN and infinities among them."""
    values = {}
    for field in FIELDS.values():
        if field.sparse and not sparse:
            continue
        shape = (size["L"], size["C"]) if field.detail else tuple(size[letter] for letter in SHAPES.get(field.name, ""))
        if field.dtype == "float32":
            column = rng.normal(size=shape).astype("float32")
            column[rng.random(shape) < 0.05] = rng.choice(np.array([np.nan, np.inf, -np.inf], "float32"))
            values[field.name] = column
        else:
            values[field.name] = rng.integers(0, 200, shape, field.dtype)
    return Snapshot(step=step, config=CONFIG, values=values)


def shares(counts: np.ndarray) -> np.ndarray:
    return np.rint(counts / np.maximum(counts.sum(-1, keepdims=True), 1) * 65535)


def pull(page: Page, histories: list[History]) -> dict:
    arms = [{"normalization": "none"} for _ in histories]
    return page.take(pack(STATE, histories, arms, **page.question()))


def check_rows(page: Page, histories: list[History]) -> None:
    """Every kept snapshot is on the page, with exactly its values."""
    for rows, history in zip(page.rows, histories, strict=True):
        for index, identity in enumerate(history.ids.tolist()):
            row = rows[identity]
            assert row["step"] == history["step"][index]
            for field in FIELDS.values():
                if field.detail or (field.sparse and identity not in history.sparse(field.name)):
                    assert field.name not in row
                    continue
                source = history.sparse(field.name)[identity] if field.sparse else history[field.name][index]
                wanted = shares(source) if field.name == "histogram" else source
                np.testing.assert_array_equal(row[field.name], wanted, err_msg=field.name)


def check_detail(page: Page, histories: list[History]) -> None:
    for detail, history in zip(page.detail, histories, strict=True):
        for index, step in enumerate(history["step"].tolist()):
            for name in DETAIL:
                np.testing.assert_array_equal(detail[step][name], history[name][index, page.layer], err_msg=name)


@st.composite
def stories(draw: st.DrawFn) -> dict:
    arms = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 5)), min_size=1, max_size=4))
    layers = min(layer_count for layer_count, _ in arms)
    turns = st.one_of(
        st.tuples(st.just("grow"), st.integers(1, 12)),
        st.tuples(st.just("pull"), st.just(0)),
        st.tuples(st.just("look"), st.integers(0, layers - 1)),
    )
    return {
        "arms": [sizes(*arm) for arm in arms],
        "capacity": draw(st.sampled_from([8, 11, 40, 2000])),
        "turns": draw(st.lists(turns, min_size=1, max_size=14)),
        "ends": draw(st.lists(st.integers(1, 60), min_size=len(arms), max_size=len(arms))),
        "seed": draw(st.integers(0, 2**32 - 1)),
    }


@settings(max_examples=60, deadline=None)
@given(stories())
def test_a_page_that_pulls_in_pieces_while_histories_grow_and_arms_diverge_holds_what_they_hold(story):
    rng = np.random.default_rng(story["seed"])
    histories = [History(max_snapshots=story["capacity"]) for _ in story["arms"]]
    page, number, appended = Page(story["arms"]), 0, [[] for _ in histories]
    for turn, value in [("grow", 1), *story["turns"], ("pull", 0)]:
        if turn == "look":
            page.look_at(value)
        for _ in range(value if turn == "grow" else 0):
            sparse = bool(rng.random() < 0.4)
            for history, size, end, ids in zip(histories, story["arms"], story["ends"], appended, strict=True):
                if number < end:
                    history.append(snapshot(3 * number, size, rng, sparse=sparse), number)
                    ids.append(number)
            number += 1
        if turn != "grow":
            pull(page, histories)
            check_rows(page, histories)
            check_detail(page, histories)
    newest = max(int(history.ids[-1]) for history in histories)
    assert page.cursor == page.layer_cursor == newest
    for rows, ids, history in zip(page.rows, appended, histories, strict=True):
        assert list(rows) == sorted(rows)
        assert set(history.ids.tolist()) <= set(rows) <= set(ids)
        if story["capacity"] == 2000:
            assert list(rows) == ids, "nothing is lost and nothing comes twice"


@pytest.mark.parametrize("ends", [(700, 700), (700, 40), (3, 700)])
def test_more_than_256_new_snapshots_come_in_windows_without_gaps(ends):
    size, rng = sizes(1, 2), np.random.default_rng(0)
    histories = [History() for _ in ends]
    for number in range(700):
        for history, end in zip(histories, ends, strict=True):
            if number < end:
                history.append(snapshot(number, size, rng, sparse=False), number)
    page, answers = Page([size, size]), 0
    while page.cursor < 699:
        pull(page, histories)
        answers += 1
    assert answers == -(-700 // MAX_ROWS)
    for rows, end in zip(page.rows, ends, strict=True):
        assert list(rows) == list(range(end))
    check_rows(page, histories)


def test_a_page_that_slept_through_a_thinning_gets_every_snapshot_that_is_left():
    size, rng = sizes(2, 3), np.random.default_rng(1)
    history = History(max_snapshots=300)
    page = Page([size])
    for number in range(1500):
        history.append(snapshot(number, size, rng, sparse=number % 5 == 0), number)
        if number in (10, 200):
            pull(page, [history])
    while page.cursor < 1499:
        header = pull(page, [history])
    assert header["arms"][0]["thinned"] == history.thinned > 1
    check_rows(page, [history])
    check_detail(page, [history])


def test_with_nothing_new_the_columns_are_empty_and_the_cursor_stays():
    size = sizes(2, 3)
    history = History()
    history.append(snapshot(0, size, np.random.default_rng(0), sparse=True))
    page = Page([size])
    pull(page, [history])
    header = pull(page, [history])
    assert (header["arms"][0]["count"], header["arms"][0]["cursor"], page.cursor) == (0, 0, 0)
    assert window([history], 0) == 0
    assert window([history], 12345) == 12345, "a page that is ahead keeps its cursor"


def test_a_layers_channels_are_counted_apart_from_everything_else():
    size, rng = sizes(3, 4), np.random.default_rng(0)
    history = History()
    for number in range(20):
        history.append(snapshot(number, size, rng, sparse=False))
    page = Page([size])
    pull(page, [history])
    page.look_at(2)
    header = pull(page, [history])
    assert header["arms"][0]["count"] == 0, "the snapshots themselves don't come again"
    assert header["arms"][0]["layer"]["count"] == 20
    check_detail(page, [history])


def test_shares_of_a_histogram_sum_to_one_and_an_empty_one_to_nothing():
    size = sizes(1, 1)
    history = History()
    shot = snapshot(0, size, np.random.default_rng(0), sparse=False)
    shot.values["histogram"][0] = 0
    history.append(shot)
    _, (arm,) = decode(pack(STATE, [history], [{}], cursor=-1, layer=0, layer_cursor=-1), [size])
    sums = arm["fields"]["histogram"].astype(float).sum(-1)[0, :, 0]
    assert sums[0] == 0
    np.testing.assert_allclose(sums[1:], 65535, atol=51)


def test_the_pages_own_decoder_knows_every_field_with_its_type_and_shape():
    source = (FRONTEND / "decode.js").read_text()
    types = {"Float32Array": "<f4", "Uint32Array": "<u4", "Uint16Array": "<u2", "Uint8Array": "u1"}
    entries = re.findall(r"^\s+(\w+): \[(\w+Array), \"(\w*)\"\],$", source, re.MULTILINE)
    known = {name: (types[kind], shape.replace("SS", "S")) for name, kind, shape in entries}
    sent = {field.name for field in FIELDS.values() if not field.detail} | {"step"}
    assert known == {n: (DTYPES.get(n, "<f4"), SHAPES.get(n, "").replace("SS", "S")) for n in sent}
    detail = re.search(r"DETAIL = \[(.*)\]", source)
    assert detail is not None
    assert re.findall(r"\"(\w+)\"", detail[1]) == list(DETAIL) == [f.name for f in FIELDS.values() if f.detail]
