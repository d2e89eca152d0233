"""`bnviz run`: networks train side by side without a browser."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnviz.commands import run_output
from bnviz.commands.options import AsJson
from bnviz.commands.run_fields import fields_text
from bnviz.commands.run_settings import asked_link, changed
from bnviz.commands.run_table import with_table
from bnviz.experiment.config import MAX_STEP
from bnviz.experiment.own_table import Tables
from bnviz.experiment.snapshot import Snapshot
from bnviz.sharing.link import Link, to_query

if TYPE_CHECKING:
    from bnviz.training.comparison import Comparison

DEFAULT_STEPS = 200
DEFAULT_SNAPSHOTS = 20


def run(
    *,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="A lesson by name; `bnviz presets` lists them.")
    ] = None,
    link: Annotated[
        str | None, typer.Option(metavar="QUERY", help="The lab's address, or what stands after its question mark.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Set a field of all networks; may be repeated."),
    ] = None,
    arm_settings: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            metavar="NAME.FIELD=VALUE",
            help="Set a field of one network, by its name or its number from 1; may be repeated, wins over --set.",
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Train on your own table, a CSV file; needed where the link is about one."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The table's column of classes, by name or number from 1; else the last."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MAX_STEP,
            metavar="N",
            help=f"Train N steps; the last snapshot is of step N. Without it the link's `until`, or {DEFAULT_STEPS}.",
        ),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Capture every Nth step, and the last. Without it, a 20th of the steps."),
    ] = None,
    as_json: AsJson = False,
    list_fields: Annotated[
        bool, typer.Option("--fields", help="Print what FIELD may be and what --json's names mean, and exit.")
    ] = False,
) -> None:
    """Train networks side by side without a browser: a lesson, the lab's link, or either with fields changed.

    Prints a table of loss and test accuracy, what the numbers say in the end, and the link that repeats the run:
    the same link gives the same numbers. Without --preset and --link it is the lab's first lesson.

    \b
    Examples:
      python -m bnviz run --preset circles
      python -m bnviz run --preset headline --set learning_rate=1 --steps 500
      python -m bnviz run --preset headline --arm "with BN.normalization=layer" --arm 1.init=xavier
      python -m bnviz run --link "http://localhost:8501/?preset=spirals&width=64" --json > run.jsonl
      python -m bnviz run --table iris.csv --set hidden_layers=5 --set batch_size=32
      python -m bnviz run --preset learning-rate --every 1 --json | head -1

    With --json each line is a snapshot of one network: step, arm (the network's name), link (repeats the run),
    diverged (null, or step, layer and where of the first value that was not finite) and the measured quantities that
    --fields lists. Quantities that were not measured are absent; NaN and infinities are null.
    """  # noqa: D301 - \b keeps the lines as they are
    if list_fields:
        typer.echo(fields_text())
        return
    asked, tables = with_table(asked_link(preset, link), table, label)
    asked = changed(asked, settings or [], arm_settings or [])
    last = next(n for n in (steps, asked.until, DEFAULT_STEPS) if n is not None)
    asked = replace(asked, until=last)
    if not as_json:
        typer.echo(run_output.description(asked))
    comparison = _train(asked, last, every or max(1, last // DEFAULT_SNAPSHOTS), as_json, tables)
    address = "?" + to_query(asked)
    if as_json:
        file = f" --table {shlex.quote(str(table))}" if table is not None else ""
        typer.echo(f"the same numbers again: python -m bnviz run --link '{address}'{file}", err=True)
        return
    typer.echo(run_output.verdicts_text(asked, comparison))
    typer.echo(f"\nThe same numbers again, here or after the lab's address:\n{address}")


def _train(asked: Link, steps: int, every: int, as_json: bool, tables: Tables) -> Comparison:
    """Train to the last step, printing each snapshot as soon as it is there."""
    from bnviz.training.comparison import Comparison

    comparison = Comparison(asked.arms, every=every, tables=tables)
    comparison.stop_at = steps
    link = "?" + to_query(asked)
    terminal = sys.stderr.isatty()
    with typer.progressbar(
        length=steps,
        label=f"training {len(asked.arms)} networks, {steps} steps",
        file=sys.stderr,
        update_min_steps=max(1, steps // (100 if terminal else 10)),
    ) as bar:
        for number, snapshots in _rows(comparison):
            if any(snapshots):
                if terminal and sys.stdout.isatty():
                    typer.echo("\r\033[K", err=True, nl=False)  # the row takes the bar's place
                for line in run_output.json_lines(asked, link, snapshots) if as_json else [run_output.row(snapshots)]:
                    typer.echo(line)
            bar.label = f"step {number} of {steps}"
            bar.update(1 if number else 0)
    return comparison


def _rows(comparison: Comparison) -> Iterator[tuple[int, list[Snapshot | None]]]:
    """Advance step by step; yield each step's number and what was captured of each arm."""
    seen: list[Snapshot | None] = [None] * len(comparison.histories)
    while comparison.advance(steps=1):
        newest = [history.last for history in comparison.histories]
        yield comparison.step - 1, [new if new is not old else None for new, old in zip(newest, seen, strict=True)]
        seen = newest
