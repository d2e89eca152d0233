"""Somebody's CSV file: what is right is read back exactly, what is wrong is named by row and column."""

from __future__ import annotations

import gzip
import io
import time
import zipfile

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnviz.experiment.own_table import MAX_BYTES, MAX_CLASSES, MAX_FEATURES, MAX_ROWS
from bnviz.sharing.table_file import ENOUGH, read_table
from bnviz.sharing.table_head import read_head
from bnviz.sharing.table_numbers import GROUPS, NUMBER
from bnviz.sharing.table_text import LISTED, TableFileError
from tests.own_tables import blobs, iris, written

WORD = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and text and not any(sign in "0123456789\ufeff" for sign in text)
)
NUMBERS = st.floats(-1e30, 1e30, allow_nan=False) | st.integers(-1000, 1000).map(float)
FORMS = {"comma": (",", "."), "semicolon": (";", "."), "tab": ("\t", "."), "german": (";", ","), "excel": ("\t", ",")}


def problems_of(data: bytes, label: int | None = None) -> tuple[str, ...]:
    with pytest.raises(TableFileError) as caught:
        read_table("mine.csv", data, label)
    return caught.value.problems


def changed(row: int, column: int, cell: str, data: bytes | None = None) -> bytes:
    """The irises with another text in a cell; row 1 holds the names."""
    lines = (data or iris()).decode().split("\r\n")
    cells = lines[row - 1].split(",")
    cells[column - 1] = cell
    lines[row - 1] = ",".join(cells)
    return "\r\n".join(lines).encode()


@st.composite
def tables(draw):
    features, classes = draw(st.integers(2, 6)), draw(st.lists(WORD, min_size=2, max_size=5, unique=True))
    names = draw(st.lists(WORD, min_size=features + 1, max_size=features + 1, unique=True))
    label = draw(st.integers(1, features + 1))
    few = draw(st.lists(st.lists(NUMBERS, min_size=features, max_size=features), min_size=5, max_size=8))
    return names, label, [classes[index % len(classes)] for index in range(40)], (few * 8)[:40]


@settings(max_examples=150, deadline=None)
@given(
    table=tables(), form=st.sampled_from(sorted(FORMS)), header=st.booleans(), quoting=st.sampled_from([0, 1]),
    line=st.sampled_from(["\r\n", "\n", "\r"]), mark=st.booleans(), blank=st.sampled_from(["", "{}", ",,,{}"]),
)  # fmt: skip
def test_any_table_that_is_written_in_any_form_is_read_back_exactly(table, form, header, quoting, line, mark, blank):
    names, label, classes, numbers = table
    separator, decimal = FORMS[form]
    cells = [[repr(value).replace(".", decimal) for value in row] for row in numbers]
    rows = [[*row[: label - 1], kind, *row[label - 1 :]] for row, kind in zip(cells, classes, strict=True)]
    signed = [cell for row in cells for cell in row if decimal in cell]
    assume(separator == "," or not signed or not all(map(GROUPS.fullmatch, signed)))
    options = {"delimiter": separator, "quoting": quoting, "lineterminator": line}
    data = written([names] if header else [], **options) + blank.format(line).replace(",", separator).encode()
    data = b"\xef\xbb\xbf" * mark + data + written(rows, **options)
    found = read_table("mine.csv", data, label)
    assert found.x.tolist() == numbers
    assert [found.classes[index] for index in found.y] == classes
    assert list(found.classes) == sorted(set(classes))
    assert found.columns == (tuple(names) if header else tuple(f"column {n + 1}" for n in range(len(names))))
    assert (found.ref.separator, found.ref.header) == (separator, header)
    assert found.ref.decimal_comma == (decimal == "," and any("," in cell for row in cells for cell in row))


