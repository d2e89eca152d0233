"""A study on its way: a bar in a terminal, a line every ten seconds in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from bnviz.studies.executor import Pool
    from bnviz.studies.perform import Progress
    from bnviz.studies.results import Result
    from bnviz.studies.store import Store
    from bnviz.studies.trial import Trial

LINES_EVERY = 10.0  # seconds


def watched(name: str, trials: Sequence[Trial], pool: Pool, store: Store | None) -> Iterator[Result]:
    """Perform a study's trials and show on standard error how far they are."""
    from bnviz.studies.perform import perform

    told = time.monotonic()
    latest: Progress | None = None
    bar: Any
    try:
        with typer.progressbar(
            length=len(trials), label=name, show_eta=False, item_show_func=lambda _: _text(latest), file=sys.stderr
        ) as bar:

            def tell(progress: Progress) -> None:
                nonlocal told, latest
                latest = progress
                bar.update(progress.kept + progress.done - bar.pos)
                bar.render_progress()  # also where nothing has come: the line that is left behind is to be true
                if not sys.stderr.isatty() and time.monotonic() - told >= LINES_EVERY:
                    told = time.monotonic()
                    typer.echo(f"{name}: {_text(progress)}", err=True)

            with closing(perform(trials, pool, store=store, study=name, on_progress=tell)) as rows:
                yield from rows
    finally:  # Ctrl-C too: what was kept at the very end is among what is told
        if latest is not None and not sys.stderr.isatty():
            typer.echo(f"{name}: {_text(latest)}", err=True)


def _text(progress: Progress | None) -> str:
    if progress is None:
        return "starting"
    parts = [f"{progress.done} done"] if progress.done or progress.startup is not None else ["workers start"]
    if progress.kept:
        parts.append(f"{progress.kept} kept from before")
    parts += [f"{progress.failed} failed", f"{progress.left} left"]
    if progress.died:
        parts.append(f"{progress.died} worker{'s' * (progress.died > 1)} lost")
    if progress.left and progress.seconds_left is not None:
        parts.append(f"about {duration(progress.seconds_left)}")
    if progress.startup is not None:
        parts.append(f"start-up {progress.startup:.1f} s")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return a time in words: 40 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
