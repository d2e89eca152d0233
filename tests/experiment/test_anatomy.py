"""The anatomy's state is checked whole, and its parts are fitted to the batch."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from bnviz.experiment.anatomy import EXAMPLES, FIELDS, UPSTREAMS, Anatomy, upstream_of
from bnviz.experiment.fields import ConfigError

WIDE = ((1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0, 9.0))


def test_every_field_says_what_it_means():
    assert all(item.metadata["doc"] for item in fields(Anatomy))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_starts_plain_and_is_known_by_its_name(name):
    anatomy = Anatomy(channel=2).with_example(name)
    assert anatomy.example == name
    assert set(anatomy.gamma) == {1.0}
    assert set(anatomy.beta) == {0.0}
    assert anatomy.upstream_name == "mixed"
    assert anatomy.channel < len(anatomy.batch[0])


def test_the_examples_show_what_they_say():
    deviation = {name: np.array(example.batch).std(0) for name, example in EXAMPLES.items()}
    assert deviation["constant"][1] == 0
    assert deviation["tiny"][1] ** 2 == pytest.approx(1e-6)
    assert max(deviation["units"]) > 10_000 * min(deviation["units"])
    assert len(EXAMPLES["pair"].batch) == 2
    x = np.array(EXAMPLES["outlier"].batch)[:, 0]
    assert abs(x - x.mean()).max() > 2.6 * x.std(), "near the largest that eight samples allow, sqrt(7)"


@pytest.mark.parametrize("name", UPSTREAMS)
@pytest.mark.parametrize("shape", [(2, 1), (32, 8), (5, 3)])
def test_a_named_upstream_gradient_fits_every_batch_and_is_known_again(name, shape):
    batch = tuple(map(tuple, np.random.default_rng(0).normal(size=shape).tolist()))
    upstream = upstream_of(name, batch)
    assert np.array(upstream).shape == shape
    assert Anatomy().with_batch(batch).replace(upstream=upstream).upstream_name == name


def test_the_default_upstream_gradient_differs_in_every_channel():
    assert (np.array(Anatomy().upstream).std(0) > 0.5).all()


def test_another_batch_keeps_what_fits_and_fills_the_rest():
    anatomy = Anatomy(gamma=(2.0, 3.0, 4.0), beta=(5.0, 6.0, 7.0), channel=2)
    wider = anatomy.with_batch(WIDE)
    assert (wider.gamma, wider.beta) == ((2.0, 3.0, 4.0, 1.0), (5.0, 6.0, 7.0, 0.0))
    assert wider.upstream == upstream_of("mixed", WIDE)
    narrower = wider.with_batch(((1.0,), (2.0,), (3.0,)))
    assert (narrower.gamma, narrower.channel) == ((2.0,), 0)


def test_an_upstream_gradient_of_ones_own_is_kept_where_the_batch_still_has_its_place():
    own = tuple((0.25, -0.5, float(i)) for i in range(6))
    shorter = Anatomy(upstream=own).with_batch(WIDE)
    assert shorter.upstream == ((0.25, -0.5, 0.0, 0.0), (0.25, -0.5, 1.0, 0.0))
    longer = shorter.with_batch((*WIDE, WIDE[0]))
    assert longer.upstream[2] == (0.0,) * 4


WRONG = [
    ({"gamma": (1.0,)}, "gamma must be 3 numbers, one a channel; got 1"),
    ({"beta": ()}, "beta must be one number a channel"),
    ({"gamma": (1.0, float("nan"), 1.0)}, "gamma of channel 2 must be from"),
    ({"upstream": ((1.0,), (2.0,))}, "upstream must have the batch's shape, 6 rows of 3; got 2 of 1"),
    ({"channel": 3}, "channel must be from 0 to 2; got 3"),
    ({"eps": 0}, "eps must be from 1e-12 to 10"),
    ({"section": "tail"}, "section must be one of forward"),
    ({"groups": 4}, "groups must divide the 6 channels: 1, 2, 3, 6; got 4"),
    ({"groups": True}, "groups must divide"),
    ({"mistakes": ("variance", "other")}, "mistakes must be one of"),
    ({"mistakes": "variance"}, "mistakes must be some of"),
    ({"batch_size": 0}, "batch_size must be from 1 to 256"),
    ({"step": 120}, "step must be from 0 to 119"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_a_wrong_field_is_refused_with_what_is_allowed(change, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        Anatomy(**change)


def test_mistakes_are_kept_once_and_in_one_order():
    assert Anatomy(mistakes=["frozen", "variance", "frozen"]).mistakes == ("variance", "frozen")


def test_the_defaults_pass_their_own_checks():
    assert {name: getattr(Anatomy(), name) for name in FIELDS} == {name: item.default for name, item in FIELDS.items()}
