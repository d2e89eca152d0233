"""An address that somebody changed is told from our own, and from its echoes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bnviz.ui import address
from bnviz.ui.address import Address


class Query(dict):
    """As much of Streamlit's query parameters as is used."""

    def get_all(self, key):
        value = self[key]
        return value if isinstance(value, list) else [value]

    def to_dict(self):
        return dict(self)

    def from_dict(self, query):
        self.clear()
        self.update(query)


@pytest.fixture
def query(monkeypatch) -> Query:
    params = Query()
    monkeypatch.setattr(address.st, "query_params", params)
    return params


def test_a_first_address_is_news_and_our_own_is_not(query):
    query["eps"] = "1"
    ours = Address()
    assert ours.news() == {"eps": ["1"]}
    ours.write({"eps": "2"})
    assert query == {"eps": "2"}
    assert ours.news() is None


def test_the_address_before_ones_own_change_is_an_echo_for_a_while(query, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(address, "time", SimpleNamespace(monotonic=lambda: now[0]))
    ours = Address()
    ours.write({"eps": "1"})
    ours.write({"eps": "2"})
    query.from_dict({"eps": "1"})
    ours.acted = True
    assert ours.news() is None
    now[0] = address.ECHO + 1
    ours.acted = True
    assert ours.news() == {"eps": ["1"]}, "by then somebody has gone back to it"


def test_going_back_without_a_change_is_news_at_once(query):
    ours = Address()
    ours.write({"eps": "1"})
    ours.write({"eps": "2"})
    query.from_dict({"eps": "1"})
    assert ours.news() == {"eps": ["1"]}
    query.clear()
    assert ours.news() == {}, "to the bare address too"


def test_a_repeated_key_is_news_as_it_came(query):
    query["eps"] = ["1", "2"]
    assert Address().news() == {"eps": ["1", "2"]}
