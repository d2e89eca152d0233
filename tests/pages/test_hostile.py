"""Whatever a stranger puts into a link, a widget or a page's report: a clear message, never an exception."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from bnviz.experiment.fields import ConfigError
from bnviz.sharing.anatomy_link import decode_anatomy, encode_anatomy
from bnviz.sharing.link import KEYS as LAB_KEYS
from bnviz.sharing.link import decode, encode, from_preset
from bnviz.sharing.query import MAX_LENGTH
from bnviz.sharing.recordings_link import decode_recordings, encode_recordings
from bnviz.ui.claims_state import KEYS as CLAIMS_KEYS
from bnviz.ui.claims_state import decode_claims, encode_claims
from bnviz.ui.maps_state import KEYS as MAPS_KEYS
from bnviz.ui.maps_state import decode_maps, encode_maps
from bnviz.ui.recordings_state import RecordingsState
from bnviz.ui.state import LabState

PAGES = Path(__file__).resolve().parents[2] / "pages"
Query = dict[str, Any]
VALUES = {
    "empty": "", "blank": " ", "nan": "nan", "inf": "inf", "minus inf": "-inf", "1e308": "1e308", "1e309": "1e309",
    "negative": "-1", "huge": "9" * 400, "half": "0.5", "hex": "0x10", "underscore": "1_0", "plus": "+1",
    "comma": ",", "commas": "," * 3000, "list": "1,2,3,4,5,6,7,8,9", "nested": "[" * 900 + "]" * 900,
    "json": '{"a":{"b":[null]}}', "colon": "learning_rate:" + "0.1," * 600, "other digits": "٣٢", "wide": "１２",
    "emoji": "👩‍👩‍👧‍👦" * 50, "right to left": "\u202eevil", "zalgo": "a" + "\u0301" * 500, "null": "a\x00b",
    "surrogate": "\ud800", "surrogates": "\udcff\ud83d", "byte order": "\ufeffbatch", "lines": "a\r\nSet-Cookie: x=1",
    "script": "<script>alert(1)</script>", "markdown": "![x](https://evil.example/x.png)", "dunder": "__class__",
    "format": "{0.__class__}%s%n", "path": "../../etc/passwd", "sql": "' OR 1=1 --", "latex": "$\\input{x}$",
    "long": "x" * (MAX_LENGTH + 1), "twice": ["1", "2"], "none": [], "many": ["1"] * 500,
    "exponent": "1e-400", "true": "True", "at": "1@1:batch," * 70, "ranges": "0.1:0.2:0.3",
}  # fmt: skip
FOREIGN = ("unknown", "__proto__", "Width", "width ", "", "\ud800", "x" * 5000, "embed", "token")
DECODERS: dict[str, tuple[Callable[[Query], Any], Callable[[Any], Query], tuple[str, ...]]] = {
    "lab": (decode, encode, tuple(LAB_KEYS)),
    "anatomy": (decode_anatomy, encode_anatomy, ("batch", "gamma", "beta", "eps", "momentum", "upstream", "channel")),
    "recordings": (decode_recordings, encode_recordings, ("show", "layer", "charts")),
    "claims": (decode_claims, encode_claims, CLAIMS_KEYS),
    "maps": (decode_maps, encode_maps, MAPS_KEYS),
}
AXES = {"x": "learning_rate:0.01,0.1", "y": "init_std:0.1,1", "normalization": "none,batch"}
QUERIES = [
    *((page, {key: value}) for page, (_, _, keys) in DECODERS.items() for key in keys for value in VALUES.values()),
    *((page, {key: value}) for page in DECODERS for key in FOREIGN for value in ("1", "", "\ud800", ["a", "b"])),
    *(("lab", {"preset": "headline", key: value}) for key in LAB_KEYS for value in VALUES.values()),
    *(("maps", AXES | {key: value}) for key in MAPS_KEYS for value in VALUES.values() if key != "map"),
    *((page, {f"k{number}": "1" for number in range(5000)}) for page in DECODERS),
    *((page, {"x" * 1_000_000: "1"}) for page in DECODERS),
    *((page, {keys[0]: "1" * 1_000_000}) for page, (_, _, keys) in DECODERS.items()),
]


@pytest.mark.parametrize("page", DECODERS)
def test_no_query_does_anything_but_open_or_say_what_is_allowed(page):
    """Each is read into a state that its own link gives again, or refused in a sentence."""
    read, write, _ = DECODERS[page]
    mine = [query for name, query in QUERIES if name == page]
    refused = 0
    for query in mine:
        said = ""
        try:
            shown = write(read(query))
        except ConfigError as error:
            said = str(error)
        if said:
            refused += 1
            assert 10 < len(said) < 1000, f"{query!r:.200}: {said:.200}"
        else:
            assert write(read(shown)) == shown, f"{query!r:.200}"
    assert refused > len(mine) / 2


def test_there_are_thousands_of_them():
    assert len(QUERIES) > 3000


def opened(page: str, query: Query) -> AppTest:
    app = AppTest.from_file(PAGES / f"{page}.py", default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    return app


MARKUP, OTHERS = ("script", "markdown", "latex"), ("1e308", "emoji", "null", "nested", "many", "long")
SAMPLE = [
    (page, {keys[number % len(keys)]: VALUES[name]})
    for place, (page, (_, _, keys)) in enumerate(DECODERS.items())
    for number, name in enumerate((*MARKUP, OTHERS[place], OTHERS[place - 1]))
]


@pytest.mark.parametrize("page", DECODERS)
def test_a_page_opened_by_a_hostile_link_says_so_without_markup_of_the_strangers(page):
    for _, query in [one for one in SAMPLE if one[0] == page]:
        app = opened(page, query)
        assert not app.exception, (query, app.exception)
        said = [element.value for element in app.error]
        assert not any(re.search(r"(?<!\\)(<script|!\[|\$\\input)", text) for text in said), "every sign is escaped"
        assert all(len(text) < 2000 for text in said)


# --- forged widgets ------------------------------------------------------------------------------


def forge(app: AppTest, identity: str, **value: Any) -> None:
    """Send a widget's state that its control could never have, beside those that the page has."""
    forged = WidgetState(id=identity)
    for name, content in value.items():
        if isinstance(content, list):
            getattr(forged, name).data.extend(content)
        else:
            setattr(forged, name, content)
    true = app._tree.get_widget_states

    def states() -> Any:
        found = true()
        kept = [state for state in found.widgets if state.id != identity]
        del found.widgets[:]
        found.widgets.extend([*kept, forged])
        return found

    app._tree.get_widget_states = states  # type: ignore[method-assign]
    app.run()


