"""`bnviz export`: a recording taken along as files that other programs open; no browser, no PyTorch for a model's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

import bnviz
from bnviz.experiment.history import History
from bnviz.experiment.verdicts import Chance, Verdict, verdicts
from bnviz.sharing.link import parse
from bnviz.sharing.opened import Opened, open_recordings
from bnviz.sharing.recording_digest import WHOLE
from bnviz.sharing.recording_schema import RecordingError


def export(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="One recording, or two.", show_default=False)],
    *,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", help="TensorBoard's event files, in a folder a network within this.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="PATH", help="All numbers, as much as a spreadsheet opens.")
    ] = None,
    parquet: Annotated[Path | None, typer.Option(metavar="PATH", help="All numbers.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="PATH", help="A report: all charts in one page.")] = None,
) -> None:
    """Write what a recording holds into other files; nothing that is there already is replaced.

    Two recordings are written side by side, on shared axes. Where one of the files can't be written, none is.

    \b
    Examples:
      python -m bnviz export run.bnviz --tensorboard runs && tensorboard --logdir runs
      python -m bnviz export run.bnviz --csv run.csv --html run.html
      python -m bnviz export one.bnviz other.bnviz --parquet both.parquet

    --tensorboard needs the package tensorboard (python -m pip install tensorboard). Each network's event files are in
    a folder named after it, DIR/run; where that holds event files already, nothing is written.
    """  # noqa: D301 - \b keeps the lines as they are
    wanted: list[tuple[Path | None, Callable[[Opened], bytes]]] = [
        (csv, _csv), (parquet, _parquet), (html, _report)
    ]  # fmt: skip
    if tensorboard is None and all(path is None for path, _ in wanted):
        raise RecordingError("say what to write: --tensorboard DIR, --csv PATH, --parquet PATH or --html PATH")
    try:
        _refuse_taken([path for path, _ in wanted if path is not None])
        opened = _opened(files)
        for fact in opened.facts:
            if fact.problem:
                typer.echo(f"{fact.file}: {fact.problem}", err=True)
        folders = [] if tensorboard is None else _free_folders(tensorboard, opened)
        for path, make in wanted:
            if path is not None:
                _write(path, make(opened))
        for folder, history in zip(folders, opened.histories, strict=False):
            _events(folder, history, _began(opened))
    except OSError as error:
        raise RecordingError(f"{error.filename or 'a file'}: {error.strerror or error}") from None


def _opened(files: Sequence[Path]) -> Opened:
    with ExitStack() as stack:
        named = [(str(file), stack.enter_context(file.open("rb"))) for file in files]
        return open_recordings(named, room=WHOLE)


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
    typer.echo(f"{path}: {len(data):,} bytes")


def _refuse_taken(paths: Sequence[Path]) -> None:
    """Raise `RecordingError` where a file can't be written, before any is."""
    for number, path in enumerate(paths):
        if path.exists() or path in paths[:number]:
            said = "is given twice" if path in paths[:number] else "is there already"
            raise RecordingError(f"{str(path)!r} {said}: choose another name")
        if not path.parent.is_dir():
            raise RecordingError(f"{str(path.parent)!r} is no folder: make it first, or choose another")


def _free_folders(within: Path, opened: Opened) -> list[Path]:
    """A folder a network, all of them ready to be written into; raises `RecordingError`."""
    from bnviz.sharing.tensorboard import folder_names, refuse_taken

    folders = [within / name for name in folder_names(opened.names)]
    for folder in folders:
        refuse_taken(folder)
    return folders


def _events(folder: Path, history: History, began: float | None) -> None:
    from bnviz.sharing.tensorboard import write_events

    events = write_events(folder, history, wall_time=began)
    typer.echo(f"{folder}: {events:,} events")


def _began(opened: Opened) -> float | None:
    try:
        return datetime.fromisoformat(opened.facts[0].started).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _csv(opened: Opened) -> bytes:
    from bnviz.sharing.numbers import MAX_CSV_ROWS, count_rows, to_csv

    if (rows := count_rows(opened.histories)) > MAX_CSV_ROWS:
        typer.echo(
            f"the CSV has {MAX_CSV_ROWS:,} of {rows:,} rows, as many as a spreadsheet opens: the largest quantities "
            "are given at fewer steps; --parquet writes all",
            err=True,
        )
    return to_csv(opened.histories, opened.names)


def _parquet(opened: Opened) -> bytes:
    from bnviz.sharing.numbers import to_parquet

    return to_parquet(opened.histories, opened.names, version=bnviz.__version__)


def _report(opened: Opened) -> bytes:
    from bnviz.figures.look import Look
    from bnviz.figures.page import figures_json, page_scripts
    from bnviz.sharing.report import report, settings

    look, found, title, asked = Look(), list[Verdict](), "Recorded while it trained", "What was recorded"
    arms = [(name, fact.table()) for name, fact in zip(opened.names, opened.facts, strict=False)]
    if opened.kind == "lab":
        configs = parse(opened.link_query).arms
        chances = _chances(opened)
        if chances:
            look, found = Look(chance=chances[0].share), verdicts(opened.histories, chances)
        title, asked = "Batch normalization, compared", "What was asked"
        arms = [(name, settings(config)) for name, config in zip(opened.names, configs, strict=True)]
    elif models := {fact.model for fact in opened.facts if fact.model}:
        title = f"{' and '.join(sorted(models))}, recorded while {'it' if len(models) == 1 else 'they'} trained"
    text = report(
        figures_json(opened.histories, opened.names, look), arms, found, scripts=page_scripts(), title=title,
        link=f"?{opened.link_query}" if opened.link_query else "", date=opened.facts[0].started,
        version=bnviz.__version__, asked=asked,
    )  # fmt: skip
    return text.encode()


def _chances(opened: Opened) -> list[Chance]:
    """What guessing reaches on each arm's evaluated test samples; nothing where an own table would be needed."""
    from bnviz.training import datasets, evaluation

    configs = parse(opened.link_query).arms
    if any(config.own_table is not None for config in configs):
        return []
    return [evaluation.chance(datasets.load(config)) for config in configs]
