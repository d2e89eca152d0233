from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.studies.measures import MEASURES
from bnviz.studies.trial import Trial, TrialError, run_trial
from bnviz.training.comparison import Comparison

CONFIG = ExperimentConfig(hidden_layers=2, width=16, samples=200, batch_size=16)
TRIAL = Trial(config=CONFIG, steps=20, measures=("accuracy", "steps_to_90"))

turns = st.builds(
    Intervention, step=st.integers(0, 100), learning_rate=st.floats(1e-6, 10), normalization=st.none()
) | st.builds(Intervention, step=st.integers(0, 100), normalization=st.sampled_from(["none", "batch"]))
configs = st.builds(
    ExperimentConfig,
    dataset=st.sampled_from(["digits", "circles"]),
    learning_rate=st.floats(1e-8, 1e4),
    noise=st.floats(0, 2),
    activation=st.sampled_from(["relu", "sigmoid"]),
    norm_affine=st.booleans(),
    seed=st.integers(0, 2**31 - 1),
    interventions=st.lists(turns, max_size=3).map(tuple),
)
trials = st.builds(
    Trial,
    config=configs,
    steps=st.integers(0, 20_000),
    every=st.integers(1, 500),
    reach=st.none() | st.floats(0, 1),
    measures=st.lists(st.sampled_from(sorted(MEASURES)), min_size=1, max_size=4, unique=True).map(tuple),
)


@given(trials)
def test_a_trial_comes_back_from_its_json_with_its_key(trial):
    again = Trial.from_json(trial.to_json())

    assert again == trial
    assert again.key == trial.key
    assert "\n" not in trial.to_json()


def test_a_trials_key_is_what_it_was_when_the_shipped_results_were_measured():
    assert TRIAL.key == "652ce72f639ada5c7de4af25"


@given(trials, st.text(max_size=200) | st.integers(0, 400).map(str))
def test_what_is_no_trial_is_refused_in_words(trial, text):
    for broken in (text, trial.to_json()[:-1], trial.to_json().replace(":", ";")):
        with pytest.raises(TrialError):
            Trial.from_json(broken)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda t: t | {"extra": 1}, "trial"),
        (lambda t: {k: v for k, v in t.items() if k != "steps"}, "trial"),
        (lambda t: t | {"steps": -1}, "steps"),
        (lambda t: t | {"steps": True}, "steps"),
        (lambda t: t | {"every": 0}, "every"),
        (lambda t: t | {"reach": 1.5}, "reach"),
        (lambda t: t | {"measures": []}, "measures"),
        (lambda t: t | {"measures": "accuracy"}, "measures"),
        (lambda t: t | {"measures": ["accuracy", "accuracy"]}, "measures"),
        (lambda t: t | {"measures": ["happiness"]}, "measures"),
        (lambda t: t | {"measures": [["accuracy"]]}, "measures"),
        (lambda t: t | {"config": t["config"] | {"width": 1}}, "width"),
        (lambda t: t | {"config": t["config"] | {"depth": 1}}, "config"),
        (lambda t: t | {"config": t["config"] | {"interventions": 3}}, "interventions"),
        (lambda t: t | {"config": t["config"] | {"interventions": [{"step": 1}]}}, "interventions"),
        (lambda t: t | {"config": None}, "config"),
    ],
)
def test_a_wrong_part_of_a_trial_is_named(change, field):
    with pytest.raises(TrialError) as caught:
        Trial.from_json(json.dumps(change(json.loads(TRIAL.to_json()))))

    assert caught.value.field == field


def test_the_key_is_another_for_whatever_decides_the_numbers_and_stable_otherwise():
    others = [
        replace(TRIAL, steps=21),
        replace(TRIAL, every=6),
        replace(TRIAL, reach=0.9),
        replace(TRIAL, measures=("accuracy",)),
        TRIAL.seeded(1),
        TRIAL.seeded(0, splits=True).seeded(3, splits=True),
    ]

    assert len({trial.key for trial in [TRIAL, *others]}) == 1 + len(others)
    assert replace(TRIAL).key == TRIAL.key
    assert TRIAL.seeded(0) == TRIAL
    assert TRIAL.seeded(3, splits=True).config == CONFIG.replace(seed=3, data_seed=3)


def test_the_key_changes_with_the_measuring_codes_version(monkeypatch):
    old = TRIAL.key

    monkeypatch.setattr("bnviz.studies.trial.MEASURING_VERSION", 10**6)

    assert replace(TRIAL).key != old


def test_a_trial_measures_what_the_lab_shows():
    trial = Trial(config=CONFIG, steps=60, measures=("accuracy", "best_accuracy", "steps_to_90", "test_loss"), every=10)
    comparison = Comparison([CONFIG], every=10)
    comparison.advance(steps=61)
    history = comparison.histories[0]

    found = run_trial(trial)

    assert found["best_accuracy"] == history["test_accuracy"].max()
    assert found["accuracy"] == sorted(history["test_accuracy"][-5:].tolist())[2]
    assert found["test_loss"] == sorted(history["test_loss"][-5:].tolist())[2]
    reached = history["test_accuracy"] >= 0.9
    expected = history["step"][reached.argmax()] if reached.any() else math.nan
    assert found["steps_to_90"] == pytest.approx(expected, nan_ok=True)


def test_equal_trials_give_equal_numbers_and_touch_no_global_generator():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    trial = replace(TRIAL, config=CONFIG.replace(normalization="noisy_batch", dropout=0.2))

    assert run_trial(trial) == pytest.approx(run_trial(trial), abs=0, nan_ok=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert run_trial(trial.seeded(1)) != run_trial(trial)


def test_a_trial_with_reach_ends_at_the_first_look_that_reaches_it():
    easy = Trial(
        config=ExperimentConfig(dataset="clusters", hidden_layers=1, width=16, samples=200, batch_size=32),
        steps=400, every=5, reach=0.9, measures=("steps_to_90", "best_accuracy", "mean_accuracy"),
    )  # fmt: skip
    whole = run_trial(replace(easy, reach=None))
    early = run_trial(easy)

    assert early["steps_to_90"] == whole["steps_to_90"] < 400
    assert 0.9 <= early["best_accuracy"] <= whole["best_accuracy"]
    assert early["mean_accuracy"] < whole["mean_accuracy"]


def test_a_network_that_breaks_is_worth_a_guess_and_says_so():
    broken = CONFIG.replace(learning_rate=1e4, hidden_layers=6, init="normal", init_std=2.0)
    trial = Trial(config=broken, steps=50, measures=("broke", "accuracy", "chance", "steps_to_90", "test_loss"))

    found = run_trial(trial)

    assert found["broke"] == 1
    assert found["accuracy"] == found["chance"] > 0
    assert math.isnan(found["steps_to_90"])
    assert math.isnan(found["test_loss"])


def test_exactly_nine_of_ten_is_ninety_percent():
    looks = [SimpleNamespace(step=step) for step in (0, 5)]
    run = SimpleNamespace(snapshots=looks, path=lambda _name: np.array([0.5, np.float32(0.9)], np.float64))

    assert MEASURES["steps_to_90"].read(run) == 5
