"""How many live runs a server bears: pages without a browser open runs, play them, and count what reaches them.

A page here does what a browser's does: it has the lab drawn by Streamlit, takes the token that the stage is mounted
with, plays, and asks for what is newer a frame after each answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time, sleep
from typing import Any, TextIO
from urllib.parse import urlencode, urlsplit

import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin, Subprotocol

from bnviz.live.routes import SOCKET
from bnviz.live.visitor import LoadError, Page, wish

COUNTS = (10, 20, 30)
MAX_COUNT, MAX_SECONDS = 200, 120.0
FRAME = 1 / 60  # seconds that a browser takes to draw before it asks again
HEALTH_EVERY = 0.25
PATIENCE = 60.0
LARGEST_ANSWER = 2**25
TARGETS = {10: 9.0, 20: 4.0, 30: 2.0}  # updates a second that each run gets, headline size, two cores


@dataclass(frozen=True, kw_only=True)
class Load:
    """What so many runs got of a server in so many seconds, and what it took.

    updates, steps: a second, the median over the runs and the least of them; cpu, client_cpu: cores used; memory: MiB
    of all its processes at the end, shared parts once; health: ms that the health route took, median and longest. None
    where it can't be seen.
    """

    runs: int
    seconds: float
    updates: float
    least_updates: float
    steps: float
    least_steps: float
    cpu: float | None
    client_cpu: float
    memory: float | None
    health: float
    longest_health: float
    target: float | None


@dataclass(eq=False)
class Stage:
    """A page's live stage: what it knows, and what came since the counting began."""

    socket: ClientConnection
    known: dict[str, int] = field(default_factory=lambda: {"generation": -1, "cursor": -1, "layer_cursor": -1})
    step: int = 0
    updates: int = 0
    first_step: int = 0

    async def play(self) -> None:
        """Play, and ask on for ever, as a page that is seen does."""
        await self.socket.send('{"op":"play"}')
        while True:
            await self.socket.send(json.dumps({"op": "pull", "layer": 0, **self.known}))
            while not self._take(await self.socket.recv()):
                pass
            await asyncio.sleep(FRAME)

    def _take(self, message: str | bytes) -> bool:
        """Keep what a message says; whether it was the answer to a question."""
        if isinstance(message, str):
            said = json.loads(message)
            if said["type"] in ("error", "unknown_token", "waiting"):  # who waits is no load
                raise LoadError(f"the live stream says: {said.get('message', said['type'])}")
            return False
        header: dict[str, Any] = json.loads(message[4 : 4 + int.from_bytes(message[:4], "little")])
        arms = header["arms"]
        self.known = {
            "generation": header["generation"],
            "cursor": max(self.known["cursor"], *(arm["cursor"] for arm in arms)),
            "layer_cursor": max(self.known["layer_cursor"], *(arm["layer"]["cursor"] for arm in arms)),
        }
        self.step = header["step"]
        self.updates += any(arm["count"] for arm in arms)
        return True

    def begin(self) -> None:
        """Count from now on."""
        self.updates, self.first_step = 0, self.step


def command() -> list[str]:
    """What starts a server of the app on a free port of this machine."""
    return [sys.executable, "-m", "bnviz", "serve", "--host", "127.0.0.1", "--port", "0"]


@contextmanager
def server(runs: int) -> Iterator[tuple[str, int]]:
    """A server of the app on a free port of this machine, with places for so many runs: its address and process."""
    variables = {**os.environ, "BNVIZ_LIVE_RUNS": str(runs)}
    with (
        tempfile.TemporaryFile("w+") as log,  # a pipe that nobody reads would stop a server that says much
        subprocess.Popen(command(), env=variables, stderr=log, text=True) as process,  # noqa: S603 - our own
    ):
        try:
            yield _address(process, log), process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        if said := "".join(_said(log)[1:]).strip():  # pages that are drawn, play and close are no news
            raise LoadError(f"the server had something to say: {said[:1000]}")


def _address(process: subprocess.Popen[str], log: TextIO) -> str:
    """The address in the first line that a server writes; raises `LoadError` where it ends without."""
    end = perf_counter() + PATIENCE
    ended = False
    while not ended and perf_counter() < end:
        ended = process.poll() is not None  # before the look, so that its last words are seen
        lines = _said(log)
        if lines and lines[0].endswith("\n"):
            if found := re.search(r" at (http://\S+) ", lines[0]):
                return found[1]
            break
        sleep(0.05)
    raise LoadError(f"the server did not start: {''.join(_said(log)).strip()[:1000]}")