@settings(max_examples=400, deadline=None)
@given(
    st.binary(max_size=400)
    | st.text(st.sampled_from('0123456789.,;\t\n\r"abeE-+ \ufeff'), max_size=400).map(str.encode)
    | st.tuples(st.integers(0, 3000), st.binary(max_size=3)).map(lambda at: iris()[: at[0]] + at[1] + iris()[at[0] :])
)
def test_any_bytes_give_a_table_or_a_clear_error(data):
    found, problems = None, ()
    try:
        found = read_table("mine.csv", data)
    except TableFileError as error:
        problems = error.problems
    if found is not None:
        assert np.isfinite(found.x).all()
        assert len(found.y) == found.ref.rows
        return
    assert 1 <= len(problems) <= LISTED
    for problem in problems:
        assert 10 < len(problem) < 400
        assert problem.isprintable()


def test_an_unlucky_file_with_one_cell_changed_is_refused_at_this_cell():
    assert problems_of(changed(17, 2, "abc")) == ("row 17, column 'sepal width': 'abc' is not a number",)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("", "the number is missing"),
        ("NaN", "'NaN' stands for a number that is missing"),
        ("NA", "'NA' stands for a number that is missing"),
        ("?", "'?' stands for a number that is missing"),
        ("inf", "'inf' is not a number"),
        ("1e999", "inf is too large"),
        ("1e308", "1e+308 is too large"),
        ('"5,1"', "'5,1' has a decimal comma: write a point, or separate the columns by semicolons"),
        ('"1,100"', "'1,100' may be 1100 or 1.1: write 1100, or 1.100 with a point"),
        ('"1,100,200.5"', "'1,100,200.5' has thousands separators: write 1100200.5"),
        ("1_000", "'1_000' is not a number"),
        ("٣", "'٣' is not a number"),
        ("0x10", "'0x10' is not a number"),
        ("1 2", "'1 2' is not a number"),
        ("5.1.2", "'5.1.2' is not a number"),
        ("__import__('os')", "is not a number"),
        ("=1+1", "'=1+1' is not a number"),
    ],
)
def test_a_cell_that_is_no_number_is_named_with_what_to_do(cell, said):
    (problem,) = problems_of(changed(9, 3, cell))
    assert problem.startswith("row 9, column 'petal length': ")
    assert said in problem


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"\n \n;;\n", "the file is empty"),
        ("\u3000,\x0c\n\x1c".encode(), "the file is empty"),
        (b"a,b,kind\n", "the table has 0 rows of data; it needs 40 or more"),
        (b"a\n1\n2\n", "there is one column only"),
        (b"a,kind\n1,x\n", "row 1 has 2 columns, separated by commas; a table has 2 to 64 number columns"),
        (b",".join([b"1"] * 70), "row 1 has 70 columns"),
        (blobs(30), "the table has 30 rows of data"),
        (blobs(classes=1), "holds only the class 'k0'; there must be two"),
        (blobs(rows=210, classes=21), "holds 21 different values; a table has at most 20 classes"),
        (iris() + b"1,2,3,4,rare\n" * 3, "row 152, column 'species': the class 'rare' has 3 rows in all; it needs 4"),
        (iris() + b"1,2,3\n", "row 152 has 3 cells, and row 1 has 5"),
        (changed(1, 2, "species"), "row 1, column 5: 'species' is the name of column 2 too"),
        (changed(1, 1, ""), "row 1, column 1: the column has no name: if it only counts the rows, leave it out"),
        (changed(1, 2, '"a\tb"'), "row 1, column 2: the name holds a sign that can't be shown"),
        (changed(1, 2, "x" * 101), "row 1, column 2: a column's name has at most 100 signs; 'xxx"),
        (changed(30, 5, ""), "row 30, column 'species': the class is missing"),
        (changed(30, 5, "x" * 41), "row 30, column 'species': a class has at most 40 signs"),
        (changed(30, 5, '"open'), "row 30: a quote is opened and not closed"),
        (changed(30, 5, '"a" b'), "row 30: after a closing quote stands something else than a separator"),
        (changed(2, 1, "x", iris().split(b"\r\n", 1)[1]), "row 2, column 1: 'x' is not a number"),
        (iris().split(b"\r\n", 1)[1].replace(b"5.1", b"x", 1), "if this row holds the columns' names, none of them"),
        (b"a;b;k\n1,5;2;x\n1.5;2;y\n", "'1.5' has a point, and '1,5' in row 2 a comma: the decimal sign is"),
        (b"a;b;k\n1.5;2;x\n1,5;2;y\n", "'1,5' has a comma, and '1.5' in row 2 a point: the decimal sign is"),
        (iris().replace(b"setosa", b"set\xf6sa", 1), "line 2 has a sign that is not UTF-8 (byte 0xf6)"),
        (iris().decode().encode("utf-16"), "this file is in UTF-16"),
        (iris().decode().encode("utf-16-le"), "line 1 holds a zero byte"),
        (iris() + b"\0", "line 152 holds a zero byte"),
        (gzip.compress(b"0" * 10_000_000), "this file is compressed"),
        (b"%PDF-1.7", "this file is a PDF"),
        (b"1,2,x\n" * 400_000, "the file has 2.3 MB; at most 2 MB are read"),
        (blobs(rows=MAX_ROWS + 1, features=2), "the table has more than 20,000 rows"),
        (b'a,b,"' + b"x" * 200_000, "row 1: a cell is longer than 131,072 signs"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_with_the_reason(data, said):
    (problem,) = problems_of(data)
    assert said in problem


def priced(*cells: str, separator: str = "\t") -> bytes:
    """Sixty rows, whose first cells are these over and over."""
    rows = [[cells[index % len(cells)], index, f"k{index % 2}"] for index in range(60)]
    return written([["price", "n", "kind"], *rows], delimiter=separator)


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_commas_that_all_stand_before_three_digits_may_be_thousands_and_are_not_taken_for_decimals(separator):
    (problem,) = problems_of(priced("7", "1,100", "-2,500", separator=separator))
    assert problem == (
        "row 3, column 'price': '1,100' may be 1100 or 1.1, as every comma in the numbers stands before three digits: "
        "leave thousands separators out, as in 1100, or, if the comma is the decimal sign, write one of them with "
        "another digit, as 1,1000"
    )
    (problem,) = problems_of(priced("7", "1.100", "-2.500", separator=separator))
    assert "'1.100' may be 1100 or 1.1, as every point" in problem
    assert problem.endswith("as 1.1000")
    assert "'1,100,200' has thousands separators: write 1100200" in problems_of(priced("1,100,200"))[0]
    assert "'1,100.5' has thousands separators: write 1100.5" in problems_of(priced("1,100.5"))[0]


@pytest.mark.parametrize("sign", [",", "."])
def test_what_the_message_about_unclear_signs_advises_is_understood(sign):
    assert read_table("a.csv", priced("1100", "2500")).x[:2, 0].tolist() == [1100, 2500]
    assert read_table("a.csv", priced(f"1{sign}1000", f"2{sign}500")).x[:2, 0].tolist() == [1.1, 2.5]


GERMAN = st.tuples(st.integers(-3_000_000, 3_000_000), st.sampled_from([0, 0, 1, 2, 3]))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(GERMAN, GERMAN), min_size=1, max_size=6), st.sampled_from(";\t"), st.sampled_from(".,"),
    st.sets(st.booleans(), min_size=1),
)  # fmt: skip
def test_numbers_with_thousands_separators_are_read_as_they_are_meant_or_not_at_all(few, separator, decimal, grouped):
    grouping = sorted(grouped)  # whether a column has thousands separators
    other = "." if decimal == "," else ","

    def text(number: tuple[int, int], group: bool) -> str:
        said = format(number[0] / 10 ** number[1], f"{',' if group else ''}.{number[1]}f")
        return said.translate({ord(","): other, ord("."): decimal})

    rows = [(*pair, f"k{index % 2}") for index, pair in enumerate((few * 40)[:40])]
    cells = [[text(a, grouping[0]), text(b, grouping[-1]), kind] for a, b, kind in rows]
    try:
        found = read_table("mine.csv", written([["a", "b", "kind"], *cells], delimiter=separator))
    except TableFileError as error:
        found, said = None, str(error)
    if found is None:
        assert "thousands" in said
        assert any(GROUPS.fullmatch(cell) for row in cells for cell in row[:2])
        return
    assert found.x.tolist() == [[number / 10**digits for number, digits in row[:2]] for row in rows]


