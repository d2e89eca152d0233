"""The stream as a page sees it, over a real socket: what it asks, what it orders, what it must not be able to do."""

from __future__ import annotations

import json
import struct
import threading
import time

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

import bnviz.live.run
from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.experiment.presets import PRESETS
from bnviz.live.messages import COMMANDS
from bnviz.live.run import CommandError
from bnviz.live.stream import MAX_MESSAGE, REPLACED
from bnviz.training.comparison import Comparison
from tests.live.conftest import TWINS, wait_for

EXACT = ("loss", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "test_accuracy_train_mode")
DIVERGING = TWINS[0].replace(learning_rate=1e4, hidden_layers=4, activation="linear")


def bits(values) -> list[bytes]:
    """Floats as the bytes they are, so that equal means equal to the last bit."""
    return [struct.pack("<f", float(value)) for value in values]


def numbers(client, step: int) -> list[list[bytes]]:
    """All losses and accuracies of a step, an arm."""
    assert client.page is not None
    found = []
    for rows in client.page.rows:
        (row,) = [row for row in rows.values() if row["step"] == step]
        found.append(bits(row[name] for name in EXACT))
    return found


def expected(arms, step: int) -> list[list[bytes]]:
    """The same from the engine alone, without a server."""
    comparison = Comparison(arms, every=1)
    comparison.advance(steps=step + 1)
    return [bits(history[name][-1] for name in EXACT) for history in comparison.histories]


# --- pull and answer -----------------------------------------------------------------------------


def test_the_first_answer_is_the_meta_and_then_step_0_of_every_arm(server):
    with server.client() as client:
        header = client.pull()
        assert [next(iter(rows.values()))["step"] for rows in client.page.rows] == [0, 0]
    assert (header["generation"], header["playing"], header["step"], header["finished"]) == (0, False, 0, None)
    meta = client.meta
    assert [arm["name"] for arm in meta["arms"]] == ["network 0", "network 1"]
    assert [ExperimentConfig(**arm["config"] | {"interventions": ()}) for arm in meta["arms"]] == list(TWINS)
    assert len(meta["classes"]) == 3
    assert meta["chance"] == pytest.approx(1 / 3, abs=0.15)
    assert (meta["points"], meta["images"]) == (None, None)
    assert np.array(meta["arms"][0]["edges"]).shape == (3, meta["bins"] + 1)


def test_planar_data_comes_with_its_points_and_a_surface_and_digits_with_images(server):
    planar = (ExperimentConfig(dataset="xor", width=4, batch_size=16),)
    with server.client(planar) as client:
        client.pull()
        points = client.meta["points"]
        assert len(points["x"]) == len(points["y"]) == len(points["label"]) > 100
        assert client.page.rows[0][0]["surface"].shape == (32, 32)
    digits = (ExperimentConfig(width=4),)
    with server.client(digits) as client:
        client.pull()
        assert np.array(client.meta["images"]["pixels"]).shape == (12, 64)
        assert client.page.rows[0][0]["predictions"].shape == (12,)


def test_with_nothing_new_the_answer_comes_all_the_same_and_is_empty(server):
    with server.client() as client:
        client.pull()
        header = client.pull()
        header = client.pull()
    assert [arm["count"] for arm in header["arms"]] == [0, 0]


def test_a_command_wakes_a_waiting_question(server):
    with server.client() as client:
        client.pull()
        client.pull()
        client.ask()
        client.send("step")
        header = client.receive()
        while header["step"] == 0:
            header = client.pull()
        assert list(client.page.rows[0].values())[-1]["step"] == header["step"] == 1


def test_a_question_about_an_unknown_generation_begins_with_its_meta(server):
    with server.client() as client:
        client.pull()
        client.send("pull", generation=77, cursor=500, layer=0, layer_cursor=500)
        header = client.receive()
        assert header["arms"][0]["ids"][0] == 0, "everything comes again"


