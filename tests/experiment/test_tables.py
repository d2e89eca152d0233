"""Tables are read exactly as they were meant, or not at all; then the message names the place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bnviz.experiment.fields import ConfigError
from bnviz.experiment.tables import (
    LARGEST,
    MAX_COLUMNS,
    MAX_ROWS,
    MIN_ROWS,
    SMALLEST,
    TableError,
    check_table,
    number,
    parse_table,
    short,
    to_text,
)

numbers = st.floats(-LARGEST, LARGEST).filter(lambda value: value == 0 or abs(value) >= SMALLEST).map(lambda v: v + 0.0)


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[float, ...], ...]:
    columns = draw(st.integers(1, MAX_COLUMNS))
    row = st.tuples(*[numbers] * columns)
    return tuple(draw(st.lists(row, min_size=MIN_ROWS, max_size=MAX_ROWS)))


@given(tables())
def test_what_is_written_is_read_back_exactly(table):
    assert parse_table("batch", to_text(table).replace(";", "\n")) == table


@given(tables(), st.sampled_from(["\t", ";", ",", " ", " , ", ";  "]), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_every_usual_separator_is_understood(table, mark, end):
    text = end.join(mark.join(map(short, row)) for row in table)
    assert parse_table("batch", text) == table


@given(tables())
def test_a_printed_list_and_a_printed_array_are_understood(table):
    rows = [list(row) for row in table]
    assert parse_table("batch", str(rows)) == table
    printed = np.array2string(np.array(rows), threshold=10**6, floatmode="unique", max_line_width=10**6)
    assert parse_table("batch", printed) == table


@given(st.text(max_size=300))
@example("1e999 2\n3 4")
@example("\x00")
@example("[[[[]]]]")
@example("1,2\n3,4,")
@example("٣ ٤\n١ ٢")
@example("1_0 2\n3 4")
@example("0x10 2\n3 4")
def test_any_text_is_a_table_or_a_clear_error(text):
    try:
        table = parse_table("batch", text)
    except TableError as error:
        message = str(error)
    else:
        message = "fine"
        assert MIN_ROWS <= len(table) <= MAX_ROWS
        assert {len(row) for row in table} <= set(range(1, MAX_COLUMNS + 1))
        assert np.abs(np.array(table)).max() <= LARGEST
    assert 0 < len(message) < 200


WRONG = {
    "letters": ("1 2\n3 abc", "sample 2, channel 2 of the batch must be a number, such as 1.5 or -2e-3; got 'abc'"),
    "not a number": ("1 nan\n3 4", "sample 1, channel 2 of the batch must be a number"),
    "an infinite number": ("1 2\ninf 4", "sample 2, channel 1 of the batch must be a number"),
    "a huge number": ("1 2\n3 1e300", "sample 2, channel 2 of the batch must be from -1,000,000 to 1,000,000"),
    "a decimal comma": ("1,5;2\n3;4", "sample 1, channel 1 of the batch must be a number: a point"),
    "ragged rows": ("1 2 3\n4 5", "sample 2 of the batch has 2 numbers where sample 1 has 3"),
    "an empty cell": ("1\t2\n3\t", "sample 2, channel 2 of the batch must be a number, such as"),
    "one sample": ("1 2 3", "the batch needs at least 2 rows: one sample has no batch variance; got 1"),
    "ten thousand rows": ("1 2\n" * 10_000, "the batch has 10,000 rows; at most 32 fit on the page"),
    "too many columns": ("1 2 3 4 5 6 7 8 9\n" * 2, "the batch has 9 columns; 1 to 8 fit on the page"),
    "a number whose square is none": ("1e-300 2\n3 4", "sample 1, channel 1 of the batch must be 0 or at least 1e-30"),
    "a comma between thousands": ("1 2\n3\t1,000", "sample 2, channel 2 of the batch must be a number: a point before"),
    "nothing": (" \n\t\n", "there are no numbers for the batch"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_with_its_place(text, message):
    with pytest.raises(TableError) as caught:
        parse_table("batch", text)
    assert str(caught.value).startswith(message)
    assert caught.value.field == "batch"


def test_the_place_comes_as_numbers_too():
    with pytest.raises(TableError) as caught:
        check_table("upstream", [[1, 2], [3, "x"]])
    assert (caught.value.row, caught.value.column) == (1, 1)
    with pytest.raises(TableError) as caught:
        check_table("upstream", [[1, 2], [3]])
    assert (caught.value.row, caught.value.column) == (1, None)


@pytest.mark.parametrize("rows", [None, "12", 5, [], [[]], [[], []], [1, 2], [[1], None], {"a": 1}, [[True], [False]]])
def test_what_is_no_table_is_refused(rows):
    with pytest.raises(TableError):
        check_table("batch", rows)


@pytest.mark.parametrize("text", ["[" * 1_000_000, "1" * 1_000_000 + "\n2", "1\n" * 10_000_000])
def test_megabytes_are_refused_by_their_length(text):
    with pytest.raises(TableError, match="characters; at most 32 rows fit"):
        parse_table("batch", text)


@pytest.mark.parametrize("text", ["1" + " " * 5000 + "2\n3 4", "[[1 2][3 4]]", "((1, 2), [3, 4])", "[1 2]\n[3 4]"])
def test_nothing_of_a_row_is_dropped_or_run_together(text):
    assert parse_table("batch", text) == ((1.0, 2.0), (3.0, 4.0))


@pytest.mark.parametrize(
    ("typed", "value"),
    [("3", 3.0), (" -2e-3 ", -0.002), (".5", 0.5), ("\N{MINUS SIGN}4", -4.0), (7, 7.0), (-0.5, -0.5)],
)
def test_numbers_are_read_as_people_type_them(typed, value):
    assert number("eps", typed) == value


@pytest.mark.parametrize("typed", ["", "one", "1,5", "1e", "--2", "nan", "inf", "1" * 41, None, True, [], "1 2", "³"])
def test_what_is_no_number_is_refused(typed):
    with pytest.raises(ConfigError, match="eps must be a number"):
        number("eps", typed)


def test_a_line_of_headings_above_the_numbers_is_left_out():
    assert parse_table("batch", "height\tmass\n1.6\t58\n1.8\t83") == ((1.6, 58.0), (1.8, 83.0))
    assert len(parse_table("batch", "a b\n" + "1 2\n" * MAX_ROWS)) == MAX_ROWS


@pytest.mark.parametrize("text", ["a b\nc d\n1 2\n3 4", "a\n1 2\n3 4", "nan nan\n1 2\n3 4", "1 2\na b\n3 4"])
def test_other_words_are_no_headings(text):
    with pytest.raises(TableError):
        parse_table("batch", text)
