"""A recording that is played: whatever a page pulls it gets from the histories, and nothing it says trains anything."""

from __future__ import annotations

import gc
import json
import time
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

import bnviz.live.playbacks
import bnviz.live.registry
from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.history import History
from bnviz.experiment.layout import Layout
from bnviz.experiment.snapshot import BINS, CELLS, Snapshot
from bnviz.live.limits import Limits
from bnviz.live.messages import COMMANDS
from bnviz.live.packing import MAX_WINDOW, pack, row_bytes
from bnviz.live.places import KEPT_FOR, FullError
from bnviz.live.playback import NO_TRAINING, Playback, Recorded
from bnviz.live.registry import Registry
from bnviz.live.run import LiveRun
from bnviz.live.stream import REPLACED
from bnviz.training.comparison import Comparison
from tests.live.conftest import Server, wait_for
from tests.live.test_registry import Hand
from tests.live.wire import Page, sizes_of

FILE = {"file": "run.bnviz", "kind": "model", "model": "Net", "records": 3, "silent": []}


def layout(layers: int, norms: tuple[int, ...] = (1,)) -> Layout:
    """A model's axes; each layer has bins of its own."""
    names = tuple(f"block{n}.conv" for n in range(layers))
    edges = np.stack([np.linspace(-n - 1, n + 1, BINS + 1, dtype=np.float32) for n in range(layers)])[None]
    return Layout(
        layers=names, weights=names, points=("output",), edges=edges, norms=norms,
        channels=tuple((0, 5 + norm) for norm in norms), scalars=("accuracy", "grad norm"),
    )  # fmt: skip


def history(
    layers: int, records: int, rng: np.random.Generator, *, norms: tuple[int, ...] = (1,), row: int = 2
) -> History:
    """A recorded model's history of random numbers, NaN among them; a quarter of the quantities is never measured."""
    found = History(max_bytes=2**30, layout=layout(layers, norms))
    for number in range(records):
        shapes = {
            "loss": (), "percentiles": (1, layers, 7), "mean": (1, layers), "deviation": (1, layers), "dead": (layers,),
            "gradient_z": (layers,), "gradient_weight": (layers,), "scalar": (2,), "gamma": (len(norms), row),
        }  # fmt: skip
        values = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
        values["dead"][rng.random(layers) < 0.5] = np.nan
        values["histogram"] = rng.integers(0, 2048, (1, layers, CELLS)).astype(np.uint32)
        found.append(Snapshot(step=10 * number, config=None, values=values), number)
    return found


