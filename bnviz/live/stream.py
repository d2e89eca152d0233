"""The stage's WebSocket: commands in, packed history out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from bnviz.experiment.fields import ConfigError
from bnviz.live.measuring import KINDS
from bnviz.live.messages import COMMANDS, MAX_LAYER, Message, whole
from bnviz.live.places import ADMITTED, RELEASED, RESTED, FullError, Seat
from bnviz.live.questions import Question, to_json
from bnviz.live.registry import Registry
from bnviz.live.run import MAX_WAITING, Command, CommandError, LiveRun

MAX_MESSAGE = 2048
PATIENCE = 1.0
REPLACED, SLOW, CROWDED, FLOOD = 4001, 4002, 4003, 4004
GOING_AWAY = 1001  # what a browser says when a tab is closed or leaves for another page; a lost line says nothing
MAX_RATE, MAX_BURST = 200, 600  # messages a second over some seconds, and at once; a page sends some 20
REVIEWED_EVERY = 1.0
PARKED = "Others were waiting, so this run gave up its place while nobody used it: Play asks for one again."
MAX_UNSENT = 64
SENT_WITHIN = 10.0


def same_origin(connection: HTTPConnection) -> bool:
    """Whether the page that asks came from this server; a client that is no browser sends no origin."""
    origin = connection.headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == connection.headers.get("host")
    except ValueError:  # no address at all
        return False


class EndedError(Exception):
    """The socket has to be closed, with a code; the text is the last thing that its page hears."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Rate:
    """How many messages a socket may send: so many a second, and some seconds' worth at once."""

    def __init__(self) -> None:
        self._left, self._at = float(MAX_BURST), time.monotonic()

    def count(self) -> None:
        """Count a message; raises `EndedError` where it is one too many."""
        now = time.monotonic()
        self._left, self._at = min(MAX_BURST, self._left + MAX_RATE * (now - self._at)), now
        if self._left < 1:
            raise EndedError(FLOOD, f"A page may send {MAX_RATE} messages a second; this one sends more. Reload it.")
        self._left -= 1


