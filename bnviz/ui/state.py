"""One session's state: the link is the truth; widgets, address and live run follow it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import streamlit as st

from bnviz.experiment.config import Intervention
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.own_table import OwnTable, TableRef
from bnviz.experiment.presets import DEFAULT_PRESET
from bnviz.experiment.words import name_arms
from bnviz.sharing.link import CHARTS, Link, decode, encode, from_preset
from bnviz.sharing.table_link import moved
from bnviz.ui.address import Address
from bnviz.ui.own_tables import Dropped, OwnTables, columns_of


@dataclass
class LabState:
    """What the lab remembers between two runs of its script.

    `revision` grows when the experiment changes, so that the live run starts anew then and only then; `epoch` grows
    when the widgets have to take their values from the link again.
    """

    link: Link
    problem: str | None = None
    revision: int = 0
    epoch: int = 0
    token: str | None = None
    address: Address = field(default_factory=Address)
    own: OwnTables = field(default_factory=OwnTables)

    def change(self, link: Link) -> None:
        """Take over another experiment: the live run and the widgets start from it."""
        self._restart(link)
        self.own.settle()
        self.epoch += 1

    def _restart(self, link: Link) -> None:
        self.link, self.problem = link, None
        self.own.go_on()
        self.revision += 1
        self.address.acted = True

    def change_fields(self, changes: Mapping[str, list[Any]]) -> None:
        """Change fields of the arms, a value an arm; a value that is not allowed is said and nothing is lost."""
        try:
            arms = tuple(
                arm.replace(**{name: values[index] for name, values in changes.items()})
                for index, arm in enumerate(self.link.arms)
            )
        except ConfigError as error:
            self.problem = str(error)
            self.epoch += 1
            self.address.acted = True
            return
        self._restart(replace(self.link, arms=arms, names=name_arms(arms)))  # the widgets show it already

    def ask_table(self, arms: Iterable[int]) -> None:
        """Have networks train on a table of the reader's own: the one that is here, else the next that is dropped."""
        self.own.asked = frozenset(arms)
        self.address.acted = True
        if self.own.newest is not None:
            self.train_on(self.own.newest)

    def take_file(self, file: Dropped, label: int | None = None, *, arms: Iterable[int] = (), place: str = "") -> None:
        """Read a dropped file for some networks; what can't be read is said, and what there was before stays.

        label: the column of the classes, where the reader has chosen it for this file; else it is the link's, of a
        file that the link may be about, or the last one.
        """
        self.address.acted = True
        missing = self.own.missing(self.link.arms)
        if (table := self._read(file, label, missing, place)) is None:
            return
        notices = table.remarks
        if any(ref.digest == table.ref.digest for ref in missing):
            self._train(self.own.adopted(self.link))
        else:
            self.train_on(table, arms)
            if missing:
                notices = (_named_as_different(table.ref, missing[0]), *notices)
        self.own.notices = notices

    def _read(self, file: Dropped, label: int | None, missing: Iterable[TableRef], place: str) -> OwnTable | None:
        """Read a file with each column that may be meant until there is a table; else the first one's faults stay."""
        data, arms, refused = file.getvalue(), self.link.arms, None
        width = len(columns_of(data))
        wanted = [ref.label for ref in missing if ref.features + 1 == width] if label is None else []
        for column in dict.fromkeys([*wanted, label]):
            if (table := self.own.read(file.name, data, column, arms=arms, place=place)) is not None:
                return table
            refused = refused or self.own.refusal
        self.own.refusal = refused
        return None

    def choose_label(self, table: OwnTable, label: int, arms: Iterable[int], place: str = "") -> None:
        """Read a table that some networks have again with another column of classes."""
        self.address.acted = True
        users = [index for index in arms if self.link.arms[index].table == str(table.ref)]
        if (again := self.own.read(table.ref.name, table.source, label, arms=self.link.arms, place=place)) is None:
            self.own.keep(table, label)
            self.epoch += 1  # the choice shows the column that is in use
            return
        self.train_on(again, users)
        self.own.notices = again.remarks

    def train_on(self, table: OwnTable, arms: Iterable[int] = ()) -> None:
        """Have networks train on a table: these, else those that ask for one or have another, else all."""
        others = [index for index, arm in enumerate(self.link.arms) if arm.own_table is not None]
        users = set(arms) or self.own.asked or others or range(len(self.link.arms))
        try:
            self._train(moved(self.link, table, users))
        except ConfigError as error:
            self.problem = str(error)
            self.own.asked = frozenset()
            self.epoch += 1

    def _train(self, link: Link) -> None:
        """Take over a link whose table has just come; the file drop stays as it is: another may come at once."""
        self._restart(link)
        self.own.asked = frozenset()
        self.epoch += 1

    def set_count(self, count: int) -> None:
        """Compare another number of networks: more are copies of the last with another normalization."""
        arms = list(self.link.arms[:count])
        for kind in ("layer", "group", "none", "batch"):
            if len(arms) < count and all(arm.normalization != kind for arm in arms):
                width, known = arms[-1].width, arms[-1].norm_groups
                groups = next(g for g in (known, 4, 2, 1) if width % g == 0 and width >= 2 * g)
                arms.append(arms[-1].replace(normalization=kind, norm_groups=groups, interventions=()))
        while len(arms) < count:
            arms.append(arms[-1])
        last = len(self.link.arms) - 1
        self.own.asked = frozenset(index for index in range(count) if min(index, last) in self.own.asked)
        self._restart(replace(self.link, arms=tuple(arms), names=name_arms(arms)))
        self.epoch += 1

    def follow(self, view: Mapping[str, Any]) -> None:
        """Record what was turned or looked at on the stage; the live run knows it already, so it goes on.

        A report on an experiment that has been changed since is not one on this link, and is dropped.
        """
        self.address.acted = True
        if view.get("generation", self.revision) != self.revision:
            return
        try:
            link = _followed(self.link, view)
            decode(encode(link))
        except (ConfigError, TypeError, ValueError, AttributeError, OverflowError) as error:
            self.problem = f"The page sent something that can't be recorded in the link: {error!s:.200}"
            return
        if link.arms[0].seed != self.link.arms[0].seed:
            self.epoch += 1  # the sidebar shows the seeds
        self.link = link


