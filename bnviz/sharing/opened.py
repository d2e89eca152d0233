"""Files that somebody opens, ready to be drawn: one recording of any kind, or two models side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Any, BinaryIO, Literal

from bnviz.experiment.history import History
from bnviz.sharing.lab_recording import read_lab
from bnviz.sharing.recording import RecordingReader
from bnviz.sharing.recording_digest import ON_SCREEN, Digest, Room
from bnviz.sharing.recording_history import from_digests
from bnviz.sharing.recording_schema import RecordingError

TOO_MANY = "two recordings can be drawn side by side; got {}: open two of them"
SHOWN_NAME_LENGTH = 40  # of what a legend and a card call a network
SILENT_IN_TABLE = 20  # layers are named there; a file may have thousands


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of one file.

    `ended` is how the recorder said goodbye ("" where it had no chance to), `problem` a sentence for a file of which
    only a part can be read, `silent` the layers that never fired. `steps` are all that were made, if that is known.
    """

    file: str
    kind: str
    model: str
    parameters: int | None
    layers: int
    records: int
    first_step: int | None
    last_step: int | None
    steps: int | None
    every: int
    started: str
    versions: Mapping[str, str] = field(default_factory=dict)
    ended: str = ""
    problem: str = ""
    silent: tuple[str, ...] = ()

    def table(self) -> dict[str, str]:
        """Return label and text of all that is known, for a page or a report."""
        steps = f"{self.first_step:,} to {self.last_step:,}" if self.last_step is not None else "none"
        if self.steps is not None:
            steps += f", of {self.steps:,} made"
        silent = ", ".join(self.silent[:SILENT_IN_TABLE])
        if len(self.silent) > SILENT_IN_TABLE:
            silent += f" and {len(self.silent) - SILENT_IN_TABLE} more"
        found = {
            "File": self.file,
            "Model": self.model,
            "Parameters": "" if self.parameters is None else f"{self.parameters:,}",
            "Layers watched": f"{self.layers:,}" if self.kind == "model" else "",
            "Layers that never fired": silent,
            "Recorded steps": steps,
            "Records": f"{self.records:,}",
            "Steps between records": f"{self.every:,}" if self.kind == "model" else "",
            "Began": self.started,
            "Made with": ", ".join(f"{name} {version}" for name, version in self.versions.items()),
            "Ended": self.ended or "the recorder had no chance to end it",
            "Problem": self.problem,
        }
        return {label: shown(text, 400) for label, text in found.items() if text}


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What was opened: histories on shared axes, the networks' unique names, and the facts of each file.

    A run of the lab is one file with several networks; `link_query` is its link, which was read and is right.
    """

    kind: Literal["model", "lab"]
    histories: tuple[History, ...]
    names: tuple[str, ...]
    facts: tuple[Facts, ...]
    link_query: str = ""


def open_recordings(files: Sequence[tuple[str, BinaryIO]], *, room: Room = ON_SCREEN) -> Opened:
    """Open one recording of any kind, or two of models, given as names and streams; raises `RecordingError`.

    Of each model as many records are kept as have `room`; `WHOLE` is for one's own files.
    """
    if not files:
        raise RecordingError("choose a recording to open: a file that bnviz.record or the lab has written")
    if len(files) > 2:
        raise RecordingError(TOO_MANY.format(len(files)))
    readers = [_reader(name, stream, alone=len(files) == 1) for name, stream in files]
    if any(reader.header.kind == "lab" for reader in readers):
        if len(readers) > 1:
            raise RecordingError(
                "a run of the lab is opened alone, as it compares networks already: open one file, or two recordings "
                "of models"
            )
        return _lab(files[0][0], readers[0])
    digests = [Digest.of(reader.header, reader, room) for reader in readers]
    facts = [
        _model_facts(name, reader, digest) for (name, _), reader, digest in zip(files, readers, digests, strict=True)
    ]
    return Opened(
        kind="model",
        histories=tuple(from_digests(digests)),
        names=_unique([_stem(name) for name, _ in files]),
        facts=tuple(facts),
    )


def _reader(name: str, stream: BinaryIO, *, alone: bool) -> RecordingReader:
    try:
        return RecordingReader(stream)
    except RecordingError as error:
        raise RecordingError(str(error) if alone else f"{shown(name, SHOWN_NAME_LENGTH)}: {error}") from None


def _lab(name: str, reader: RecordingReader) -> Opened:
    run = read_lab(reader)
    steps = [int(history["step"][end]) for history in run.histories if len(history) for end in (0, -1)]
    facts = Facts(
        file=_file(name), kind="lab", model="", parameters=None, layers=0, records=run.records,
        first_step=min(steps, default=None), last_step=max(steps, default=None),
        **(_of_reader(reader, run.records) | {"steps": None}),
    )  # fmt: skip
    return Opened(
        kind="lab", histories=run.histories, facts=(facts,), link_query=run.query,
        names=_unique([shown(one, SHOWN_NAME_LENGTH) or "network" for one in run.names]),
    )  # fmt: skip


def _model_facts(name: str, reader: RecordingReader, digest: Digest) -> Facts:
    header = reader.header
    fired = {layer for layer, _ in digest.calls}
    silent = [layer.name for index, layer in enumerate(header.layers) if index not in fired]
    return Facts(
        file=_file(name), kind="model", model=shown(header.model, 400), parameters=header.parameters,
        layers=len(header.layers), records=digest.count, first_step=digest.first.step if digest.first else None,
        last_step=digest.last.step if digest.last else None, silent=tuple(shown(one, 400) for one in silent),
        **_of_reader(reader, digest.count),
    )  # fmt: skip


def _of_reader(reader: RecordingReader, records: int) -> dict[str, Any]:
    header, end = reader.header, reader.end
    problem = ""
    if reader.problem:
        rest = f"The {records:,} records before that are shown." if records else "It holds no record."
        problem = f"Only a part of this file can be read: {reader.problem}. {rest}"
    return {
        "every": header.every, "started": shown(header.started, 400), "steps": end.steps if end else None,
        "versions": {shown(name, 400): shown(text, 400) for name, text in header.versions.items()},
        "ended": shown(end.reason, 400) if end else "", "problem": shown(problem, 400),
    }  # fmt: skip


def shown(text: str, length: int) -> str:
    """Return a stranger's text for the screen: on one line, printable, at most so long."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _file(name: str) -> str:
    """A file's name without folders: where somebody keeps it is nobody else's business."""
    return PureWindowsPath(shown(name, 400)).name


def _stem(name: str) -> str:
    """A file's name without folders and ending."""
    bare = _file(name)
    return shown(bare.removesuffix(".bnviz") or bare, SHOWN_NAME_LENGTH) or "recording"


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number behind those that were there before."""
    found: list[str] = []
    for name in names:
        wanted, number = name, 2
        while name in found:
            name, number = f"{shown(wanted, SHOWN_NAME_LENGTH - 4)} {number}", number + 1  # noqa: PLW2901
        found.append(name)
    return tuple(found)
