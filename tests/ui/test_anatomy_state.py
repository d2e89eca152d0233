"""What the browser sends is taken over as far as it can be read; the rest is said and loses nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.experiment.anatomy import EXAMPLES, FIELDS, Anatomy, upstream_of
from bnviz.experiment.tables import short
from bnviz.sharing.anatomy_link import decode_anatomy, encode_anatomy
from bnviz.ui.anatomy_result import as_json
from bnviz.ui.anatomy_state import COMMANDS, AnatomyState

PLAIN = Anatomy()


@pytest.fixture
def state() -> AnatomyState:
    return AnatomyState()


def draft_of(anatomy: Anatomy, **changes: object) -> dict[str, object]:
    """The whole draft as the page sends it."""
    return {**as_json(anatomy), **dict.fromkeys(COMMANDS), **changes}


def edit(state: AnatomyState, **changes: object) -> AnatomyState:
    state.follow({"serial": state.serial + 1, "draft": draft_of(state.anatomy, **changes)})
    return state


def typed(batch: tuple, row: int, column: int, text: str) -> list[list[str]]:
    cells = [[short(value) for value in line] for line in batch]
    cells[row][column] = text
    return cells


def test_a_typed_number_changes_its_cell_and_nothing_else(state):
    edit(state, batch=typed(PLAIN.batch, 2, 1, "-7.5"))
    assert state.problems == []
    expected = np.array(PLAIN.batch)
    expected[2, 1] = -7.5
    np.testing.assert_array_equal(state.anatomy.batch, expected)
    assert state.anatomy.replace(batch=PLAIN.batch) == PLAIN


def test_a_cell_that_is_no_number_is_named_and_the_last_good_table_stays(state):
    edit(state, batch=typed(PLAIN.batch, 2, 1, "abc"), eps="0.5")
    (problem,) = state.problems
    assert (problem["field"], problem["row"], problem["column"]) == ("batch", 2, 1)
    assert "Sample 3, channel 2 of the batch must be a number" in problem["message"]
    assert state.anatomy == PLAIN.replace(eps=0.5), "what can be read is taken"
    edit(state, batch=typed(PLAIN.batch, 2, 1, "3"))
    assert state.problems == []


def test_every_bad_cell_is_named_and_the_good_ones_are_taken(state):
    cells = typed(PLAIN.batch, 0, 0, "8")
    cells[1][1], cells[5][2] = "x", ""
    edit(state, batch=cells)
    assert [(problem["row"], problem["column"]) for problem in state.problems] == [(1, 1), (5, 2)]
    expected = np.array(PLAIN.batch)
    expected[0, 0] = 8
    np.testing.assert_array_equal(state.anatomy.batch, expected)


def test_a_gamma_that_is_no_number_is_told_by_its_channel(state):
    edit(state, gamma=[1, "x", 2])
    (problem,) = state.problems
    assert (problem["field"], problem["column"]) == ("gamma", 1)
    assert problem["message"].startswith("γ of channel 2 must be a number")
    assert state.anatomy == PLAIN


def test_a_row_more_and_a_channel_less_are_fitted(state):
    edit(state, batch=[*as_json(PLAIN.batch), [0, 0, 0]])
    assert len(state.anatomy.upstream) == 7
    edit(state, batch=[row[:2] for row in state.anatomy.batch], gamma=[2, "3", 4], channel=2)
    assert state.problems == []
    assert state.anatomy.gamma == (2.0, 3.0)
    assert state.anatomy.channel == 1


def test_a_named_upstream_gradient_goes_with_the_batch(state):
    edit(state, upstream_example={"value": "normalized", "serial": 1})
    edit(state, batch=typed(state.anatomy.batch, 0, 0, "100"))
    assert state.anatomy.upstream == upstream_of("normalized", state.anatomy.batch)


def test_a_command_is_carried_out_once(state):
    paste = {"value": {"field": "batch", "text": "1 2\n3 4"}, "serial": 1}
    edit(state, paste=paste)
    assert state.anatomy.batch == ((1.0, 2.0), (3.0, 4.0))
    edit(state, batch=[[5, 6], [7, 8]], paste=paste)
    assert state.anatomy.batch == ((5.0, 6.0), (7.0, 8.0))


def test_an_example_takes_everything_that_belongs_to_a_batch(state):
    edit(state, gamma=[2, 2, 2])
    edit(state, example={"value": "outlier", "serial": 2})
    assert state.anatomy == PLAIN.with_example("outlier")


def test_undo_sets_what_returns_the_input(state):
    edit(state, undo={"value": True, "serial": 1})
    x = np.array(PLAIN.batch)
    np.testing.assert_allclose(state.anatomy.gamma, np.sqrt(x.var(0) + 1e-5), rtol=1e-12)
    np.testing.assert_allclose(state.anatomy.beta, x.mean(0), rtol=1e-12, atol=1e-12)
    assert decode_anatomy(encode_anatomy(state.anatomy)) == state.anatomy


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("batch", "1 2\n" * 10_000, "10,000 rows; at most 32"),
        ("batch", "hello world\nagain me", "Sample 1, channel 1 of the batch must be a number"),
        ("batch", "1 nan\n2 3", "Sample 1, channel 2 of the batch must be a number"),
        ("batch", "1 2\n3", "Sample 2 of the batch has 1 number where sample 1 has 2"),
        ("upstream", "1 2\n3 4", "The gradient dL/dy must have the batch's shape, 6 rows of 3; got 2 of 2"),
        ("gamma", "1", "Field must be one of batch, upstream"),
    ],
)
def test_pasted_nonsense_is_said_and_keeps_the_last_good_table(state, field, text, said):
    edit(state, paste={"value": {"field": field, "text": text}, "serial": 1})
    (problem,) = state.problems
    assert said in problem["message"]
    assert state.anatomy == PLAIN


def test_a_refused_paste_names_no_cell_of_the_standing_table(state):
    edit(state, paste={"value": {"field": "batch", "text": "1 2\nnan 3"}, "serial": 1})
    assert "row" not in state.problems[0]


def test_the_largest_batch_can_be_undone(state):
    edit(state, batch=[[1e6], [-1e6]], eps=10)
    edit(state, undo={"value": True, "serial": 2})
    assert state.problems == []
    assert state.anatomy.gamma[0] == pytest.approx(1e6)


def test_the_address_waits_while_somebody_drags(state):
    state.follow({"serial": 1, "draft": {"eps": 0.5}, "settled": False})
    assert not state.settled
    state.follow({"serial": 2, "draft": {"eps": 0.6}})
    assert state.settled


def test_a_problem_is_said_with_the_label_that_stands_on_the_page(state):
    edit(state, log_scale="9")
    assert state.problems[0]["message"].startswith("log₁₀ a must be from -6 to 6")


SENT = [
    None, 5, "x", [], {}, {"serial": 1}, {"draft": {}}, {"serial": "x", "draft": {}}, {"serial": 1e400, "draft": {}},
    {"serial": 1, "draft": 5}, {"serial": 1, "draft": {"batch": {"a": 1}}}, {"serial": 1, "draft": {"gamma": {}}},
    {"serial": 1, "draft": {"channel": [1]}}, {"serial": 1, "draft": {"paste": {"value": 5, "serial": 1}}},
    {"serial": 1, "draft": {"undo": 5, "example": [], "upstream_example": {"serial": "1"}}},
    {"serial": 1, "draft": {"example": {"value": {}, "serial": 1}}}, {"serial": 1, "draft": {"momentum": [[]]}},
    {"serial": 1, "draft": {"mistakes": [[], {}], "groups": [], "section": {}, "step": float("nan")}},
    {"serial": 1, "draft": {"eps": True, "mean": 10**400, "batch": [[10**400], [1]]}},
]  # fmt: skip


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: str(sent)[:60])
def test_forged_edits_change_nothing_and_never_raise(state, sent):
    state.follow(sent)
    assert state.anatomy == PLAIN
    assert all(problem["message"] for problem in state.problems)


@pytest.mark.parametrize(("sent", "taken"), [(10**400, 2), (-5, 0), (1, 1)])
def test_a_channel_beyond_the_last_is_the_last(state, sent, taken):
    assert edit(state, channel=sent).anatomy.channel == taken
    assert state.problems == []


json_like = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, *COMMANDS]), json_like))
def test_any_draft_leaves_a_state_that_has_a_link(draft):
    state = AnatomyState()
    state.follow({"serial": 1, "draft": draft})
    assert decode_anatomy(encode_anatomy(state.anatomy)) == state.anatomy
    json.dumps(state.problems)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_pages_own_draft_sent_back_changes_nothing(state, name):
    state.anatomy = PLAIN.with_example(name)
    edit(state)
    assert state.anatomy == PLAIN.with_example(name)
    assert state.problems == []
