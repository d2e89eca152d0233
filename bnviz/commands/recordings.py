"""`bnviz describe`: what is in a recording, without a browser and without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from bnviz.commands.decimals import decimals
from bnviz.experiment.history import History
from bnviz.sharing import recording
from bnviz.sharing.lab_recording import LabRecording, read_lab
from bnviz.sharing.recording import RecordingReader, printable
from bnviz.sharing.recording_overview import Fired, overview
from bnviz.sharing.recording_schema import COLUMNS, RecordingError
from bnviz.sharing.recording_writer import plain

LAB_MEASURED = ("loss", "test_loss", "test_accuracy")
MEASURED = ("mean", "deviation", "percentiles", "gradient_output", "update_ratio", "nonfinite")


def describe(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording, such as run.bnviz.", show_default=False)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Say what a recording of `bnviz.record` holds: its steps, its loss, a line a layer; of the lab a line a network.

    A file that was cut short is described as far as it goes, and it says so.

    \b
    Examples:
      python -m bnviz describe run.bnviz
      python -m bnviz describe run.bnviz --json | python -m json.tool

    With --json, one object: header; steps and scalars, each of the first and of the last record; records (how many);
    problem (why reading stopped before the end, empty where it didn't); end (steps and reason, null where the recorder
    had no chance to say it); and layers, in the order of their calls: name, module, kind, no_data (true for a layer
    that never fired), and of the last record in which it fired step, mean, deviation, percentiles (5, 15, 25, 50, 75,
    85, 95), gradient_output, update_ratio (at a layer's first call) and nonfinite (how many values). A layer that is
    called twice within a forward pass is there twice, as "name" and "name (2)". What was not measured is null. Of a run
    of the lab: header, link, records, problem and end; and networks: name, snapshots, steps, diverged, and of the last
    snapshot loss, test_loss and test_accuracy.
    """  # noqa: D301 - \b keeps the lines as they are
    try:
        with file.open("rb") as stream:
            text = _described(stream, as_json=as_json)
    except (OSError, RecordingError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise RecordingError(f"can't open {str(file)!r}: {why}") from None
    typer.echo(text)


def _described(stream: BinaryIO, *, as_json: bool) -> str:
    reader = RecordingReader(stream)
    if reader.header.kind == "lab":
        run = read_lab(reader)
        return json.dumps(_lab_summary(reader, run), allow_nan=False) if as_json else printable(_lab_lines(reader, run))
    return plain(_summary(reader)) if as_json else recording.description(reader)


def _lab_summary(reader: RecordingReader, run: LabRecording) -> dict[str, Any]:
    """What --json prints of a run of the lab."""
    head = reader.header
    return {
        "header": {"kind": head.kind, "started": head.started, "versions": dict(head.versions)},
        "link": run.query,
        "records": run.records,
        "problem": reader.problem,
        "end": reader.end and asdict(reader.end),
        "networks": [_network(name, history) for name, history in zip(run.names, run.histories, strict=True)],
    }


def _network(name: str, history: History) -> dict[str, Any]:
    steps = history["step"].tolist()
    return {
        "name": name, "snapshots": len(history), "steps": {"first": steps[0], "last": steps[-1]} if steps else None,
        "diverged": history.diverged and asdict(history.diverged),
    } | {key: decimals(history[key][-1]) if steps else None for key in LAB_MEASURED}  # fmt: skip


def _lab_lines(reader: RecordingReader, run: LabRecording) -> Iterator[str]:
    state = reader.problem or (reader.end.reason if reader.end else "it was cut short")
    yield f"lab: {run.records} records of {len(run.names)} networks ({state})"
    yield f"link ?{run.query}"
    width = max(map(len, run.names))
    for name, history in zip(run.names, run.histories, strict=True):
        if not len(history):
            yield f"{name:{width}}  no data"
            continue
        loss, accuracy = float(history["loss"][-1]), float(history["test_accuracy"][-1])
        broken = f", diverged in the {history.diverged.where}" if history.diverged else ""
        steps = f"steps {history['step'][0]} to {history['step'][-1]}"
        yield f"{name:{width}}  {steps}; loss {loss:.4g}, test accuracy {accuracy:.1%}{broken}"


def _summary(reader: RecordingReader) -> dict[str, Any]:
    """What --json prints."""
    head, found = reader.header, overview(reader.header, reader)
    ends = {"first": found.first, "last": found.last}
    return {
        "header": {item.name: getattr(head, item.name) for item in fields(head) if item.name != "layers"},
        "steps": {name: record and record.step for name, record in ends.items()},
        "scalars": {name: record and record.scalars for name, record in ends.items()},
        "records": found.records,
        "problem": reader.problem,
        "end": reader.end and asdict(reader.end),
        "layers": [_layer(one) for one in found.layers],
    }


def _layer(one: Fired) -> dict[str, Any]:
    """A call of a layer; what belongs to the layer and not to its calls stands at the first one, as on the page."""
    record = one.record
    found = {"name": one.name, "module": one.layer.module, "kind": one.layer.kind, "no_data": record is None}
    if record is None:
        return found | dict.fromkeys(("step", *MEASURED))
    place = {"series": one.series, "layer": one.number if one.call == 0 else None}
    values = dict[str, Any].fromkeys(MEASURED)
    for name in MEASURED:
        row = place[COLUMNS[name].axes[0]]
        if row is not None and name in record.columns:
            values[name] = decimals(record.columns[name][row])
    return found | {"step": record.step} | values
