"""What leaves the lab about a run on somebody's own table: link, recording, report, numbers; never the table."""

from __future__ import annotations

import io

import pytest
from hypothesis import given

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.fields import ConfigError
from bnviz.live.playback import Playback
from bnviz.sharing.lab_recording import lab_recording
from bnviz.sharing.link import Link, parse, to_query
from bnviz.sharing.link import from_preset as preset
from bnviz.sharing.opened import open_recordings
from bnviz.sharing.query import LinkError
from bnviz.sharing.report import settings
from bnviz.sharing.table_file import read_table
from bnviz.sharing.table_link import moved
from bnviz.studies.maps import map_study
from bnviz.studies.trial import Trial
from bnviz.training.comparison import Comparison
from bnviz.ui.recordings_sources import Source, load
from tests.experiment.test_own_table import IRIS, refs
from tests.own_tables import blobs, iris_table

TABLE = iris_table()


@given(refs())
def test_a_link_about_any_table_is_read_back(ref):
    arm = ExperimentConfig(dataset="table", table=str(ref), batch_size=2)
    link = Link(arms=(arm, arm.replace(dataset="wine"), arm.replace(width=8)), names=("a", "b", "c"))
    assert parse(to_query(link)) == link


@pytest.mark.parametrize("query", ["dataset=table", "dataset=table&table=", "dataset=table&table=../../etc/passwd"])
def test_a_link_about_no_table_is_refused(query):
    with pytest.raises(ConfigError, match="table"):
        parse(query)


def test_a_table_beside_other_data_is_left_out():
    assert parse(f"dataset=wine&table={IRIS}") == parse("dataset=wine")
    with pytest.raises(LinkError):
        parse(f"dataset=wine&table={IRIS}&table2=x")


def test_moving_to_a_table_makes_fit_what_it_has_no_room_for():
    link = preset("circles")
    link = Link(arms=tuple(arm.replace(batch_size=500, noise=0.3, samples=900) for arm in link.arms), names=link.names)
    arms = moved(link, TABLE, range(2)).arms
    assert {(arm.dataset, arm.batch_size, arm.noise, arm.samples) for arm in arms} == {("table", 64, 0.0, 0)}
    assert [arm.normalization for arm in arms] == ["none", "batch"]
    half = moved(preset("headline"), TABLE, [1])
    assert [arm.dataset for arm in half.arms] == ["digits", "table"]
    other = read_table("other.csv", blobs())
    kept = moved(Link(arms=tuple(arm.replace(noise=0.5) for arm in arms), names=link.names), other, range(2))
    assert {arm.noise for arm in kept.arms} == {0.5}, "chosen for a table, it stays with the next"


def test_a_recording_is_played_and_exported_without_the_table():
    link = moved(preset("headline"), TABLE, range(2))
    comparison = Comparison(link.arms, every=5, tables={str(TABLE.ref): TABLE})
    comparison.advance(steps=11)
    data = lab_recording(comparison.histories, link.names, to_query(link))
    opened = open_recordings([("run.bnviz", io.BytesIO(data))])
    assert opened.histories[0]["train_loss"].tolist() == comparison.histories[0]["train_loss"].tolist()
    assert parse(opened.link_query) == link
    playback = Playback(load((Source(file="run.bnviz", data=data),)))
    assert playback.copy().chances == ()
    assert '"verdicts":' not in playback._meta
    assert playback._verdicts == []


def test_a_report_says_which_table_it_was():
    assert settings(moved(preset("headline"), TABLE, range(2)).arms[0])["Data"] == (
        "iris.csv (150 rows, 4 number columns, 3 classes; classes in column 5)"
    )


def test_studies_and_maps_say_that_they_are_not_about_own_tables():
    config = moved(preset("headline"), TABLE, range(2)).arms[0]
    with pytest.raises(ConfigError, match=r"iris\.csv is a table of your own: it trains in the lab"):
        Trial(config=config, steps=10, measures=("test_accuracy",))
    with pytest.raises(ConfigError, match=r"iris\.csv is your own table"):
        map_study(config, x=("learning_rate", (0.1, 1.0)), y=("width", (8, 16)))
