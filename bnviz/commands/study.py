"""`bnviz study`: measure a claim or a map, with seeds, on this machine's cores or on a cluster."""

from __future__ import annotations

import math
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnviz.commands.study_progress import watched
from bnviz.studies.errors import StudyError

if TYPE_CHECKING:
    from bnviz.studies.executor import Pool
    from bnviz.studies.results import Result
    from bnviz.studies.store import Store
    from bnviz.studies.study import Study, Verdict

ALL = "all"
FOLDER = Path("bnviz-studies")
MAX_SEEDS = 1000
MAX_FIRST = 1_000_000
REASONS = 3  # of failures that are printed


class Terminated(KeyboardInterrupt):
    """SIGTERM, answered as Ctrl-C is."""


Name = Annotated[str | None, typer.Argument(metavar="NAME", help="A study of --list, or `all`.", show_default=False)]
Listed = Annotated[bool, typer.Option("--list", help="Print the studies and exit.")]
Seeds = Annotated[
    int | None,
    typer.Option(min=1, max=MAX_SEEDS, metavar="N", help="So many seeds. Without it as many as were shipped."),
]
First = Annotated[
    int,
    typer.Option(
        "--first-seed", min=0, max=MAX_FIRST, metavar="N",
        help="The first of the seeds. Beyond the shipped ones (--list counts them) the trainings are new: evidence of "
        "their own, as on the app's Claims page.",
    ),
]  # fmt: skip
Workers = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Processes on this machine. Without it, one a core.")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Run on a Dask cluster, such as tcp://10.0.0.1:8786. Else BNVIZ_CLUSTER, if set."
    ),
]
Out = Annotated[
    Path, typer.Option(metavar="DIR", help="Keep results here and go on from those that are there.", file_okay=False)
]
Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Repeat a stated part of the shipped trainings, with their seeds: whether this machine gets the same "
        "numbers. 1 where a verdict changes.",
    ),
]


def study(
    name: Name = None,
    *,
    list_studies: Listed = False,
    seeds: Seeds = None,
    first_seed: First = 0,
    workers: Workers = None,
    cluster: Cluster = None,
    out: Out = FOLDER,
    check: Check = False,
) -> None:
    """Measure a claim or a map anew: many trainings, then the verdict that follows from them.

    Every training is one row of a Parquet file in DIR. A study that was interrupted goes on where it stopped, and
    equal trainings are not run twice; those that failed, or were made with another torch or numpy, are run again.

    Two ways to doubt a result: --check repeats shipped trainings with the same seeds (is it reproduced?), and
    --first-seed begins after them (does it hold with other initial weights and batches?).

    \b
    Examples:
      python -m bnviz study --list
      python -m bnviz study faster --seeds 5
      python -m bnviz study faster --first-seed 100
      python -m bnviz study all --workers 4 --out results
      python -m bnviz study all --check

    Exit code 1 means that trainings failed or, with --check, that a verdict is another than the shipped one.
    """  # noqa: D301 - \b keeps the lines as they are
    from bnviz.studies.executor import open_pool

    if list_studies:
        return _list()
    chosen = _chosen(name)
    if check and (seeds is not None or first_seed):
        raise typer.BadParameter("--check repeats the seeds that are stated for it: leave --seeds and --first-seed out")
    asked = {
        "--seeds": seeds,
        "--first-seed": first_seed or None,
        "--workers": workers,
        "--cluster": cluster,
        "--out": None if check else out,
    }
    given = [str(word) for option, value in asked.items() if value is not None for word in (option, value)]
    repeat = shlex.join(["python", "-m", "bnviz", "study", str(name), *given, *["--check"] * check])
    with _interruptible(repeat, kept=None if check else out), open_pool(workers, cluster) as pool:
        good = _check_all(chosen, pool) if check else _measure_all(chosen, pool, (first_seed, seeds), out)
    raise typer.Exit(0 if good else 1)


def _list() -> None:
    from bnviz.studies.catalogue import STUDIES

    for name, one in STUDIES.items():
        typer.echo(f"{name:28}{len(one.default_trials()):>6} trainings, {one.seeds:>3} seeds   {one.title}")


