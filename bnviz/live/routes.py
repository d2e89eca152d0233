"""The routes that the stage needs beside the pages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from starlette.routing import BaseRoute, Route, WebSocketRoute

from bnviz.live import takeaway
from bnviz.live.assets import PLOTLY, asset, content, digest
from bnviz.live.registry import REGISTRY, Registry
from bnviz.live.stream import endpoint
from bnviz.live.takeaway import Makers

LOG = logging.getLogger(__name__)
SOCKET, TAKE = "bnviz/live", "bnviz/take"


def assets_path() -> str:
    """The folder of the stage's files, relative to the app's address."""
    return f"bnviz/assets/{digest()}/"


def routes(registry: Registry = REGISTRY, makers: Makers | None = None, base: str = "") -> list[BaseRoute]:
    """Return the routes of the live stream, of what is taken along, which `makers` make, and of the assets.

    base: the path that the app lies below, such as "/lab".
    """
    return [
        WebSocketRoute(f"{base}/{SOCKET}", endpoint(registry)),
        Route(f"{base}/{TAKE}", takeaway.endpoint(registry, makers or {}), methods=["POST"]),
        Route(f"{base}/bnviz/assets/{{digest}}/{{name:path}}", asset),
    ]


def warm_up(then: Callable[[], object], registry: Registry = REGISTRY) -> threading.Thread:
    """Have what trains and what pages load made ready in the background; `then` is called at the end."""

    def load() -> None:
        try:
            registry.trainers.warm_up()
        except Exception:
            LOG.exception("no process could be had that trains: the first page that plays tries again")
        content(PLOTLY)
        then()

    thread = threading.Thread(target=load, name="bnviz-warm-up", daemon=True)
    thread.start()
    return thread
