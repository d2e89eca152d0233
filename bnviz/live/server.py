"""The production server: uvicorn over the app, quiet while it runs, gone within two seconds when it is told to stop."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

MAX_CLIENT_MESSAGE = 4 * 2**20  # bytes; a page's longest message is its widgets' state, some kB
PING = 20  # seconds; a laptop that was shut is noticed after two of them
KEEP_ALIVE = 65  # seconds; longer than a proxy in front keeps an idle connection, so that none is cut in use
GRACE = 1  # seconds that a page gets to take its last answer and to close its sockets


class Server(uvicorn.Server):
    """Uvicorn that says once that it is up."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self.announce = announce
        for name in ("uvicorn.error", "uvicorn.access"):  # Streamlit sets their levels anew, but leaves filters alone
            logging.getLogger(name).addFilter(lambda record: record.levelno >= logging.WARNING)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.announce()


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0 means one that is free. Raises `OSError` where the address can't be had.

    An empty host, "0.0.0.0" and "::" mean every interface; "::" takes IPv4 too where the system can.
    """
    everywhere = host == "::" and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048, dualstack_ipv6=everywhere)


def serve(app: str, bound: socket.socket, *, connections: int, announce: Callable[[], None]) -> None:
    """Serve the app that an import string such as "app:app" names, until SIGTERM or Ctrl-C.

    Above so many connections a new one is answered with 503. Where `streamlit run` leaves a choice to uvicorn or to
    Streamlit, this is what differs: fewer log lines, a smaller limit for a page's messages, and an end to waiting
    for connections that don't close.
    """
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_max_size=MAX_CLIENT_MESSAGE,
        ws_ping_interval=PING,
        ws_ping_timeout=PING,
        ws_per_message_deflate=False,  # the live stream is packed already, and 200 compressors are 50 MB
        access_log=False,
        log_level="warning",
        server_header=False,
        limit_concurrency=connections,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    server = Server(config, announce)

    def stop(_number: int, _frame: FrameType | None) -> None:
        """Uvicorn has ended what it serves, and hands the signal on: nothing is left to do, and it is no failure."""

    before = signal.signal(signal.SIGTERM, stop)
    try:
        server.run(sockets=[bound])
    finally:
        signal.signal(signal.SIGTERM, before)
        bound.close()
