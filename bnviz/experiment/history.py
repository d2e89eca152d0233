"""The snapshots of one arm as columns (arrays over time), bounded in memory."""

from __future__ import annotations

from copy import copy

import numpy as np
import numpy.typing as npt

from bnviz.experiment.layout import Layout, lab_layout
from bnviz.experiment.snapshot import FIELDS, Array, Divergence, Snapshot, kept_channels

MAX_SNAPSHOTS = 2000
MAX_BYTES = 16 * 2**20


class History:
    """The snapshots of one arm as columns; `history["loss"]` has one row a kept snapshot.

    At most `max_snapshots` are held, and fewer where they'd take more than `max_bytes`. When it is full, the newest
    quarter stays whole and of the older ones every `thinned`-th stays, evenly over the whole run; the first stays.
    Of the channels' quantities at most 32 evenly spaced channels are kept. Ids number the snapshots, rising from 0, and
    never change; they tell which ones have gone.
    """

    def __init__(
        self, max_snapshots: int = MAX_SNAPSHOTS, max_bytes: int = MAX_BYTES, layout: Layout | None = None
    ) -> None:
        if max_snapshots < 8:
            raise ValueError(
                f"max_snapshots must be at least 8, so that thinning leaves a history; got {max_snapshots}"
            )
        self.max_snapshots = max_snapshots
        self._max_bytes = max_bytes
        self._columns: dict[str, Array] = {}
        self._sparse: dict[str, dict[int, Array]] = {}
        self._ids = np.zeros(max_snapshots, np.int64)
        self._steps = np.zeros(max_snapshots, np.int64)
        self._count = 0
        self._next_id = 0
        self.thinned = 1
        self.last: Snapshot | None = None
        self._layout = layout

    def __len__(self) -> int:
        return self._count

    def __contains__(self, name: str) -> bool:
        return name in self._columns or name in self._sparse

    def __getitem__(self, name: str) -> Array:
        """Return the column of a quantity, [snapshots, ...]; raises `KeyError` where it was never measured."""
        if name == "step":
            return self._steps[: self._count]
        return self._columns[name][: self._count]

    @property
    def nbytes(self) -> int:
        """What the numbers take in memory."""
        sparse = sum(value.nbytes for rows in self._sparse.values() for value in rows.values())
        return sum(c.nbytes for c in (*self._columns.values(), self._ids, self._steps)) + sparse

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """The kept snapshots' numbers, rising."""
        return self._ids[: self._count]

    @property
    def layout(self) -> Layout | None:
        """What the axes stand for; None while nothing was appended, but for a recording's."""
        if self._layout is None and self.last is not None and self.last.config is not None:
            return lab_layout(self.last.config)
        return self._layout

    @property
    def diverged(self) -> Divergence | None:
        """Where this arm's training broke, if it did."""
        return self.last.diverged if self.last is not None else None

    def sparse(self, name: str) -> dict[int, Array]:
        """Return the quantity that is not in every snapshot, by snapshot id."""
        return self._sparse.get(name, {})

    def copy(self) -> History:
        """Return a history of the same snapshots, which later appends to this one don't change, nor it this one."""
        twin = copy(self)
        vars(twin).update(
            _columns={name: column.copy() for name, column in self._columns.items()},
            _sparse={name: dict(rows) for name, rows in self._sparse.items()},
            _ids=self._ids.copy(),
            _steps=self._steps.copy(),
        )
        return twin

    def append(self, snapshot: Snapshot, number: int | None = None) -> None:
        """Add a snapshot at the end, numbered `number` or the next; the oldest may be thinned to make room."""
        if number is not None:
            self._next_id = number
        rows = {name: _kept(name, value) for name, value in snapshot.items() if not FIELDS[name].sparse}
        for name in [name for name in rows if name not in self._columns]:
            self._add_column(name, rows[name])
        if self._count == self.max_snapshots:
            self._thin()
        row = self._count  # not before: a new column may have left less room
        for name, column in self._columns.items():
            column[row] = rows.get(name, np.nan)
        for name, value in snapshot.items():
            if FIELDS[name].sparse:
                self._sparse.setdefault(name, {})[self._next_id] = value
        self._ids[row], self._steps[row] = self._next_id, snapshot.step
        self._count += 1
        self._next_id += 1
        self.last = snapshot

    def _add_column(self, name: str, value: Array) -> None:
        column = np.empty((self.max_snapshots, *value.shape), FIELDS[name].dtype)
        if self._count:
            column[: self._count] = np.nan
        self._columns[name] = column
        row_bytes = sum(c.nbytes for c in self._columns.values()) // self.max_snapshots
        room = max(8, self._max_bytes // max(1, row_bytes))
        self.shrink(room)

    def shrink(self, room: int) -> None:
        """Hold at most so many snapshots from now on, and thin what is too much; more than now are never held."""
        if room >= self.max_snapshots:
            return
        while self._count >= room:
            self._thin()
        self.max_snapshots = room
        self._columns = {name: column[:room].copy() for name, column in self._columns.items()}
        self._ids, self._steps = self._ids[:room].copy(), self._steps[:room].copy()

    def _thin(self) -> None:
        ids = self.ids
        newest = np.arange(self._count) >= self._count - self._count // 4
        keep = np.flatnonzero(newest | (ids % self.thinned == 0))
        while len(keep) > 0.8 * self._count:
            self.thinned *= 2
            keep = np.flatnonzero(newest | (ids % self.thinned == 0))
        for column in (*self._columns.values(), self._ids, self._steps):
            column[: len(keep)] = column[keep]
        self._count = len(keep)
        kept = set(self.ids.tolist())
        self._sparse = {
            name: {key: value for key, value in rows.items() if key in kept} for name, rows in self._sparse.items()
        }


def _kept(name: str, value: Array) -> Array:
    return value[:, kept_channels(value.shape[1])] if FIELDS[name].detail else value
