from __future__ import annotations

import dataclasses
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.experiment.config import MAX_INTERVENTIONS, MAX_STEP, MAX_WORK, PLAIN_FIELDS, ExperimentConfig, Intervention
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.presets import DEFAULT_PRESET, PRESETS
from bnviz.sharing.link import (
    CHARTS,
    KEYS,
    MAX_ARMS,
    MAX_LENGTH,
    MIN_ARMS,
    Link,
    LinkError,
    decode,
    encode,
    from_preset,
    from_text,
    parse,
    to_query,
)

FIELDS = {item.name: item for item in dataclasses.fields(ExperimentConfig) if item.name in PLAIN_FIELDS}


def values(name: str) -> st.SearchStrategy:
    metadata, default = FIELDS[name].metadata, FIELDS[name].default
    if "choices" in metadata:
        return st.sampled_from(metadata["choices"])
    if isinstance(default, bool):
        return st.booleans()
    low, high = metadata["low"], metadata["high"]
    if name == "samples":
        return st.just(0) | st.integers(40, high)
    return st.integers(low, high) if isinstance(default, int) else st.floats(low, high)


INTERVENTIONS = st.lists(
    st.builds(Intervention, step=st.integers(0, MAX_STEP), learning_rate=st.floats(1e-8, 1e4))
    | st.builds(
        Intervention, step=st.integers(0, MAX_STEP), normalization=st.sampled_from(["none", "batch", "layer", "group"])
    ),
    max_size=5,
)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters=",<>&", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40
)


@st.composite
def configs(draw) -> ExperimentConfig:
    chosen = draw(st.lists(st.sampled_from(PLAIN_FIELDS), unique=True, max_size=8))
    table = {name: draw(values(name)) for name in chosen}
    room = ExperimentConfig(
        dataset=table.get("dataset", "digits"), samples=table.get("samples", 0), batch_size=2
    ).training_samples
    table["batch_size"] = min(table.get("batch_size", 64), room)
    table["norm_groups"] = min(table.get("norm_groups", 4), table.get("width", 100) // 2)
    while table.get("width", 100) % table["norm_groups"]:
        table["norm_groups"] -= 1
    if table.get("hidden_layers", 3) * table.get("width", 100) ** 2 * table["batch_size"] > MAX_WORK:
        table["batch_size"] = 2
    return ExperimentConfig(**table, interventions=draw(INTERVENTIONS))


@st.composite
def links(draw) -> Link:
    preset = draw(st.none() | st.sampled_from(list(PRESETS)))
    if preset is None:
        arms = draw(st.lists(configs(), min_size=MIN_ARMS, max_size=MAX_ARMS))
        names = draw(st.lists(NAMES, min_size=len(arms), max_size=len(arms)))
    else:
        seed = draw(st.integers(0, 2**31 - 1))
        arms = [arm.replace(seed=seed, interventions=draw(INTERVENTIONS)) for arm in PRESETS[preset].arms]
        names = PRESETS[preset].names
    return Link(
        arms=tuple(arms),
        names=tuple(names),
        layer=draw(st.none() | st.integers(0, 29)),
        charts=draw(st.none() | st.lists(st.sampled_from(CHARTS), unique=True).map(tuple)),
        until=draw(st.none() | st.integers(0, MAX_STEP)),
    )


@given(links())
def test_a_link_reads_back_as_what_was_written(link):
    assert decode(encode(link)) == link
    assert parse(to_query(link)) == link
    assert parse("https://example.org/lab?" + to_query(link)) == link


@given(configs(), st.integers(MIN_ARMS, MAX_ARMS))
def test_arms_that_are_all_equal_read_back(config, count):
    link = Link(arms=(config,) * count, names=tuple(f"arm {n}" for n in range(count)))

    assert parse(to_query(link)) == link


@pytest.mark.parametrize("count", [2, 3, 4])
def test_arms_of_defaults_alone_read_back(count):
    link = Link(arms=(ExperimentConfig(),) * count, names=tuple("abcd"[:count]))

    assert parse(to_query(link)) == link


def test_the_longest_link_reads_back():
    turns = tuple(
        Intervention(step=MAX_STEP - number, learning_rate=1.2345678901234567e-05 * (1 + number / 100))
        for number in range(MAX_INTERVENTIONS)
    )
    arm = ExperimentConfig(learning_rate=0.12345678901234567, noise=0.12345678901234567, interventions=turns)
    arms = tuple(arm.replace(width=100 + number, weight_decay=0.1 / (3 + number)) for number in range(MAX_ARMS))
    link = Link(arms=arms, names=("\N{GRINNING FACE}" * 40,) * MAX_ARMS, charts=CHARTS)

    assert parse(to_query(link)) == link


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_one_word_in_the_link(name):
    link = from_preset(name)

    assert to_query(link) == f"preset={name}"
    assert link.preset == name
    assert parse(f"preset={name}") == link


def test_an_empty_link_is_the_first_lesson():
    assert parse("") == parse("?") == decode({}) == from_preset(DEFAULT_PRESET)
    assert parse("layer=2").layer == 2
    assert parse("layer=2").arms == from_preset(DEFAULT_PRESET).arms


def test_a_link_reads_well():
    link = parse("activation=sigmoid&learning_rate=0.5&normalization=none,batch&turns=2@120:none,1@300:0.01")

    assert [arm.normalization for arm in link.arms] == ["none", "batch"]
    assert {arm.activation for arm in link.arms} == {"sigmoid"}
    assert link.names == ("without BN", "with BN")
    assert link.arms[1].interventions == (Intervention(step=120, normalization="none"),)
    assert link.arms[0].interventions == (Intervention(step=300, learning_rate=0.01),)


def test_a_field_changes_a_preset():
    link = parse("preset=circles&width=8&seed=5")

    assert [(arm.width, arm.seed, arm.dataset) for arm in link.arms] == [(8, 5, "circles")] * 2
    assert link.preset is None
    assert parse("preset=circles&seed=5").preset == "circles"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("preset=nothing", "preset must be one of headline, circles"),
        ("wdith=3", "did you mean width"),
        ("zzzzzzzz=3", "allowed are preset, dataset"),
        ("width=3&width=4", "stands 2 times"),
        ("width=1", "width must be from 2 to 512"),
        ("width=abc", "width must be a whole number from 2 to 512"),
        ("width=6.5", "width must be a whole number"),
        ("width=1_0", "whole number"),
        ("width=%0A32", "whole number"),
        ("width=\N{ARABIC-INDIC DIGIT FIVE}", "whole number"),
        ("learning_rate=fast", "learning_rate must be a number from 1e-08 to 10000"),
        ("learning_rate=nan", "learning_rate must be from"),
        ("learning_rate=1e999", "learning_rate must be from"),
        ("norm_affine=1", "norm_affine must be true or false"),
        ("activation=__import__('os')", "activation must be one of relu"),
        ("normalization=none&width=4,5,6,7,8", "2 to 4 networks, as in normalization=none,batch; this one has 5"),
        ("normalization=none&names=x", "this one has 1|different numbers"),
        ("width=8,9&seed=1,2,3", r"different numbers of networks: \[2, 3\]"),
        ("preset=circles&width=1,2,3", "different numbers of networks"),
        ("names=a,b&normalization=none&width=3,4,5", "names must be 3 names"),
        ("names=,b", "1 to 40 characters"),
        ("names=<script>,b&width=3,4", "names must be 2 names"),
        ("turns=5@1:batch", "can't read '5@1:batch'"),
        ("turns=3@1:batch", "names network 3, but the link has 2"),
        ("turns=1@1:nonsense", "interventions.normalization must be one of"),
        ("turns=1@99999999:batch", "from 0 to 10000000"),
        ("turns=1@5:1e%2Be", "learning_rate must be a number"),
        ("layer=30", "layer must be a whole number from 0 to 29"),
        ("layer=-1", "layer must be a whole number"),
        ("until=12345678901234567890", "until must be a whole number from 0 to 10000000"),
        ("charts=pie", "charts must be from distribution"),
        ("interventions=1", "unknown part"),
        ("width", "can't be read"),
        ("&".join(f"a{n}=1" for n in range(200)), "can't be read"),
        ("names=" + "x" * MAX_LENGTH, f"at most {MAX_LENGTH} characters"),
    ],
)
def test_a_bad_link_says_which_part_is_wrong_and_what_is_allowed(query, said):
    with pytest.raises(ConfigError, match=said) as caught:
        parse(query)

    assert len(str(caught.value)) < 600
    assert caught.value.field