def test_a_layer_that_no_arm_has_is_answered_with_the_last_one(server):
    with server.client() as client:
        client.pull()
        client.send("pull", generation=0, cursor=-1, layer=1000, layer_cursor=-1)
        message = client.socket.recv(timeout=30)
        header = json.loads(message[4 : 4 + int.from_bytes(message[:4], "little")])
        assert header["arms"][0]["layer"]["layer"] == 1


def test_a_question_that_comes_while_another_one_is_answered_is_not_lost(monkeypatch):
    run = bnviz.live.run.LiveRun(TWINS, ("a", "b"))
    answered: list[str] = []

    def question(name: str):
        return bnviz.live.questions.Question(0, -1, 0, -1, lambda _messages: answered.append(name))

    later = [question("the page that took over")]

    def pack(*args, **options) -> bytes:
        if later:
            run.ask(later.pop())
        return b""

    monkeypatch.setattr(bnviz.live.answers, "pack", pack)
    run.ask(question("the page before"))
    run.work()
    run.work()
    assert "the page that took over" in answered


# --- commands ------------------------------------------------------------------------------------


def test_play_trains_and_pause_keeps_the_last_step_it_made(server):
    with server.client() as client:
        client.pull()
        client.send("play")
        header = client.pull_until(lambda h: h["playing"] and h["step"] > 20)
        assert header["steps_per_second"] >= 0
        client.send("pause")
        header = client.pull_until(lambda h: not h["playing"])
        last = header["step"]
        assert [list(rows.values())[-1]["step"] for rows in client.page.rows] == [last, last], (
            "shown is what was trained"
        )
        assert client.pull()["step"] == client.pull()["step"] == last


def test_ids_and_steps_rise_and_every_arm_has_the_same_ones(server):
    with server.client() as client:
        client.send("play")
        client.pull_until(lambda h: h["step"] > 300)
    one, other = client.page.rows
    assert list(one) == list(other) == list(range(len(one))), "contiguous: no snapshot was lost"
    steps = [int(row["step"]) for row in one.values()]
    assert steps == sorted(set(steps)) == [int(row["step"]) for row in other.values()]
    assert {*range(10), *range(10, 100, 10), 100, 200} <= set(steps)


def test_single_steps_are_all_captured(server):
    with server.client() as client:
        client.pull()
        client.send("step")
        client.send("step", count=7)
        client.pull_until(lambda h: h["step"] == 8)
        assert [row["step"] for row in client.page.rows[1].values()] == list(range(9))
        assert numbers(client, 8) == expected(TWINS, 8)


def test_until_pauses_exactly_there_and_the_snapshot_is_there(server):
    with server.client() as client:
        client.pull()
        client.send("until", step=137)
        client.send("play")
        header = client.pull_until(lambda h: not h["playing"] and h["step"] > 0)
        assert header["step"] == header["until"] == 137
        assert "137" in header["finished"]
        assert max(row["step"] for row in client.page.rows[0].values()) == 137
        client.send("until", step=None)
        client.send("play")
        client.pull_until(lambda h: h["step"] > 137)


def test_a_links_until_holds_without_a_command(server):
    with server.client(until=25) as client:
        client.pull()
        client.send("play")
        header = client.pull_until(lambda h: not h["playing"] and h["step"] > 0)
        assert header["step"] == 25


def test_speed_is_kept_and_zero_is_flat_out(server):
    with server.client() as client:
        client.pull()
        client.send("speed", steps_per_second=500)
        client.send("play")
        assert client.pull_until(lambda h: h["step"] > 5)["speed"] == 500
        client.send("speed", steps_per_second=0)
        assert client.pull_until(lambda h: h["step"] > 300)["speed"] == 0


def test_slow_motion_shows_every_step(server):
    with server.client() as client:
        client.pull()
        client.send("speed", steps_per_second=20)
        client.send("play")
        client.pull_until(lambda h: h["step"] >= 8)
        steps = [row["step"] for row in client.page.rows[0].values()]
        assert steps == list(range(len(steps)))


