"""A real server of the stage's routes alone, and clients that speak its stream."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.sync.client import ClientConnection, connect

import bnviz.live.places
import bnviz.live.registry
import bnviz.live.run
from bnviz.experiment.config import ExperimentConfig
from bnviz.live.limits import Limits
from bnviz.live.registry import Registry, Seat
from bnviz.live.routes import routes
from bnviz.live.trainers import Trainers
from bnviz.live.workers import Workers
from tests.live.wire import Page, sizes_of

PATIENCE = 30.0
TWINS = tuple(
    ExperimentConfig(dataset="wine", hidden_layers=2, width=8, batch_size=16, normalization=kind)
    for kind in ("none", "batch")
)


def wait_for(condition: Callable[[], Any], what: str = "it") -> Any:
    """Wait until a condition holds and return its value; never a fixed time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited {PATIENCE:g} s in vain for {what}")


class Client:
    """A page without a browser: it keeps what comes, and asks on with its cursors."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.meta: dict[str, Any] = {}
        self.page: Page | None = None
        self.layer = 0
        self.errors: list[str] = []
        self.header: dict[str, Any] = {}

    def send(self, op: str, **values: Any) -> None:
        self.socket.send(json.dumps({"op": op, **values}))

    def ask(self, layer: int = 0) -> None:
        self.layer = layer
        known = {"generation": -1, "cursor": -1, "layer": layer, "layer_cursor": -1}
        if self.page is not None:
            if self.page.layer != layer:
                self.page.look_at(layer)
            known = {"generation": self.meta["generation"], **self.page.question()}
        self.send("pull", **known)

    def receive(self) -> dict[str, Any]:
        """Take messages until a binary one has come; returns its header."""
        while True:
            message = self.socket.recv(timeout=PATIENCE)
            if isinstance(message, bytes):
                assert self.page is not None, "the meta comes first"
                self.header = self.page.take(message)
                assert self.header["generation"] == self.meta["generation"]
                return self.header
            self.note(json.loads(message))

    def note(self, message: dict[str, Any]) -> None:
        if message["type"] == "error":
            self.errors.append(message["message"])
        else:
            assert message["type"] == "meta", message
            self.meta = message
            self.page = Page([sizes_of(arm) for arm in message["arms"]], layer=self.layer)

    def pull(self, layer: int = 0) -> dict[str, Any]:
        self.ask(layer)
        return self.receive()

    def pull_until(self, condition: Callable[[dict[str, Any]], Any], layer: int = 0) -> dict[str, Any]:
        """Pull until a header fulfils the condition; returns that header."""
        return wait_for(lambda: condition(self.pull(layer)) and self.header, "the stream's state")

    def error(self) -> str:
        """The next message, which must be an error."""
        message = self.socket.recv(timeout=PATIENCE)
        assert isinstance(message, str), "an answer came instead of an error"
        parsed: dict[str, str] = json.loads(message)
        assert parsed["type"] == "error", parsed
        return parsed["message"]


@dataclass
class Server:
    """The running server, its registry, and how to reach them."""

    port: int
    registry: Registry

    def open(self, arms: tuple[ExperimentConfig, ...] = TWINS, until: int | None = None) -> str:
        return self.registry.open(None, 0, arms, [f"network {n}" for n in range(len(arms))], until)

    def seat(self, token: str) -> Seat:
        seat = self.registry.find(token)
        assert seat is not None
        return seat

    @contextmanager
    def connect(self, token: str, **options: Any) -> Iterator[Client]:
        with connect(f"ws://127.0.0.1:{self.port}/bnviz/live?token={token}", proxy=None, **options) as socket:
            yield Client(socket)

    @contextmanager
    def client(self, arms: tuple[ExperimentConfig, ...] = TWINS, until: int | None = None) -> Iterator[Client]:
        with self.connect(self.open(arms, until)) as client:
            yield client


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    registry = Registry(Workers(2), Limits(runs=1000), Trainers(2))
    registry.trainers.warm_up()  # as the app does at its start
    config = uvicorn.Config(
        Starlette(routes=routes(registry)), port=0, lifespan="off", log_level="warning", timeout_graceful_shutdown=1
    )
    uvicorn_server = uvicorn.Server(config)
    thread = threading.Thread(target=uvicorn_server.run, name="server under test")
    thread.start()
    wait_for(lambda: uvicorn_server.started, "the server")
    patch = pytest.MonkeyPatch()
    patch.setattr("bnviz.live.stream.PATIENCE", 0.05)  # an answer without news comes soon: the tests need not wait
    try:
        yield Server(uvicorn_server.servers[0].sockets[0].getsockname()[1], registry)
    finally:
        patch.undo()
        uvicorn_server.should_exit = True
        thread.join()
        registry.workers.stop()
        registry.trainers.stop()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still but for what a test adds to `now`."""
    clock = SimpleNamespace(now=time.monotonic())
    clock.monotonic = lambda: clock.now
    for module in (bnviz.live.registry, bnviz.live.places, bnviz.live.run):
        monkeypatch.setattr(module, "time", clock)
    return clock
