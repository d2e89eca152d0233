"""The sidebar: a lesson, the number of networks, and every field of the configuration, shared or one a network."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import streamlit as st

from bnviz.experiment.config import OWN_TABLE, PLAIN_FIELDS, PLANAR_DATASETS, ExperimentConfig
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.words import LABELS, value_label
from bnviz.sharing.link import from_preset
from bnviz.ui.state import LabState
from bnviz.ui.table_drop import own_table

GROUPS = {
    "Data": ("dataset", "noise", "samples", "batch_size"),
    "Network": ("hidden_layers", "width", "activation", "init", "init_std", "dropout"),
    "Normalization": ("normalization", "norm_position", "norm_affine", "norm_momentum", "norm_eps", "norm_groups"),
    "Training": ("optimizer", "learning_rate", "momentum", "weight_decay"),
    "Seeds": ("seed", "data_seed"),
}
OPEN = ("Normalization",)
TABLE = {item.name: item for item in fields(ExperimentConfig)}
OWN = "own experiment"


def sidebar(state: LabState) -> None:
    """Draw the controls; each change goes into the state, and what is not allowed is said beside it."""
    _lesson(state)
    _count(state)
    varied = _varied(state)
    for title, names in GROUPS.items():
        with st.expander(title, expanded=title in OPEN):
            for name in names:
                if _applies(state, name):
                    _field(state, name, split=name in varied)


def _key(state: LabState, name: str) -> str:
    return f"{name}-{state.epoch}"


def _lesson(state: LabState) -> None:
    current = state.link.preset or OWN
    options = [*PRESETS, *([OWN] if current == OWN else [])]
    key = _key(state, f"preset-{current}")

    def choose() -> None:
        name = st.session_state[key]
        if name in PRESETS:
            state.change(from_preset(name))
            st.session_state.pop("varied", None)

    st.selectbox(
        "Lesson",
        options,
        index=options.index(current),
        format_func=lambda name: PRESETS[name].title if name in PRESETS else "Your own experiment",
        key=key,
        on_change=choose,
        help="A ready-made experiment that shows one thing. Every setting below can be changed afterwards.",
    )


def _count(state: LabState) -> None:
    key = _key(state, "count")  # as it is drawn: another callback of the same change may come before

    def choose() -> None:
        count = st.session_state.get(key)
        if count is not None and count != len(state.link.arms):
            state.set_count(count)

    st.segmented_control(
        "Networks side by side",
        [2, 3, 4],
        default=max(2, len(state.link.arms)),
        key=key,
        on_change=choose,
        required=True,
        help="With equal seeds they share the initial weights wherever shapes allow; "
        "with equal data and batch size they see the same batches in the same order.",
    )


def _varied(state: LabState) -> list[str]:
    """The fields that have one control a network: those that differ, and those the reader asked for."""
    differ = [name for name in PLAIN_FIELDS if len({getattr(arm, name) for arm in state.link.arms}) > 1]
    asked = [name for name in st.session_state.get("varied", ()) if name not in differ]
    key = _key(state, "-".join(["varied", *differ, *asked]))

    def choose() -> None:
        chosen = [name for name in st.session_state[key] if name in PLAIN_FIELDS]  # a browser may send anything
        st.session_state["varied"] = chosen
        state.address.acted = True
        merged = {
            name: [getattr(state.link.arms[0], name)] * len(state.link.arms) for name in differ if name not in chosen
        }
        if merged:
            state.change_fields(merged)

    st.multiselect(
        "The networks differ in",
        PLAIN_FIELDS,
        default=[*differ, *asked],
        format_func=LABELS.__getitem__,
        key=key,
        on_change=choose,
        help="A setting named here has one control for each network below; all others are shared.",
    )
    return [*differ, *asked]


def _applies(state: LabState, name: str) -> bool:
    """Whether a field has any effect on some arm, so that no control does nothing."""
    arms = state.link.arms
    kinds = {arm.normalization for arm in arms} | {i.normalization for arm in arms for i in arm.interventions}
    return {
        "init_std": any(arm.init == "normal" for arm in arms),
        "momentum": any(arm.optimizer == "sgd" for arm in arms),
        "norm_groups": "group" in kinds,
        "data_seed": True,
        "samples": any(arm.dataset in (*PLANAR_DATASETS, OWN_TABLE) or arm.samples for arm in arms),
    }.get(name, True)


def _field(state: LabState, name: str, *, split: bool) -> None:
    arms = state.link.arms
    if not split:
        _widget(state, name, LABELS[name], getattr(arms[0], name), None)
        return
    for index, arm in enumerate(arms):
        _widget(state, name, f"{LABELS[name]}: network {index + 1}", getattr(arm, name), index)


def _widget(state: LabState, name: str, label: str, value: Any, arm: int | None) -> None:
    key = _key(state, f"{name}-{'all' if arm is None else arm}")

    def changed() -> None:
        new = st.session_state[key]
        if new is None:
            state.epoch += 1
            return
        chosen = [index for index in range(len(state.link.arms)) if arm in (None, index)]
        if name == "dataset":
            state.own.asked -= frozenset(chosen)
            if new == OWN_TABLE:
                state.ask_table(chosen)
                return
        values = [getattr(a, name) for a in state.link.arms]
        state.change_fields({name: [new if arm is None or arm == i else v for i, v in enumerate(values)]})

    metadata = TABLE[name].metadata
    doc = str(metadata["doc"])
    common: dict[str, Any] = {"key": key, "on_change": changed, "help": f"{doc[0].upper()}{doc[1:]}."}
    if "choices" in metadata:
        options = list(metadata["choices"])
        if name == "dataset":
            _data(state, label, options, arm, common)
            return
        st.selectbox(label, options, index=options.index(value), format_func=value_label, **common)
    elif isinstance(value, bool):
        st.toggle(label, value, **common)
    elif isinstance(value, int):
        control = st.slider if metadata["high"] <= 30 else st.number_input
        control(label, int(metadata["low"]), int(metadata["high"]), value, step=1, **common)
    else:
        low, high = float(metadata["low"]), float(metadata["high"])
        st.number_input(label, low, high, value, step=_step(value), format="%g", **common)


def _data(state: LabState, label: str, options: list[str], arm: int | None, common: dict[str, Any]) -> None:
    """The choice of the data, and below it what belongs to a table of the reader's own."""
    arms = range(len(state.link.arms)) if arm is None else [arm]
    own = any(state.link.arms[index].own_table or index in state.own.asked for index in arms)
    options = [*options, OWN_TABLE]
    value = OWN_TABLE if own else state.link.arms[arms[0]].dataset
    st.selectbox(label, options, index=options.index(value), format_func=value_label, **common)
    if own:
        own_table(state, arms)


def _step(value: float) -> float:
    """The width of a number's plus and minus: about a tenth of it, so that it suits 0.5 and 1e-5 alike."""
    return float(f"{abs(value) / 10:.0e}") if value else 0.1
