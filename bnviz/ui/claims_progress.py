"""How far an order is, what became of it, and how long it may take: in words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bnviz.studies.default_maps import MAPS
from bnviz.studies.orders import Order
from bnviz.studies.pace import foreseen
from bnviz.studies.results import Result
from bnviz.studies.service import workers
from bnviz.studies.study import Study
from bnviz.studies.trial import Trial
from bnviz.ui.claims_evidence import shipped_rows
from bnviz.ui.claims_own import Own

STARTUP = 5.0  # seconds in which a worker is ready


def trainings(count: int) -> str:
    """Return so many trainings in words."""
    return f"{count} training{'s' * (count != 1)}"


def which(seeds: Sequence[int]) -> str:
    """Return seeds in words: "seed 8", "seeds 8 to 12", "seeds 8, 10"."""
    numbers = ", ".join(map(str, seeds))
    if len(seeds) > 1 and seeds[-1] - seeds[0] == len(seeds) - 1:
        numbers = f"{seeds[0]} to {seeds[-1]}"
    return f"seed{'s' * (len(seeds) != 1)} {numbers}"


def said_seeds(rows: Sequence[Result]) -> str:
    """Return how many seeds rows have."""
    count = len({row["seed"] for row in rows})
    return "1 seed" if count == 1 else f"{count} seeds"


def duration(seconds: float) -> str:
    """Return an estimated time in words, no finer than an estimate is."""
    return f"{max(5, 5 * round(seconds / 5))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def expected(study: Study, seeds: int) -> float | None:
    """Return for about how many seconds a study runs here, judged by the shipped trainings of its kind."""
    return _expected(study.name, tuple(study.trials(range(seeds))), workers())


@lru_cache(maxsize=64)
def _expected(name: str, trials: tuple[Trial, ...], at_once: int) -> float | None:
    rows = shipped_rows(name) or [row for known in MAPS for row in shipped_rows(known)]
    seconds = foreseen(trials, rows, max(1, at_once))
    return None if seconds is None else seconds + STARTUP


def far(own: Own) -> str:
    """Return how far an order is."""
    order, progress = own.order, own.order.progress
    done, whole = progress.kept + progress.done, expected(own.study, own.order.seeds)
    if order.state == "waiting":
        text = f"place {order.place} in the queue"
        if order.wait is not None:
            text += f", its turn comes in about {duration(order.wait)}"
        return f"{text}; {f'{done} of ' if done else ''}{trainings(progress.total)}{' done' * bool(done)}."
    parts = [f"{done} of {trainings(progress.total)} done"]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.startup is None:
        parts.append("the server's worker starts")
    if progress.seconds_left is not None and progress.left:
        parts.append(f"about {duration(progress.seconds_left)} left")
    elif progress.left and whole is not None:
        parts.append(f"about {duration(whole)} in all")
    return ", ".join(parts) + "."


def came_to(order: Order) -> str:
    """Return what became of an order."""
    came = f"{order.progress.done} of {trainings(order.progress.total)}"
    return {"done": f"measured here, {came}.", "failed": f"could not be measured: {order.problem}"}.get(
        order.state, f"ended after {came}. {order.problem}".strip()
    )


def cancelled(own: Own) -> str:
    """Return after how many trainings an order was cancelled, which seeds count and which come next."""
    done, total, whole = len(own.order.rows), own.order.progress.total, "no seed is"
    if own.seeds:
        whole = f"{which(own.seeds)} {'is' if len(own.seeds) == 1 else 'are'}"
    return (
        f"Cancelled after {done} of {trainings(total)}: {whole} complete, and seed {own.next_seed} comes next. "
        f"{own.order.problem}"
    ).strip()