def _said(log: TextIO) -> list[str]:
    """The lines that are in the log by now; its file position is the writer's too, so it is left at the end."""
    size = os.fstat(log.fileno()).st_size
    return os.pread(log.fileno(), size, 0).decode(errors="replace").splitlines(keepends=True)


def measure(
    url: str, process: int | None, counts: Sequence[int], seconds: float, finished: Callable[[], object] = lambda: None
) -> list[Load]:
    """Measure with so many runs of the headline, one count after the other; raises `LoadError`."""
    found = []
    for count in counts:
        try:
            found.append(asyncio.run(_measure(url, process, count, seconds)))
        except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake) as error:
            raise LoadError(f"with {count} runs: {type(error).__name__}: {error}") from error
        finished()
    return found


async def _measure(url: str, process: int | None, count: int, seconds: float) -> Load:
    stages = list(await asyncio.gather(*(_open(url, number) for number in range(count))))
    players = [asyncio.create_task(stage.play()) for stage in stages]
    health: list[float] = []
    watch = asyncio.create_task(_watch(url, health))
    try:
        await _until(lambda: all(stage.step > 0 for stage in stages), [*players, watch])
        health.clear()
        for stage in stages:
            stage.begin()
        began, own, used = perf_counter(), process_time(), _used(process)
        await _until(lambda: perf_counter() - began >= seconds, [*players, watch])
        took = perf_counter() - began
        updates = sorted(stage.updates / took for stage in stages)
        steps = sorted((stage.step - stage.first_step) / took for stage in stages)
        return Load(
            runs=count, seconds=took,
            updates=median(updates), least_updates=updates[0], steps=median(steps), least_steps=steps[0],
            cpu=(_used(process) - used) / took if process else None,
            client_cpu=(process_time() - own) / took,
            memory=sum(_memory(one) for one in _family(process)) / 2**20 if process else None,
            health=1000 * median(health), longest_health=1000 * max(health), target=TARGETS.get(count),
        )  # fmt: skip
    finally:
        for task in (*players, watch):
            task.cancel()
        await asyncio.gather(*players, watch, return_exceptions=True)
        await asyncio.gather(*(stage.socket.close(1001) for stage in stages), return_exceptions=True)


def _family(process: int | None) -> list[psutil.Process]:
    """A server's process and those that train for it."""
    if process is None:
        return []
    server = psutil.Process(process)
    return [server, *server.children(recursive=True)]


def _memory(process: psutil.Process) -> int:
    """Its bytes; what it shares with others counts for each by its part, where the system says it."""
    found = process.memory_full_info()
    return int(getattr(found, "pss", found.rss))


def _used(process: int | None) -> float:
    """The CPU seconds of a server so far."""
    return sum(sum(one.cpu_times()[:2]) for one in _family(process))


async def _until(true: Callable[[], bool], tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for it, while nothing fails; `PATIENCE` longer than the measuring may take at most."""
    async with asyncio.timeout(MAX_SECONDS + PATIENCE):
        while not true():
            for task in tasks:
                if task.done():
                    task.result()
                    raise LoadError("a page stopped asking")
            await asyncio.sleep(0.05)


async def _open(url: str, number: int) -> Stage:
    """Have the lab drawn for a new visitor, and open its stage's stream."""
    address, page = url.replace("http", "ws", 1), Page()
    query = urlencode({"preset": "headline", "seed": number})
    names = [Subprotocol("streamlit"), Subprotocol("PLACEHOLDER_AUTH_TOKEN")]
    options: dict[str, Any] = {"origin": Origin(url), "max_size": LARGEST_ANSWER, "proxy": None, "compression": None}
    async with (
        asyncio.timeout(PATIENCE),
        connect(f"{address}/_stcore/stream", subprotocols=names, **options) as drawn,
    ):
        await drawn.send(wish(query, url))
        while not page.drawn:
            page.take(await drawn.recv(decode=False))
    return Stage(await connect(f"{address}/{SOCKET}?token={page.token}", **options))


async def _watch(url: str, took: list[float]) -> None:
    """Ask the health route again and again, each time on a new connection, as a monitor does."""
    parts = urlsplit(url)
    request = f"GET /_stcore/health HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
    while True:
        began = perf_counter()
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        with closing(writer):  # also where the measuring ends in the middle of an answer
            writer.write(request)
            answer = await reader.read()
        if not answer.endswith(b"ok"):
            raise LoadError(f"the health route says {answer[:80]!r}")
        took.append(perf_counter() - began)
        await asyncio.sleep(HEALTH_EVERY)
