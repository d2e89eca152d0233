"""The command line with studies that train nothing: `python -m tests.commands.stand_in_study NOTES study quick`.

NOTES is a folder in which every start of a trial is noted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from bnviz.commands.app import app
from bnviz.studies import catalogue, executor, perform
from bnviz.studies.study import Row, Study, Verdict
from bnviz.studies.trial import Trial
from tests.studies.stand_in import MEASURE, RAISES, running, trial


@dataclass(frozen=True, kw_only=True)
class Mean(Study):
    """Supported where the seeds' mean is below a limit."""

    limit: float = 100.0
    seconds: float = 1e-8
    raising: tuple[int, ...] = ()

    def trials(self, seeds: Iterable[int]) -> list[Trial]:
        return [trial(seed, RAISES if seed in self.raising else 0.0, self.seconds) for seed in seeds]

    def judge(self, rows: Sequence[Row]) -> Verdict:
        rows = [row for row in rows if row["measures"]]  # those that failed say nothing here
        mine = {one.key for one in self.trials(range(1000))}
        values = [row["measures"][MEASURE] for row in rows if row["key"] in mine]
        mean = sum(values) / len(values) if values else float("nan")
        kind = "open" if not values else "supported" if mean < self.limit else "refuted"
        return Verdict(
            kind=kind,
            effect=mean,
            low=min(values, default=mean),
            high=max(values, default=mean),
            unit="seeds",
            seeds=len(values),
            sentence=f"the mean is {mean:g}",
        )


STUDIES = {
    one.name: one
    for one in (
        Mean(name="quick", title="Quick ones", seeds=6, check_seeds=2),
        Mean(name="second", title="Others", seeds=4, check_seeds=1, seconds=2e-8),
        Mean(name="failing", title="One raises", seeds=3, check_seeds=1, raising=(1,)),
        Mean(name="endless", title="Long ones", seeds=50, check_seeds=50, seconds=0.2),
    )
}


def stand_in(notes: str, replace: Callable[[object, str, object], None]) -> None:
    """Put the studies, and trials that train nothing in processes without torch, in place of the real ones."""
    replace(catalogue, "STUDIES", STUDIES)
    replace(executor, "open_pool", partial(executor.open_pool, warm=()))
    replace(perform, "perform", partial(perform.perform, run=running(notes)))


if __name__ == "__main__":
    stand_in(sys.argv[1], setattr)
    app(sys.argv[2:])
