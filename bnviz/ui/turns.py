"""A few pages are drawn at once, the others when their turn comes.

Each visitor's page is drawn by a thread of its own, and one interpreter runs one of them at a time. When a class opens
a link, 200 threads take that one turn from each other and from the server's own loop, which then answers nobody for
seconds; drawn a few at a time, the pages are done as soon, most of them sooner, and the loop hardly waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

AT_ONCE = 4
PATIENCE = 5.0  # seconds; a page that takes long, reading a large upload say, shall not keep the others waiting
_TURNS = BoundedSemaphore(AT_ONCE)


@contextmanager
def turn(turns: BoundedSemaphore = _TURNS, patience: float = PATIENCE) -> Iterator[None]:
    """Wait for a turn to draw a page, and give it back however the drawing ends; after some seconds go without one."""
    ours = turns.acquire(timeout=patience)
    try:
        yield
    finally:
        if ours:
            turns.release()
