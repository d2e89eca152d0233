"""One session's state: the link is the truth; widgets, address and live run follow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import streamlit as st

from bnviz.experiment.config import ConfigError, Intervention
from bnviz.experiment.presets import DEFAULT_PRESET
from bnviz.experiment.words import name_arms
from bnviz.sharing.link import CHARTS, Link, decode, encode, from_preset


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
    written: dict[str, str] = field(default_factory=dict)

    def change(self, link: Link) -> None:
        """Take over another experiment: the live run and the widgets start from it."""
        self.link, self.problem = link, None
        self.revision += 1
        self.epoch += 1

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
            return
        self.change(replace(self.link, arms=arms, names=name_arms(arms)))

    def set_count(self, count: int) -> None:
        """Compare another number of networks: more are copies of the last with another normalization."""
        arms = list(self.link.arms[:count])
        for kind in ("layer", "group", "none", "batch"):
            if len(arms) < count and all(arm.normalization != kind for arm in arms):
                groups = next(g for g in (arms[-1].norm_groups, 4, 2, 1) if arms[-1].width % g == 0)
                arms.append(arms[-1].replace(normalization=kind, norm_groups=groups, interventions=()))
        while len(arms) < count:
            arms.append(arms[-1])
        self.change(replace(self.link, arms=tuple(arms), names=name_arms(arms)))

    def follow(self, view: Mapping[str, Any]) -> None:
        """Record what was turned or looked at on the stage; the live run knows it already, so it goes on."""
        try:
            link = _followed(self.link, view)
            decode(encode(link))
        except (ConfigError, TypeError, ValueError, AttributeError, OverflowError) as error:
            self.problem = f"The page sent something that can't be recorded in the link: {error!s:.200}"
            return
        if link.arms[0].seed != self.link.arms[0].seed:
            self.epoch += 1  # the sidebar shows the seeds
        self.link = link


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
    """Return this session's state; read from the address at first, and again when the address was changed."""
    query = {key: st.query_params.get_all(key) for key in st.query_params}
    state = cast("LabState | None", st.session_state.get("lab"))
    if state is not None and {key: values[-1] for key, values in query.items()} == state.written:
        return state
    if state is None:
        state = st.session_state["lab"] = LabState(from_preset(DEFAULT_PRESET))
    try:
        state.change(decode(query))
    except ConfigError as error:
        state.change(from_preset(DEFAULT_PRESET))
        state.problem = f"This link can't be read: {error}. The lab shows its first lesson instead."
    return state


def write_address(state: LabState) -> None:
    """Put the whole state into the address, if it changed."""
    query = encode(state.link)
    if query != state.written:
        state.written = query
        st.query_params.from_dict(query)
