"""The sidebar: every change goes into the link and starts the run anew; what is not allowed is said."""

from __future__ import annotations

import pytest

from bnviz.experiment.presets import PRESETS
from bnviz.sharing.link import from_preset
from tests.ui.lab import address, control, labels, link_of, open_lab, problems, run, set_control, stage_data


@pytest.mark.parametrize("name", PRESETS)
def test_each_lesson_can_be_chosen_and_shows_what_to_look_for(name):
    lab = set_control(open_lab(preset="circles" if name == "headline" else "headline"), "Lesson", name)
    assert link_of(lab) == address(lab) == from_preset(name)
    assert lab.query_params == {"preset": name}
    text = "\n".join(element.value for element in lab.markdown)
    assert PRESETS[name].title in text
    assert PRESETS[name].look_for in text
    assert problems(lab) == []


@pytest.mark.parametrize(
    ("label", "value", "field"),
    [
        ("Data", "wine", "dataset"),
        ("Activation", "tanh", "activation"),
        ("Hidden layers", 7, "hidden_layers"),
        ("Width", 64, "width"),
        ("Learn γ and β", False, "norm_affine"),
        ("Optimizer", "adam", "optimizer"),
        ("Learning rate", 0.0625, "learning_rate"),
        ("Dropout", 0.25, "dropout"),
        ("Batch size", 32, "batch_size"),
        ("Seed", 12, "seed"),
        ("Noise", 0.5, "noise"),
    ],
)
def test_a_changed_field_starts_the_run_anew_and_stands_in_the_address(label, value, field):
    lab = open_lab()
    before = stage_data(lab)
    set_control(lab, label, value)
    after = stage_data(lab)
    assert after["generation"] == before["generation"] + 1
    assert after["token"] == before["token"]
    assert [getattr(arm, field) for arm in address(lab).arms] == [value, value]
    assert control(lab, label).value == value
    assert address(lab) == link_of(lab)


def test_running_again_without_a_change_changes_nothing():
    lab = open_lab(preset="circles")
    before, query = stage_data(lab), dict(lab.query_params)
    run(run(lab))
    assert stage_data(lab) == before, "the same data does not even wake the stage"
    assert lab.query_params == query


@pytest.mark.parametrize(
    ("query", "label", "value", "named"),
    [
        ({"width": "100", "normalization": "none,group"}, "Groups (GroupNorm)", 7, "norm_groups"),
        ({"width": "100", "normalization": "none,group"}, "Width", 30, "norm_groups"),
        ({"width": "30"}, "Normalization: network 2", "group", "norm_groups"),
        ({"batch_size": "512"}, "Data", "wine", "batch_size"),
        ({"dataset": "wine"}, "Batch size", 1000, "batch_size"),
        ({"dataset": "moons"}, "Samples", 10, "samples"),
    ],
)
def test_a_combination_that_is_not_allowed_is_said_and_the_last_good_experiment_stays(query, label, value, named):
    lab = open_lab(**({"normalization": "none,batch"} | query))
    assert problems(lab) == []
    before, link, shown = stage_data(lab), link_of(lab), control(lab, label).value
    set_control(lab, label, value)
    (problem,) = problems(lab)
    assert named in problem
    assert "got" in problem, "it says what was given"
    assert link_of(lab) == address(lab) == link
    assert stage_data(lab) == before, "the run goes on"
    assert control(lab, label).value == shown, "the control shows what is in force"
    assert problems(run(lab)) == [], "it is said once"


def test_one_can_go_on_after_a_mistake():
    lab = open_lab(normalization="none,batch", width="30")
    set_control(lab, "Normalization: network 2", "group")
    set_control(lab, "Width", 32)
    set_control(lab, "Normalization: network 2", "group")
    assert problems(lab) == []
    assert [arm.normalization for arm in address(lab).arms] == ["none", "group"]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_two_to_four_networks_stand_side_by_side(count):
    lab = open_lab()
    if count != 2:
        set_control(lab, "Networks side by side", count)
    assert len(address(lab).arms) == count
    assert len({arm.normalization for arm in address(lab).arms}) == count
    if count != 2:
        set_control(lab, "Networks side by side", 2)
        assert link_of(lab) == from_preset("headline")


def test_networks_may_differ_in_any_field_two_clicks():
    lab = open_lab(preset="no-difference")
    set_control(lab, "The networks differ in", ["normalization", "learning_rate"])
    assert stage_data(lab)["generation"] == 1, "asking for two controls changes nothing yet"
    set_control(lab, "Learning rate: network 2", 1.0)
    assert [arm.learning_rate for arm in address(lab).arms] == [0.1, 1.0]
    assert address(lab).names == ("without BN; learning rate 0.1", "with BN; learning rate 1")
    set_control(lab, "The networks differ in", ["learning_rate"])
    assert [arm.normalization for arm in address(lab).arms] == ["none", "none"]
    assert address(lab).names == ("learning rate 0.1", "learning rate 1")


def test_controls_without_any_effect_are_not_shown():
    assert "Std of normal init" in labels(open_lab(init="normal"))
    plain = labels(open_lab(init="he", optimizer="adam"))
    assert not {"Std of normal init", "Momentum (SGD)", "Groups (GroupNorm)", "Samples"} & set(plain)


def test_every_control_explains_itself():
    lab = open_lab(normalization="none,group", init="normal", dataset="moons")
    for kind in ("selectbox", "number_input", "slider", "toggle", "multiselect", "segmented_control"):
        for widget in getattr(lab, kind):
            text = getattr(widget, "help", "") or widget.proto.help
            assert len(text) > 10, widget.label


def test_the_sidebar_shows_the_seed_after_a_new_init():
    lab = open_lab()
    lab.session_state["lab"].follow({"seed": 1, "interventions": [[], []]})
    run(lab)
    assert address(lab).arms[0].seed == 1
    assert control(lab, "Seed").value == 1


def test_networks_that_differ_in_nothing_still_have_an_address_that_can_be_read():
    lab = open_lab(preset="no-difference")
    set_control(lab, "The networks differ in", [])
    assert address(lab) == link_of(lab)
    assert len(address(lab).arms) == 2
