"""The recordings page: what ships, what is dropped, what a link and `bnviz open` say, and what can't be opened."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from bnviz.live.registry import REGISTRY, FullError, Registry
from bnviz.live.routes import SOCKET, assets_path
from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.recordings_link import FILES_VARIABLE
from bnviz.ui.recordings_state import RecordingsState
from tests.ui.lab import _nodes, mounted, problems, run

PAGE = Path(__file__).resolve().parents[2] / "pages" / "recordings.py"
CONV, MLP = ("digits-conv", "dying-mlp")


def open_page(**query: str | list[str]) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    for key, value in query.items():
        page.query_params[key] = value
    return run(page)


def state_of(page: AppTest) -> Any:
    return page.session_state["recordings"]


def data_of(page: AppTest) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(mounted(page).json)
    return data


def stages(page: AppTest) -> int:
    return sum(getattr(node, "type", "") == "bidi_component" for node in _nodes(page._tree))


def names_of(page: AppTest) -> tuple[str, ...]:
    """The recordings that the stage's token reaches."""
    seat = REGISTRY.find(data_of(page)["token"])
    assert seat is not None
    return seat.run.recorded.names


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click()
    return run(page)


def drop(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    page.file_uploader[0].set_value([(name, data, "application/octet-stream") for name, data in files])
    return run(page)


@pytest.fixture(scope="module")
def conv() -> bytes:
    return EXAMPLES[CONV].path.read_bytes()


def test_it_opens_with_nothing_but_what_can_be_opened():
    page = open_page()
    assert stages(page) == 0
    assert [page.button(key=f"show-{name}").label for name in EXAMPLES] == [
        "A convolutional net on digits, with BatchNorm2d",
        "A deep plain MLP that dies",
    ]
    assert "bnviz.record(model" in page.code[0].value
    assert page.file_uploader[0].label.startswith("Drop your own recording")
    assert (page.query_params, problems(page)) == ({}, [])


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_button_opens_a_recording_that_ships_and_the_address_says_which(name):
    page = press(open_page(), f"show-{name}")
    assert page.query_params == {"show": name}
    assert names_of(page) == (name,)
    elsewhere = open_page(show=name)
    assert names_of(elsewhere) == (name,)
    assert data_of(elsewhere)["view"] == data_of(page)["view"]
    assert data_of(elsewhere)["token"] != data_of(page)["token"], "each session has its own place"


def test_the_stage_gets_what_its_contract_says():
    page = open_page(show=CONV, layer="3", charts="loss,reported")
    proto, data = mounted(page), data_of(page)
    assert proto.id.endswith("-recording"), "a key that never changes keeps it mounted"
    assert proto.isolate_styles is False
    assert "recording.js" in proto.js_content
    assert (data["socket"], data["assets"]) == (SOCKET, assets_path())
    assert data["view"] == {"layer": 3, "charts": ["loss", "reported"], "until": None}
    assert run(page) is page
    assert data_of(page) == data, "another run of the script changes nothing"


def test_two_that_ship_are_opened_side_by_side():
    page = press(press(open_page(), f"show-{CONV}"), f"beside-{MLP}")
    assert page.query_params == {"show": f"{CONV},{MLP}"}
    assert names_of(page) == (CONV, MLP)


def test_a_dropped_file_is_opened_and_the_address_says_nothing_of_it(conv):
    page = drop(press(open_page(), f"show-{MLP}"), ("meins.bnviz", conv))
    assert names_of(page) == ("meins",)
    assert page.query_params == {}
    state_of(page).follow({"generation": state_of(page).revision, "layer": 4, "charts": ["loss"]})
    assert run(page).query_params == {}, "a layer of a file that nobody else has is nothing to link to"
    assert data_of(page)["view"] == {"layer": 4, "charts": ["loss"], "until": None}


def test_two_dropped_files_are_side_by_side_and_one_of_them_beside_one_that_ships(conv):
    page = drop(open_page(), ("a.bnviz", conv), ("b.bnviz", conv))
    assert names_of(page) == ("a", "b")
    page = drop(page, ("a.bnviz", conv))
    page = press(page, f"beside-{MLP}")
    assert names_of(page) == ("a", MLP)
    assert page.query_params == {}, "half of what is open would be false"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([("x.bnviz", b"hello")], "x.bnviz can't be opened: this is not a recording"),
        ([("x.bnviz", b"")], "x.bnviz can't be opened: this is not a recording"),
        ([("x.bnviz", gzip.compress(b"0" * 3_000_000_0))], "x.bnviz can't be opened: "),
        ([("../../x", b"\x80\x04cos\nsystem\n.")], "../../x can't be opened: "),
        ([(f"{n}.bnviz", b"") for n in range(3)], "two recordings can be drawn side by side; got 3"),
    ],
    ids=["text", "empty", "a long line", "pickle", "three"],
)
def test_what_cannot_be_opened_is_said_and_what_was_open_stays(files, said):
    page = press(open_page(), f"show-{CONV}")
    before = data_of(page)
    page = drop(page, *files)
    (problem,) = problems(page)
    assert said in problem
    assert len(problem) < 400
    assert data_of(page) == before
    assert page.query_params == {"show": CONV}
    assert problems(run(page)) == [], "it is said once"


