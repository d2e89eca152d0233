"""Memory for samples that is used again: the system takes its time to give out as much anew."""

from __future__ import annotations

from collections.abc import Sequence
from threading import RLock

import numpy as np

from bnviz.recorder.sampling import MAX_VALUES, Floats


class Room:
    """Rows that samples of `MAX_VALUES` are written to as they are drawn, and tables of all samples, to be sorted.

    Hooks draw samples while another thread may make records of earlier ones: whoever does either holds the `lock`.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self._block: Floats = np.empty((0, MAX_VALUES), np.float32)
        self._rows: list[Floats] = []
        self._given = 0
        self._values: Floats = np.empty(0, np.float32)

    def row(self) -> Floats | None:
        """Return a row that nobody has, or None where there is none left: then a sample needs memory of its own."""
        if self._given == len(self._rows):
            return None
        self._given += 1
        return self._rows[self._given - 1]

    def clear(self, rows: int) -> None:
        """Take back all rows, and have at least so many; what was written to them is needed no more."""
        self._given = 0
        if len(self._rows) < rows:
            self._block = np.empty((rows, MAX_VALUES), np.float32)
            self._rows = list(self._block)

    def tables(self, samples: Sequence[Floats]) -> list[tuple[list[int], Floats]]:
        """Return the samples in tables [rows, n] of equal length with their places in the list, empty ones left out.

        They are good until the next call; to sort them may sort the samples.
        """
        places: dict[int, list[int]] = {}
        for place, sample in enumerate(samples):
            places.setdefault(len(sample), []).append(place)
        places.pop(0, None)
        found = []
        at_hand = self._written(samples, places.get(MAX_VALUES, []))
        if at_hand is not None:
            del places[MAX_VALUES]
            found.append((at_hand, self._block[: self._given]))
        size = sum(length * len(rows) for length, rows in places.items())
        if len(self._values) < size:
            self._values = np.empty(size, np.float32)
        start = 0
        for length, rows in places.items():
            table = self._values[start : start + length * len(rows)].reshape(len(rows), length)
            found.append((rows, table))
            np.concatenate([samples[row] for row in rows], out=table.reshape(-1))
            start += table.size
        return found

    def _written(self, samples: Sequence[Floats], places: list[int]) -> list[int] | None:
        """The places of the samples in the order of the rows, where these are all that was given and nothing else."""
        if not places or len(places) != self._given:
            return None
        place_of = {id(samples[place]): place for place in places}
        found = [place_of.get(id(row), -1) for row in self._rows[: self._given]]
        return None if -1 in found else found
