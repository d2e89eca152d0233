"""`bnviz describe`: what is in a recording, without a browser and without PyTorch."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import numpy as np
import typer

from bnviz.commands.decimals import decimals
from bnviz.sharing import recording
from bnviz.sharing.recording import RecordingReader
from bnviz.sharing.recording_lines import Layer, Record
from bnviz.sharing.recording_schema import COLUMNS, RecordingError
from bnviz.sharing.recording_writer import plain

MEASURED = ("mean", "deviation", "percentiles", "gradient_output", "update_ratio", "nonfinite")
_NOTHING = np.empty(0, np.uint32)


def describe(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording, such as run.bnviz.", show_default=False)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Say what a recording of `bnviz.record` holds: its steps, its loss, and a line a layer.

    A file that was cut short is described as far as it goes, and it says so.

    \b
    Examples:
      bnviz describe run.bnviz
      bnviz describe run.bnviz --json | python -m json.tool

    With --json, one object: header; steps and scalars, each of the first and of the last record; records (how many);
    problem (why reading stopped before the end, empty where it didn't); end (steps and reason, null where the recorder
    had no chance to say it); and layers: name, module, kind, no_data (true for a layer that never fired), and of the
    last record in which it fired step, mean, deviation, percentiles (5, 15, 25, 50, 75, 85, 95), gradient_output,
    update_ratio and nonfinite (how many values). Of a layer that is called several times, it is the first call. What
    was not measured is null.
    """  # noqa: D301 - \b keeps the lines as they are
    try:
        with file.open("rb") as stream:
            text = plain(_summary(stream)) if as_json else recording.describe(stream)
    except (OSError, RecordingError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise RecordingError(f"can't open {str(file)!r}: {why}") from None
    typer.echo(text)


def _summary(stream: BinaryIO) -> dict[str, Any]:
    """What --json prints; one record in memory at a time, and for each layer the one in which it last fired."""
    reader = RecordingReader(stream)
    records, first, last, fired = 0, None, None, dict[int, Record]()
    for last in reader:
        records, first = records + 1, first or last
        fired |= dict.fromkeys(last.columns.get("layer", _NOTHING).tolist(), last)
    head = reader.header
    ends = {"first": first, "last": last}
    return {
        "header": {item.name: getattr(head, item.name) for item in fields(head) if item.name != "layers"},
        "steps": {name: record and record.step for name, record in ends.items()},
        "scalars": {name: record and record.scalars for name, record in ends.items()},
        "records": records,
        "problem": reader.problem,
        "end": reader.end and asdict(reader.end),
        "layers": [_layer(layer, index, fired.get(index)) for index, layer in enumerate(head.layers)],
    }


def _layer(layer: Layer, index: int, record: Record | None) -> dict[str, Any]:
    found = {"name": layer.name, "module": layer.module, "kind": layer.kind, "no_data": record is None}
    if record is None:
        return found | dict.fromkeys(("step", *MEASURED))
    row = int(np.flatnonzero(record.columns["layer"] == index)[0])
    place = {"series": row, "layer": index}
    values = {
        name: decimals(record.columns[name][place[COLUMNS[name].axes[0]]]) if name in record.columns else None
        for name in MEASURED
    }
    return found | {"step": record.step} | values