def _chosen(name: str | None) -> Sequence[Study]:
    from bnviz.studies.catalogue import STUDIES

    if name is None:
        raise typer.BadParameter("give a study's NAME, or --list")
    if name == ALL:
        return list(STUDIES.values())
    if name not in STUDIES:
        near = get_close_matches(name, STUDIES, 1)
        raise StudyError(
            f"no study is called {name!r:.60}: {f'did you mean {near[0]}?' if near else '--list prints all'}"
        )
    return [STUDIES[name]]


def _measure_all(chosen: Sequence[Study], pool: Pool, seeds: tuple[int, int | None], out: Path) -> bool:
    """Run studies with so many seeds from the first on; whether no training failed."""
    from bnviz.studies.store import Store

    store, (first, count) = Store(out), seeds
    results = [_measure(one, pool, range(first, first + (count or one.seeds)), store) for one in chosen]
    store.compact()
    return all(results)


def _measure(one: Study, pool: Pool, seeds: range, store: Store) -> bool:
    """Run a study and print its verdict; whether no training failed."""
    trials = one.trials(seeds)
    _tell_outdated(store.outdated(trial.key for trial in trials))
    rows = list(watched(one.name, trials, pool, store))
    _print_verdict(one, one.judge(rows))
    return _tell_failed(rows)


def _tell_outdated(rows: Sequence[Result]) -> None:
    """Say how many trainings are kept and of no use, as what they were made with was another."""
    if rows:
        made = {", ".join(f"{name} {row['versions'].get(name) or '?'}" for name in ("torch", "numpy")) for row in rows}
        count = "1 training that is kept was" if len(rows) == 1 else f"{len(rows)} trainings that are kept were"
        typer.echo(f"  {count} made with {'; '.join(sorted(made))}, and not with what is here: run again", err=True)


def _check_all(chosen: Sequence[Study], pool: Pool) -> bool:
    borne_out = [_check(one, pool) for one in chosen]  # all of them, whatever the first says
    return all(borne_out)


def _check(one: Study, pool: Pool) -> bool:
    """Measure the stated part of a study again; whether the shipped verdict is borne out."""
    from bnviz.studies.results import shipped

    before, trials = shipped(one.name), one.check_trials()
    theirs = {row["key"]: row["measures"] for row in before}
    if missing := sum(trial.key not in theirs for trial in trials):
        typer.echo(f"{one.name}: {missing} of {len(trials)} trainings have no shipped results to compare with")
        return False
    again = list(watched(one.name, trials, pool, None))
    changed, whole = one.differs(before, again), _tell_failed(again)
    same = sum(_equal(row["measures"], theirs[row["key"]]) for row in _fine(again))
    verdict = one.judge(before)
    typer.echo(changed or f"{one.name}: still {verdict.title} ({verdict.sentence})")
    typer.echo(f"  {same} of {len(trials)} trainings gave exactly the numbers that are shipped")
    return whole and not changed


def _fine(rows: Sequence[Result]) -> list[Result]:
    return [row for row in rows if not row["failure"]]


def _equal(ours: dict[str, float], theirs: dict[str, float]) -> bool:
    return ours.keys() == theirs.keys() and all(
        value == theirs[name] or (math.isnan(value) and math.isnan(theirs[name])) for name, value in ours.items()
    )


def _print_verdict(one: Study, verdict: Verdict) -> None:
    typer.echo(f"{one.name}: {verdict.title}, {verdict.seeds} seed{'s' * (verdict.seeds != 1)}")
    typer.echo(f"  {one.title}")
    for line in one.lines(verdict):
        typer.echo(f"  {line}")


def _tell_failed(rows: Sequence[Result]) -> bool:
    """Say how many trainings failed and why; whether none did."""
    reasons = [row["failure"] for row in rows if row["failure"]]
    if reasons:
        told = "; ".join(list(dict.fromkeys(reasons))[:REASONS])
        typer.echo(f"  {len(reasons)} of {len(rows)} trainings failed and will be tried again: {told}", err=True)
    return not reasons


@contextmanager
def _interruptible(repeat: str, kept: Path | None) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the study with code 130 or 143 and say how to go on; no process is left."""

    def terminate(*_: object) -> None:
        raise Terminated

    former = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except KeyboardInterrupt as how:
        where = f"what is done is kept in {kept}; go on with" if kept else "nothing is kept; start again with"
        typer.echo(f"\nstopped: {where}: {repeat}", err=True)
        sys.exit(143 if isinstance(how, Terminated) else 130)
    finally:
        signal.signal(signal.SIGTERM, former)
