"""The lab page: the headline by default, the address is the whole state, and no link can break it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import pytest

from bnviz.experiment.presets import PRESETS
from bnviz.live import assets
from bnviz.live.registry import REGISTRY
from bnviz.live.routes import SOCKET, assets_path
from bnviz.sharing.link import CHARTS, from_preset, parse
from tests.ui.lab import address, link_of, mounted, open_lab, problems, run, set_control, stage_data


def test_the_lab_opens_with_the_headline():
    lab = open_lab()
    assert link_of(lab) == from_preset("headline")
    assert lab.query_params == {"preset": "headline"}
    assert problems(lab) == []
    assert any(PRESETS["headline"].look_for in element.value for element in lab.markdown)


@pytest.mark.parametrize("name", PRESETS)
def test_a_lesson_opens_the_stage_with_charts_points_and_toggles_that_there_are(name):
    lesson = stage_data(open_lab(preset=name))["lesson"]
    assert lesson["name"] == name
    assert lesson["point"] in (0, 1, 2)
    assert set(lesson["options"]) <= set(CHARTS)
    front = (Path(assets.__file__).parent / "frontend" / "recipes.js").read_text()
    assert all(f'"{option}": ' in front for options in lesson["options"].values() for option in options)
    assert all(f"“{option}”" in PRESETS[name].look_for for options in lesson["options"].values() for option in options)


def test_an_experiment_of_ones_own_changes_nothing_of_how_the_stage_stands():
    assert stage_data(open_lab(preset="noisy-batch", width="16"))["lesson"] is None


def test_the_stage_gets_what_its_contract_says():
    lab = open_lab(preset="circles", layer="2", until="50", charts="loss,drift")
    proto, data = mounted(lab), stage_data(lab)
    assert proto.component_name.endswith("bnviz_stage")
    assert proto.id.endswith("-stage"), "a key that never changes keeps it mounted"
    assert proto.isolate_styles is False
    assert (data["socket"], data["assets"]) == (SOCKET, assets_path())
    assert data["view"] == {"layer": 2, "charts": ["loss", "drift"], "until": 50}
    assert REGISTRY.find(data["token"]) is not None
    assert "stage.js" in proto.js_content
    assert len(proto.js_content) < 1000, "it is sent again with every rerun: a stub"


def test_the_page_itself_does_not_train():
    lab = open_lab()
    set_control(lab, "Lesson", "circles")
    run_ = REGISTRY.find(stage_data(lab)["token"]).run
    assert run_._comparison is None, "networks are made when the stage asks for them"


def test_two_visitors_have_a_run_each():
    one, two = open_lab(), open_lab()
    assert stage_data(one)["token"] != stage_data(two)["token"]


def test_a_visitor_who_stays_keeps_the_token_and_a_freed_run_gets_a_new_one():
    lab = open_lab()
    token = stage_data(lab)["token"]
    assert stage_data(run(lab))["token"] == token
    with REGISTRY._lock:
        del REGISTRY._seats[token]
    fresh = stage_data(run(lab))["token"]
    assert fresh != token
    assert REGISTRY.find(fresh).run._requested[0] == link_of(lab).arms


ADDRESSES = [
    *(f"preset={name}" for name in PRESETS),
    "preset=headline&seed=7",
    "preset=headline&width=64&hidden_layers=5",
    "preset=circles&turns=1@120:batch,2@300:0.01&until=400",
    "preset=headline&charts=loss&layer=2",
    "preset=headline&charts=",
    "normalization=none,batch,layer&learning_rate=0.1,1.0,10.0&activation=tanh",
    "dataset=xor&noise=0.30000000000000004&normalization=group,batch&norm_groups=10&names=one,two",
    "dataset=wine&batch_size=16&samples=100&optimizer=adam&weight_decay=1e-05&names=α,β",
]


@pytest.mark.parametrize("query", ADDRESSES)
def test_the_address_holds_the_whole_state_and_opens_the_same_elsewhere(query):
    lab = open_lab(**parse_qs(query, keep_blank_values=True))
    assert problems(lab) == []
    assert link_of(lab) == address(lab) == parse(query)
    copied = urlencode(lab.query_params, doseq=True)
    elsewhere = open_lab(**parse_qs(copied, keep_blank_values=True))
    assert link_of(elsewhere) == link_of(lab)
    assert elsewhere.query_params == lab.query_params
    assert stage_data(elsewhere)["view"] == stage_data(lab)["view"]


HOSTILE = {
    "unknown preset": {"preset": "nothing"},
    "empty preset": {"preset": ""},
    "unknown part": {"colour": "red"},
    "near miss": {"widht": "64"},
    "width of text": {"width": "wide"},
    "width too large": {"width": "99999999"},
    "width of many digits": {"width": "9" * 5000},
    "width with an underscore": {"width": "1_0"},
    "width in other digits": {"width": "٣٢"},
    "width negative": {"width": "-5"},
    "width half": {"width": "3.5"},
    "rate not a number": {"learning_rate": "nan"},
    "rate infinite": {"learning_rate": "inf"},
    "rate overflowing": {"learning_rate": "1e999"},
    "rate empty": {"learning_rate": ""},
    "flag of another language": {"norm_affine": "True"},
    "unknown activation": {"activation": "__import__('os')"},
    "sql": {"dataset": "digits'; DROP TABLE--"},
    "html": {"dataset": "<script>alert(1)</script>"},
    "pickle": {"names": "\x80\x04cos\nsystem\n"},
    "path": {"dataset": "../../etc/passwd"},
    "five networks": {"width": "8,16,32,64,128"},
    "numbers of networks that clash": {"width": "8,16", "seed": "1,2,3"},
    "a preset with other numbers": {"preset": "headline", "width": "1,2,3"},
    "given twice": {"width": ["8", "16"]},
    "batch larger than the data": {"dataset": "wine", "batch_size": "1000"},
    "groups that do not divide": {"normalization": "group", "norm_groups": "3", "width": "8"},
    "turns of nonsense": {"turns": "2@x:batch"},
    "turns of an unknown norm": {"turns": "1@5:instance"},
    "turns of a missing network": {"turns": "4@5:batch"},
    "turns without end": {"turns": ",".join(["1@1:0.1"] * 2500)},
    "more turns than are kept": {"turns": ",".join(f"1@{n}:0.1" for n in range(65))},
    "rate of a turn": {"turns": "1@5:9e999"},
    "layer of nowhere": {"layer": "-1"},
    "layer too deep": {"layer": "30"},
    "until of nothing": {"until": "soon"},
    "until too far": {"until": "99999999"},
    "unknown chart": {"charts": "loss,pie"},
    "names of another number": {"names": "one,two,three", "preset": "headline"},
    "empty names": {"names": ",", "preset": "headline"},
    "names with markup": {"names": "<b>a</b>,b", "preset": "headline"},
    "prototype": {"__proto__": "1"},
    "dunder": {"interventions": "()"},
    "a very long link": {"names": "x" * 20_000},
    "null byte": {"preset": "headline\x00"},
    "a single network": {"width": "32", "names": "alone"},
}


@pytest.mark.parametrize("query", HOSTILE.values(), ids=HOSTILE)
def test_a_link_that_cannot_be_read_gives_a_clear_message_and_the_first_lesson(query):
    lab = open_lab(**query)
    (problem,) = problems(lab)
    assert problem.startswith("This link can't be read: ")
    assert problem.endswith("The lab shows its first lesson instead.")
    assert len(problem) < 700
    assert "Traceback" not in problem
    assert link_of(lab) == address(lab) == from_preset("headline")
    assert stage_data(lab)["view"] == {"layer": 2, "charts": None, "until": None}
    assert problems(run(lab)) == [], "it is said once"


def test_an_address_changed_by_hand_is_followed_and_a_bad_one_is_said():
    lab = open_lab(preset="circles")
    before = stage_data(lab)
    lab.query_params["preset"] = "spirals"
    run(lab)
    assert link_of(lab) == from_preset("spirals")
    assert stage_data(lab)["generation"] == before["generation"] + 1
    assert stage_data(lab)["token"] == before["token"]
    lab.query_params["width"] = "0"
    run(lab)
    (problem,) = problems(lab)
    assert problem.endswith("The lab stays as it was.")
    assert link_of(lab) == address(lab) == from_preset("spirals")
    assert stage_data(lab)["generation"] == before["generation"] + 1, "the run goes on"


def test_an_older_address_that_a_slow_browser_still_sends_takes_nothing_back():
    lab = open_lab()
    older = dict(lab.query_params)
    set_control(lab, "Hidden layers", 4)
    lab.query_params.clear()
    lab.query_params.update(older)
    set_control(lab, "Width", 50)
    assert [(arm.hidden_layers, arm.width) for arm in link_of(lab).arms] == [(4, 50)] * 2
    assert link_of(lab) == address(lab)


def test_what_the_stage_reports_is_in_the_address_and_the_run_goes_on():
    lab = open_lab()
    before = stage_data(lab)
    lab.session_state["lab"].follow(
        {"seed": 1, "until": 200, "layer": 1, "interventions": [[{"step": 9, "normalization": "batch"}], []]}
    )
    run(lab)
    assert lab.query_params == {
        "preset": "headline", "seed": "1", "until": "200", "layer": "1", "turns": "1@9:batch",
    }  # fmt: skip
    assert stage_data(lab)["generation"] == before["generation"]
    elsewhere = open_lab(**lab.query_params)
    assert link_of(elsewhere) == link_of(lab)


def test_a_forged_report_is_said_on_the_page_and_the_address_stays_readable():
    lab = open_lab()
    lab.session_state["lab"].follow({"layer": "<script>", "interventions": [[{"step": "x"}]]})
    run(lab)
    assert len(problems(lab)) == 1
    assert problems(open_lab(**lab.query_params)) == []


def test_importing_the_page_pays_for_nothing_that_it_does_not_need():
    heavy = ("torch", "sklearn", "scipy", "plotly.express", "matplotlib")
    light = ("bnviz.training", "bnviz.training.processes")
    code = (
        f"import sys, bnviz.ui.lab; print([name for name in sys.modules if name in {heavy!r}"
        f" or name.startswith('bnviz.training') and name not in {light!r}])"
    )
    root = Path(__file__).resolve().parents[2]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