def test_a_switch_is_in_force_from_the_next_step_recorded_and_replayed(server):
    with server.client() as client:
        client.pull()
        client.send("step", count=10)
        client.send("switch", arm=0, normalization="batch")
        client.send("switch", arm=1, normalization="none")
        client.send("step", count=10)
        header = client.pull_until(lambda h: h["step"] == 20)
        assert [arm["normalization"] for arm in header["arms"]] == ["batch", "none"]
        assert header["arms"][0]["interventions"] == [{"step": 11, "normalization": "batch"}]
        assert [int(row["normalization"]) for row in client.page.rows[0].values()][-1] == 1
        seen = numbers(client, 20)
        client.send("rewind")
        client.send("step", count=20)
        client.pull_until(lambda h: h["generation"] == 1 and h["step"] == 20)
        assert numbers(client, 20) == seen, "a rewind replays what was switched"
    replayed = [
        TWINS[0].replace(interventions=(Intervention(step=11, normalization="batch"),)),
        TWINS[1].replace(interventions=(Intervention(step=11, normalization="none"),)),
    ]
    assert seen == expected(replayed, 20), "and so does a link"


def test_a_learning_rate_is_turned_live_and_recorded(server):
    with server.client() as client:
        client.pull()
        client.send("learning_rate", arm=1, value=0.25)
        client.send("step")
        header = client.pull_until(lambda h: h["step"] == 1)
        assert [arm["learning_rate"] for arm in header["arms"]] == [TWINS[0].learning_rate, 0.25]
        assert header["arms"][1]["interventions"] == [{"step": 1, "learning_rate": 0.25}]


def test_forgetting_switches_goes_back_to_step_0_without_them(server):
    with server.client() as client:
        client.pull()
        client.send("switch", arm=0, normalization="batch")
        client.send("step", count=5)
        client.pull_until(lambda h: h["step"] == 5 and h["arms"][0]["interventions"])
        client.send("clear_interventions")
        header = client.pull_until(lambda h: h["generation"] == 1)
        assert (header["step"], header["arms"][0]["interventions"]) == (0, [])
        client.send("step", count=5)
        client.pull_until(lambda h: h["step"] == 5)
        assert numbers(client, 5) == expected(TWINS, 5)


def test_rewind_gives_the_same_numbers_and_a_new_init_other_ones(server):
    with server.client() as client:
        client.pull()
        client.send("step", count=15)
        client.pull_until(lambda h: h["step"] == 15)
        first = numbers(client, 15)
        client.send("rewind")
        client.send("step", count=15)
        client.pull_until(lambda h: h["generation"] == 1 and h["step"] == 15)
        assert numbers(client, 15) == first
        client.send("reseed")
        client.send("step", count=15)
        header = client.pull_until(lambda h: h["generation"] == 2 and h["step"] == 15)
        assert header["seed"] == client.meta["arms"][0]["config"]["seed"] == 1
        assert numbers(client, 15) != first
        assert numbers(client, 15) == expected([arm.replace(seed=1) for arm in TWINS], 15)


def test_the_loss_at_step_200_is_the_same_however_it_was_watched_and_without_a_server(server):
    arms = PRESETS["headline"].arms
    wanted = expected(arms, 200)
    with server.client(arms) as client:
        client.pull()
        client.send("until", step=200)
        client.send("play")
        client.pull_until(lambda h: not h["playing"] and h["step"] == 200)
        assert numbers(client, 200) == wanted
    with server.client(arms, until=200) as client:
        client.send("step", count=3)
        client.send("speed", steps_per_second=100_000)
        client.send("play")
        client.pull_until(lambda h: h["step"] > 50, layer=2)
        client.send("pause")
        client.send("speed", steps_per_second=0)
        client.send("play")
        client.pull_until(lambda h: not h["playing"] and h["step"] == 200, layer=1)
        assert numbers(client, 200) == wanted


