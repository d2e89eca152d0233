"""The stage's WebSocket: commands in, packed history out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from bnviz.experiment.config import MAX_STEP, Intervention
from bnviz.experiment.fields import ConfigError
from bnviz.live.measuring import KINDS
from bnviz.live.registry import FREED_AFTER, MAX_RUNS, Registry, Seat
from bnviz.live.run import CommandError, LiveRun, Question

MAX_MESSAGE = 2048
MAX_LAYER = 100_000  # a layer that nobody has is answered with the last one
MAX_STEPS_AT_ONCE = 100
SLOWEST = 0.01
PATIENCE = 1.0
REPLACED, SLOW, CROWDED = 4001, 4002, 4003
MAX_UNSENT = 64
SENT_WITHIN = 10.0
Message = Mapping[str, Any]


def whole(message: Message, name: str, low: int, high: int) -> int:
    """Return a message's whole number; raises `CommandError` with what is allowed."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise CommandError(f"{name} must be a whole number from {low} to {high}; got {value!r:.60}")
    return value


def real(message: Message, name: str, low: float, high: float) -> float:
    """Return a message's finite number; raises `CommandError` with what is allowed."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise CommandError(f"{name} must be a number from {low:g} to {high:g}; got {value!r:.60}")
    return float(value)


def _speed(message: Message) -> Callable[[LiveRun], None]:
    value = real(message, "steps_per_second", 0, 1e6)
    if 0 < value < SLOWEST:
        raise CommandError(f"steps_per_second must be 0 (flat out) or from {SLOWEST:g}; got {value:g}")
    return lambda run: run.set_speed(value)


def _step(message: Message) -> Callable[[LiveRun], None]:
    count = whole({"count": 1, **message}, "count", 1, MAX_STEPS_AT_ONCE)
    return lambda run: run.advance(count)


def _until(message: Message) -> Callable[[LiveRun], None]:
    step = None if message.get("step") is None else whole(message, "step", 0, MAX_STEP)
    return lambda run: run.stop_at(step)


def _switch(message: Message) -> Callable[[LiveRun], None]:
    arm = whole(message, "arm", 0, 3)
    intervention = Intervention(normalization=message.get("normalization"))
    return lambda run: run.turn(arm, intervention)


def _learning_rate(message: Message) -> Callable[[LiveRun], None]:
    arm, rate = whole(message, "arm", 0, 3), real(message, "value", 1e-8, 1e4)
    return lambda run: run.turn(arm, Intervention(learning_rate=rate))


COMMANDS: dict[str, Callable[[Message], Callable[[LiveRun], None]]] = {
    "play": lambda _: LiveRun.play,
    "pause": lambda _: LiveRun.pause,
    "rewind": lambda _: LiveRun.rewind,
    "reseed": lambda _: LiveRun.reseed,
    "clear_interventions": lambda _: LiveRun.forget,
    "step": _step,
    "speed": _speed,
    "until": _until,
    "switch": _switch,
    "learning_rate": _learning_rate,
}


def same_origin(connection: HTTPConnection) -> bool:
    """Whether the page that asks came from this server; a client that is no browser sends no origin."""
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host")


class Stream:
    """One page's socket to its run.

    The next question reaches the run only when the answer before it has been sent, and what waits to be sent is
    bounded: a client that does not read costs one answer, and is dropped after ten seconds.
    """

    def __init__(self, websocket: WebSocket, registry: Registry, seat: Seat) -> None:
        self.websocket, self.registry, self.seat = websocket, registry, seat
        self._loop = asyncio.get_running_loop()
        self._outbox: asyncio.Queue[list[str | bytes]] = asyncio.Queue(MAX_UNSENT)
        self._answering = False
        self._next: Question | None = None

    async def serve(self) -> None:
        """Take messages until the page leaves or another one takes its seat."""
        older, self.seat.socket = self.seat.socket, self
        if isinstance(older, Stream):
            await older.hand_over()
        self.registry.sit(self.seat, self)
        sender = asyncio.create_task(self._send())
        try:
            while self.seat.socket is self:
                event = await self.websocket.receive()
                if event["type"] == "websocket.disconnect":
                    break
                self._receive(event.get("text") or "")
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            sender.cancel()
            self.registry.leave(self.seat, self)
            self._loop.call_later(FREED_AFTER + 1, self.registry.sweep)

    async def hand_over(self) -> None:
        """Close this socket because a newer page shows the run."""
        with suppress(RuntimeError):  # it was closing already
            await self.websocket.close(REPLACED)

    def _receive(self, text: str) -> None:
        try:
            self._take(text)
        except (CommandError, ConfigError) as error:
            self._say(error)

    def _take(self, text: str) -> None:
        if len(text) > MAX_MESSAGE:
            raise CommandError(f"a message has at most {MAX_MESSAGE} characters; got {len(text)}")
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise CommandError("a message must be a JSON object") from None
        if not isinstance(message, dict):
            raise CommandError("a message must be a JSON object")
        op = message.get("op")
        if op == "pull":
            self._pull(message)
        elif op == "measure":
            self._measure(message)
        elif isinstance(op, str) and op in COMMANDS:
            self._order(COMMANDS[op](message))
        else:
            raise CommandError(f"op must be one of pull, measure, {', '.join(COMMANDS)}; got {op!r:.60}")

    def _order(self, command: Callable[[LiveRun], None]) -> None:
        def obey(run: LiveRun) -> None:
            try:
                command(run)
            except (CommandError, ConfigError) as error:
                self._from_worker(self._say, error)

        self.registry.command(self.seat, obey)

    def _measure(self, message: Message) -> None:
        what = message.get("what")
        if what not in KINDS:
            raise CommandError(f"what must be one of {', '.join(KINDS)}; got {what!r:.60}")
        self._order(lambda run: run.measure(what, lambda text: self._from_worker(self._put, [text])))

    def _pull(self, message: Message) -> None:
        question = Question(
            generation=whole(message, "generation", -1, 2**53),
            cursor=whole(message, "cursor", -1, 2**53),
            layer=whole(message, "layer", 0, MAX_LAYER),
            layer_cursor=whole(message, "layer_cursor", -1, 2**53),
            answer=lambda messages: self._from_worker(self._deliver, messages),
        )
        if self._answering:
            self._next = question
        else:
            self._ask(question)

    def _ask(self, question: Question) -> None:
        self.seat.run.ask(question)
        self.registry.workers.wake(self.seat.run)
        self._loop.call_later(PATIENCE, self._insist, question)

    def _insist(self, question: Question) -> None:
        """Have a question answered that has waited for its full time, even with nothing new."""
        self.seat.run.insist(question)
        self.registry.workers.wake(self.seat.run)

    def _from_worker(self, call: Callable[[Any], None], argument: Any) -> None:
        with suppress(RuntimeError):  # the server is stopping
            self._loop.call_soon_threadsafe(call, argument)

    def _say(self, error: Exception) -> None:
        self._put([json.dumps({"type": "error", "message": str(error)})])

    def _deliver(self, messages: list[str | bytes]) -> None:
        self._answering = True
        self._put(messages)

    def _put(self, messages: list[str | bytes]) -> None:
        with suppress(asyncio.QueueFull):  # it gets no more before it has read what it has
            self._outbox.put_nowait(messages)

    async def _send(self) -> None:
        """Send what waits, in order; a client that takes no message in ten seconds is dropped."""
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            while True:
                for message in await self._outbox.get():
                    async with asyncio.timeout(SENT_WITHIN):
                        send = self.websocket.send_text if isinstance(message, str) else self.websocket.send_bytes
                        await send(message)  # type: ignore[arg-type]
                if self._outbox.empty():
                    self._answering = False
                    if self._next is not None:
                        question, self._next = self._next, None
                        self._ask(question)
        with suppress(RuntimeError):
            await self.websocket.close(SLOW)


def endpoint(registry: Registry) -> Callable[[WebSocket], Any]:
    """Return the WebSocket endpoint over a registry."""

    async def live(websocket: WebSocket) -> None:
        if not same_origin(websocket):
            await websocket.close(1008)
            return
        await websocket.accept()
        seat = registry.find(websocket.query_params.get("token", ""))
        if seat is None:
            await websocket.send_text('{"type":"unknown_token"}')
            await websocket.close(1008)
            return
        if seat.socket is None and seat.run.trains and registry.crowded:
            message = f"All {MAX_RUNS} places for live runs are taken; this page goes on trying."
            await websocket.send_text(json.dumps({"type": "error", "message": message}))
            await websocket.close(CROWDED)
            return
        await Stream(websocket, registry, seat).serve()

    return live