class Unread:
    """A dropped file that nobody may read."""

    name = "x.bnviz"

    def getvalue(self) -> bytes:
        raise AssertionError("read")


def test_too_many_dropped_files_are_refused_before_one_is_read():
    state = RecordingsState()
    state.drop_files([Unread()] * 3)
    assert "got 3: open two of them" in state.problem
    assert state.sources == ()


def test_where_no_place_is_left_nobody_waits_with_a_recording_in_memory(monkeypatch):
    full = True
    open_playback = Registry.open_playback

    def crowded(registry, token, revision, make):
        if full:
            raise FullError("All places are taken")
        return open_playback(registry, token, revision, make)

    monkeypatch.setattr(Registry, "open_playback", crowded)
    page = press(open_page(), f"show-{CONV}")
    assert page.warning[0].value == "All places are taken"
    assert (state_of(page).loaded, stages(page)) == (None, 0)
    full = False
    assert names_of(run(page)) == (CONV,), "it is read again"


def test_a_file_that_was_cut_short_opens_as_far_as_it_goes(conv):
    page = drop(open_page(), ("cut.bnviz", conv[: len(conv) // 2]))
    assert problems(page) == []
    (file,) = REGISTRY.find(data_of(page)["token"]).run.recorded.files
    assert 0 < file["records"] < 100
    assert "Only a part of this file can be read" in file["problem"]


def test_files_that_are_taken_away_again_are_closed(conv):
    page = drop(drop(open_page(), ("mine.bnviz", conv)))
    assert stages(page) == 0
    page = drop(press(open_page(), f"show-{CONV}"))
    assert names_of(page) == (CONV,), "there was none of them open"


def test_close_gives_the_place_up_and_the_address_back():
    page = press(open_page(), f"show-{CONV}")
    token = data_of(page)["token"]
    page = press(page, "close")
    assert (stages(page), page.query_params) == (0, {})
    assert REGISTRY.find(token) is None


def test_a_place_that_the_server_gave_up_is_taken_again_from_the_sessions_own_bytes(conv):
    page = drop(open_page(), ("mine.bnviz", conv))
    token = data_of(page)["token"]
    with REGISTRY._lock:
        del REGISTRY._seats[token]
    assert data_of(run(page))["token"] != token
    assert names_of(page) == ("mine",)


@pytest.mark.parametrize(
    "query",
    [
        {"show": "/etc/passwd"}, {"show": "nothing"}, {"show": f"{CONV},{CONV}"}, {"file": "run.bnviz"},
        {"show": CONV, "layer": "x"}, {"show": CONV, "charts": "pie"}, {"show": "<script>"}, {"show": [CONV, MLP]},
        {"show": "x" * 20_000},
    ],
    ids=["path", "unknown", "twice", "file", "layer", "chart", "markup", "repeated", "long"],
)  # fmt: skip
def test_a_link_that_cannot_be_read_is_said_and_nothing_is_opened(query):
    page = open_page(**query)
    (problem,) = problems(page)
    assert problem.startswith("This link can't be read: ")
    assert stages(page) == 0


def test_only_what_bnviz_open_was_given_is_shown_as_opened(monkeypatch, tmp_path, conv):
    monkeypatch.delenv(FILES_VARIABLE, raising=False)
    page = open_page(show="opened")
    assert "was not started by bnviz open" in problems(page)[0]
    assert stages(page) == 0
    file = tmp_path / "given.bnviz"
    file.write_bytes(conv)
    monkeypatch.setenv(FILES_VARIABLE, json.dumps([str(file)]))
    page = open_page(show="opened")
    assert names_of(page) == ("given",)
    assert page.query_params == {"show": "opened"}
    file.unlink()
    assert "can't be read any more" in problems(open_page(show="opened"))[0]


def test_an_address_changed_by_hand_is_followed_and_a_forged_report_is_said():
    page = open_page(show=CONV)
    page.query_params["show"] = MLP
    assert names_of(run(page)) == (MLP,)
    state_of(page).follow({"generation": state_of(page).revision, "layer": "<script>"})
    assert "can't be recorded in the link" in problems(run(page))[0]
    state_of(page).follow({"generation": -5, "layer": 1})
    assert run(page).query_params == {"show": MLP}, "a report on what was open before"