FORGED: dict[str, list[dict[str, Any]]] = {
    "selectbox": [{"string_value": text} for text in ("bogus", "", "<script>", "\x00", "x" * 5000)],
    "number_input": [{"double_value": x} for x in (float("nan"), float("inf"), -1e308, 1e308, -1.0)]
    + [{"int_value": x} for x in (-1, 2**62)],
    "slider": [{"double_array_value": x} for x in ([1e308], [float("nan")], [-5.0], [], [1.0, 2.0])],
    "multiselect": [{"string_array_value": x} for x in (["bogus"], ["seed"] * 50, ["__class__"], [""])],
    "toggle": [{"bool_value": True}],
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_widget_value_changes_nothing_or_is_refused_and_the_lab_lives(kind):
    wrong, count = [], len(getattr(opened("lab", {}), kind))
    pairs = [(number, value) for number in range(count) for value in FORGED[kind]]
    for number, value in pairs[:: 4 if len(pairs) > 20 else 1]:  # every control, every value
        app = opened("lab", {})
        control = getattr(app, kind)[number]
        forge(app, control.id, **value)
        if app.exception:
            if math.isfinite(value.get("double_value", 0)):  # else Streamlit itself can't make a whole number of it
                wrong.append((control.label, value, app.exception[0].message[:200]))
            continue
        state = app.session_state["lab"]
        assert decode(encode(state.link)) == state.link, "what it shows is an experiment that a link can hold"
        if number % 5 == 0:
            app.run()
            assert not app.exception
    assert not wrong, "\n".join(map(str, wrong))


# --- forged reports of the stage -----------------------------------------------------------------

ODD: list[Any] = [
    None, True, -1, 0, 2**70, 1e308, float("nan"), float("inf"), "", "x", "9" * 5000, "\ud800", [], [[]], {}, {"a": {}},
    [None], ["<script>"], [{"step": 1}], [[{"step": 1, "normalization": "evil"}]], [[{"evil": 1}]], [[1]],
    [[{"step": -1, "normalization": "batch"}]], [[{"step": 1, "learning_rate": float("nan")}]], [[{}] * 100] * 100,
    json.loads("[" * 500 + "]" * 500),
]  # fmt: skip
REPORTED = ("interventions", "seed", "layer", "charts", "until", "generation", "evil")


@pytest.mark.parametrize("name", REPORTED)
def test_a_forged_report_leaves_the_lab_and_the_recordings_with_a_state_that_a_link_holds(name, monkeypatch):
    for value in ODD:
        lab = LabState(from_preset("headline"))
        lab.follow({"generation": 0, name: value})
        assert decode(encode(lab.link)) == lab.link, value
        assert lab.problem is None or len(lab.problem) < 400
        recordings = RecordingsState()
        recordings.follow({"generation": 0, name: value})
        shown = encode_recordings(recordings.link)
        assert encode_recordings(decode_recordings(shown)) == shown


def test_a_link_of_a_megabyte_is_refused_before_it_is_read():
    query = "width=" + "1," * 500_000
    began = time.thread_time()
    with pytest.raises(ConfigError, match=f"at most {MAX_LENGTH} characters"):
        decode(parse_qs(query))
    assert time.thread_time() - began < 5.0, "a bound of seconds: reading it all would take minutes"
