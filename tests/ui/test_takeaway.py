"""What is taken from a run opens elsewhere and holds the run's own numbers."""

from __future__ import annotations

import io
import json
import re
import runpy
import string
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from bnviz.experiment.config import Intervention
from bnviz.experiment.presets import PRESETS
from bnviz.figures.charts import FIGURES, RECORDED
from bnviz.live.copies import RunCopy
from bnviz.live.takeaway import TakeError, Wish
from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.link import parse
from bnviz.sharing.numbers import to_csv
from bnviz.sharing.opened import open_recordings
from bnviz.training.comparison import Comparison
from bnviz.ui.takeaway import MAKERS, _link
from tests.sharing.test_numbers import check, from_csv
from tests.sharing.test_report import Reader

STEPS = 30
SAFE = set(string.ascii_lowercase + string.digits + "-.")


@pytest.fixture(scope="module")
def shown() -> RunCopy:
    """The headline after some steps, batch norm switched on in the first network at step 20."""
    twins = Comparison(PRESETS["headline"].arms, every=1)
    twins.advance(steps=20)
    twins.turn(0, Intervention(normalization="batch"))
    twins.advance(steps=STEPS - 19)
    return RunCopy(
        histories=tuple(twins.histories),
        names=PRESETS["headline"].names,
        configs=tuple(twins.configs),
        chances=tuple(twins.chances),
    )


def take(copy: RunCopy, what: str, **wish: Any) -> bytes:
    return MAKERS[what](copy, Wish(what=what, **wish)).body


def test_csv_and_parquet_read_back_as_exactly_the_runs_numbers(shown):
    check(from_csv(take(shown, "csv")), list(shown.histories), float)
    table = pyarrow.parquet.read_table(io.BytesIO(take(shown, "parquet")))
    check(table.to_pylist(), list(shown.histories), float)
    about = json.loads(table.schema.metadata[b"bnviz"])
    assert [network["name"] for network in about["networks"]] == list(shown.names)


def test_the_report_has_every_chart_the_settings_the_verdicts_and_the_link_to_the_same_step(shown):
    reader = Reader(take(shown, "report", step=STEPS, layer=1, address="http://localhost:8501/lab").decode())
    text = "".join(reader.text)
    captions = [chart.title for chart in FIGURES.values() if chart.title not in text]
    assert not captions
    assert len(reader.all("figure")) == len(FIGURES)
    assert "Turned in mid-run" in text
    assert "step 20: BatchNorm" in text
    assert "reached 90%" in text or "training" in text
    (link,) = [link["href"] for link in reader.all("a")]
    assert link.startswith("http://localhost:8501/lab?preset=headline")
    found = parse(link)
    assert (found.arms, found.names, found.until) == (shown.configs, shown.names, STEPS)


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "http://a b/", "http://x/?a=b", 'http://x"onload=', "x" * 9]
)
def test_an_address_that_is_none_makes_no_link(shown, address):
    assert _link(shown, Wish(what="report", address=address)).startswith("?preset=headline"), "kept as text"


def test_the_recording_is_a_file_that_opens_again(shown):
    opened = open_recordings([("own.bnviz", io.BytesIO(take(shown, "recording")))])
    assert opened.kind == "lab"
    check(from_csv(to_csv(opened.histories, opened.names)), list(shown.histories), float)
    link = parse(opened.link_query)
    assert (link.arms, link.names, link.until) == (shown.configs, shown.names, STEPS)


@pytest.mark.parametrize("chart", FIGURES)
def test_every_chart_comes_as_a_figure_of_the_shown_layer_and_step_with_its_size(shown, chart):
    figure = json.loads(take(shown, "figure", chart=chart, layer=1, step=10))
    assert figure["layout"]["title"]["text"] == FIGURES[chart].title
    assert 700 <= figure["layout"]["width"] <= 1200
    assert 300 <= figure["layout"]["height"] <= 700
    caption = figure["layout"]["title"]["subtitle"]["text"]
    assert not caption or "layer 2" in caption or "step 10" in caption
    assert all(trace["visible"] is True for trace in figure["data"])


