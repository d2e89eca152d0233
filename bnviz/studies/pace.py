"""How long the trainings that are left will take, learnt from those that came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from bnviz.studies.results import Result
from bnviz.studies.trial import Trial

ENOUGH = 5  # trainings from which an average is worth the name
KNOWN = 0.5  # share of what is left whose like has come back, which is enough too


@lru_cache(maxsize=16_384)
def _kind(trial: Trial) -> Trial:
    """The trial apart from its seeds: another seed takes about as long."""
    return trial.seeded(0, splits=True)


def _work(trial: Trial) -> int:
    """What a training costs, in units of its own: depth and steps make most of it."""
    return max(1, trial.steps) * (1 + trial.config.hidden_layers)


def foreseen(trials: Iterable[Trial], rows: Iterable[Result], workers: int) -> float | None:
    """Return how long trials will take so many workers, judged by rows of others; None where these tell nothing."""
    done = [row for row in rows if not row["failure"]]
    pace = Pace.of([*(row["trial"] for row in done), *trials])
    for row in done:
        pace.learn(row["trial"], row["seconds"], 0)
    return pace.seconds_left(workers)


@dataclass
class _Times:
    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.count, self.seconds = self.count + 1, self.seconds + seconds


@dataclass
class Pace:
    """An estimate that is None until there is evidence for it.

    Arms differ by a factor of ten and more, so each is expected to take as long as its like took with other seeds, and
    one that never came back by what it costs. A worker's first training also reads data and warms caches: it tells
    nothing of the next.
    """

    left: Counter[Trial] = field(default_factory=Counter)
    _by_kind: dict[Trial, _Times] = field(default_factory=dict)
    _all: _Times = field(default_factory=_Times)
    _work: int = 0
    _came: int = 0

    @classmethod
    def of(cls, trials: Iterable[Trial]) -> Pace:
        """Return the pace of trials of which none has come back."""
        return cls(Counter(map(_kind, trials)))

    def learn(self, trial: Trial, seconds: float, workers: int) -> None:
        """A trial has come back, one of so many workers' first perhaps."""
        kind = _kind(trial)
        self._came += 1
        self.left[kind] -= 1
        if self._came > workers:
            self._by_kind.setdefault(kind, _Times()).add(seconds)
            self._all.add(seconds)
            self._work += _work(kind)

    def seconds_left(self, workers: int, since: float = 0.0) -> float | None:
        """Return how long it will take so many workers, the last having come back `since` seconds ago."""
        total = self.left.total()
        if not total:
            return 0.0
        known = sum(count for kind, count in self.left.items() if kind in self._by_kind)
        if not self._all.count or (self._all.count < ENOUGH and known < KNOWN * total):
            return None
        expected = sum(count * self._expected(kind) for kind, count in self.left.items() if count)
        return max(0.0, expected / min(workers, total) - since)

    def _expected(self, kind: Trial) -> float:
        own = self._by_kind.get(kind)
        return own.seconds / own.count if own else self._all.seconds / self._work * _work(kind)
