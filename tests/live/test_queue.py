"""The queue for live runs as its pages see it, over real sockets: their number, their turn, their end."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.exceptions import ConnectionClosed

import bnviz.live.places
import bnviz.live.stream
from bnviz.live.limits import Limits
from bnviz.live.registry import Registry
from bnviz.live.routes import routes
from bnviz.live.stream import CROWDED, FLOOD, MAX_BURST
from bnviz.live.workers import Workers
from tests.live.conftest import PATIENCE, Client, Server, wait_for


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    """A server with a place for one run, and for three that wait."""
    registry = Registry(Workers(1), Limits(runs=1, waiting=3))
    config = uvicorn.Config(
        Starlette(routes=routes(registry)), port=0, lifespan="off", log_level="warning", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="small server under test")
    thread.start()
    wait_for(lambda: server.started, "the server")
    yield Server(server.servers[0].sockets[0].getsockname()[1], registry)
    server.should_exit = True
    thread.join()


@pytest.fixture(autouse=True)
def empty(small: Server) -> None:
    """Who sat there in another test has gone."""
    wait_for(lambda: not any(seat.socket for seat in small.registry._seats.values()), "the others to go")
    with small.registry._lock:
        for seat in list(small.registry._seats.values()):
            small.registry._remove(seat)
    assert not small.registry._places._queue, "nobody waits who has gone"


def news(client: Client) -> dict[str, Any]:
    """The next message, which is text."""
    text = client.socket.recv(timeout=PATIENCE)
    assert isinstance(text, str)
    found: dict[str, Any] = json.loads(text)
    return found


def bye(client: Client) -> None:
    """What a browser says when its tab is closed."""
    client.socket.close(1001)


def test_a_waiting_page_hears_its_number_and_starts_by_itself(small):
    with small.client() as one, small.client() as two, small.client() as three:
        one.pull()
        two.ask()
        said = news(two)
        assert (said["type"], said["place"]) == ("waiting", 1)
        assert said["message"] == (
            "The only place for a live run is taken. "
            "You are number 1 in the queue; your networks come here by themselves."
        )
        three.send("step", count=4)
        assert news(three)["place"] == 2
        bye(one)
        assert news(two) == {"type": "admitted"}
        assert two.receive()["step"] == 0, "the question of then is answered"
        assert news(three)["place"] == 1
        bye(two)
        assert news(three) == {"type": "admitted"}
        three.pull_until(lambda h: h["step"] == 4)
        bye(three)


def test_who_closes_the_page_frees_the_run_and_who_loses_the_line_finds_it_again(small):
    token = small.open()
    with small.connect(token) as client:
        client.send("step", count=3)
        client.pull_until(lambda h: h["step"] == 3)
        client.socket.socket.shutdown(socket.SHUT_RDWR)  # no word of goodbye
    wait_for(lambda: small.seat(token).socket is None, "the loss to be noticed")
    with small.connect(token) as client:
        assert client.pull()["step"] == 3
        run = small.seat(token).run
        bye(client)
    wait_for(lambda: small.registry.find(token) is None and not run.started, "the run's end")


def test_a_place_held_for_nothing_is_passed_on_without_anybody_doing_anything(small, monkeypatch):
    monkeypatch.setattr(bnviz.live.stream, "REVIEWED_EVERY", 0.02)
    monkeypatch.setattr(bnviz.live.places, "KEPT_FOR", 0.2)
    with small.client() as one, small.client() as two:
        one.pull()
        two.ask()
        assert news(two)["place"] == 1
        one.socket.socket.shutdown(socket.SHUT_RDWR)
        assert news(two) == {"type": "admitted"}
        two.receive()
        bye(two)


def test_a_page_that_gave_its_place_up_is_told_reads_on_and_asks_for_it_with_play(small, monkeypatch):
    monkeypatch.setattr(bnviz.live.stream, "PATIENCE", 0.05)
    token = small.open()
    with small.connect(token) as one, small.client() as two:
        one.send("step", count=3)
        one.pull_until(lambda h: h["step"] == 3)
        two.ask()
        assert news(two)["place"] == 1
        small.seat(token).run.asked -= small.registry.limits.held_hidden + 1  # it was hidden for so long
        small.registry.review()
        assert news(two) == {"type": "admitted"}
        two.receive()
        assert "gave up its place" in news(one)["message"]
        assert one.pull()["step"] == 3, "what was measured can be read"
        one.send("step")
        assert news(one)["place"] == 1
        bye(two)
        assert news(one) == {"type": "admitted"}
        one.pull_until(lambda h: h["step"] == 4)
        bye(one)


def test_a_page_that_takes_a_waiting_seat_over_hears_of_the_queue_without_asking(small):
    with small.client() as one:
        one.pull()
        token = small.open()
        with small.connect(token) as two:
            two.ask()
            assert news(two)["place"] == 1
            with small.connect(token) as again:
                assert news(again)["place"] == 1
                bye(one)
                assert news(again) == {"type": "admitted"}
                bye(again)


def test_a_queue_that_is_full_sends_away_with_a_sentence(small):
    with small.client() as one, small.client() as two, small.client() as three, small.client() as four:
        one.pull()
        for number, client in enumerate((two, three, four), 1):
            client.ask()
            assert news(client)["place"] == number
        with small.client() as late:
            late.ask()
            assert "as many pages wait as may" in late.error()
            with pytest.raises(ConnectionClosed):
                late.socket.recv(timeout=PATIENCE)
            assert late.socket.protocol.close_code == CROWDED
        for client in (four, three, two, one):
            bye(client)


def test_what_a_waiting_page_orders_is_bounded(small):
    with small.client() as one, small.client() as two:
        one.pull()
        for _ in range(33):
            two.send("step")
        said = {one["type"]: one for one in (news(two), news(two))}
        assert said["waiting"]["place"] == 1
        assert said["error"]["message"] == "at most 32 commands may wait for a place"
        bye(two)
        bye(one)


@pytest.mark.parametrize("text", ['{"op":"pause"}', "nonsense", '{"op":"pull"}'])
def test_who_sends_more_than_a_page_ever_does_hears_it_once_and_is_cut_off(small, text):
    with small.client() as flood:
        flood.pull()
        closed = threading.Event()
        heard: list[Any] = []

        def read() -> None:
            try:
                while True:
                    heard.append(flood.socket.recv(timeout=PATIENCE))
            except ConnectionClosed:
                closed.set()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for _ in range(20 * MAX_BURST):
                flood.socket.send(text)
        except (ConnectionClosed, OSError):
            pass
        reader.join()
        assert closed.is_set()
        assert flood.socket.protocol.close_code == FLOOD
        assert sum("messages a second" in one for one in heard if isinstance(one, str)) == 1
    with small.client() as other:
        other.ask()
        said = other.socket.recv(timeout=PATIENCE)
        assert said, "the server goes on"
        bye(other)
