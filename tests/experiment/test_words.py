"""Names tell arms apart, fit a link, and every field has its words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.experiment.config import PLAIN_FIELDS, ExperimentConfig, Intervention
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.words import LABELS, name_arms, value_label
from bnviz.sharing.link import Link, decode, encode
from bnviz.ui.controls import GROUPS, TABLE

arms = st.lists(
    st.builds(
        ExperimentConfig,
        dataset=st.sampled_from(["digits", "xor", "breast_cancer"]),
        normalization=st.sampled_from(["none", "batch", "layer", "group", "noisy_batch"]),
        activation=st.sampled_from(["relu", "leaky_relu", "tanh"]),
        norm_affine=st.booleans(),
        learning_rate=st.sampled_from([1e-7, 0.1, 0.30000000000000004, 1e4]),
        weight_decay=st.sampled_from([0.0, 1e-5]),
        init=st.sampled_from(["he", "normal"]),
        hidden_layers=st.integers(1, 30),
    ),
    min_size=2,
    max_size=4,
)


def test_every_field_has_a_label_of_its_own_and_a_place_in_the_sidebar():
    assert set(LABELS) == set(PLAIN_FIELDS)
    assert len(set(LABELS.values())) == len(LABELS)
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(PLAIN_FIELDS)


def test_every_choice_is_written_in_words():
    for name in PLAIN_FIELDS:
        for choice in TABLE[name].metadata.get("choices", ()):
            assert "_" not in value_label(choice)
    assert [value_label(value) for value in (True, False, 0.5, 1e-5)] == ["yes", "no", "0.5", "1e-05"]


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_presets_keep_their_names_whatever_is_turned_on_the_way(preset):
    turned = [arm.replace(interventions=(Intervention(step=3, learning_rate=0.2),), seed=7) for arm in preset.arms]
    assert name_arms(turned) == preset.names


def test_arms_are_named_by_what_tells_them_apart():
    base = ExperimentConfig()
    assert name_arms([base, base.replace(normalization="batch")]) == ("without BN", "with BN")
    rates = [base.replace(normalization="batch", learning_rate=rate) for rate in (0.1, 1.0)]
    assert name_arms(rates) == ("learning rate 0.1", "learning rate 1")
    assert name_arms([base, base]) == ("network 1", "network 2")


@settings(max_examples=150, deadline=None)
@given(arms)
def test_names_go_through_a_link_and_back(configs):
    names = name_arms(configs)
    assert len(names) == len(configs)
    assert all(1 <= len(name) <= 40 for name in names)
    link = Link(arms=tuple(configs), names=names)
    assert decode(encode(link)) == link