def test_an_arm_that_diverges_stops_and_the_other_one_goes_on(server):
    with server.client((DIVERGING, TWINS[1])) as client:
        client.send("play")
        header = client.pull_until(lambda h: h["arms"][0]["diverged"] and h["step"] > 200)
        broke = header["arms"][0]["diverged"]
        assert broke["step"] < 200
        assert broke["where"]
        assert header["arms"][1]["diverged"] is None
        assert max(row["step"] for row in client.page.rows[0].values()) == broke["step"]
        assert max(row["step"] for row in client.page.rows[1].values()) > broke["step"]
        client.send("switch", arm=0, normalization="batch")
        assert "rewind" in client.error()


def test_when_every_arm_has_diverged_the_run_says_so_and_stops(server):
    with server.client((DIVERGING, DIVERGING.replace(width=4))) as client:
        client.send("play")
        header = client.pull_until(lambda h: h["finished"])
        assert not header["playing"]
        assert "diverged" in header["finished"]
        client.send("play")
        assert not client.pull()["playing"]


# --- what a page must not be able to do ----------------------------------------------------------

HOSTILE = [
    pytest.param("", "JSON object", id="empty"),
    pytest.param("play", "JSON object", id="not-json"),
    pytest.param("null", "JSON object", id="null"),
    pytest.param("[1]", "JSON object", id="list"),
    pytest.param('"play"', "JSON object", id="string"),
    pytest.param("{", "JSON object", id="cut-short"),
    pytest.param("[" * 2000, "JSON object", id="nested"),
    pytest.param('{"a":' * 300 + "1" + "}" * 300, "op must be one of", id="nested-object"),
    pytest.param(json.dumps({"op": "x" * 5000}), str(MAX_MESSAGE), id="long"),
    pytest.param(json.dumps({"op": "x" * 900_000}), str(MAX_MESSAGE), id="huge"),
    pytest.param("{}", "op must be one of", id="no-op"),
    pytest.param('{"op": "__class__"}', "op must be one of", id="unknown-op"),
    pytest.param('{"op": ["play"]}', "op must be one of", id="op-list"),
    pytest.param('{"op": {"op": "play"}}', "op must be one of", id="op-object"),
    pytest.param('{"op": null}', "op must be one of", id="op-null"),
    pytest.param('{"op": "\\ud800"}', "op must be one of", id="lone-surrogate"),
    pytest.param('{"op": "pull"}', "generation", id="pull-of-nothing"),
    pytest.param('{"op":"pull","generation":0,"cursor":NaN,"layer":0,"layer_cursor":0}', "cursor", id="cursor-nan"),
    pytest.param('{"op":"pull","generation":0,"cursor":-2,"layer":0,"layer_cursor":0}', "cursor", id="cursor-low"),
    pytest.param('{"op":"pull","generation":0,"cursor":1.5,"layer":0,"layer_cursor":0}', "cursor", id="cursor-half"),
    pytest.param('{"op":"pull","generation":0,"cursor":1e300,"layer":0,"layer_cursor":0}', "cursor", id="cursor-float"),
    pytest.param('{"op":"pull","generation":true,"cursor":0,"layer":0,"layer_cursor":0}', "generation", id="true"),
    pytest.param('{"op":"pull","generation":0,"cursor":0,"layer":100001,"layer_cursor":0}', "layer", id="layer-high"),
    pytest.param('{"op":"pull","generation":0,"cursor":0,"layer":-1,"layer_cursor":0}', "layer", id="layer-low"),
    pytest.param('{"op":"pull","generation":0,"cursor":1' + "0" * 1500 + "}", "cursor", id="cursor-1500-digits"),
    pytest.param('{"op":"step","count":0}', "count", id="no-steps"),
    pytest.param('{"op":"step","count":1000000}', "count", id="too-many-steps"),
    pytest.param('{"op":"step","count":"10"}', "count", id="steps-as-text"),
    pytest.param('{"op":"step","count":null}', "count", id="steps-null"),
    pytest.param('{"op":"speed"}', "steps_per_second", id="no-speed"),
    pytest.param('{"op":"speed","steps_per_second":NaN}', "steps_per_second", id="speed-nan"),
    pytest.param('{"op":"speed","steps_per_second":Infinity}', "steps_per_second", id="speed-infinite"),
    pytest.param('{"op":"speed","steps_per_second":1e999}', "steps_per_second", id="speed-overflow"),
    pytest.param('{"op":"speed","steps_per_second":1' + "0" * 400 + "}", "steps_per_second", id="speed-400-digits"),
    pytest.param('{"op":"speed","steps_per_second":-1}', "steps_per_second", id="speed-negative"),
    pytest.param('{"op":"speed","steps_per_second":false}', "steps_per_second", id="speed-bool"),
    pytest.param('{"op":"speed","steps_per_second":{"$gt":0}}', "steps_per_second", id="speed-object"),
    pytest.param('{"op":"until","step":-1}', "step", id="until-negative"),
    pytest.param('{"op":"until","step":99999999999}', "step", id="until-high"),
    pytest.param('{"op":"until","step":"<b>"}', "step", id="until-text"),
    pytest.param('{"op":"switch"}', "arm", id="no-arm"),
    pytest.param('{"op":"switch","arm":2,"normalization":"batch"}', "arm", id="arm-that-is-not-there"),
    pytest.param('{"op":"switch","arm":-1,"normalization":"batch"}', "arm", id="arm-negative"),
    pytest.param('{"op":"switch","arm":0}', "normalization", id="no-normalization"),
    pytest.param('{"op":"switch","arm":0,"normalization":"instance"}', "normalization", id="unknown-norm"),
    pytest.param('{"op":"switch","arm":0,"normalization":["batch"]}', "normalization", id="norm-list"),
    pytest.param('{"op":"switch","arm":0,"normalization":{"a":1}}', "normalization", id="norm-object"),
    pytest.param('{"op":"learning_rate","arm":0,"value":NaN}', "value", id="rate-nan"),
    pytest.param('{"op":"learning_rate","arm":0,"value":0}', "value", id="rate-zero"),
    pytest.param('{"op":"learning_rate","arm":0,"value":"1"}', "value", id="rate-text"),
    pytest.param('{"op":"learning_rate","arm":9,"value":1}', "arm", id="rate-arm"),
    pytest.param('{"op":"learning_rate","arm":0,"value":1' + "0" * 400 + "}", "value", id="rate-400-digits"),
]


