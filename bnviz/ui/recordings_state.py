"""One session's recordings: which are open, and what the reader looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

import streamlit as st

from bnviz.experiment.fields import ConfigError
from bnviz.live.playback import Recorded
from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.opened import TOO_MANY
from bnviz.sharing.recording_schema import RecordingError
from bnviz.sharing.recordings_link import (
    MAX_SHOWN,
    OPENED,
    RECORDING_CHARTS,
    RecordingsLink,
    decode_recordings,
    encode_recordings,
)
from bnviz.ui.address import Address
from bnviz.ui.recordings_sources import Source, load, worth_seeing


class Dropped(Protocol):
    """A file as the page's file drop holds it."""

    name: str

    def getvalue(self) -> bytes:
        """Return its bytes."""


@dataclass(frozen=True)
class Wanted:
    """What is to be opened next, and the link that asks for it, if the address did."""

    sources: tuple[Source, ...]
    link: RecordingsLink | None = None

    @property
    def name(self) -> str:
        """What the reader waits for."""
        return " and ".join("the recording" if one.show == OPENED else one.file or one.show for one in self.sources)


@dataclass
class RecordingsState:
    """What the page remembers between two runs of its script.

    The bytes of dropped files stay with the session, so that what the server gave up can be opened again. `revision`
    grows when others are opened; `drop` when the file drop has to be empty again. What is `wanted` is read by the
    page's script and not by a widget's callback: only there a reader can be told to wait.
    """

    sources: tuple[Source, ...] = ()
    opened: tuple[str, ...] = ()
    is_lab: bool = False
    first_layer: int = 0
    link: RecordingsLink = field(default_factory=RecordingsLink)
    problem: str | None = None
    revision: int = 0
    drop: int = 0
    token: str | None = None
    loaded: Recorded | None = None
    wanted: Wanted | None = None
    address: Address = field(default_factory=Address)

    def ask(self, sources: Sequence[Source]) -> None:
        """Have others opened in place of what is open, by the next `read`."""
        self.wanted = Wanted(tuple(sources))
        self.address.acted = True

    def read(self) -> None:
        """Open what is wanted; what can't be read is said, and what was open stays."""
        wanted, self.wanted = self.wanted, None
        if wanted is None:
            return
        try:
            recorded = load(wanted.sources)
        except RecordingError as error:
            culprit = _culprit(wanted.sources)
            self.problem = f"{culprit} can't be opened: {str(error).removeprefix(f'{culprit}: ')}."
            return
        self.sources, self.problem = wanted.sources, None
        self.opened = tuple(_one_line(file) for file in recorded.files)
        self.is_lab = bool(recorded.link_query)
        self.first_layer = worth_seeing(recorded)
        self.link = replace(wanted.link or RecordingsLink(), show=self.shown)
        self.revision += 1
        self.loaded = recorded
        if not self.are_dropped:
            self.drop += 1  # dropped files are not what is open any more

    def take(self) -> Recorded:
        """Return what is open, to be played: at hand once, read again where the server gave it up meanwhile."""
        recorded, self.loaded = self.loaded, None
        return recorded or load(self.sources)

    def close(self) -> None:
        """Show none any more."""
        self.sources, self.opened, self.link, self.problem, self.loaded = (), (), RecordingsLink(), None, None
        self.wanted = None
        self.revision += 1
        self.drop += 1
        self.address.acted = True

    @property
    def shown(self) -> tuple[str, ...]:
        """What the address can say of what is open: all of it or nothing."""
        names = tuple(name for source in self.sources for name in source.show.split(",") if name)
        return names if all(source.show for source in self.sources) else ()

    @property
    def are_dropped(self) -> bool:
        """Whether a file is open that only this session has."""
        return any(source.data for source in self.sources)

    @property
    def layer(self) -> int:
        """The layer to look at: a model's first normalization layer, or the lab's last one, unless the link says."""
        return self.first_layer if self.link.layer is None else self.link.layer

    def drop_files(self, files: Sequence[Dropped]) -> None:
        """Open dropped files; where all were taken away again, close them. Of too many none is read."""
        if len(files) > MAX_SHOWN:
            self.problem = f"This can't be opened: {TOO_MANY.format(len(files))}."
            self.address.acted = True
        elif files:
            self.ask([Source(file=file.name, data=file.getvalue()) for file in files])
        elif self.are_dropped:
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


def _culprit(sources: Sequence[Source]) -> str:
    """Which of several can't be read; those that only together are too much are "this"."""
    for source in sources:
        try:
            load((source,))
        except RecordingError:
            return source.file or "This"
    return "This"


def _one_line(file: Mapping[str, Any]) -> str:
    what = "a run of the lab" if file["kind"] == "lab" else file["model"] or "a model"
    return f"{file['file']}: {what}, {file['records']:,} {'record' if file['records'] == 1 else 'records'}"


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
                state.wanted = Wanted(tuple(Source(show=name) for name in link.show[:MAX_SHOWN]), link)
        elif state.sources:
            state.close()
        state.address.acted = False
    return state
