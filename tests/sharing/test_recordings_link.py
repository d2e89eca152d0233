"""The recordings page's address: it says what is open where that has an address, and no link can name a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.query import LinkError
from bnviz.sharing.recordings_link import (
    MAX_LAYER,
    RECORDING_CHARTS,
    SHOWN,
    RecordingsLink,
    decode_recordings,
    encode_recordings,
)

LINKS = st.builds(
    RecordingsLink,
    show=st.lists(st.sampled_from(SHOWN), min_size=1, max_size=2, unique=True).map(tuple),
    layer=st.none() | st.integers(0, MAX_LAYER),
    charts=st.none() | st.lists(st.sampled_from(RECORDING_CHARTS), unique=True).map(tuple),
)


@given(LINKS)
def test_a_link_reads_back_as_it_was_written(link: RecordingsLink):
    assert decode_recordings(encode_recordings(link)) == link


def test_without_anything_that_has_an_address_there_is_nothing_to_say():
    assert encode_recordings(RecordingsLink(layer=3, charts=("loss",))) == {}
    assert decode_recordings({}) == RecordingsLink()


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_recording_that_ships_has_an_address(name: str):
    assert decode_recordings({"show": name}).show == (name,)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"show": "../../etc/passwd"}, "show must be one of digits-conv"),
        ({"show": "/tmp/run.bnviz"}, "show must be one of digits-conv"),
        ({"show": "digits-conv,dying-mlp,opened"}, "show names one recording, or two different ones"),
        ({"show": "digits-conv,digits-conv"}, "show names one recording, or two different ones"),
        ({"file": "run.bnviz"}, "unknown part 'file'"),
        ({"show": "digits-conv", "layer": "-1"}, "layer must be a whole number"),
        ({"show": "digits-conv", "layer": "٣"}, "layer must be a whole number"),
        ({"show": "digits-conv", "charts": "pie"}, "charts must be from distribution"),
        ({"show": ["digits-conv", "dying-mlp"]}, "stands 2 times"),
    ],
)
def test_what_a_link_may_not_say_is_refused_with_what_is_allowed(query, said: str):
    with pytest.raises(LinkError, match=said):
        decode_recordings(query)


@given(st.dictionaries(st.sampled_from(["show", "layer", "charts", "file"]), st.text(max_size=30)))
def test_whatever_stands_in_a_link_it_is_read_or_refused(query):
    try:
        link = decode_recordings(query)
    except LinkError:
        return
    assert set(link.show) <= set(SHOWN)
