"""The load bench: its page reads Streamlit's messages, its numbers are what arrived, it loads this machine alone."""

from __future__ import annotations

import json
import struct
import sys
from types import SimpleNamespace

import pytest
import typer
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bnviz.commands.bench_serve import own, table
from bnviz.live.bench import Load, Stage, server
from bnviz.live.visitor import LoadError, Page, PageError, wish
from tests.live.conftest import wait_for


def finished(status: int = 0) -> bytes:
    message = ForwardMsg()
    message.script_finished = status
    return message.SerializeToString()


def mounted(token: str) -> bytes:
    message = ForwardMsg()
    message.delta.new_element.bidi_component.json = json.dumps({"token": token, "generation": 0})
    return message.SerializeToString()


def test_a_page_takes_the_token_of_the_stage_that_was_mounted_last():
    page = Page()
    for data in (mounted("first"), finished(2), mounted("second")):
        page.take(data)
        assert not page.drawn, "another run of the script follows"
    page.take(finished())
    assert (page.token, page.drawn) == ("second", True)


def test_a_page_that_shows_an_error_or_no_stage_says_so():
    message = ForwardMsg()
    message.delta.new_element.exception.type = "ZeroDivisionError"
    with pytest.raises(PageError, match="ZeroDivisionError"):
        Page().take(message.SerializeToString())
    with pytest.raises(LoadError, match="no live stage"):
        Page().take(finished())


def test_a_wish_is_what_streamlit_reads():
    message = BackMsg.FromString(wish("preset=headline", "http://127.0.0.1:1"))
    assert message.rerun_script.query_string == "preset=headline"


def frame(step: int, counts: tuple[int, int], cursor: int) -> bytes:
    arms = [{"count": count, "cursor": cursor, "layer": {"cursor": cursor - 1}} for count in counts]
    header = json.dumps({"generation": 3, "step": step, "arms": arms}).encode()
    return struct.pack("<I", len(header)) + header


def test_a_stage_counts_updates_that_bring_something_and_asks_on_from_there():
    stage = Stage(SimpleNamespace())  # type: ignore[arg-type]
    assert not stage._take('{"type":"meta"}'), "the answer is still to come"
    assert stage._take(frame(5, (2, 2), 7))
    stage.begin()
    for message in (frame(9, (0, 0), 7), frame(12, (0, 1), 8), frame(15, (3, 3), 11)):
        assert stage._take(message)
    assert (stage.updates, stage.step - stage.first_step) == (2, 10)
    assert stage.known == {"generation": 3, "cursor": 11, "layer_cursor": 10}
    with pytest.raises(LoadError, match="places"):
        stage._take('{"type":"error","message":"All places are taken"}')
    with pytest.raises(LoadError, match="number 1 in the queue"):
        stage._take('{"type":"waiting","place":1,"message":"You are number 1 in the queue"}')


@pytest.mark.parametrize("url", ["http://127.0.0.1:8501", "http://localhost:1/", "http://[::1]:8501"])
def test_a_server_of_this_machine_may_be_measured(url):
    assert own(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["http://example.com:80", "https://127.0.0.1:1", "127.0.0.1:8501", "http://127.0.0.1", "http://10.0.0.1:8501",
     "http://127.0.0.1.evil.example:1", "http://127.0.0.1:8501/x", "http://127.0.0.1:x", "", "http://user@evil:1"],
)  # fmt: skip
def test_no_other_machine_is_put_under_load(url):
    with pytest.raises(typer.BadParameter, match="of this machine"):
        own(url)


def test_a_server_that_writes_to_its_log_spoils_the_measurement(monkeypatch):
    assert_runs = "import os, sys; assert os.environ['BNVIZ_LIVE_RUNS'] == '1'; "
    monkeypatch.setenv("BNVIZ_LIVE_RUNS", "77")
    said = assert_runs + r"sys.stderr.write('bnviz at http://127.0.0.1:1 (\noh')"
    monkeypatch.setattr("bnviz.live.bench.command", lambda: [sys.executable, "-c", said])
    with pytest.raises(LoadError, match="something to say: oh"), server(1) as (url, _process):
        assert url == "http://127.0.0.1:1"


def test_a_server_that_says_more_than_a_pipe_holds_does_not_stop_at_it(monkeypatch, tmp_path):
    done = tmp_path / "done"
    script = (
        "import sys, pathlib; sys.stderr.write('bnviz at http://127.0.0.1:1 (\\n' + 'oh' * 500_000); "
        f"sys.stderr.flush(); pathlib.Path({str(done)!r}).touch()"
    )
    monkeypatch.setattr("bnviz.live.bench.command", lambda: [sys.executable, "-c", script])
    with pytest.raises(LoadError, match="something to say: oh"), server(1):
        wait_for(done.exists, "the server to have said it all")


def test_a_server_that_does_not_start_is_quoted(monkeypatch):
    monkeypatch.setattr("bnviz.live.bench.command", lambda: [sys.executable, "-c", "raise SystemExit('no port')"])
    with pytest.raises(LoadError, match="did not start: no port"), server(1):
        pass


def test_the_table_says_each_count_and_leaves_out_what_cannot_be_seen():
    load = Load(
        runs=30, seconds=15, updates=2.5, least_updates=2.0, steps=40, least_steps=31, cpu=None, client_cpu=0.2,
        memory=None, health=3, longest_health=44, target=2.0,
    )  # fmt: skip
    lines = list(table([load]))
    assert lines[2].split() == ["30", "2.5", "(2.0)", "2", "40", "(31)", "3,", "longest", "44"]