def test_a_point_is_the_decimal_sign_where_commas_separate():
    assert read_table("mine.csv", priced("1.726", "2.300", separator=",")).x[:2, 0].tolist() == [1.726, 2.3]


def test_german_thousands_beside_decimal_commas_are_refused_with_what_to_write():
    for cells in (("3,5", "1.726"), ("1.726", "3,5")):
        (problem,) = problems_of(priced(*cells, separator=";"))
        assert "'1.726'" in problem
        assert "'3,5'" in problem
        assert problem.endswith("if one of them parts thousands, leave it out, as in 1726")
    assert "'1.726,5' has thousands separators: write 1726,5" in problems_of(priced("3,5", "1.726,5"))[0]
    assert "'1 726,5' has thousands separators: write 1726,5" in problems_of(priced("3,5", "1 726,5"))[0]


def test_all_columns_of_text_are_named_once_and_other_faults_beside_them():
    rows = [[f"n{n}", n, "Rome" if n % 3 else "", "2024-01-05", n % 7, f"k{n % 2}"] for n in range(60)]
    rows[4][4] = "x"
    data = written([["name", "a", "city", "date", "b", "kind"], *rows])
    texts, other = problems_of(data)
    assert texts == (
        "columns 'name', 'city' and 'date' hold text, as 'n0' in row 2, and a network sees numbers only: remove them "
        "from the file, or choose one of them as the column of the class"
    )
    assert other == "row 6, column 'b': 'x' is not a number"
    bare = data.split(b"\r\n", 1)[1]
    assert problems_of(bare)[0].startswith("columns 1, 3 and 4 hold text, as 'n0' in row 1, and")
    (problem,) = problems_of(written([["a", "b", "kind"], *([n, "x", n % 2] for n in range(60))]))
    assert problem == (
        "column 'b' holds text, as 'x' in row 2, and a network sees numbers only: remove it from the file, or choose "
        "it as the column of the class"
    )