KEY = st.sampled_from(KEYS) | st.text(max_size=10)
VALUE = st.one_of(
    st.text(max_size=30),
    st.text(string.digits + "abcdefghijklmnopqrstuvwxyz.,@:+-_e%", max_size=40),
    st.lists(st.sampled_from(["batch", "none", "1", "0.1", "1@5:batch", "2@7:0.1", "a", "", "circles"])).map(",".join),
)


@given(st.dictionaries(KEY, VALUE | st.lists(VALUE, max_size=3), max_size=5))
def test_hostile_parameters_raise_nothing_but_a_config_error_and_else_read_back(query):
    try:
        link = decode(query)
    except ConfigError:
        return
    assert decode(encode(link)) == link


@given(st.text(max_size=200) | st.lists(st.tuples(KEY, VALUE).map("=".join), max_size=4).map("&".join))
def test_hostile_queries_raise_nothing_but_a_config_error_and_else_read_back(query):
    try:
        link = parse(query)
    except ConfigError:
        return
    assert parse(to_query(link)) == link


@given(st.sampled_from(PLAIN_FIELDS), st.text(max_size=50))
def test_text_becomes_a_value_or_an_error_that_names_the_field(name, text):
    try:
        value = from_text(name, text)
    except LinkError as error:
        value, field = None, error.field
    assert type(value) is type(FIELDS[name].default) if value is not None else field == name


def test_too_many_turns_are_refused():
    turns = ",".join(f"1@{step}:0.1" for step in range(MAX_INTERVENTIONS + 1))

    with pytest.raises(ConfigError, match=f"at most {MAX_INTERVENTIONS}"):
        parse(f"turns={turns}")


@pytest.mark.parametrize("text", ["0,1", "-1,5", "12,75"])
def test_a_decimal_comma_is_refused_with_a_word_about_the_point(text):
    with pytest.raises(LinkError, match="write decimals with a point"):
        from_text("learning_rate", text)


def test_what_mailers_and_social_sites_append_to_a_link_changes_nothing():
    added = "&utm_source=newsletter&utm_medium=email&fbclid=IwAR0&gclid=x&mc_cid=1&msclkid=2"
    assert parse("preset=circles&width=9" + added) == parse("preset=circles&width=9")
    for unknown in ("utm", "utm_", "xfbclid", "utm_" + "a" * 50):
        with pytest.raises(LinkError, match="unknown part"):
            parse(f"preset=circles&{unknown}=1")
