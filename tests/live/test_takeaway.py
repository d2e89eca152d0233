"""Files are taken from a run by its token alone, as a page asks for them over HTTP; what is refused says why."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from types import MappingProxyType
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from bnviz.experiment.config import Intervention
from bnviz.live.copies import RunCopy
from bnviz.live.registry import Registry
from bnviz.live.routes import TAKE, routes
from bnviz.live.run import CommandError, LiveRun
from bnviz.live.takeaway import CHUNK, MAX_A_RUN, MAX_BODY, BusyError, Desk, Sent, TakeError, Taken, Wish, read
from bnviz.live.workers import Workers
from tests.live.conftest import TWINS, Server, wait_for
from tests.live.test_registry import Hand
from tests.ui.test_takeaway import MAKERS

HELD = threading.Event()


def steps(copy: RunCopy, wish: Wish) -> Taken:
    """A file of what came: the copied histories' steps, and the wish."""
    found = {"steps": [history["step"].tolist() for history in copy.histories], "wish": repr(wish)}
    return Taken("steps.json", "application/json", json.dumps(found).encode())


def held(copy: RunCopy, wish: Wish) -> Taken:
    """A file that takes as long as the test wants."""
    assert HELD.wait(30)
    return steps(copy, wish)


def refused(copy: RunCopy, wish: Wish) -> Taken:
    raise TakeError("not of this run: take another")


def broken(copy: RunCopy, wish: Wish) -> Taken:
    raise ZeroDivisionError("secret")


PROBES = MappingProxyType({**MAKERS, "steps": steps, "held": held, "refused": refused, "broken": broken})


@pytest.fixture(scope="module")
def taking() -> Iterator[Server]:
    """A server whose route has makers: the app's own, and some that a test can watch."""
    registry = Registry(Workers(2))
    application = Starlette(routes=routes(registry, PROBES))
    config = uvicorn.Config(application, port=0, lifespan="off", log_level="warning", timeout_graceful_shutdown=1)
    uvicorn_server = uvicorn.Server(config)
    thread = threading.Thread(target=uvicorn_server.run, name="server under test")
    thread.start()
    wait_for(lambda: uvicorn_server.started, "the server")
    try:
        yield Server(uvicorn_server.servers[0].sockets[0].getsockname()[1], registry)
    finally:
        HELD.set()
        uvicorn_server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def token(taking) -> str:
    return taking.open(until=20)


def post(server: Server, body: Any, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        kind = {"Content-Type": "application/json"}
        connection.request("POST", f"/{TAKE}", content, kind | {k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def refusal(server: Server, body: Any, **headers: str) -> tuple[int, str]:
    response, content = post(server, body, **headers)
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    return response.status, json.loads(content)["message"]


@pytest.mark.parametrize("what", MAKERS)
def test_every_kind_of_file_comes_whole_under_a_safe_name_and_is_kept_by_no_cache(taking, token, what):
    wish = {"token": token, "what": what, "chart": "loss", "step": 1, "address": "http://localhost/lab"}
    response, body = post(taking, wish, Origin=f"http://127.0.0.1:{taking.port}")
    assert response.status == 200, body
    assert len(body) == int(response.headers["Content-Length"]) > 0
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    name = response.headers["Content-Disposition"].removeprefix('attachment; filename="').removesuffix('"')
    assert name.startswith("bnviz-wine-step-")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


def test_a_file_holds_what_the_run_has_measured_and_the_run_goes_on(taking):
    with taking.client() as client:
        client.pull()
        client.send("step", count=7)
        client.pull_until(lambda header: header["step"] == 7)
        token = next(token for token, seat in taking.registry._seats.items() if seat.socket is not None)
        response, body = post(taking, {"token": token, "what": "steps", "layer": 1, "point": 2, "step": 5})
        assert (response.status, json.loads(body)["steps"]) == (200, [list(range(8))] * 2)
        assert json.loads(body)["wish"] == repr(Wish(what="steps", layer=1, point=2, step=5))
        client.send("step", count=1)
        client.pull_until(lambda header: header["step"] == 8)


def test_a_copy_stays_as_it_is_while_its_run_trains_on(taking):
    run = taking.seat(taking.open()).run
    run.advance(3)
    while run.work():
        pass
    copy = run.copy()
    before = [{name: history[name].copy() for name in ("step", "loss", "histogram")} for history in copy.histories]
    run.advance(60)
    while run.work():
        pass
    run.turn(0, Intervention(learning_rate=0.001))
    assert [len(history) for history in run.comparison.histories] == [64, 64]
    for history, kept in zip(copy.histories, before, strict=True):
        assert all((history[name] == column).all() for name, column in kept.items())
    assert copy.configs == TWINS


@pytest.mark.parametrize("forged", ["", "x", "a" * 32, "../../app.py", "\x00", "é" * 32])
def test_a_forged_token_reaches_no_run(taking, forged):
    status, message = refusal(taking, {"token": forged, "what": "steps"})
    assert status == 404
    assert "no longer knows this run" in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"token": 3}, "token must be text"),
        ({"token": "x" * 101}, "token must be text of at most 100"),
        ({"token": None}, "token must be text"),
        ({"what": "everything"}, "what must be one of offers, report, csv"),
        ({"what": ["csv"]}, "what must be text"),
        ({"what": {}}, "what must be text"),
        ({"chart": 1}, "chart must be text"),
        ({"chart": "x" * 41}, "chart must be text of at most 40"),
        ({"arm": 4}, "arm must be a whole number from 0 to 3"),
        ({"arm": True}, "arm must be a whole number"),
        ({"layer": -1}, "layer must be a whole number"),
        ({"layer": "1"}, "layer must be a whole number"),
        ({"point": 3}, "point must be a whole number from 0 to 2"),
        ({"step": 1.5}, "step must be a whole number"),
        ({"step": 1e300}, "step must be a whole number"),
        ({"step": None}, "step must be a whole number"),
        ({"address": []}, "address must be text"),
        ({"address": "h" * 501}, "address must be text of at most 500"),
        ({"options": "log"}, "options must be a list"),
        ({"options": ["log"] * 9}, "options must be a list of at most 8"),
        ({"options": [1]}, "options must be text"),
    ],
)
def test_a_wish_of_a_wrong_type_is_refused_with_what_is_allowed(taking, token, changes, said):
    status, message = refusal(taking, {"token": token, "what": "steps", **changes})
    assert (status, said in message) == (400, True), message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 4000, b"NaN"])