def test_a_file_full_of_words_is_not_looked_at_to_its_end(monkeypatch):
    looked = []
    monkeypatch.setattr("bnviz.sharing.table_numbers.is_number", lambda cell, _decimal: looked.append(cell))
    (problem,) = problems_of(written([[*"abcdefgh"], *[["w"] * 8] * 100_000]))
    assert problem.startswith("columns 'a', 'b', 'c', 'd', 'e', 'f' and 'g' hold text")
    assert len(looked) < 10 * ENOUGH


def test_a_sign_is_called_unclear_only_after_the_last_row():
    rows = [["1.726", n, f"k{n % 2}"] for n in range(60)]
    short = written([["a", "b", "kind"], *rows, *[["2.5"]] * 9, ["17.26", 1, "k1"]], delimiter=";")
    assert all("cells, and row 1 has 3" in problem for problem in problems_of(short))


def test_columns_without_any_number_are_named_once():
    data = written([["a", "b", "c", "kind"], *(["", n, "NA", n % 2] for n in range(60))])
    assert problems_of(data) == ("columns 'a' and 'c': no number is in any row: remove them from the file",)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 7), min_size=1, max_size=6), st.integers(0, 8))
def test_whichever_columns_hold_text_they_are_all_in_one_message(columns, label):
    names = [*"abcdefgh"]
    rows = [["t" if index in columns else row * index for index in range(8)] for row in range(60)]
    for row, cells in enumerate(rows):
        cells.insert(label, f"k{row % 2}")
    names.insert(label, "kind")
    (problem,) = problems_of(written([names, *rows]), label + 1)
    assert all((f"'{name}'" in problem) == (index in columns) for index, name in enumerate("abcdefgh"))


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("line", ["sep={}\r\n", '"sep={}"\r\n', "SEP={}\n", "\ufeffsep={}\r"])
def test_a_first_line_that_says_the_separator_is_honoured_and_no_row(sign, line):
    plain = written([["a", "b", "kind"], *([n, n + 0.5, f"k{n % 2}"] for n in range(60))], delimiter=sign)
    found, same = read_table("mine.csv", line.format(sign).encode() + plain), read_table("mine.csv", plain)
    assert (found.x.tolist(), found.classes, found.columns) == (same.x.tolist(), same.classes, same.columns)
    assert found.ref.digest == same.ref.digest
    assert found.ref.said
    wrong = line.format(sign).encode() + plain.replace(b"1.5", b"x", 1)
    assert problems_of(wrong) == ("row 3, column 'b': 'x' is not a number",), "rows as a spreadsheet counts them"


