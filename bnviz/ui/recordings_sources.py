"""Where recordings come from, and how each is read: one that ships, a dropped file, what `bnviz open` was given."""

from __future__ import annotations

import io
import json
import os
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bnviz.live.playback import Recorded
from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.opened import Opened, open_recordings
from bnviz.sharing.recording_schema import RecordingError
from bnviz.sharing.recordings_link import FILES_VARIABLE, OPENED

SILENT_SENT = 200  # layers are sent to the page, where a card's tooltip names them


@dataclass(frozen=True)
class Source:
    """Where a recording comes from: `show` for one that the address can name, else the bytes of a dropped file."""

    show: str = ""
    file: str = ""
    data: bytes = b""


def load(sources: tuple[Source, ...]) -> Recorded:
    """Return the recordings, ready to be played; those that ship are read once a process. Raises `RecordingError`."""
    if all(source.show in EXAMPLES for source in sources):
        return _shipped(sources)
    return _recorded(open_recordings([file for source in sources for file in _files(source)]))


@lru_cache(maxsize=4)
def _shipped(sources: tuple[Source, ...]) -> Recorded:
    return _recorded(open_recordings([file for source in sources for file in _files(source)]))


def _files(source: Source) -> list[tuple[str, io.BytesIO]]:
    if source.show in EXAMPLES:
        path = EXAMPLES[source.show].path
        return [(path.name, io.BytesIO(path.read_bytes()))]
    if source.show == OPENED:
        return [(Path(path).name, io.BytesIO(_read(path))) for path in given_files()]
    return [(source.file, io.BytesIO(source.data))]


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise RecordingError(f"{Path(path).name} can't be read any more: {error.strerror}") from None


def given_files() -> list[str]:
    """The files that `bnviz open` was started on; raises `RecordingError` where it was not."""
    try:
        paths = json.loads(os.environ[FILES_VARIABLE])
    except (KeyError, ValueError):
        raise RecordingError("this app was not started by bnviz open, so there is no file of its own to show") from None
    return [str(path) for path in paths]


def _recorded(opened: Opened) -> Recorded:
    return Recorded(
        histories=opened.histories,
        names=opened.names,
        files=tuple(
            {**asdict(facts), "silent": list(facts.silent[:SILENT_SENT]), "silent_count": len(facts.silent)}
            for facts in opened.facts
        ),
        tables=tuple(facts.table() for facts in opened.facts),
        link_query=opened.link_query,
        title="-".join(opened.names) if not opened.link_query else "lab",
    )


def worth_seeing(recorded: Recorded) -> int:
    """The layer to show at first: the lab's last one that all have, a model's first norm or else last activation."""
    layouts = [history.layout for history in recorded.histories if history.layout is not None]
    if recorded.link_query:
        return min(len(layout.layers) for layout in layouts) - 1
    if norms := [norm for layout in layouts for norm in layout.norms]:
        return min(norms)
    shares = [history[name] for history in recorded.histories for name in ("dead", "saturated") if name in history]
    activations = [layer for share in shares for layer in np.flatnonzero(np.isfinite(share).any(0)).tolist()]
    return max(activations, default=0)