@pytest.fixture(scope="module")
def victim(server):
    """One stream for the whole table: it must outlive all of it."""
    with server.client() as client:
        client.pull()
        yield client


@pytest.mark.parametrize(("text", "named"), HOSTILE)
def test_a_hostile_message_gets_an_error_that_says_what_is_allowed_and_the_stream_lives(victim, text, named):
    victim.socket.send(text)
    message = victim.error()
    assert named in message
    assert len(message) < 400
    assert "Traceback" not in message
    header = victim.pull()
    assert (header["step"], header["playing"]) == (0, False), "and nothing was done"


def test_a_binary_message_gets_an_error_and_the_stream_lives(server):
    with server.client() as client:
        client.pull()
        client.socket.send(b"\x00\xff")
        assert "JSON" in client.error()
        client.pull()


def test_a_switch_that_the_network_cannot_make_is_refused_with_the_reason(server):
    odd = ExperimentConfig(dataset="wine", width=7, batch_size=16)
    with server.client((odd, odd)) as client:
        client.pull()
        client.send("switch", arm=0, normalization="group")
        assert "norm_groups" in client.error()
        client.send("step")
        header = client.pull_until(lambda h: h["step"] == 1)
        assert header["arms"][0]["normalization"] == "none"
        assert header["arms"][0]["interventions"] == []