def test_a_first_line_may_say_a_separator_that_nothing_else_would_find():
    rows = [["1,5", "2,5", f"k{n % 2}"] for n in range(60)]
    data = b"sep=;\n" + written(rows, delimiter=";")
    assert read_table("mine.csv", data).x[0].tolist() == [1.5, 2.5]
    assert "separated by '|': separate them by commas" in problems_of(b"sep=|\n1|2|x\n")[0]
    assert "the first line says that semicolons separate" in problems_of(b"sep=;\n1,2,x\n")[0]
    assert "the file is empty" in problems_of(b"sep=;\n")[0]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(("above", "below"), [(1, 1), (0, 1), (1, 0), (3, 3), (0, 2)])
def test_separators_at_the_end_of_each_line_are_ignored(header, above, below):
    rows = [[n, n + 0.5, f"k{n % 2}"] for n in range(60)]
    plain = written([["a", "b", "kind"], *rows] if header else rows, delimiter=";")
    first, rest = plain.split(b"\r\n", 1)
    data = first + b";" * above + b"\r\n" + rest.replace(b"\r\n", b" " * (below > 1) + b";" * below + b"\r\n")
    found, same = read_table("mine.csv", data), read_table("mine.csv", plain)
    assert (found.x.tolist(), found.classes, found.columns) == (same.x.tolist(), same.classes, same.columns)
    assert found.ref.digest == same.ref.digest
    assert found.ref.blanks == (below > 0 or not header), "a script has to look for them in the rows"


def test_a_last_column_that_holds_anything_is_one():
    rows = [[n, n, f"k{n % 2}", ""] for n in range(60)]
    rows[7][3] = "note"
    assert problems_of(written([["a", "b", "kind", ""], *rows])) == (
        "row 1, column 4: the column has no name: name it, or leave it out",
    )
    (problem,) = problems_of(written([["a", "b", "kind"], *rows]))
    assert problem == "row 9 has 4 cells, and row 1 has 3"
    missing = [[n, n, "" if n == 0 else f"k{n % 2}"] for n in range(60)]
    assert problems_of(written(missing)) == ("row 1, column 3: the class is missing: fill it in, or leave the row out",)


@pytest.mark.parametrize("twin", ["Yes", "YES", "y es", "yeſ", "ｙes"])
def test_classes_that_only_look_different_are_said(twin):
    found = read_table("mine.csv", blobs().replace(b"k1", b"yes").replace(b"yes", twin.encode(), 9))
    assert set(found.classes) == {"k0", "yes", twin}
    (remark,) = found.remarks
    assert f"'{twin}'" in remark
    assert "'yes'" in remark
    (problem,) = problems_of(blobs().replace(b"k1", b"yes").replace(b"yes", twin.encode(), 2))
    assert problem.endswith("if 'yes' is the same class, write it alike")


def test_numbers_as_classes_that_are_equal_are_said_and_blanks_around_a_class_are_no_part_of_it():
    assert (
        "'1' and '1.0'" in read_table("mine.csv", blobs().replace(b"k1", b"1").replace(b"1\r", b"1.0\r", 9)).remarks[0]
    )
    assert read_table("mine.csv", blobs().replace(b"k1", b"yes").replace(b"yes", b" yes \xc2\xa0", 9)).remarks == ()


@pytest.mark.parametrize("clear", ["0,500", "1100,250", "2,5", "1,100e3", "-,125"])
def test_one_comma_that_can_be_no_thousands_separator_makes_all_of_them_decimal_signs(clear):
    found = read_table("mine.csv", priced("1,100", clear))
    assert found.x[:2, 0].tolist() == [1.1, float(clear.replace(",", "."))]
    assert found.ref.decimal_comma