def _named_as_different(table: TableRef, asked: TableRef) -> str:
    return (
        f"This is not the table of the link: {table.name} ({table.sizes}) has other cells or names of columns than the "
        f"link's {asked.name} ({asked.sizes}). The networks train on it all the same, with results of its own."
    )


def _followed(link: Link, view: Mapping[str, Any]) -> Link:
    """The link after the stage's report of interventions, seed, layer, charts and the step to pause at."""
    turned = [[Intervention(**item) for item in arm] for arm in view.get("interventions") or ()]
    seed = view.get("seed")
    shift = 0 if seed is None else int(seed) - link.arms[0].seed
    arms = tuple(
        arm.replace(interventions=tuple(turned[i]) if i < len(turned) else (), seed=arm.seed + shift)
        for i, arm in enumerate(link.arms)
    )
    charts, until, layer = view.get("charts"), view.get("until"), view.get("layer")
    followed = replace(
        link,
        arms=arms,
        charts=None if charts is None else tuple(name for name in CHARTS if name in charts),
        until=None if until is None else int(until),
        layer=None if layer is None else int(layer),
    )
    own_choice = replace(followed, layer=None)
    return own_choice if followed.layer == own_choice.shown_layer else followed


def lab_state() -> LabState:
    """Return this session's state; read from the address at first, and again when somebody changed the address.

    An address that can't be read is said, and what there was before stays.
    """
    state = cast("LabState | None", st.session_state.get("lab"))
    fallback = "The lab stays as it was."
    if state is None:
        state = st.session_state["lab"] = LabState(from_preset(DEFAULT_PRESET))
        fallback = "The lab shows its first lesson instead."
    if (query := state.address.news()) is not None:
        try:
            state.change(state.own.adopted(decode(query)))
            state.address.acted = False
        except ConfigError as error:
            said = str(error)
            state.problem = f"This link can't be read: {said}{'' if said.endswith('?') else '.'} {fallback}"
    return state
