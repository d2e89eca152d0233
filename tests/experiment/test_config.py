from __future__ import annotations

import dataclasses
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import datasets as sklearn_datasets

from bnviz.experiment.config import FIELD_NAMES, MAX_INTERVENTIONS, REAL_SIZES, ExperimentConfig, Intervention
from bnviz.experiment.fields import ConfigError

FIELDS = {item.name: item for item in dataclasses.fields(ExperimentConfig)}
RANGES = {name: item.metadata for name, item in FIELDS.items() if "low" in item.metadata}
CHOICES = {name: item.metadata["choices"] for name, item in FIELDS.items() if "choices" in item.metadata}
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.integers()),
    st.dictionaries(st.text(), st.integers()), st.complex_numbers(), st.just(10**400), st.just(object()),
)  # fmt: skip


def test_the_real_sizes_are_those_of_scikit_learn():
    sizes = {name: len(getattr(sklearn_datasets, f"load_{name}")().target) for name in REAL_SIZES}

    assert sizes == REAL_SIZES


@pytest.mark.parametrize(("name", "metadata"), RANGES.items())
def test_each_number_is_allowed_up_to_its_limits_and_no_further(name, metadata):
    low, high = metadata["low"], metadata["high"]
    whole = isinstance(FIELDS[name].default, int)
    step = 1 if whole else max(abs(high), 1) * 1e-3
    for value in (low - step if whole else low - 1e-9 * max(abs(low), 1e-3), high + step):
        with pytest.raises(ConfigError) as caught:
            ExperimentConfig(**{name: value})
        assert caught.value.field == name
        message = str(caught.value)
        assert name in message
        assert f"{low:g}" in message or str(low) in message
        assert f"{high:g}" in message or str(high) in message
        assert repr(value)[:6] in message
    room = {"dataset": "spirals", "samples": 4000} if name == "batch_size" else {}
    for value in (low, high):
        assert getattr(ExperimentConfig(**room, **{name: value}), name) == value


@pytest.mark.parametrize(("name", "choices"), CHOICES.items())
def test_an_unknown_choice_is_refused_with_all_that_are_allowed(name, choices):
    with pytest.raises(ConfigError) as caught:
        ExperimentConfig(**{name: "nonsense"})

    assert caught.value.field == name
    assert all(choice in str(caught.value) for choice in choices)
    assert "'nonsense'" in str(caught.value)
    for choice in choices:
        assert getattr(ExperimentConfig(**{name: choice}), name) == choice


@pytest.mark.parametrize("value", [1, 0, "true", None, 1.0])
def test_a_flag_takes_true_and_false_alone(value):
    with pytest.raises(ConfigError, match="norm_affine must be true or false"):
        ExperimentConfig(norm_affine=value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "0.1", None, True, 10**400])
def test_a_learning_rate_is_a_finite_number(value):
    with pytest.raises(ConfigError, match="learning_rate must be") as caught:
        ExperimentConfig(learning_rate=value)

    assert caught.value.field == "learning_rate"


@pytest.mark.parametrize("value", [2.5, True, "3", None, math.nan])
def test_a_count_is_a_whole_number(value):
    with pytest.raises(ConfigError, match="hidden_layers must be a whole number"):
        ExperimentConfig(hidden_layers=value)


def test_values_are_brought_into_one_type_so_that_equal_experiments_are_equal():
    one, other = ExperimentConfig(width=64.0, learning_rate=1), ExperimentConfig(width=64, learning_rate=1.0)

    assert one == other
    assert hash(one) == hash(other)
    assert type(one.width) is int
    assert type(one.learning_rate) is float


def test_every_reason_is_given_where_there_is_one():
    with pytest.raises(ConfigError, match="one sample has no batch variance"):
        ExperimentConfig(batch_size=1)


@pytest.mark.parametrize("samples", [1, 39])
def test_a_data_set_needs_forty_samples(samples):
    with pytest.raises(ConfigError, match="from 40") as caught:
        ExperimentConfig(samples=samples)

    assert caught.value.field == "samples"
    assert ExperimentConfig(samples=40, batch_size=2).total_samples == 40


@pytest.mark.parametrize("dataset", ["wine", "moons", "digits"])
def test_a_batch_is_at_most_the_training_split(dataset):
    room = ExperimentConfig(dataset=dataset, samples=100, batch_size=2).training_samples

    assert room == 75
    assert ExperimentConfig(dataset=dataset, samples=100, batch_size=room).batch_size == room
    with pytest.raises(ConfigError, match="without replacement") as caught:
        ExperimentConfig(dataset=dataset, samples=100, batch_size=room + 1)
    assert caught.value.field == "batch_size"


