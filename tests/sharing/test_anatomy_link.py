"""The anatomy's link holds all of it, and a broken one says what is wrong."""

from __future__ import annotations

import contextlib
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.experiment.anatomy import EXAMPLES, FIELDS, GROUPS, MISTAKES, UPSTREAMS, Anatomy, upstream_of
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.tables import LARGEST, SMALLEST
from bnviz.sharing.anatomy_link import decode_anatomy, encode_anatomy
from bnviz.sharing.query import MAX_LENGTH

numbers = st.floats(-LARGEST, LARGEST).filter(lambda value: value == 0 or abs(value) >= SMALLEST).map(lambda v: v + 0.0)


def _plain(name: str) -> st.SearchStrategy:
    item = FIELDS[name]
    if name == "mistakes":
        return st.sets(st.sampled_from(MISTAKES)).map(tuple)
    if name == "groups":
        return st.sampled_from(GROUPS)
    if "choices" in item.metadata:
        return st.sampled_from(item.metadata["choices"])
    low, high = item.metadata["low"], item.metadata["high"]
    return st.floats(low, high) if isinstance(item.default, float) else st.integers(int(low), int(high))


@st.composite
def anatomies(draw: st.DrawFn) -> Anatomy:
    rows, columns = draw(st.integers(2, 32)), draw(st.integers(1, 8))
    table = st.lists(st.tuples(*[numbers] * columns), min_size=rows, max_size=rows).map(tuple)
    own = st.just(Anatomy().with_batch(draw(table)))
    base = draw(st.one_of(own, st.sampled_from([Anatomy().with_example(name) for name in EXAMPLES])))
    columns = len(base.batch[0])
    changes = {name: draw(_plain(name)) for name in draw(st.sets(st.sampled_from(sorted(FIELDS)))) if name in PLAIN}
    changes["channel"] = draw(st.integers(0, columns - 1))
    if draw(st.booleans()):
        changes["gamma"] = draw(st.tuples(*[numbers] * columns))
        changes["beta"] = draw(st.tuples(*[numbers] * columns))
    if draw(st.booleans()):
        changes["upstream"] = upstream_of(draw(st.sampled_from(sorted(UPSTREAMS))), base.batch)
    return base.replace(**changes)


PLAIN = set(FIELDS) - {"batch", "gamma", "beta", "upstream", "channel"}


@given(anatomies())
def test_a_link_is_read_back_as_exactly_the_same_anatomy(anatomy):
    query = encode_anatomy(anatomy)
    assert decode_anatomy(query) == anatomy
    through_a_browser = parse_qs(urlencode(query), keep_blank_values=True)
    assert decode_anatomy(through_a_browser) == anatomy


def test_the_largest_anatomy_still_fits_into_a_link():
    widest = -123456.78901234567
    table = ((widest,) * 8,) * 32
    anatomy = Anatomy().with_batch(table).replace(upstream=table, gamma=table[0], beta=table[0])
    query = encode_anatomy(anatomy)
    assert sum(len(key) + len(value) for key, value in query.items()) < MAX_LENGTH
    assert decode_anatomy(query) == anatomy


def test_a_link_reads_well():
    assert encode_anatomy(Anatomy()) == {}
    anatomy = Anatomy(section="backward", eps=0.1, node="variance").with_example("outlier")
    assert encode_anatomy(anatomy) == {
        "section": "backward", "example": "outlier", "eps": "0.1", "node": "variance",
    }  # fmt: skip
    own = anatomy.with_batch(((1.0, 2.5), (3.0, -4.0)))
    assert encode_anatomy(own)["batch"] == "1,2.5;3,-4"


WRONG = {
    "an unknown key": ({"sectoin": "forward"}, "unknown part 'sectoin' in the link: did you mean section?"),
    "a repeated key": ({"eps": ["1", "2"]}, "'eps' stands 2 times in the link"),
    "an unknown section": ({"section": "tail"}, "section must be one of"),
    "an unknown example": ({"example": "x"}, "example must be one of plain, outlier"),
    "an example and a batch": ({"example": "pair", "batch": "1;2"}, "names an example and a batch of its own"),
    "a ragged batch": ({"batch": "1,2;3"}, "sample 2 of the batch has 1 number where sample 1 has 2"),
    "words in the batch": ({"batch": "a;b"}, "sample 1, channel 1 of the batch must be a number"),
    "a gamma too many": ({"gamma": "1,2,3,4"}, "gamma must be 3 numbers"),
    "a gamma of words": ({"gamma": "1,x,3"}, "gamma of channel 2 must be a number"),
    "an upstream of another shape": ({"upstream": "1;2"}, "upstream must have the batch's shape"),
    "half a step": ({"step": "1.5"}, "step must be a whole number"),
    "an endless eps": ({"eps": "inf"}, "eps must be a number"),
    "a channel that is not there": ({"example": "constant", "channel": "2"}, "channel must be from 0 to 1"),
    "an unknown mistake": ({"mistakes": "variance,typo"}, "mistakes must be one of"),
    "a megabyte": ({"batch": "1," * 500_000}, "a link has at most 16000 characters"),
}  # fmt: skip


@pytest.mark.parametrize(("query", "message"), WRONG.values(), ids=WRONG)
def test_a_broken_link_says_what_is_wrong(query, message):
    with pytest.raises(ConfigError) as caught:
        decode_anatomy(query)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


@given(st.dictionaries(st.one_of(st.sampled_from(["batch", "example", *FIELDS]), st.text(max_size=10)), st.text()))
def test_any_query_is_an_anatomy_or_a_clear_error(query):
    with contextlib.suppress(ConfigError):
        assert isinstance(decode_anatomy(query), Anatomy)
