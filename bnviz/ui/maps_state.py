"""The maps page's address and state: `?map=rate-and-depth`, or a map of one's own, which the address holds whole.

`?x=learning_rate:0.01,0.1,1&y=hidden_layers:1,5,10&steps=150` and the rest as in a link to the lab, whose networks are
the map's arms. Only known fields are read, and every value passes the configuration's checks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

import streamlit as st

from bnviz.experiment.config import PLAIN_FIELDS, ExperimentConfig
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.words import LABELS, name_arms
from bnviz.sharing.link import KEYS as LAB_KEYS
from bnviz.sharing.link import VIEW_KEYS, Link, decode, encode, from_text
from bnviz.sharing.query import LinkError, single_values
from bnviz.studies.default_maps import MAPS
from bnviz.studies.maps import MapStudy, map_study
from bnviz.ui.address import Address

OWN_KEYS = ("x", "y", "steps")
KEYS = ("map", *OWN_KEYS, *(key for key in LAB_KEYS if key not in (*VIEW_KEYS, "turns")))
FIRST = next(iter(MAPS))
STEPS = 150
POINT = "a comma parts two values, and decimals have a point, as in 0.01, 0.1, 1"
MIXED = re.compile(r"\d,\d.*,\s|,\s.*\d,\d")  # a comma as some write decimals, and one between values
AxisValues = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class OwnMap:
    """A map of one's own: the networks that are its arms, two axes with their values, and the steps of a training."""

    arms: tuple[ExperimentConfig, ...]
    names: tuple[str, ...]
    x: AxisValues
    y: AxisValues
    steps: int = STEPS

    def study(self) -> MapStudy:
        """Return the study; raises `ConfigError` where there can't be one."""
        return _study(self)

    def make(self) -> MapStudy:
        """Make the study anew."""
        base = self.arms[0]
        changes = [
            (name, {key: getattr(arm, key) for key in PLAIN_FIELDS if getattr(arm, key) != getattr(base, key)})
            for name, arm in zip(self.names, self.arms, strict=True)
        ]
        both = [
            (name, {key: getattr(arm, key) for _, all_changes in changes for key in all_changes})
            for (name, _), arm in zip(changes, self.arms, strict=True)
        ]
        title = " × ".join(LABELS[side[0]] for side in (self.x, self.y) if side[0] in LABELS)
        return map_study(base, self.x, self.y, arms=both, steps=self.steps, title=title)


@lru_cache(maxsize=64)
def _study(own: OwnMap) -> MapStudy:
    return own.make()  # once a map: its trials and their keys are kept with it


Shown = str | OwnMap  # a default map by its name, or one's own


def encode_maps(shown: Shown) -> dict[str, str]:
    """Return the query parameters that `decode_maps` reads back into the same map."""
    if isinstance(shown, str):
        return {"map": shown}
    sides = {key: f"{field}:{','.join(map(text_of, values))}" for key, (field, values) in _sides(shown)}
    return {**sides, "steps": str(shown.steps), **encode(Link(arms=shown.arms, names=shown.names))}


def decode_maps(query: Mapping[str, str | Sequence[str]]) -> Shown:
    """Return the map that a query names or defines; raises `ConfigError` that says what is allowed."""
    single = single_values(query, KEYS)
    if not any(key in single for key in OWN_KEYS):
        others = [key for key in single if key != "map"]
        if others:
            raise LinkError("link", f"{others[0]} says something of a map of one's own, which has x and y too")
        return _default(single.get("map", FIRST))
    for key in ("x", "y"):
        if key not in single:
            raise LinkError(key, f"a map has two axes: {key} is missing, as in {key}=learning_rate:0.01,0.1,1")
    steps = single.get("steps", str(STEPS))
    if not (steps.isascii() and steps.isdigit() and len(steps) < 8):
        raise LinkError("steps", f"steps must be a whole number; got {steps!r:.60}")
    lab = decode({key: value for key, value in single.items() if key not in ("map", *OWN_KEYS)})
    own = own_map(lab, axis_of("x", single["x"]), axis_of("y", single["y"]), int(steps))
    own.study()
    return own


def own_map(lab: Link, x: AxisValues, y: AxisValues, steps: int) -> OwnMap:
    """Return a map of a lab link's networks, without the knobs turned on them."""
    arms = tuple(arm.replace(interventions=(), seed=0) for arm in lab.arms)
    seedless = arms != lab.arms and lab.names == name_arms(lab.arms)
    return OwnMap(arms=arms, names=name_arms(arms) if seedless else lab.names, x=x, y=y, steps=steps)


def axis_of(side: str, text: str) -> AxisValues:
    """Read an axis as it stands in a link: `learning_rate:0.01,0.1,1`."""
    name, _, values = text.partition(":")
    if name not in PLAIN_FIELDS:
        raise LinkError(
            side, f"{side} must be a field and its values, as in learning_rate:0.01,0.1,1; got {text!r:.60}"
        )
    return name, values_of(name, values)


def values_of(name: str, text: str) -> tuple[Any, ...]:
    """Read a field's values, a comma or a semicolon between them; numbers in rising order."""
    separator = ";" if ";" in text else ","
    if separator == "," and isinstance(getattr(ExperimentConfig, name, None), float) and MIXED.search(text):
        raise LinkError(name, f"{name}: where do values end in {text!r:.60}? {POINT[0].upper()}{POINT[1:]}")
    parts = [part.strip() for part in text.split(separator) if part.strip()]
    values = [from_text(name, part) for part in parts[:500]]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return tuple(sorted(values) if numbers else values)


def text_of(value: Any) -> str:
    """Return a value as it stands in a link."""
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)


def _sides(shown: OwnMap) -> tuple[tuple[str, AxisValues], ...]:
    return (("x", shown.x), ("y", shown.y))


def _default(name: str) -> str:
    if name not in MAPS:
        raise LinkError("map", f"map must be one of {', '.join(MAPS)}; got {name!r:.60}")
    return name


@dataclass
class MapsState:
    """What the maps page remembers between two runs of its script; `epoch` grows when widgets have to follow."""

    shown: Shown = FIRST
    chosen: tuple[int, int, int] | None = None  # the arm, row and column that the reader clicked
    problem: str | None = None
    epoch: int = 0
    address: Address = field(default_factory=Address)

    @property
    def study(self) -> MapStudy:
        return MAPS[self.shown] if isinstance(self.shown, str) else self.shown.study()

    def change(self, shown: Shown) -> None:
        """Show another map."""
        self.shown, self.chosen, self.problem = shown, None, None
        self.address.acted = True

    def choose(self, arm: int, row: int, column: int) -> None:
        """Look at a cell, if the map has it."""
        study = self.study
        if 0 <= row < len(study.y.values) and 0 <= column < len(study.x.values):
            self.chosen = (arm, row, column)


def maps_state() -> MapsState:
    """Return this session's state; read from the address at first, and again when somebody changed the address."""
    state = cast("MapsState | None", st.session_state.get("maps"))
    if state is None:
        state = st.session_state["maps"] = MapsState()
    if (query := state.address.news()) is not None:
        try:
            state.change(decode_maps(query))
            state.address.acted = False
            state.epoch += 1
        except ConfigError as error:
            state.problem = f"This link can't be read: {error}. The page stays as it was."
    return state