def test_groups_divide_the_width_where_group_normalization_is_used_or_planned():
    planned = Intervention(step=5, normalization="group")

    assert ExperimentConfig(width=10, norm_groups=3).norm_groups == 3
    for changes in ({"normalization": "group"}, {"interventions": (planned,)}):
        with pytest.raises(ConfigError, match=r"norm_groups must divide width \(10\)"):
            ExperimentConfig(width=10, norm_groups=3, **changes)
        assert ExperimentConfig(width=10, norm_groups=5, **changes).norm_groups == 5


@given(name=st.sampled_from(FIELD_NAMES), value=JUNK)
def test_no_value_whatever_raises_anything_but_a_config_error_that_names_the_field(name, value):
    try:
        config = ExperimentConfig(**{name: value})
    except ConfigError as error:
        refused = error
    else:
        assert getattr(config, name) == (tuple(value) if name == "interventions" else value)
        return
    assert refused.field in (name, "batch_size")  # few samples leave too few for a batch
    assert refused.field in str(refused)
    assert len(str(refused)) < 400


@given(name=st.text(), value=JUNK)
def test_replace_knows_the_fields_alone(name, value):
    if name not in FIELD_NAMES:
        with pytest.raises(ConfigError, match="unknown field"):
            ExperimentConfig().replace(**{name: value})


def test_replace_checks_what_it_changes_and_leaves_the_original():
    config = ExperimentConfig()

    assert config.replace(width=8) == ExperimentConfig(width=8)
    assert config == ExperimentConfig()
    with pytest.raises(ConfigError, match="width must be from 2 to 512"):
        config.replace(width=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.width = 8


@pytest.mark.parametrize("arguments", [{}, {"normalization": "none", "learning_rate": 0.1}, {"step": 3}])
def test_an_intervention_turns_exactly_one_knob(arguments):
    with pytest.raises(ConfigError, match="exactly one knob"):
        Intervention(**arguments)


@given(step=JUNK, normalization=JUNK, learning_rate=JUNK)
def test_a_bad_intervention_raises_nothing_but_a_config_error(step, normalization, learning_rate):
    try:
        made = Intervention(step=step, normalization=normalization, learning_rate=learning_rate)
    except ConfigError as error:
        field = error.field
    else:
        field = f"interventions.{made.knob}"
    assert field.startswith("interventions")


def test_interventions_are_kept_in_the_order_of_their_steps_and_the_last_of_equal_ones_wins():
    late, early = Intervention(step=9, learning_rate=0.1), Intervention(step=2, normalization="batch")
    again = Intervention(step=9, learning_rate=0.5)

    assert ExperimentConfig(interventions=[late, early, again]).interventions == (early, again)


@pytest.mark.parametrize("interventions", [None, "x", (1,), ({"step": 1},), Intervention(step=1, learning_rate=1)])
def test_interventions_are_a_list_of_interventions(interventions):
    with pytest.raises(ConfigError, match="interventions must be a tuple of Intervention"):
        ExperimentConfig(interventions=interventions)


def test_an_intervention_in_a_configuration_needs_its_step():
    with pytest.raises(ConfigError, match="needs its step"):
        ExperimentConfig(interventions=(Intervention(learning_rate=1),))


def test_interventions_are_bounded():
    many = [Intervention(step=step, learning_rate=0.1) for step in range(MAX_INTERVENTIONS + 1)]

    assert len(ExperimentConfig(interventions=many[:-1]).interventions) == MAX_INTERVENTIONS
    with pytest.raises(ConfigError, match=f"at most {MAX_INTERVENTIONS}"):
        ExperimentConfig(interventions=many)


def test_with_intervention_drops_what_was_planned_for_the_same_knob_from_then_on_alone():
    before, planned = Intervention(step=1, learning_rate=0.1), Intervention(step=20, learning_rate=0.2)
    other = Intervention(step=30, normalization="batch")
    config = ExperimentConfig(interventions=(before, planned, other))
    turned = Intervention(step=10, learning_rate=0.5)

    assert config.with_intervention(turned).interventions == (before, turned, other)
    assert config.interventions == (before, planned, other)


def test_with_intervention_replaces_one_at_the_same_step():
    first, second = (Intervention(step=4, learning_rate=rate) for rate in (0.1, 0.2))

    assert ExperimentConfig(interventions=(first,)).with_intervention(second).interventions == (second,)


def test_every_field_says_what_it_means():
    for name, item in FIELDS.items():
        if name != "interventions":
            assert re.match(r"\w", item.metadata["doc"]), name


@given(st.integers(40, 4000), st.sampled_from(CHOICES["dataset"]))
def test_the_splits_add_up(samples, dataset):
    config = ExperimentConfig(dataset=dataset, samples=samples, batch_size=2)

    assert config.total_samples == min(samples, REAL_SIZES.get(dataset, samples))
    assert 0 < config.training_samples < config.total_samples
