from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.history import History
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.snapshot import FIELDS, POINTS, Divergence, Snapshot, histogram_edges, kept_channels
from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.numbers import COLUMNS, EDGE, MAX_CSV_ROWS, MAX_WORD, to_csv, to_parquet
from bnviz.sharing.recording import read_recording
from bnviz.sharing.recording_history import histories as recorded_histories
from bnviz.training.comparison import Comparison
from tests.sharing.recorded import layer, made, record

SIZES = {
    "point": 3, "layer": 2, "weight": 3, "quantile": 7, "cell": 51, "unit": 3, "unit_quantile": 3, "channel": 5,
    "row": 32, "column": 32, "image": 12,
}  # fmt: skip
CONFIG = ExperimentConfig(hidden_layers=2, width=5)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r\n"), max_size=20)


def numbers(name: str) -> st.SearchStrategy:
    shape = tuple(SIZES[axis] for axis in FIELDS[name].axes)
    dtype = np.dtype(FIELDS[name].dtype)
    elements = st.floats(width=32) if dtype.kind == "f" else st.integers(0, np.iinfo(dtype).max)
    return arrays.arrays(dtype, shape, elements=elements)


@st.composite
def histories(draw) -> History:
    history = History()
    lab = [name for name, field in FIELDS.items() if not field.recorded]
    names = draw(st.lists(st.sampled_from(lab), unique=True, max_size=4))
    for step in sorted(draw(st.sets(st.integers(0, 10**7), max_size=3))):
        present = [name for name in names if not FIELDS[name].sparse or draw(st.booleans())]
        history.append(Snapshot(step, CONFIG, {name: draw(numbers(name)) for name in present}))
    return history


def expected(history: History, name: str) -> tuple[list[int], np.ndarray]:
    """A quantity's steps and numbers, straight from the history."""
    if FIELDS[name].sparse:
        rows = history.sparse(name)
        step_of = dict(zip(history.ids.tolist(), history["step"].tolist(), strict=True))
        return [step_of[key] for key in rows], np.array(list(rows.values()))
    return history["step"].tolist(), history[name]


def check(rows: list[dict], shown: list[History], read: object) -> None:
    """The rows are exactly the histories' numbers, in order, nothing more."""
    place = 0
    for arm, history in enumerate(shown):
        for name in [name for name in FIELDS if name in history and len(expected(history, name)[1])]:
            steps, values = expected(history, name)
            part = rows[place : place + values.size]
            place += values.size
            assert {(row["arm"], row["quantity"]) for row in part} == {(arm, name)}
            assert [row["step"] for row in part] == np.repeat(steps, values[0].size).tolist()
            back = np.array([read(row["value"]) for row in part]).astype(values.dtype)
            np.testing.assert_array_equal(back, values.ravel())
        place += sum(row["quantity"] == EDGE and row["arm"] == arm for row in rows)
    assert place == len(rows)


def from_csv(data: bytes) -> list[dict]:
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    return [row | {"arm": int(row["arm"]), "step": int(row["step"])} for row in rows]


@given(st.lists(histories(), min_size=1, max_size=2), st.lists(NAMES, min_size=2, max_size=2))
@settings(max_examples=25)
def test_a_csv_read_back_gives_exactly_the_histories_numbers(shown, names):
    check(from_csv(to_csv(shown, names[: len(shown)])), shown, float)


@given(st.lists(histories(), min_size=1, max_size=2), st.lists(NAMES, min_size=2, max_size=2))
@settings(max_examples=25)
def test_a_parquet_file_read_back_gives_exactly_the_histories_numbers(shown, names):
    data = to_parquet(shown, names[: len(shown)])
    check(pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist(), shown, float)


@pytest.fixture(scope="module")
def real() -> list[History]:
    twins = Comparison(PRESETS["headline"].arms, every=1)
    twins.advance(steps=6)
    return twins.histories


