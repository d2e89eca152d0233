"""The route by which a reader takes files along from a run: each is made from a copy, on a thread beside the training.

What makes the files is handed in, so that this room knows neither figures nor file formats.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bnviz.live.copies import RunCopy
from bnviz.live.messages import Message, whole
from bnviz.live.places import Seat
from bnviz.live.registry import Registry
from bnviz.live.run import CommandError
from bnviz.live.stream import same_origin

LOG = logging.getLogger(__name__)
MAX_BODY = 4096
MAX_TEXT, MAX_OPTION, MAX_ADDRESS, MAX_OPTIONS = 40, 200, 500, 8
MAX_WAITING = 8
MAX_A_RUN = 3
PATIENCE = 20.0
MAX_STEP = 2**32 - 1  # as recordings have them at most; the lab ends long before
CHUNK = 256 * 1024
SENT_WITHIN = 120.0  # seconds; a whole file that nobody takes would stay in memory


class RefusedError(ValueError):
    """A request that is refused with a status; the text says why and what to do instead."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class TakeError(RefusedError):
    """A file that can't be made of this run."""

    def __init__(self, message: str) -> None:
        super().__init__(422, message)


class BusyError(RefusedError):
    """As many files are being made, or wait for it, as this server bears."""

    def __init__(self, message: str = "The server is busy making other files: try again in a moment.") -> None:
        super().__init__(503, message)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a reader wants to take along, and what the stage shows: hidden layer, point, step, a chart's options.

    `address` is where the page is, without its query; `arm` is the network that a script is wanted of.
    """

    what: str
    arm: int = 0
    chart: str = ""
    options: tuple[str, ...] = ()
    layer: int = 0
    point: int = 0
    step: int = 0
    address: str = ""


@dataclass(frozen=True)
class Taken:
    """A file: its name in ASCII, its media type, its content."""

    name: str
    kind: str
    body: bytes


HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
Makers = Mapping[str, Callable[[RunCopy, Wish], Taken]]


class Desk:
    """Makes files on threads: on half of the cores, the others train on; a few wait, and a few of the same run.

    A file holds its place until it has been sent: so many are in memory at most.
    """

    def __init__(self, at_once: int | None = None, waiting: int = MAX_WAITING) -> None:
        self._at_once = at_once or max(1, (os.cpu_count() or 1) // 2)
        self._most = self._at_once + waiting
        self._turn = asyncio.Semaphore(self._at_once)
        self._runs: Counter[int] = Counter()

    @asynccontextmanager
    async def made(
        self, registry: Registry, seat: Seat, wish: Wish, maker: Callable[[RunCopy, Wish], Taken]
    ) -> AsyncIterator[Taken]:
        """Give the file of a copy, made when its turn has come; its place is held within. Raises `BusyError`."""
        run = id(seat)
        if self._runs.total() >= self._most or self._runs[run] >= MAX_A_RUN:
            raise BusyError
        self._runs[run] += 1
        try:
            copy = await _copy(registry, seat)  # a run that is busy keeps no other's file waiting
            async with self._turn:
                taken = await run_in_threadpool(maker, copy, wish)
            del copy
            yield taken
        finally:
            self._runs[run] -= 1
            self._runs += Counter()  # forgets runs that have none


async def _copy(registry: Registry, seat: Seat) -> RunCopy:
    """Have the worker copy the run at its next turn: nobody waits for a lock, and the copy is of one moment."""
    found = seat.run.copies.ask()
    registry.workers.wake(seat.run)
    try:
        return await asyncio.wait_for(asyncio.wrap_future(found), PATIENCE)
    except TimeoutError:
        raise BusyError("The run is busy: try again in a moment.") from None


@dataclass
class Sent(Response):
    """A file on its way: in pieces, each as soon as the one before has been taken; dropped where that takes too long.

    `place` is left when it is over, however it ends.
    """

    taken: Taken
    place: AsyncExitStack
    within: float = field(default=SENT_WITHIN)

    def __post_init__(self) -> None:
        super().__init__(
            media_type=self.taken.kind,
            headers={
                "Content-Disposition": f'attachment; filename="{self.taken.name}"',
                **HEADERS,
                "Content-Length": str(len(self.taken.body)),
            },
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = memoryview(self.taken.body)
        async with self.place, asyncio.timeout(self.within):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            for start in range(0, len(body), CHUNK):
                piece = bytes(body[start : start + CHUNK])
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def read(message: Any, makers: Makers) -> tuple[str, Wish]:
    """Return the token and the wish of a page's message; raises `CommandError` with what is allowed."""
    if not isinstance(message, dict):
        raise CommandError("the body must be a JSON object")
    what = _text(message, "what", MAX_TEXT)
    if what not in makers:
        raise CommandError(f"what must be one of {', '.join(makers)}; got {what!r:.60}")
    options = message.get("options", [])
    if not isinstance(options, list) or len(options) > MAX_OPTIONS:
        raise CommandError(f"options must be a list of at most {MAX_OPTIONS} names")
    wish = Wish(
        what=what,
        arm=whole({"arm": 0, **message}, "arm", 0, 3),
        chart=_text(message, "chart", MAX_TEXT),
        options=tuple(_text({"options": option}, "options", MAX_OPTION) for option in options),
        layer=whole({"layer": 0, **message}, "layer", 0, 100_000),
        point=whole({"point": 0, **message}, "point", 0, 2),
        step=whole({"step": 0, **message}, "step", 0, MAX_STEP),
        address=_text(message, "address", MAX_ADDRESS),
    )
    return _text(message, "token", 100), wish


def _text(message: Message, name: str, most: int) -> str:
    value = message.get(name, "")
    if not isinstance(value, str) or len(value) > most:
        raise CommandError(f"{name} must be text of at most {most} characters; got {value!r:.60}")
    return value


def endpoint(registry: Registry, makers: Makers, desk: Desk | None = None) -> Callable[[Request], Any]:
    """Return the route's endpoint: JSON in, the file out; what is refused says why in JSON."""
    desk = desk or Desk()

    async def take(request: Request) -> Response:
        try:
            token, wish = read(await _message(request), makers)
            async with AsyncExitStack() as place:
                file = desk.made(registry, _seat(registry, token), wish, makers[wish.what])
                taken = await place.enter_async_context(file)
                return Sent(taken, place.pop_all())
        except RefusedError as error:
            return _refusal(error.status, str(error))
        except CommandError as error:
            return _refusal(400, str(error))
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            LOG.exception("a file could not be made")
            return _refusal(500, "The file could not be made: an error on the server.")

    return take


async def _message(request: Request) -> Any:
    """The JSON that one of this app's own pages sent, never more of it in memory than is allowed."""
    if not same_origin(request):
        raise RefusedError(403, "Only this app's own pages may take files along.")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "The body must be of the type application/json.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise RefusedError(413, f"The body has at most {MAX_BODY} bytes.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise CommandError("the body must be a JSON object") from None


def _seat(registry: Registry, token: str) -> Seat:
    seat = registry.find(token)
    if seat is None:
        raise RefusedError(404, "The app no longer knows this run: reload the page.")
    if not seat.run.started and registry.crowded(seat):
        raise BusyError  # it would have to be built first
    return seat


def _refusal(status: int, message: str) -> Response:
    headers = {**HEADERS, "Retry-After": "2"} if status == 503 else HEADERS
    return JSONResponse({"message": message}, status, headers=headers)