def test_a_picture_shows_the_lines_that_the_page_shows(shown):
    def names(chart: str, *options: str) -> list[str]:
        traces = json.loads(take(shown, "figure", chart=chart, options=options))["data"]
        return [trace["name"] for trace in traces if trace.get("showlegend", True)]

    assert names("accuracy", "test") == ["without BN, test", "with BN, test"]
    assert names("accuracy", "train") == ["train"]
    assert names("loss", "test", "batch") == ["without BN, test", "with BN, test", "this batch"]
    assert names("drift") == ["without BN, layer 1", "with BN, layer 1"]
    assert names("drift", "other layers")[-1] == "other layers"


def test_a_picture_has_the_axes_that_the_page_has(shown):
    def y(chart: str, *options: str) -> dict[str, Any]:
        axis: dict[str, Any] = json.loads(take(shown, "figure", chart=chart, options=options))["layout"]["yaxis"]
        return axis

    assert [y("loss").get("type"), y("loss", "log").get("type")] == [None, "log"]
    assert "step 0" in y("drift")["title"]["text"]
    assert "last snapshot" in y("drift", "since last")["title"]["text"]
    for chart in ("gradient-depth", "gradient-time"):
        assert "dz" in y(chart, "dL/dz")["title"]["text"]
        assert "dW" in y(chart, "dL/dW")["title"]["text"]
    assert "dead" in y("saturation", "dead")["title"]["text"]
    assert "saturated" in y("saturation")["title"]["text"]


@pytest.mark.parametrize("chart", ["", "picture", "nothing", "__class__"])
def test_a_chart_that_is_none_is_told_the_charts_there_are(shown, chart):
    with pytest.raises(TakeError, match="chart must be one of distribution, "):
        take(shown, "figure", chart=chart)


@pytest.mark.parametrize("arm", [0, 1])
@pytest.mark.parametrize("step", [10, STEPS])
def test_pytorch_scripts_end_at_the_runs_own_numbers_to_the_last_bit(shown, tmp_path, arm, step):
    """In this process: tests/sharing runs scripts as readers do."""
    script = tmp_path / "script.py"
    script.write_bytes(take(shown, "pytorch", arm=arm, step=step))
    with redirect_stdout(io.StringIO()):
        left = runpy.run_path(str(script))
    history = shown.histories[arm]
    assert left["step"] == step == history["step"][step]
    assert float(left["train_loss"]) == float(history["train_loss"][step])
    assert float(left["test_accuracy"]) == float(history["test_accuracy"][step])


def test_what_was_turned_after_the_shown_step_is_not_in_its_script(shown):
    assert "insert_batch_norm" in take(shown, "pytorch", step=20).decode()
    assert "insert_batch_norm" not in take(shown, "pytorch", step=19).decode()
    compile(take(shown, "keras", step=19), "script", "exec")
    with pytest.raises(TakeError, match="without BN: interventions: at step 20"):
        take(shown, "keras", step=20)


def test_the_menu_offers_what_there_is_and_says_why_not(shown):
    offers = json.loads(take(shown, "offers", step=STEPS))
    assert offers["recording"] == ""
    first, second = offers["scripts"]
    assert (first["name"], first["pytorch"], second["keras"]) == ("without BN", "", "")
    assert "Keras can't exchange the layers" in first["keras"]
    noisy = replace(
        shown, configs=tuple(c.replace(normalization="noisy_batch", interventions=()) for c in shown.configs)
    )
    assert "no layer for noisy_batch" in json.loads(take(noisy, "offers"))["scripts"][0]["keras"]