def test_a_body_that_is_no_object_is_refused(taking, body):
    assert refusal(taking, body) == (400, "the body must be a JSON object")


def test_a_body_that_is_too_large_is_refused_unread(taking, token):
    status, message = refusal(taking, {"token": token, "what": "steps", "address": "x" * MAX_BODY})
    assert (status, message) == (413, f"The body has at most {MAX_BODY} bytes.")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", "http://["]
)
def test_another_sites_page_takes_nothing(taking, token, origin):
    status, _ = refusal(taking, {"token": token, "what": "steps"}, Origin=origin)
    assert status == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_of_another_site_could_send_no_json(taking, token, kind):
    status, _ = refusal(taking, {"token": token, "what": "steps"}, Content_Type=kind)
    assert status == 415


def test_it_is_asked_by_post_alone(taking):
    connection = http.client.HTTPConnection("127.0.0.1", taking.port, timeout=30)
    connection.request("GET", f"/{TAKE}")
    assert connection.getresponse().status == 405
    connection.close()


def test_what_cant_be_made_says_why_and_an_error_tells_no_secret(taking, token, caplog):
    assert refusal(taking, {"token": token, "what": "refused"}) == (422, "not of this run: take another")
    status, message = refusal(taking, {"token": token, "what": "broken"})
    assert status == 500
    assert "secret" not in message
    assert "ZeroDivisionError" in caplog.text, "whoever runs the server can read it"


def test_a_run_whose_files_are_being_made_is_told_to_ask_for_more_later(taking, token):
    HELD.clear()
    answers: list[tuple[http.client.HTTPResponse, bytes]] = []
    wish = {"token": token, "what": "held"}
    threads = [threading.Thread(target=lambda: answers.append(post(taking, wish))) for _ in range(MAX_A_RUN + 1)]
    for thread in threads:
        thread.start()
    wait_for(lambda: answers, "the one that is too many")
    HELD.set()
    for thread in threads:
        thread.join()
    (busy, message), *made = answers
    assert (busy.status, busy.headers["Retry-After"]) == (503, "2")
    assert json.loads(message)["message"] == "The server is busy making other files: try again in a moment."
    assert [response.status for response, _ in made] == [200] * MAX_A_RUN
    assert post(taking, {"token": token, "what": "steps"})[0].status == 200, "its places are free again"


async def file_of(desk: Desk, registry: Registry, seat: Any, maker: Any) -> Taken:
    async with desk.made(registry, seat, Wish(what="steps"), maker) as taken:
        return taken