class Stream:
    """One page's socket to its run.

    The next question reaches the run only when the answer before it has been sent, and what waits to be sent is
    bounded: a client that does not read costs one answer, and is dropped after ten seconds. While its run has no place
    to train, commands are held back, a few, and obeyed once it has one.
    """

    def __init__(self, websocket: WebSocket, registry: Registry, seat: Seat) -> None:
        self.websocket, self.registry, self.seat = websocket, registry, seat
        self._loop = asyncio.get_running_loop()
        self._outbox: asyncio.Queue[list[str | bytes]] = asyncio.Queue(MAX_UNSENT)
        self._answering = False
        self._next: Question | None = None
        self._rate = Rate()
        self._number = ADMITTED  # in the queue
        self._held: list[Command] = []
        self._ending: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Take messages until the page leaves or another one takes its seat."""
        older, self.seat.socket = self.seat.socket, self
        if isinstance(older, Stream):
            await older.hand_over()
        if not self.registry.sit(self.seat, self, self._dismiss):
            await _unknown(self.websocket)  # it was removed meanwhile
            return
        if isinstance(self.seat.run, LiveRun) and (self.seat.run.placed or self.registry.waits(self.seat)):
            self._wish()  # it has its place, or its number; this page is the one to hear what becomes of it
        sender = asyncio.create_task(self._send())
        closed = False
        try:
            while self.seat.socket is self:
                event = await self.websocket.receive()
                if event["type"] == "websocket.disconnect":
                    closed = event.get("code") == GOING_AWAY
                    break
                self._rate.count()
                self._receive(event.get("text") or "")
        except EndedError as ended:
            await self._end(ended)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            sender.cancel()
            self.registry.leave(self.seat, self, closed=closed)

    async def _end(self, ended: EndedError) -> None:
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(SENT_WITHIN):
                await self.websocket.send_text(_error(ended))
                await self.websocket.close(ended.code)

    async def hand_over(self) -> None:
        """Close this socket because a newer page shows the run, or something else in its place."""
        with suppress(RuntimeError, TimeoutError):  # it was closing already
            async with asyncio.timeout(SENT_WITHIN):
                await self.websocket.close(REPLACED)

    def _dismiss(self) -> None:
        """Close this socket because its seat has gone: a page that stayed would hold what is no longer counted."""
        self._from_worker(lambda _: setattr(self, "_ending", self._loop.create_task(self.hand_over())), None)

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
        run = self.seat.run

        def obey(run: LiveRun) -> None:
            try:
                command(run)
            except (CommandError, ConfigError) as error:
                self._from_worker(self._say, error)

        if run.placed and not self._held:  # in the order of their coming
            self.registry.command(self.seat, obey)
            return
        if len(self._held) >= MAX_WAITING:
            raise CommandError(f"at most {MAX_WAITING} commands may wait for a place")
        self._held.append(obey)
        if len(self._held) == 1:
            self._wish()

    def _wish_if_needed(self) -> None:
        """Ask for a place where networks have to be made before there is an answer."""
        run = self.seat.run
        if isinstance(run, LiveRun) and not (run.placed or run.started):
            self._wish()

    def _wish(self) -> None:
        """Ask for a place to train."""
        try:
            self.registry.wish(self.seat, lambda number: self._from_worker(self._hear, number))
        except FullError as error:
            self._ending = self._loop.create_task(self._end(EndedError(CROWDED, str(error))))

    def _hear(self, number: int) -> None:
        """Tell the page of its place in the queue, and go on with what it asked for once it may train."""
        waited, self._number = self._number, number
        if number > 0 and number == waited:
            return  # it knows
        if number > 0:
            self._put([to_json({"type": "waiting", "place": number, "message": self._queued(number)})])
            if number == 1 and waited != 1:
                self._loop.call_later(REVIEWED_EVERY, self._review)
        elif number == RELEASED:
            self._put([to_json({"type": "released", "message": PARKED})])
        elif number == RESTED:
            self._put([to_json({"type": "released"})])  # the run's state says why it is paused
        else:
            if waited != ADMITTED:
                self._put([to_json({"type": "admitted"})])
            held, self._held = self._held, []
            try:
                for command in held:
                    self.seat.run.order(command)
            except CommandError as error:
                self._say(error)
            self.registry.workers.wake(self.seat.run)

    def _queued(self, number: int) -> str:
        return f"{self.registry.short()}. You are number {number} in the queue; your networks come here by themselves."

    def _review(self) -> None:
        """As the first in the queue, see again and again whether a place is held for nothing."""
        if self._number == 1 and self.seat.socket is self:
            self._loop.call_later(REVIEWED_EVERY, self._review)
            self.registry.review()

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
        self._wish_if_needed()
        self.registry.workers.wake(self.seat.run)
        self._loop.call_later(PATIENCE, self._insist, question)

    def _insist(self, question: Question) -> None:
        """Have a question answered that has waited for its full time, even with nothing new."""
        if self.seat.socket is not self:
            return  # its page has gone
        self.seat.run.insist(question)
        self._wish_if_needed()  # another experiment may have begun meanwhile
        self.registry.workers.wake(self.seat.run)

    def _from_worker(self, call: Callable[[Any], None], argument: Any) -> None:
        with suppress(RuntimeError):  # the server is stopping
            self._loop.call_soon_threadsafe(call, argument)

    def _say(self, error: Exception) -> None:
        self._put([_error(error)])

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


def _error(error: Exception) -> str:
    return json.dumps({"type": "error", "message": str(error)})


async def _unknown(websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        await websocket.send_text('{"type":"unknown_token"}')
        await websocket.close(1008)


def endpoint(registry: Registry) -> Callable[[WebSocket], Any]:
    """Return the WebSocket endpoint over a registry."""

    async def live(websocket: WebSocket) -> None:
        if not same_origin(websocket):
            await websocket.close(1008)
            return
        await websocket.accept()
        seat = registry.find(websocket.query_params.get("token", ""))
        if seat is None:
            await _unknown(websocket)
            return
        await Stream(websocket, registry, seat).serve()

    return live