def test_switching_without_end_is_bounded_and_says_so(server):
    with server.client() as client:
        client.pull()
        for number in range(70):
            client.send("switch", arm=0, normalization=("batch", "none")[number % 2])
            client.send("step")
            client.pull_until(lambda h, made=number + 1: h["step"] == made)
        header = client.pull()
        assert len(header["arms"][0]["interventions"]) == 64
        assert all("64" in error for error in client.errors)
        assert len(client.errors) == 6


@pytest.mark.parametrize("speed", [1e-3, 1e-9, 1e-10, 1e-300, 5e-324])
def test_no_speed_however_small_stops_anybody_elses_training(speed):
    """The run alone, so that no other test's workers are spoiled: they must be able to wait for its next turn."""
    run = bnviz.live.run.LiveRun(TWINS, ("a", "b"))
    try:
        COMMANDS["speed"]({"steps_per_second": speed})(run)
    except CommandError:
        return
    run.play()
    run.ask(bnviz.live.questions.Question(0, -1, 0, -1, lambda _messages: None))
    due = run.work()
    assert due is None or due - time.monotonic() < threading.TIMEOUT_MAX


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1:1",
        "http://localhost",
        "null",
        "http://127.0.0.1:{port}.evil.example",
        "http://user@127.0.0.1:{port}",
        "file://",
        "http://[",
    ],
)
def test_a_foreign_page_may_not_open_the_stream(server, origin):
    with (
        pytest.raises(InvalidStatus, match="403"),
        server.connect(server.open(), origin=origin.replace("{port}", str(server.port))),
    ):
        pass


def test_the_servers_own_page_may(server):
    with server.connect(server.open(), origin=f"http://127.0.0.1:{server.port}") as client:
        client.pull()


@pytest.mark.parametrize("token", ["", "unknown", "%00", "a" * 4000, "../../etc/passwd", "' OR 1=1"])
def test_an_unknown_token_is_told_so_and_the_socket_is_closed(server, token):
    with server.connect(token.replace(" ", "%20").replace("'", "%27")) as client:
        assert json.loads(client.socket.recv(timeout=30)) == {"type": "unknown_token"}
        with pytest.raises(ConnectionClosed) as closed:
            client.socket.recv(timeout=30)
        assert closed.value.rcvd.code == 1008


# --- pages come and go ---------------------------------------------------------------------------


def test_a_newer_page_takes_the_run_over_and_the_older_one_is_told(server):
    token = server.open()
    with server.connect(token) as older:
        older.pull()
        older.send("step", count=4)
        older.pull_until(lambda h: h["step"] == 4)
        with server.connect(token) as newer:
            newer.pull()
            assert len(newer.page.rows[0]) == 5, "the whole history is there"
            with pytest.raises(ConnectionClosed) as closed:
                older.pull_until(lambda _: False)
            assert closed.value.rcvd.code == REPLACED == 4001
            newer.send("step")
            newer.pull_until(lambda h: h["step"] == 5)


def test_a_page_that_takes_over_while_the_older_one_waits_is_answered(server):
    token = server.open()
    with server.connect(token) as older:
        older.pull()
        older.pull()
        older.ask()
        with server.connect(token) as newer:
            newer.pull()
            newer.send("play")
            newer.pull_until(lambda h: h["step"] > 10)


def test_closing_the_page_pauses_at_once(server):
    token = server.open()
    run = server.seat(token).run
    with server.connect(token) as client:
        client.send("play")
        client.pull_until(lambda h: h["step"] > 10)
    wait_for(lambda: not run.playing, "the pause")
    assert server.seat(token).socket is None
    with server.connect(token) as client:
        header = client.pull()
        assert not header["playing"]
        assert client.pull()["step"] == header["step"]
        client.send("play")
        client.pull_until(lambda h: h["step"] > header["step"] + 10)