@pytest.mark.parametrize("cell", ["1" * 130_000 + "x", "." + "1" * 130_000 + "x", "-" * 130_000, "1" * 130_000])
@pytest.mark.parametrize("row", [1, 2, 30])
def test_a_cell_that_is_too_long_is_named_wherever_it_stands(cell, row):
    (problem,) = problems_of(changed(row, 3, cell))
    column = "3" if row == 1 else "'petal length'"
    assert problem.startswith(f"row {row}, column {column}: the cell has {len(cell):,} signs")
    assert "at most 200 are read" in problem


def test_twice_as_long_a_cell_takes_no_four_times_as_long_to_look_at():
    def cost(digits: int) -> float:
        texts = ["1" * digits + "x", "1" * digits + "e", "." + "1" * digits + "x", "1" * digits + "." + "1" * digits]
        start = time.process_time()
        for text in texts * 5:
            NUMBER.fullmatch(text + "x")
        return time.process_time() - start

    few, many = (min(cost(digits) for _ in range(3)) for digits in (250, 4_000))
    assert many < 100 * few, "16 times as long: 16 times the cost where it is linear, 256 times where it is squared"


def test_only_cells_that_a_table_can_have_are_looked_at_to_find_the_separator(monkeypatch):
    looked = []
    monkeypatch.setattr("bnviz.sharing.table_head.is_number", lambda cell, _decimal: looked.append(cell) or False)
    problems_of(b"1," * 1_000_000)
    assert len(looked) <= 20 * (MAX_FEATURES + 2)


def test_a_zip_bomb_with_the_name_of_a_table_is_not_unpacked():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("iris.csv", b"0" * 50_000_000)
    (problem,) = problems_of(out.getvalue())
    assert "a workbook or a zip file" in problem


def test_of_many_things_that_are_wrong_the_first_few_are_listed():
    problems = problems_of(iris().replace(b".", b"x", 20))
    assert len(problems) == LISTED
    assert problems[0].startswith("row 2, column 'sepal length'")


def test_the_classes_may_be_in_any_column_and_be_numbers():
    data = written([["kind", "a", "b"], *([index % 3 + 1, index, -index] for index in range(60))])
    found = read_table("mine.csv", data, 1)
    assert found.classes == ("1", "2", "3")
    assert (found.x[:, 0] == np.arange(60)).all()
    assert found.features == ("a", "b")
    assert read_head(data).columns == ("kind", "a", "b")
    (problem,) = problems_of(data)
    assert "choose that one" in problem


def test_the_largest_table_is_read():
    rows = [[*([5] * MAX_FEATURES), f"k{index % MAX_CLASSES}"] for index in range(MAX_BYTES // 140)]
    found = read_table("mine.csv", written(rows))
    assert found.x.shape == (len(rows), MAX_FEATURES)
    assert len(found.classes) == MAX_CLASSES
    tall = read_table("mine.csv", blobs(rows=MAX_ROWS, features=2))
    assert tall.ref.rows == MAX_ROWS


def test_the_same_cells_are_the_same_table_however_the_file_ends_its_lines():
    refs = {
        read_table("iris.csv", form).ref for form in (iris(), iris().replace(b"\r\n", b"\n"), b"\xef\xbb\xbf" + iris())
    }
    assert len(refs) == 1
    assert read_table("iris.csv", changed(2, 1, "5.2")).ref.digest != next(iter(refs)).digest
    assert read_table("iris.csv", iris().replace(b"sepal", b"leaf", 1)).ref.digest != next(iter(refs)).digest


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "C:\\data\\iris.csv", 'a"b.csv', "a,b~c.csv", "<b>.csv", "\u202eiris.csv", "", "x" * 400],
)
def test_a_hostile_file_name_leaves_only_harmless_signs(name):
    found = read_table(name, iris()).ref.name
    assert 0 < len(found) <= 60
    assert not set(found) & set("~,\"'\\/<>&\u202e")
