"""From an experiment, or a cell of a map, to the lab: a link that shows these very networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

import streamlit as st

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.words import name_arms
from bnviz.sharing.link import MAX_ARMS, NAME, Link, encode
from bnviz.studies.claim import Arm, Experiment
from bnviz.studies.study import Row
from bnviz.ui.claims_evidence import gathered

WITHOUT_CONVOLUTIONS = ("convolutional_accuracy",)
LAB, ANATOMY = "lab.py", "anatomy.py"
SHOWN = {
    "gradient_shift": ("gradient-shift", "drift", "loss", "accuracy"),
    "loss_range": ("landscape", "loss", "accuracy"),
    "smoothness": ("landscape", "loss", "accuracy"),
    "gradient_left": ("gradient-depth", "layers", "accuracy"),
    "gradient_growth": ("gradient-depth", "layers", "accuracy"),
}


def lab_link(
    arms: Sequence[tuple[str, ExperimentConfig]], steps: int = 0, charts: tuple[str, ...] | None = None
) -> Link:
    """Return the link that shows up to four networks side by side; one alone stands beside its twin without BN."""
    shown = list({config.replace(seed=0): (name, config) for name, config in arms}.values())[:MAX_ARMS]
    if len(shown) == 1:
        config = shown[0][1]
        other = "none" if config.normalization != "none" else "batch"
        shown.append(("without BN" if other == "none" else "with BN", config.replace(normalization=other)))
    configs = tuple(config for _, config in shown)
    names = tuple(name.replace(", ", " · ") for name, _ in shown)
    plain = Link(arms=configs, names=name_arms(configs), charts=charts, until=steps or None)
    fit = plain.preset is None and len(set(names)) == len(names) and all(NAME.fullmatch(name) for name in names)
    return Link(arms=configs, names=names, charts=charts, until=steps or None) if fit else plain


def experiment_links(experiment: Experiment, rows: Sequence[Row]) -> tuple[str, Link]:
    """Return the words and the link of an experiment; of a sweep, the place at which its groups differ most."""
    arms, words = list(experiment.arms), "Open these networks in the lab"
    if experiment.sweep:
        at = _telling(experiment, rows)
        arms = [arm for arm in arms if arm.at == at]
        words = f"Open in the lab, at {experiment.sweep.partition(' of ')[0]} {at:g}"
    named = [(arm.group or arm.name, arm.trial.config) for arm in arms]
    link = lab_link(named, max(arm.trial.steps for arm in arms), SHOWN.get(experiment.shows))
    if experiment.shows in WITHOUT_CONVOLUTIONS:
        words = "Open in the lab, with dense layers instead"
    elif len({config.replace(seed=0) for _, config in named}) == 1:
        words = f"Open it and its twin {link.names[-1]} in the lab"
    return words, link


def _telling(experiment: Experiment, rows: Sequence[Row]) -> float:
    """The place on a sweep at which the groups' medians are furthest apart; in the middle where nothing is known."""
    places = sorted({arm.at for arm in experiment.arms})

    def apart(at: float) -> float:
        there = [_median(arm, rows, experiment.shows) for arm in experiment.arms if arm.at == at]
        return max(there) - min(there) if there and all(map(math.isfinite, there)) else -1.0

    best = max(places, key=apart)
    return best if apart(best) >= 0 else places[len(places) // 2]


def _median(arm: Arm, rows: Sequence[Row], measure: str) -> float:
    known = [value for value in gathered(arm, rows, measure)[1] if math.isfinite(value)]
    return median(known) if known else math.nan


def is_about_the_layer(experiment: Experiment) -> bool:
    """Whether an experiment trains nothing and compares nothing: it is about the layer alone, as the anatomy is."""
    return len(experiment.arms) == 1 and experiment.arms[0].trial.steps <= 1 and experiment.shows not in SHOWN


def show_experiment_link(experiment: Experiment, rows: Sequence[Row]) -> None:
    """Draw the link from an experiment to where it is seen at work."""
    if is_about_the_layer(experiment):
        st.page_link(ANATOMY, label="See the layer, number by number", icon=":material/arrow_forward:")
        return
    words, link = experiment_links(experiment, rows)
    st.page_link(
        LAB, label=words, icon=":material/arrow_forward:", query_params=encode(link), help=experiment.sweep or None
    )