def test_a_page_that_breaks_off_without_a_word_pauses_the_run(server):
    token = server.open()
    run = server.seat(token).run
    with server.connect(token) as client:
        client.send("play")
        client.pull_until(lambda h: h["step"] > 10)
        client.socket.socket.close()
        wait_for(lambda: not run.playing, "the pause")


def test_a_page_that_stops_asking_trains_nothing_and_goes_on_when_it_asks_again(server, monkeypatch):
    assert bnviz.live.run.UNWATCHED_AFTER == 2.0
    monkeypatch.setattr(bnviz.live.run, "UNWATCHED_AFTER", 0.2)
    token = server.open()
    run, workers = server.seat(token).run, server.registry.workers
    with server.connect(token) as client:
        client.send("play")
        client.pull_until(lambda h: h["step"] > 10)
        wait_for(lambda: run not in workers._planned and run not in workers._busy, "the last turn")
        step = run.comparison.step
        time.sleep(0.5)  # a wrong run would train hundreds of steps here
        assert run.comparison.step == step
        assert run.playing, "it is not paused, it only waits"
        client.pull_until(lambda h: h["playing"] and h["step"] > step + 10)


def test_a_new_experiment_starts_a_new_generation_on_the_same_socket(server):
    token = server.open()
    with server.connect(token) as client:
        client.send("play")
        client.pull_until(lambda h: h["step"] > 10)
        deeper = [arm.replace(hidden_layers=4) for arm in TWINS]
        assert server.registry.open(token, 1, deeper, ["a", "b"], None) == token
        header = client.pull_until(lambda h: h["generation"] == 1)
        assert (header["playing"], header["step"]) == (False, 0)
        assert [arm["layers"] for arm in client.meta["arms"]] == [4, 4]
        assert list(client.page.rows[0]) == [0]


def test_two_visitors_train_apart_and_get_what_each_would_get_alone(server):
    other = tuple(arm.replace(seed=5) for arm in TWINS)
    with server.client(TWINS, until=60) as one, server.client(other, until=60) as two:
        for client in (one, two):
            client.send("play")
        for client in (one, two, one, two):
            client.pull_until(lambda h: h["step"] > 0)
        for client, arms in ((one, TWINS), (two, other)):
            client.pull_until(lambda h: not h["playing"] and h["step"] == 60)
            assert numbers(client, 60) == expected(arms, 60)


def test_an_error_inside_a_run_is_said_and_the_server_goes_on(server, caplog, monkeypatch):
    monkeypatch.setattr("bnviz.live.stream.PATIENCE", 30.0)  # so that the question is still open then
    token = server.open()
    with server.connect(token) as client, server.client() as other:
        client.pull()

        def broken() -> None:
            raise ZeroDivisionError("a bug in the engine")

        run = server.seat(token).run
        monkeypatch.setattr(run, "rewind", broken)
        client.ask()
        deadline = time.monotonic() + 10
        while run.open.question is None:
            assert time.monotonic() < deadline, "the question has not arrived"
            time.sleep(0.01)
        server.registry.command(server.seat(token), lambda run: run.rewind())
        error = client.error()
        assert "error on the server" in error
        assert "a bug in the engine" not in error
        assert "a bug in the engine" in caplog.text
        client.send("step")
        client.pull_until(lambda h: h["step"] == 1)
        other.send("step")
        other.pull_until(lambda h: h["step"] == 1)


def test_a_play_after_the_pause_that_was_asked_for_goes_on(server):
    with server.client(until=10) as client:
        client.send("play")
        client.pull_until(lambda h: not h["playing"] and h["step"] == 10)
        client.send("play")
        client.pull()
        assert client.pull()["step"] > 10


def test_a_flood_of_commands_is_refused_and_keeps_nobody_else_waiting(server):
    with server.connect(server.open(), max_queue=None) as flood, server.client() as other:
        flood.pull()
        for _ in range(300):
            flood.send("step", count=20)
        other.send("step")
        other.pull_until(lambda h: h["step"] == 1)
        assert "commands may wait" in flood.error()