def playback(*histories: History) -> Playback:
    return Playback(
        Recorded(
            histories=histories,
            names=tuple(f"run {n}" for n in range(len(histories))),
            files=(FILE,) * len(histories),
            tables=({"File": "run.bnviz"},) * len(histories),
        )
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_a_page_gets_every_record_of_two_models_and_knows_that_there_is_no_more(server: Server, rng):
    histories = history(4, 30, rng), history(4, 12, rng)
    token = server.registry.open_playback(None, 0, lambda: playback(*histories))
    with server.connect(token) as client:
        header = client.pull(layer=1)
        while client.page.cursor < header["last"]:
            header = client.pull(layer=1)
        meta, page = client.meta, client.page
    assert header["last"] == 29
    assert (meta["kind"], meta["recorded"], meta["points"], meta["images"]) == ("model", True, None, None)
    assert [arm["layer_names"] for arm in meta["arms"]] == [list(histories[0].layout.layers)] * 2
    assert meta["measured"] == [
        "loss", "percentiles", "mean", "deviation", "histogram", "dead", "gradient_z", "gradient_weight", "gamma",
        "scalar",
    ]  # fmt: skip
    for rows, detail, source in zip(page.rows, page.detail, histories, strict=True):
        assert len(rows) == len(source)
        for at, identity in enumerate(source.ids.tolist()):
            row = rows[identity]
            for name in ("loss", "percentiles", "dead", "gradient_z", "scalar"):
                np.testing.assert_array_equal(row[name], source[name][at], err_msg=name)
            total = source["histogram"][at].sum(-1, keepdims=True)
            np.testing.assert_array_equal(row["histogram"], np.rint(source["histogram"][at] / total * 65535))
            assert "test_loss" not in row, "what was not measured is not sent"
            np.testing.assert_array_equal(detail[row["step"].item()]["gamma"], source["gamma"][at, 0])


def test_edges_come_a_layer_where_they_differ_and_channels_a_norm(rng):
    run = playback(history(3, 2, rng, norms=(0, 2)))
    arm = json.loads(run._meta)["arms"][0]
    np.testing.assert_allclose(arm["edges"][0], run.histories[0].layout.edges[0], rtol=1e-6)
    assert (arm["norms"], arm["channels"], arm["channel_count"]) == ([0, 2], [[0, 5], [0, 7]], 2)
    assert arm["config"] is None
    assert arm["scalars"] == ["accuracy", "grad norm"]


def test_a_layer_narrower_than_a_row_of_channels_shifts_nothing_that_comes_behind_it(rng):
    sources = history(3, 5, rng, row=16), history(3, 4, rng, row=16)
    run = playback(*sources)
    page = Page([sizes_of(arm) for arm in json.loads(run._meta)["arms"]], layer=1)
    page.take(pack({}, sources, [{}, {}], **page.question()))
    for rows, detail, source in zip(page.rows, page.detail, sources, strict=True):
        assert [row["step"].item() for row in rows.values()] == source["step"].tolist()
        np.testing.assert_array_equal([one["gamma"] for one in detail.values()], source["gamma"][:, 0])


def test_a_layer_without_channels_is_answered_with_none_and_is_done_with(rng):
    source = history(3, 5, rng, norms=(2,))
    run = playback(source)
    page = Page([sizes_of(arm) for arm in json.loads(run._meta)["arms"]], layer=0)
    header = page.take(pack({}, [source], [{}], **page.question()))
    detail = header["arms"][0]["layer"]
    assert (detail["layer"], detail["count"], detail["fields"], detail["cursor"]) == (0, 0, [], 4)
    page.look_at(2)
    page.take(pack({}, [source], [{}], **page.question()))
    assert len(page.detail[0]) == 5


def test_rows_of_hundreds_of_layers_come_in_windows_of_bounded_size_without_gaps(rng):
    source = history(600, 80, rng)
    page = Page([sizes_of(json.loads(playback(source)._meta)["arms"][0])], layer=1)
    by_hand = 4 + 4 + 600 * (7 + 1 + 1 + 1 + 1 + 1) * 4 + 2 * 4 + 600 * CELLS * 2
    assert row_bytes([source]) == by_hand - 4, "everything but the step, as the wire's description says"
    messages, answers = [], 0
    while page.cursor < 79:
        messages.append(pack({}, [source], [{}], **page.question()))
        page.take(messages[-1])
        answers += 1
    assert list(page.rows[0]) == list(range(80))
    assert max(map(len, messages)) <= MAX_WINDOW + 20_000
    assert answers == -(-80 // (MAX_WINDOW // row_bytes([source])))


def test_one_row_that_is_larger_than_a_window_comes_alone(rng, monkeypatch):
    monkeypatch.setattr("bnviz.live.packing.MAX_WINDOW", 100)
    source = history(5, 3, rng)
    page = Page([sizes_of(json.loads(playback(source)._meta)["arms"][0])], layer=1)
    for expected in range(3):
        page.take(pack({}, [source], [{}], **page.question()))
        assert page.cursor == expected


@pytest.mark.parametrize(
    "message",
    [
        {"op": "play"}, {"op": "pause"}, {"op": "rewind"}, {"op": "reseed"}, {"op": "step", "count": 5},
        {"op": "switch", "arm": 0, "normalization": "batch"}, {"op": "learning_rate", "arm": 0, "value": 1.0},
        {"op": "until", "step": 3}, {"op": "speed", "steps_per_second": 0}, {"op": "clear_interventions"},
    ],
)  # fmt: skip
def test_a_command_to_train_is_answered_with_one_sentence_and_the_recording_plays_on(server: Server, rng, message):
    assert message["op"] in COMMANDS
    token = server.registry.open_playback(None, 0, lambda: playback(history(2, 3, rng)))
    with server.connect(token) as client:
        client.pull()
        client.socket.send(json.dumps(message))
        assert client.error() == NO_TRAINING
        client.pull()
        assert len(client.page.rows[0]) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"op":"open","file":"/etc/passwd"}', '{"op":"pull","layer":-1}'])
def test_a_forged_message_is_refused_and_the_recording_plays_on(server: Server, rng, text):
    token = server.registry.open_playback(None, 0, lambda: playback(history(2, 3, rng)))
    with server.connect(token) as client:
        client.socket.send(text)
        assert client.error()
        client.pull(layer=1)
        assert len(client.page.rows[0]) == 3


def test_a_layer_beyond_the_last_and_cursors_beyond_the_end_do_no_harm(server: Server, rng):
    token = server.registry.open_playback(None, 0, lambda: playback(history(2, 3, rng)))
    with server.connect(token) as client:
        generation = server.registry.find(token).run.generation
        client.send("pull", generation=generation, cursor=10**9, layer=99_999, layer_cursor=10**9)
        message = client.socket.recv(timeout=30)
    header = json.loads(message[4 : 4 + int.from_bytes(message[:4], "little")])
    assert header["arms"][0]["count"] == 0
    assert header["arms"][0]["layer"]["layer"] == 1


def test_a_recording_without_a_single_record_is_answered_all_the_same(rng):
    run = playback(history(2, 0, rng))
    answers: list = []
    question = bnviz.live.questions.Question(-1, -1, 0, -1, answers.extend)
    run.ask(question)
    run.work()
    assert json.loads(answers[0])["measured"] == []
    assert len(answers) == 2


def test_a_copy_is_of_what_is_played(rng):
    run = playback(history(2, 3, rng))
    waiting = run.copies.ask()
    run.work()
    copy = waiting.result(timeout=0)
    assert copy.histories == run.histories
    assert (copy.configs, copy.tables) == ((), ({"File": "run.bnviz"},))


def test_a_run_of_the_lab_has_its_verdicts_its_picture_and_its_interventions():
    arms = (ExperimentConfig(width=8, batch_size=64), ExperimentConfig(width=8, batch_size=64, normalization="batch"))
    live = LiveRun(arms, ("without", "with"))
    comparison = live.comparison
    for _ in range(60):
        comparison.advance(steps=1, capture=comparison.step % 5 == 0)
    files = ({**FILE, "kind": "lab"},)
    run = Playback(
        Recorded(histories=tuple(comparison.histories), names=("without", "with"), files=files, link_query="x=1")
    )
    answers: list = []
    run.ask(bnviz.live.questions.Question(-1, -1, 0, -1, answers.extend))
    run.work()
    meta, wanted = json.loads(answers[0]), []
    live.ask(bnviz.live.questions.Question(-1, -1, 0, -1, wanted.extend))
    live.work()
    of_lab = json.loads(wanted[0])
    assert meta["kind"] == "lab"
    own = ("capacity", "generation")
    assert {key: meta[key] for key in of_lab if key not in own} == {k: of_lab[k] for k in of_lab if k not in own}
    header = json.loads(answers[1][4 : 4 + int.from_bytes(answers[1][:4], "little")])
    expected = json.loads(wanted[1][4 : 4 + int.from_bytes(wanted[1][:4], "little")])
    assert header["verdicts"] == expected["verdicts"] != []
    assert run.copy().configs == tuple(comparison.configs)
    assert run.copy().chances == tuple(comparison.chances)


def test_networks_of_unlike_data_are_each_judged_by_their_own_chance():
    arms = tuple(ExperimentConfig(dataset=dataset, width=8) for dataset in ("digits", "circles"))
    comparison = Comparison(arms, every=5)
    comparison.advance(steps=6)
    run = Playback(Recorded(histories=tuple(comparison.histories), names=("a", "b"), files=(FILE,)))
    assert run.copy().chances == tuple(comparison.chances)
    assert len({chance.share for chance in run.copy().chances}) == 2


def test_no_two_recordings_are_of_one_generation_so_that_a_page_never_mixes_them(rng):
    source = history(2, 3, rng)
    assert len({playback(source).generation for _ in range(3)}) == 3


# --- places --------------------------------------------------------------------------------------


@pytest.fixture
def registry() -> Registry:
    return Registry(Hand())  # type: ignore[arg-type]


def test_the_same_revision_keeps_the_place_and_opens_nothing_again(registry, rng):
    opened = []

    def make() -> Playback:
        opened.append(1)
        return playback(history(2, 2, rng))

    token = registry.open_playback(None, 3, make)
    assert registry.open_playback(token, 3, make) == token
    assert len(opened) == 1
    other = registry.open_playback(token, 4, make)
    assert other != token
    assert registry.find(token) is None, "its memory is given up at once"
    registry.close_playback(other)
    assert registry.find(other) is None


@pytest.mark.parametrize("how", ["replaced", "closed"])
def test_a_socket_that_stays_open_holds_no_recording_that_has_gone(server: Server, rng, how):
    made = [playback(history(2, 3, rng))]
    token = server.registry.open_playback(None, 0, lambda: made[0])
    held = weakref.ref(made.pop())
    with server.connect(token) as client:
        client.pull()
        if how == "replaced":
            server.registry.open_playback(token, 1, lambda: playback(history(2, 3, rng)))
        else:
            server.registry.close_playback(token)
        with pytest.raises(ConnectionClosed):
            client.socket.recv(timeout=30)
        assert client.socket.protocol.close_code == REPLACED

        def freed() -> bool:
            gc.collect()
            return held() is None

        wait_for(freed, "its numbers to be freed")


def test_a_seat_that_was_removed_takes_nobody_any_more(registry, rng):
    token = registry.open_playback(None, 0, lambda: playback(history(2, 2, rng)))
    seat = registry.find(token)
    registry.close_playback(token)
    assert not registry.sit(seat, object())
    assert seat.socket is None


def test_what_cannot_be_opened_leaves_the_place_as_it_was(registry, rng):
    token = registry.open_playback(None, 0, lambda: playback(history(2, 2, rng)))

    def fail() -> Playback:
        raise ValueError("not a recording")

    with pytest.raises(ValueError, match="not a recording"):
        registry.open_playback(token, 1, fail)
    assert registry.find(token) is not None


def test_a_token_of_one_kind_never_reaches_the_other(registry, rng):
    arms = (ExperimentConfig(width=4), ExperimentConfig(width=4, normalization="batch"))
    live = registry.open(None, 0, arms, ("a", "b"), None)
    played = registry.open_playback(None, 0, lambda: playback(history(2, 2, rng)))
    assert registry.open(played, 0, arms, ("a", "b"), None) not in (played, live)
    assert registry.open_playback(live, 0, lambda: playback(history(2, 2, rng))) not in (played, live)
    registry.close_playback(live)
    assert registry.find(live) is not None
    assert not registry.find(played).run.trains


def test_places_for_recordings_are_bounded_and_those_that_nobody_watches_go_first(rng, monkeypatch):
    real, ahead = time.monotonic, [0.0]
    registry = Registry(Hand(), Limits(recordings=3))  # type: ignore[arg-type]
    clock = SimpleNamespace(monotonic=lambda: real() + ahead[0])
    for module in (bnviz.live.registry, bnviz.live.playbacks):
        monkeypatch.setattr(module, "time", clock)
    source = history(2, 2, rng)
    tokens = [registry.open_playback(None, 0, lambda: playback(source)) for _ in range(3)]
    registry.sit(registry.find(tokens[0]), object())
    with pytest.raises(FullError, match="All 3 places for recordings are taken"):
        registry.open_playback(None, 0, lambda: pytest.fail("nothing is read where there is no room for it"))
    tokens[2] = registry.open_playback(tokens[2], 1, lambda: playback(source))  # in place of its own there is
    ahead[0] = KEPT_FOR + 1
    assert registry.open_playback(None, 0, lambda: playback(source))
    assert registry.find(tokens[0]) is not None, "it is watched"
    assert registry.find(tokens[1]) is None
    ahead[0] += registry.limits.freed_after + 1
    registry.find("")
    assert len(registry._seats) == 1


def test_recordings_take_no_place_of_those_who_train(rng):
    registry = Registry(Hand(), Limits(runs=1))  # type: ignore[arg-type]
    for _ in range(3):
        token = registry.open_playback(None, 0, lambda: playback(history(1, 1, rng, norms=(0,))))
        registry.sit(registry.find(token), object())
    live = registry.open(None, 0, (ExperimentConfig(width=4),), ("a",), None)
    assert not registry.crowded(registry.find(live))


def large(mib: int) -> Playback:
    """A recording that takes so many MiB; nothing is in its pages, so that no memory is used."""
    found = playback(history(1, 1, np.random.default_rng(0), norms=(0,)))
    found.histories[0]._columns["filler"] = np.empty(mib * 2**20, np.uint8)
    return found


def test_a_history_knows_what_it_takes(rng):
    one = history(3, 5, rng)
    arrays = [*one._columns.values(), one._ids, one._steps]
    sparse = [value for rows in one._sparse.values() for value in rows.values()]
    assert one.nbytes == sum(array.nbytes for array in (*arrays, *sparse)) > 0


def test_recordings_are_bounded_in_all_and_those_that_nobody_watches_go_first(monkeypatch):
    real, ahead = time.monotonic, [0.0]
    clock = SimpleNamespace(monotonic=lambda: real() + ahead[0])
    for module in (bnviz.live.registry, bnviz.live.playbacks):
        monkeypatch.setattr(module, "time", clock)
    registry = Registry(Hand(), Limits(recordings_mib=100))  # type: ignore[arg-type]
    watched, left, newer = (registry.open_playback(None, 0, lambda: large(30)) for _ in range(3))
    registry.sit(registry.find(watched), object())
    with pytest.raises(FullError, match=r"may take 100 MiB in all, and this one would take 3\d more"):
        registry.open_playback(None, 0, lambda: large(30))  # the others' pages are about to come
    ahead[0] = KEPT_FOR + 1
    registry.open_playback(None, 0, lambda: large(30))
    assert [registry.find(token) is not None for token in (watched, left, newer)] == [True, False, True]
    with pytest.raises(FullError, match="100 MiB"):
        registry.open_playback(None, 0, lambda: large(101))
    assert registry.find(watched), "what somebody watches stays"


def test_what_many_pages_share_is_counted_once_and_ones_own_gives_way():
    registry = Registry(Hand(), Limits(recordings_mib=100))  # type: ignore[arg-type]
    shared = large(60)
    tokens = [registry.open_playback(None, 0, lambda: Playback(shared.recorded)) for _ in range(5)]
    assert all(registry.find(token) for token in tokens)
    registry = Registry(Hand(), Limits(recordings_mib=100))  # type: ignore[arg-type]
    own = registry.open_playback(None, 0, lambda: large(60))
    other = registry.open_playback(own, 1, lambda: large(70))
    assert (registry.find(own), registry.find(other).run.histories[0].nbytes > 70 * 2**20) == (None, True)