def test_every_row_says_where_its_number_belongs(real):
    rows = from_csv(to_csv(real, ["a", "b"]))
    assert list(rows[0]) == list(COLUMNS)

    def one(**wanted: object) -> float:
        found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
        assert len(found) == 1
        return np.float32(found[0]["value"])

    plain, normed = real
    place = {"arm": 0, "name": "a", "step": 4}
    assert one(**place, quantity="test_loss") == plain["test_loss"][4]
    point = place | {"point": POINTS[2], "layer": "3"}
    assert one(**point, quantity="percentiles", percentile="85") == plain["percentiles"][4, 2, 2, 5]
    assert one(**point, quantity="histogram", cell="20") == plain["histogram"][4, 2, 2, 20]
    assert one(**place, quantity="gradient_z", layer="4") == plain["gradient_z"][4, 3]
    gamma = {"arm": 1, "name": "b", "step": 4, "quantity": "gamma", "layer": "2"}
    assert one(**gamma, unit=str(kept_channels(100)[7])) == normed["gamma"][4, 1, 7]
    assert one(arm=1, quantity=EDGE, point=POINTS[0], cell="49") == histogram_edges(normed.last.config)[0, -1]
    assert one(**place, quantity="predictions", cell="11") == plain.sparse("predictions")[4][11]


def test_a_long_history_loses_snapshots_of_its_largest_quantities_only(real):
    most = 6000
    rows = from_csv(to_csv(real, ["a", "b"], max_rows=most))
    assert 0.5 * most < len(rows) <= most
    steps = {row["step"] for row in rows if row["quantity"] == "histogram"}
    assert steps < set(range(6))
    for name in ("loss", "test_accuracy", "gradient_z", "saturated"):
        assert {row["step"] for row in rows if row["quantity"] == name} == set(range(6))
    assert len(from_csv(to_csv(real, ["a", "b"]))) <= MAX_CSV_ROWS


def test_the_parquet_file_tells_the_version_the_configurations_and_what_each_column_is(real):
    broken = History()
    broken.append(Snapshot(3, CONFIG, {"loss": np.float32(np.nan)}, Divergence(3, 1, "hidden layer 2")))
    data = to_parquet([*real, broken, History()], ["a", "b", "c", "d"], version="1.2.3")
    schema = pyarrow.parquet.read_schema(io.BytesIO(data))
    about = json.loads(schema.metadata[b"bnviz"])
    assert about["version"] == "1.2.3"
    assert [one["name"] for one in about["networks"]] == ["a", "b", "c", "d"]
    assert about["networks"][0]["configuration"] == json.loads(json.dumps(asdict(real[0].last.config)))
    assert about["networks"][2]["diverged"] == {"step": 3, "layer": 1, "where": "hidden layer 2"}
    assert about["networks"][3]["configuration"] is None
    assert {field.name: field.metadata[b"doc"].decode() for field in schema} == dict(COLUMNS)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@sum", "\t=1", ' ="x",y'])
def test_a_spreadsheet_takes_no_name_for_a_formula(name, real):
    assert from_csv(to_csv(real, [name, "b"]))[0]["name"] == f"'{name}"


def test_no_networks_are_a_table_without_rows():
    assert to_csv([], []) == (",".join(COLUMNS) + "\n").encode()
    assert pyarrow.parquet.read_table(io.BytesIO(to_parquet([History()], ["\ud800"]))).num_rows == 0


# --- recordings of models -----------------------------------------------------------------------------------------


@pytest.fixture
def recorded(tmp_path) -> list[History]:
    layers = [layer("=conv", "conv"), layer("norm", "batch_norm", 3)]
    sample = np.linspace(-1, 1, 64)
    scalars = {"loss": 0.5, "accuracy": 0.25}
    records = [record(s, {(0, 0): sample, (1, 0): sample * s}, layers, scalars=scalars) for s in range(1, 4)]
    for one in records:
        one["gamma"][:, 3:] = np.nan
    return recorded_histories([made(tmp_path / "run.bnviz", layers, records)])


