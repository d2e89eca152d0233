"""The tables of all sessions, which each holds for itself: equal ones once in memory, and all of them bounded.

Nothing is found here by its name: a session gets a table only for one that it has read itself. A table that no
session and no run holds any more is gone.
"""

from __future__ import annotations

import gc
import threading
from weakref import WeakValueDictionary

from bnviz.experiment.own_table import OwnTable

MAX_HELD = 256 * 2**20  # bytes, of all sessions together; the largest table takes 12 MB, iris 12 kB


class ShelfFullError(RuntimeError):
    """As many tables are held as this server bears."""


class Shelf:
    """Shares equal tables among their holders; safe to call from any thread."""

    def __init__(self, most: int = MAX_HELD) -> None:
        self.most = most
        self._held: WeakValueDictionary[tuple[str, bytes], OwnTable] = WeakValueDictionary()
        self._lock = threading.Lock()

    def share(self, table: OwnTable) -> OwnTable:
        """Return the equal table that somebody holds already, else this one; raises `ShelfFullError`."""
        key = (str(table.ref), table.source)
        with self._lock:
            known = self._held.get(key)
            if known is not None:
                return known
            if self.held + table.nbytes > self.most:
                gc.collect()  # sessions that ended are full of cycles
            if self.held + table.nbytes > self.most:
                raise ShelfFullError("This server holds as many tables as it can: try again in a few minutes.")
            self._held[key] = table
            return table

    @property
    def held(self) -> int:
        """The bytes that are held."""
        return sum(table.nbytes for table in list(self._held.values()))


SHELF = Shelf()
