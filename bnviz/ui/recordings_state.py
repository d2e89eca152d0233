"""One session's recordings: which are open, and what the reader looks at."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import streamlit as st

from bnviz.experiment.fields import ConfigError
from bnviz.live.playback import Recorded
from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.opened import Opened, open_recordings
from bnviz.sharing.recording_schema import RecordingError
from bnviz.sharing.recordings_link import (
    FILES_VARIABLE,
    MAX_SHOWN,
    OPENED,
    RECORDING_CHARTS,
    RecordingsLink,
    decode_recordings,
    encode_recordings,
)
from bnviz.ui.address import Address

MOST_SILENT = 200


@dataclass(frozen=True)
class Source:
    """Where a recording comes from: `show` for one that the address can name, else the bytes of a dropped file."""

    show: str = ""
    file: str = ""
    data: bytes = b""


@dataclass
class RecordingsState:
    """What the page remembers between two runs of its script.

    The bytes of dropped files stay with the session, so that what the server gave up can be opened again. `revision`
    grows when others are opened; `drop` when the file drop has to be empty again.
    """

    sources: tuple[Source, ...] = ()
    opened: tuple[str, ...] = ()
    first_layer: int = 0
    link: RecordingsLink = field(default_factory=RecordingsLink)
    problem: str | None = None
    revision: int = 0
    drop: int = 0
    token: str | None = None
    loaded: Recorded | None = None
    address: Address = field(default_factory=Address)

    def open(self, sources: Sequence[Source], link: RecordingsLink | None = None) -> None:
        """Open others in place of what is open; what can't be read is said, and what was open stays."""
        self.address.acted = True
        try:
            recorded = load(tuple(sources))
        except RecordingError as error:
            self.problem = f"This can't be opened: {error}."
            return
        self.sources, self.problem = tuple(sources), None
        self.opened = tuple(_one_line(file) for file in recorded.files)
        self.first_layer = _worth_seeing(recorded)
        self.link = replace(link or RecordingsLink(), show=self.shown)
        self.revision += 1
        self.loaded = recorded
        if not any(source.data for source in sources):
            self.drop += 1  # dropped files are not what is open any more

    def take(self) -> Recorded:
        """Return what is open, to be played: at hand once, read again where the server gave it up meanwhile."""
        recorded, self.loaded = self.loaded, None
        return recorded or load(self.sources)

    def close(self) -> None:
        """Show none any more."""
        self.sources, self.opened, self.link, self.problem, self.loaded = (), (), RecordingsLink(), None, None
        self.revision += 1
        self.drop += 1
        self.address.acted = True

    @property
    def shown(self) -> tuple[str, ...]:
        """What the address can say of what is open: all of it or nothing."""
        names = tuple(name for source in self.sources for name in source.show.split(",") if name)
        return names if all(source.show for source in self.sources) else ()

    @property
    def layer(self) -> int:
        """The layer to look at: a model's first normalization layer, or the lab's last one, unless the link says."""
        return self.first_layer if self.link.layer is None else self.link.layer

    def drop_files(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Open dropped files; where all were taken away again, close them."""
        if files:
            self.open([Source(file=name, data=data) for name, data in files])
        elif any(source.data for source in self.sources):
            self.close()

    def follow(self, view: Mapping[str, Any]) -> None:
        """Record what the reader looks at; a report on what was open before is dropped."""
        self.address.acted = True
        if view.get("generation", self.revision) != self.revision:
            return
        charts, layer = view.get("charts"), view.get("layer")
        try:
            link = RecordingsLink(
                show=self.link.show,
                layer=None if layer is None or int(layer) == self.first_layer else int(layer),
                charts=None if charts is None else tuple(name for name in RECORDING_CHARTS if name in charts),
            )
            decode_recordings(encode_recordings(replace(link, show=link.show or tuple(EXAMPLES)[:1])))
        except (ConfigError, TypeError, ValueError, OverflowError) as error:
            self.problem = f"The page sent something that can't be recorded in the link: {error!s:.200}"
            return
        self.link = link


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
            {**asdict(facts), "silent": list(facts.silent[:MOST_SILENT]), "silent_count": len(facts.silent)}
            for facts in opened.facts
        ),
        tables=tuple(facts.table() for facts in opened.facts),
        link_query=opened.link_query,
        title="-".join(opened.names) if not opened.link_query else "lab",
    )


def _worth_seeing(recorded: Recorded) -> int:
    """The layer to show at first: the lab's last one that all have, a model's first norm or else last activation."""
    layouts = [history.layout for history in recorded.histories if history.layout is not None]
    if recorded.link_query:
        return min(len(layout.layers) for layout in layouts) - 1
    if norms := [norm for layout in layouts for norm in layout.norms]:
        return min(norms)
    shares = [history[name] for history in recorded.histories for name in ("dead", "saturated") if name in history]
    activations = [layer for share in shares for layer in np.flatnonzero(np.isfinite(share).any(0)).tolist()]
    return max(activations, default=0)


def _one_line(file: Mapping[str, Any]) -> str:
    what = "a run of the lab" if file["kind"] == "lab" else file["model"] or "a model"
    return f"{file['file']}: {what}, {file['records']:,} records"


def recordings_state() -> RecordingsState:
    """Return this session's state; read from the address at first, and again when somebody changed the address."""
    state = cast("RecordingsState | None", st.session_state.get("recordings"))
    if state is None:
        state = st.session_state["recordings"] = RecordingsState()
    if (query := state.address.news()) is not None:
        try:
            link = decode_recordings(query)
        except ConfigError as error:
            state.problem = f"This link can't be read: {error}. What was open stays."
            return state
        if link.show:
            if link.show == state.link.show:
                state.link = link
            else:
                state.open([Source(show=name) for name in link.show[:MAX_SHOWN]], link)
        elif state.sources:
            state.close()
        state.address.acted = False
    return state
