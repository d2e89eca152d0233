"""One session's anatomy page: the browser sends a draft of it; what can be read of that becomes the state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, cast

import streamlit as st

from bnviz.experiment.anatomy import FIELDS, UPSTREAMS, Anatomy, upstream_of
from bnviz.experiment.fields import ConfigError, one_of
from bnviz.experiment.tables import TableError, check_cell, check_shape, check_table, number, parse_table
from bnviz.sharing.anatomy_link import decode_anatomy
from bnviz.training.anatomy.steps import undoing
from bnviz.ui.address import Address

LABELS = {
    "gamma": "γ", "beta": "β", "eps": "ε", "log_scale": "log₁₀ a", "batch_size": "Batch size B", "mean": "True mean",
    "std": "True deviation", "shift_step": "Shift at step", "shifted_mean": "New mean",
    "shifted_std": "New deviation", "sample": "The sample x", "upstream": "The gradient dL/dy",
}  # fmt: skip


@dataclass
class AnatomyState:
    """The last good anatomy, and what of the newest draft could not be read."""

    anatomy: Anatomy = field(default_factory=Anatomy)
    problems: list[dict[str, Any]] = field(default_factory=list)
    serial: int = 0
    settled: bool = True  # nobody is dragging or typing, so that the address may be written
    address: Address = field(default_factory=Address)

    def follow(self, edit: Any) -> None:
        """Take over what can be read of an edit `{serial, draft}`; the rest is said and stays as it was.

        A draft holds fields of `Anatomy`, numbers perhaps as typed, and commands `{value, serial}`, each of which is
        carried out once.
        """
        try:
            serial, draft = int(edit["serial"]), dict(edit["draft"])
        except (TypeError, ValueError, KeyError, OverflowError):
            self.problems = [{"field": "link", "message": "the page sent something that can't be read: reload it"}]
            return
        last, self.serial, self.problems = self.serial, serial, []
        self.address.acted = True
        self.settled = edit.get("settled") is not False
        before = asdict(self.anatomy)
        for name in FIELDS:
            if name in draft and not _same(draft[name], before[name]):
                self._take(name, draft[name])
        for name, carry_out in COMMANDS.items():
            command = draft.get(name)
            if isinstance(command, Mapping) and isinstance(command.get("serial"), int) and command["serial"] > last:
                self._attempt(name, partial(carry_out, command.get("value")))

    def _take(self, name: str, value: Any) -> None:
        """Take over one field; of a table that keeps its shape, every cell that can be read."""
        if name in ("batch", "upstream"):
            value = self._mended(name, value)
        self._attempt(name, partial(_change, name, value))

    def _mended(self, name: str, rows: Any) -> Any:
        """The rows with the last good number in place of each one that can't be read, which is said."""
        old = getattr(self.anatomy, name)
        try:
            if check_shape(name, rows) != (len(old), len(old[0])):
                return rows
        except TableError:
            return rows
        mended = [list(row) for row in rows]
        for row, line in enumerate(rows):
            for column, cell in enumerate(line):
                try:
                    check_cell(name, row, column, cell)
                except TableError as error:
                    self._say(name, error)
                    mended[row][column] = old[row][column]
        return mended

    def _attempt(self, name: str, change: Callable[[Anatomy], Anatomy]) -> None:
        try:
            self.anatomy = change(self.anatomy)
        except ConfigError as error:
            self._say(name, error)

    def _say(self, name: str, error: ConfigError) -> None:
        problem: dict[str, Any] = {"field": name if name in FIELDS else error.field, "message": _said(error)}
        if isinstance(error, TableError) and name in FIELDS:  # a command's places are those of what was pasted
            problem |= {"row": error.row, "column": error.column}
        self.problems.append(problem)


def _said(error: ConfigError) -> str:
    """The message with the label that stands on the page in place of the field's name."""
    text = str(error)
    if error.field in LABELS and text.startswith(f"{error.field} "):
        return LABELS[error.field] + text.removeprefix(error.field)
    return text[:1].upper() + text[1:]


def _same(draft: Any, value: Any) -> bool:
    """Whether a draft's lists hold what the state's tuples hold."""
    if isinstance(value, tuple):
        return isinstance(draft, list) and len(draft) == len(value) and all(map(_same, draft, value))
    return bool(draft == value)


def _change(name: str, value: Any, anatomy: Anatomy) -> Anatomy:
    """The anatomy with one field as the draft has it; the batch's shape is the one that all others have to fit."""
    if name == "batch":
        return anatomy.with_batch(check_table(name, value))
    columns = len(anatomy.batch[0])
    if name in ("gamma", "beta"):
        given = value if isinstance(value, list) else []
        return anatomy.replace(**{name: (*given[:columns], *getattr(anatomy, name)[len(given) :])})
    if name == "channel" and isinstance(value, int):
        return anatomy.replace(channel=min(max(value, 0), columns - 1))
    default = FIELDS[name].default
    if isinstance(default, int | float) and isinstance(value, str):
        value = number(name, value)
    return anatomy.replace(**{name: value if name != "upstream" else check_table(name, value)})


def _example(value: Any, anatomy: Anatomy) -> Anatomy:
    return anatomy.with_example(value)


def _upstream_example(value: Any, anatomy: Anatomy) -> Anatomy:
    name = one_of("upstream", value, tuple(UPSTREAMS))
    return anatomy.replace(upstream=upstream_of(name, anatomy.batch))


def _paste(value: Any, anatomy: Anatomy) -> Anatomy:
    name, text = (value.get("field"), value.get("text")) if isinstance(value, Mapping) else (None, None)
    table = parse_table(one_of("field", name, ("batch", "upstream")), text)
    return anatomy.with_batch(table) if name == "batch" else anatomy.replace(upstream=table)


def _undo(_value: Any, anatomy: Anatomy) -> Anatomy:
    gamma, beta = undoing(anatomy.batch, anatomy.eps)
    return anatomy.replace(gamma=tuple(gamma.tolist()), beta=tuple(beta.tolist()))


COMMANDS: dict[str, Callable[[Any, Anatomy], Anatomy]] = {
    "example": _example,
    "paste": _paste,
    "upstream_example": _upstream_example,
    "undo": _undo,
}


def anatomy_state() -> AnatomyState:
    """Return this session's state; read from the address at first, and again when somebody changed the address."""
    state = cast("AnatomyState | None", st.session_state.get("anatomy_state"))
    fallback = "The page stays as it was."
    if state is None:
        state = st.session_state["anatomy_state"] = AnatomyState()
        fallback = "The page shows its first example instead."
    if (query := state.address.news()) is not None:
        try:
            state.anatomy, state.problems = decode_anatomy(query), []
        except ConfigError as error:
            state.problems = [{"field": "link", "message": f"This link can't be read: {error}. {fallback}"}]
    return state
