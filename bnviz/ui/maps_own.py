"""The form that defines a map of one's own: which networks, two fields and their values, and the steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import streamlit as st

from bnviz.experiment.config import PLAIN_FIELDS, ExperimentConfig
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.words import LABELS
from bnviz.sharing.link import Link, from_preset, parse
from bnviz.studies.default_maps import DEPTHS, DEVIATIONS, RATES, SIZES
from bnviz.studies.maps import MAX_CELL_STEPS, MAX_CELLS
from bnviz.studies.service import MAX_TRIALS
from bnviz.ui.address import plain
from bnviz.ui.maps_state import POINT, STEPS, MapsState, OwnMap, own_map, text_of, values_of

FIELDS = [name for name in PLAIN_FIELDS if name not in ("seed", "data_seed")]
OFFERED: dict[str, tuple[Any, ...]] = {
    "learning_rate": RATES, "init_std": DEVIATIONS, "hidden_layers": DEPTHS, "batch_size": SIZES,
    "width": (8, 16, 32, 64, 128), "dropout": (0.0, 0.2, 0.4, 0.6), "noise": (0.0, 0.1, 0.3, 1.0),
    "momentum": (0.0, 0.5, 0.9), "weight_decay": (0.0, 0.0001, 0.001, 0.01), "norm_momentum": (0.01, 0.1, 0.5),
    "norm_eps": (1e-05, 0.001, 0.1), "norm_groups": (2, 4), "samples": (100, 200, 500, 1000),
}  # fmt: skip
PASTED, PRESENT = "pasted", "present"
OTHERS = {PASTED: "Those of a link to the lab", PRESENT: "Those of the map below"}


def offered(name: str) -> str:
    """Return values that are worth a try on an axis, as they are written into the form."""
    item = ExperimentConfig.__dataclass_fields__[name]
    values = OFFERED.get(name) or item.metadata.get("choices") or (False, True)
    return ", ".join(map(text_of, values))


def typed(name: str, text: str) -> tuple[Any, ...]:
    """Read values as people write them, each of which the field has to allow; raises `ConfigError` that names it."""
    try:
        return _allowed(name, text)
    except ConfigError as error:
        tight = re.search(r"\d,\d", text) and not str(error).endswith(POINT[1:])
        raise ConfigError(name, f"{error}: {POINT}" if tight else str(error)) from None


def _allowed(name: str, text: str) -> tuple[Any, ...]:
    check = ExperimentConfig.__dataclass_fields__[name].metadata["check"]
    values = tuple(check(name, value) for value in values_of(name, text))
    if len(values) < 2 or len(set(values)) < len(values):
        raise ConfigError(name, f"{name} needs two or more different values; got {text!r:.60}")
    return values


def show_form(state: MapsState) -> None:
    """Draw the form; what is not allowed is said below it and nothing is lost."""
    own = state.shown if isinstance(state.shown, OwnMap) else None
    with st.expander("Make your own map", expanded=False, key=f"own-map-{state.epoch}"):
        base = _base(own)
        left, right = st.columns(2)
        x = _axis("Across", "x", own.x if own else None, "learning_rate", left)
        y = _axis("Up", "y", own.y if own else None, "hidden_layers", right)
        steps = st.number_input("Steps of each training", 1, MAX_CELL_STEPS, own.steps if own else STEPS, 50, width=200)
        st.caption(
            f"Every network of the choice above is one map. A map has at most {MAX_CELLS} cells, all networks "
            f"together; to be measured on this server, at most {MAX_TRIALS}."
        )
        if st.button("Show this map", key="show-own-map", type="primary"):
            try:
                sides = [(name, typed(name, text)) for name, text in (x, y)]
                made = own_map(base(), sides[0], sides[1], int(steps))
                made.study()
            except ConfigError as error:
                st.error(plain(f"There is no such map: {error}."))
            else:
                state.change(made)
                state.epoch += 1
                st.rerun()


def _base(own: OwnMap | None) -> Callable[[], Link]:
    """The networks to start from, read when they are asked for: a pasted link may be none."""
    options = [*([PRESENT] if own else []), *PRESETS, PASTED]
    choice = st.selectbox(
        "Networks", options, key=f"own-base-{own is not None}", index=0 if own else options.index("learning-rate"),
        format_func=lambda name: PRESETS[name].title if name in PRESETS else OTHERS[name],
    )  # fmt: skip
    if choice == PRESENT and own:
        return lambda: Link(arms=own.arms, names=own.names)
    if choice in PRESETS:
        return lambda: from_preset(choice)
    text = st.text_input("The lab's address, copied from the browser", key="own-link", placeholder="…?preset=circles")
    return lambda: parse(text.strip())


def _axis(title: str, side: str, now: tuple[str, tuple[Any, ...]] | None, usual: str, where: Any) -> tuple[str, str]:
    with where:
        name = st.selectbox(
            f"{title}: field", FIELDS, FIELDS.index(now[0] if now else usual), key=f"own-{side}",
            format_func=lambda field: LABELS[field],
        )  # fmt: skip
        text = ", ".join(map(text_of, now[1])) if now and now[0] == name else offered(name)
        return name, st.text_input(f"{title}: values, a comma between them", text, key=f"own-{side}-{name}")