def test_recorded_numbers_read_back_exactly_with_their_layers_names(recorded):
    (history,) = recorded
    rows = from_csv(to_csv(recorded, ["run"]))
    check(rows, recorded, float)
    check(pyarrow.parquet.read_table(io.BytesIO(to_parquet(recorded, ["run"]))).to_pylist(), recorded, float)

    def values(**wanted: object) -> list[np.float32]:
        return [np.float32(row["value"]) for row in rows if all(row[key] == value for key, value in wanted.items())]

    place = {"step": 2, "layer": "2", "label": "norm"}
    assert values(**place, quantity="mean", point="output") == [history["mean"][1, 0, 1]]
    assert values(**place, quantity="weight_norm") == [history["weight_norm"][1, 1]]
    assert values(**place, quantity="gamma", unit="2") == [history["gamma"][1, 0, 2]]
    assert len(values(**place, quantity="gamma", unit="")) == 13, "behind the layer's last channel"
    assert values(step=2, quantity="scalar", label="accuracy") == [0.25]
    assert values(quantity=EDGE, layer="2", cell="1", point="output") == [history.layout.edges[0, 1, 0]]
    assert values(step=2, quantity="mean", label="'=conv") == [history["mean"][1, 0, 0]], "no formula"
    about = json.loads(pyarrow.parquet.read_schema(io.BytesIO(to_parquet(recorded, ["run"]))).metadata[b"bnviz"])
    assert about["networks"][0]["configuration"] is None


@pytest.mark.parametrize("sign", ["x", '"', "名", "=", "🙂"])
def test_a_stranger_s_long_names_do_not_make_a_table_of_many_bytes(sign, tmp_path):
    layers = [layer(sign * 399 + str(number), "linear") for number in range(3)]
    sample = np.linspace(-1, 1, 64)
    records = [record(s, {(n, 0): sample for n in range(3)}, layers, scalars={sign * 390: 1.0}) for s in range(2)]
    histories = recorded_histories([made(tmp_path / "run.bnviz", layers, records)])
    data = to_csv(histories, [sign * 300])
    _, *written = data.splitlines()
    assert max(map(len, written)) <= 2 * MAX_WORD + 80
    rows = from_csv(data)
    assert len(rows) == len(written)
    for number in range(3):
        labels = {row["label"] for row in rows if row["layer"] == str(number + 1)}
        assert len(labels) == 1
        assert labels.pop().endswith(f"{sign}… {number + 1}"), "told apart by its number"
    table = pyarrow.parquet.read_table(io.BytesIO(to_parquet(histories, ["run"])))
    assert set(histories[0].layout.layers) <= set(table["label"].to_pylist()), "there it is whole"


def test_channels_beyond_16_and_32_bits_keep_their_numbers(tmp_path):
    layers = [layer("norm", "batch_norm", 40_000), layer("wide", "batch_norm", 2**40)]
    sample = np.linspace(-1, 1, 64)
    records = [record(s, {(0, 0): sample, (1, 0): sample}, layers) for s in range(2)]
    histories = recorded_histories([made(tmp_path / "run.bnviz", layers, records)])
    wanted = {*kept_channels(40_000, 16).tolist(), *kept_channels(2**40, 16).tolist()}
    rows = [row for row in from_csv(to_csv(histories, ["run"])) if row["quantity"] == "gamma"]
    assert {int(row["unit"]) for row in rows} == wanted
    table = pyarrow.parquet.read_table(io.BytesIO(to_parquet(histories, ["run"]))).to_pylist()
    assert {row["unit"] for row in table if row["quantity"] == "gamma"} == wanted


def test_the_shipped_recordings_side_by_side_are_a_table():
    shown = recorded_histories([read_recording(one.path) for one in EXAMPLES.values()])
    table = pyarrow.parquet.read_table(io.BytesIO(to_parquet(shown, ["one", "other"])))
    assert set(table["label"].to_pylist()) == {None, "test_accuracy", *shown[0].layout.layers}
    assert table["value"].null_count == 0