def test_of_a_recorded_model_no_recording_or_script_is_offered(shown):
    recorded = replace(shown, configs=(), chances=(), title="My Model (final).bnviz")
    assert json.loads(take(recorded, "offers")) == {"recording": "this is a recording already", "scripts": []}
    for what in ("recording", "pytorch", "keras"):
        with pytest.raises(TakeError):
            take(recorded, what)
    made = MAKERS["csv"](recorded, Wish(what="csv"))
    assert made.name == f"bnviz-my-model-final-bnviz-step-{STEPS}.csv"


@pytest.mark.parametrize("name", ['"; rm -rf /', "../../etc/passwd", "\r\nSet-Cookie: a=b", "ÄÖ 漢字", "", "x" * 200])
def test_no_name_of_a_strangers_gets_into_a_files_name(shown, name):
    hostile = replace(shown, names=(name, "b"), title=name)
    for what in ("csv", "parquet", "pytorch", "figure"):
        made = MAKERS[what](hostile, Wish(what=what, chart="loss", step=3)).name
        assert set(made) <= SAFE
        assert re.fullmatch(r"bnviz-[a-z0-9-]{1,110}\.[a-z]{2,7}", made)


def test_a_run_that_never_trained_gives_step_0():
    twins = Comparison(PRESETS["circles"].arms, every=1)
    twins.advance(steps=1)
    fresh = RunCopy(
        histories=tuple(twins.histories), names=("a", "b"), configs=tuple(twins.configs), chances=tuple(twins.chances)
    )
    for what in MAKERS:
        made = MAKERS[what](fresh, Wish(what=what, chart="layers"))
        assert made.body
        assert "-step-0" in made.name or what in ("pytorch", "keras")
    assert np.unique([row["step"] for row in from_csv(take(fresh, "csv"))]).tolist() == [0]


@pytest.fixture(scope="module")
def model() -> RunCopy:
    """A recording that ships, as it is played."""
    example = EXAMPLES["digits-conv"]
    with example.path.open("rb") as file:
        opened = open_recordings([(example.path.name, file)])
    tables = tuple(facts.table() for facts in opened.facts)
    return RunCopy(histories=opened.histories, names=opened.names, tables=tables, title="digits-conv")


def test_the_report_of_a_recording_tells_what_was_recorded_and_has_no_empty_chart(model):
    norm = model.histories[0].layout.layers.index("block1.norm")
    reader = Reader(take(model, "report", layer=norm, step=297).decode())
    text = "".join(reader.text)
    assert "What was recorded" in text
    assert "ConvNet" in text
    assert len(reader.all("figure")) == len(RECORDED)
    captions = re.findall(r"<figcaption>(.*?) <small>(.*?)</small>", take(model, "report", layer=norm).decode())
    shown = {title: caption.split(";")[0].split(",")[0] for title, caption in captions}
    assert shown["Distribution over time"] == shown["γ and β per channel"] == "block1.norm"
    assert shown["Weights"] == "output", "a norm has no weights of its own: the last layer that has some"
    assert "relu" in shown["Exact zeros"]


@pytest.mark.parametrize("chart", RECORDED)
def test_every_chart_of_a_recording_comes_as_a_figure_or_says_that_there_is_no_data(model, chart):
    norm = model.histories[0].layout.layers.index("block1.norm")
    figure = json.loads(take(model, "figure", chart=chart, layer=norm, step=297, options=["test_accuracy"]))
    assert figure["layout"]["title"]["text"] == RECORDED[chart].title
    said = " ".join(one.get("text", "") for one in figure["layout"].get("annotations", []))
    empty = {"gradient-time", "update-ratio", "weight-norm", "saturation", "zeros"}
    assert ("no data" in said) == (chart in empty)


def test_of_several_reported_numbers_the_chosen_one_is_in_the_picture(model):
    def names(*options: str) -> list[str]:
        return [trace["name"] for trace in json.loads(take(model, "figure", chart="reported", options=options))["data"]]

    assert names("test_accuracy", "log") == ["digits-conv, test_accuracy"]
