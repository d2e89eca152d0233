"""The state follows the stage's reports as far as they make sense, and a forged one changes nothing."""

from __future__ import annotations

import copy
import json

import pytest

from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.experiment.presets import PRESETS
from bnviz.sharing.link import decode, encode, from_preset
from bnviz.ui.state import LabState

REPORT = {
    "layer": 1,
    "charts": ["loss", "drift"],
    "until": 200,
    "seed": 0,
    "interventions": [[{"step": 12, "normalization": "batch"}], [{"step": 30, "learning_rate": 0.25}]],
}


@pytest.fixture
def state() -> LabState:
    return LabState(from_preset("headline"))


def test_a_report_goes_into_the_link_and_the_run_goes_on(state):
    state.follow(REPORT)
    assert state.problem is None
    assert state.revision == 0, "the live run knows it already"
    link = state.link
    assert (link.layer, link.charts, link.until) == (1, ("loss", "drift"), 200)
    assert link.arms[0].interventions == (Intervention(step=12, normalization="batch"),)
    assert link.arms[1].interventions == (Intervention(step=30, learning_rate=0.25),)
    assert link.preset == "headline", "a turned knob leaves the lesson what it is"
    assert decode(encode(link)) == link


def test_a_report_of_the_plain_view_takes_everything_back(state):
    state.follow(REPORT)
    state.follow({"layer": 2, "charts": None, "until": None, "seed": 0, "interventions": [[], []]})
    assert state.link == from_preset("headline")


def test_a_new_init_shifts_every_arms_seed_and_keeps_their_distance():
    first, second = PRESETS["headline"].arms
    link = from_preset("headline")
    state = LabState(type(link)(arms=(first.replace(seed=3), second.replace(seed=10)), names=("a", "b")))
    state.follow({"seed": 4})
    assert [arm.seed for arm in state.link.arms] == [4, 11]


FORGED = {
    "a layer beyond the deepest": {"layer": 99},
    "a negative layer": {"layer": -1},
    "a layer that is no number": {"layer": "<script>"},
    "a layer without end": {"layer": float("inf")},
    "a layer that is a list": {"layer": [1]},
    "a negative step": {"until": -5},
    "a step beyond all": {"until": 10**12},
    "a step without end": {"until": float("inf")},
    "not a step": {"until": float("nan")},
    "a step as an object": {"until": {}},
    "a seed too high": {"seed": 2**40},
    "a negative seed": {"seed": -1},
    "a seed without end": {"seed": float("inf")},
    "not a seed": {"seed": float("nan")},
    "a seed of text": {"seed": "zero"},
    "a seed of four thousand digits": {"seed": 10**4000},
    "charts that are a number": {"charts": 7},
    "interventions that are a number": {"interventions": 3},
    "interventions that are text": {"interventions": "abc"},
    "an arm that is a number": {"interventions": [3]},
    "an intervention of two knobs": {"interventions": [[{"step": 1, "normalization": "batch", "learning_rate": 1}]]},
    "an intervention of no knob": {"interventions": [[{"step": 1}]]},
    "an intervention without a step": {"interventions": [[{"normalization": "batch"}]]},
    "an unknown knob": {"interventions": [[{"step": 1, "width": 9}]]},
    "an unknown normalization": {"interventions": [[{"step": 1, "normalization": "__import__"}]]},
    "a normalization that is an object": {"interventions": [[{"step": 1, "normalization": {}}]]},
    "a rate that is nothing": {"interventions": [[{"step": 1, "learning_rate": float("nan")}]]},
    "a step before the first": {"interventions": [[{"step": -1, "normalization": "batch"}]]},
    "a step at infinity": {"interventions": [[{"step": float("inf"), "normalization": "batch"}]]},
    "more than are kept": {"interventions": [[{"step": n, "learning_rate": 0.1} for n in range(65)]]},
    "a group norm that does not divide": {"interventions": [[{"step": 1, "normalization": "group"}]]},
}


@pytest.mark.parametrize("report", FORGED.values(), ids=FORGED.keys())
def test_a_forged_report_is_said_and_the_link_stays_as_it_was(report):
    odd = tuple(ExperimentConfig(width=7, normalization=kind) for kind in ("none", "batch"))
    state = LabState(type(from_preset("headline"))(arms=odd, names=("without BN", "with BN")))
    state.follow({"seed": 0, "until": 50})
    before = copy.deepcopy(state.link)
    state.follow({"seed": 0, "until": 50, **report})
    assert state.problem is not None, "it is said"
    assert len(state.problem) < 400
    assert state.link == before
    assert decode(encode(state.link)) == before, "the address can still be read"


def test_charts_that_do_not_exist_are_left_out(state):
    state.follow({**REPORT, "charts": ["loss", "nothing", ["loss"], {}, None, 7, "__proto__"]})
    assert decode(encode(state.link)) == state.link
    assert set(state.link.charts) == {"loss"}


def test_more_arms_than_there_are_change_nothing_else(state):
    state.follow({**REPORT, "interventions": [[], [], [{"step": 1, "normalization": "batch"}]]})
    assert [arm.interventions for arm in state.link.arms] == [(), ()]


def test_a_report_as_it_comes_from_the_page_is_plain_json(state):
    state.follow(json.loads(json.dumps(REPORT)))
    assert state.problem is None


def test_a_change_that_is_not_allowed_is_said_and_keeps_the_last_good_experiment(state):
    before = state.link
    state.change_fields({"batch_size": [4000, 4000]})
    assert "batch_size" in state.problem
    assert (state.link, state.revision) == (before, 0)
    assert state.epoch == 1, "the widgets go back to what is in force"


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_any_number_of_networks_can_be_compared_from_any_lesson(name, count):
    state = LabState(from_preset(name))
    state.set_count(count)
    assert len(state.link.arms) == len(state.link.names) == count
    assert state.link.arms[:2] == from_preset(name).arms[:2]
    assert decode(encode(state.link)) == state.link