@pytest.mark.parametrize("fault", ["another experiment", "left", "failed"])
def test_a_reader_whose_commands_are_thrown_away_gets_the_file_all_the_same(fault):
    hand = Hand()
    registry = Registry(hand)  # type: ignore[arg-type]
    token = registry.open(None, 0, TWINS, ["a", "b"], None)
    seat = registry.find(token)

    async def ask() -> Taken:
        task = asyncio.create_task(file_of(Desk(), registry, seat, steps))
        while seat.run not in hand.woken:  # noqa: ASYNC110 - nobody else runs here
            await asyncio.sleep(0)
        if fault == "another experiment":
            registry.open(token, 1, TWINS, ["a", "b"], None)
        elif fault == "left":
            seat.run.order_instead(LiveRun.abandon)
        else:
            seat.run.fail()
        seat.run.work()
        return await asyncio.wait_for(task, 10)

    assert json.loads(asyncio.run(ask()).body)["steps"] == [[0], [0]]


def test_a_copy_that_fails_leaves_its_run_as_it_is(monkeypatch):
    run = LiveRun(TWINS, ["a", "b"])
    monkeypatch.setattr(LiveRun, "copy", lambda self: 1 / 0)
    copy = run.copies.ask()
    run.play()
    run.work()
    assert isinstance(copy.exception(), ZeroDivisionError)
    assert run.playing


def test_a_file_holds_its_place_until_it_is_sent_and_goes_where_nobody_takes_it():
    left = []

    async def nobody_takes(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def send() -> None:
        place = AsyncExitStack()
        place.callback(left.append, "left")
        file = Sent(Taken("a.csv", "text/csv", b"x" * 10**6), place, within=0.05)
        task = asyncio.create_task(file({}, None, nobody_takes))
        await asyncio.sleep(0)
        assert left == []
        with pytest.raises(TimeoutError):
            await task

    asyncio.run(send())
    assert left == ["left"]


def test_a_file_goes_whole_in_pieces_each_when_the_one_before_was_taken():
    body, sent = bytes(range(256)) * 5000, []

    async def take(message: Any) -> None:
        sent.append(message)

    asyncio.run(Sent(Taken("a.csv", "text/csv", body), AsyncExitStack())({}, None, take))
    assert b"".join(message["body"] for message in sent[1:]) == body
    assert [message.get("more_body", False) for message in sent[1:]] == [True] * (len(sent) - 2) + [False]
    assert max(len(message["body"]) for message in sent[1:]) <= CHUNK
    assert (b"content-length", str(len(body)).encode()) in sent[0]["headers"]


def test_a_step_beyond_any_of_the_labs_is_one_that_a_recording_may_have():
    message = {"token": "t", "what": "steps", "step": 2**32 - 1}
    assert read(message, PROBES)[1].step == 2**32 - 1
    with pytest.raises(CommandError, match="step must be a whole number from 0 to 4294967295"):
        read({**message, "step": 2**32}, PROBES)


def test_no_more_files_are_made_at_once_than_the_desk_bears():
    registry = Registry(Workers(1))
    seats = [registry.find(registry.open(None, 0, TWINS, ["a", "b"], None)) for _ in range(3)]

    async def ask() -> list[object]:
        desk = Desk(at_once=1, waiting=1)
        HELD.clear()
        made = [asyncio.create_task(file_of(desk, registry, seat, held)) for seat in seats]
        done, _ = await asyncio.wait(made, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        first = [type(task.exception()) for task in done]
        HELD.set()
        rest = await asyncio.gather(*made, return_exceptions=True)
        return [*first, sum(isinstance(one, Taken) for one in rest)]

    assert asyncio.run(ask()) == [BusyError, 2]
    registry.workers.stop()


def test_a_run_that_is_busy_keeps_no_others_file_waiting():
    hand = Hand()
    registry = Registry(hand)  # type: ignore[arg-type]
    busy, other = (registry.find(registry.open(None, 0, TWINS, ["a", "b"], None)) for _ in range(2))

    async def ask() -> Taken:
        desk = Desk(at_once=1)
        waiting = asyncio.create_task(file_of(desk, registry, busy, steps))
        made = asyncio.create_task(file_of(desk, registry, other, steps))
        for _ in range(20):
            await asyncio.sleep(0)
        other.run.work()
        try:
            return await asyncio.wait_for(made, 10)
        finally:
            waiting.cancel()

    assert json.loads(asyncio.run(asyncio.wait_for(ask(), 15)).body)["steps"] == [[0], [0]]


def test_without_makers_nothing_is_offered(server):
    status, message = refusal(server, {"token": server.open(), "what": "csv"})
    assert status == 400
    assert message.startswith("what must be one of")
