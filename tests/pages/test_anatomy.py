"""The anatomy page: every section is computed from the link, the link holds the whole state, nothing breaks it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import bnviz
from bnviz.experiment.anatomy import EXAMPLES, FIELDS, MISTAKES, Anatomy
from bnviz.live.routes import assets_path
from bnviz.sharing.anatomy_link import encode_anatomy
from bnviz.training.anatomy import axes, mistakes, modes, scale
from bnviz.ui.anatomy_result import SECTIONS, as_json, result
from tests.ui.lab import mounted

PAGE = Path(__file__).resolve().parents[2] / "pages" / "anatomy.py"


def open_anatomy(**query: str) -> tuple[AppTest, dict[str, Any]]:
    page = AppTest.from_file(PAGE, default_timeout=60)
    for key, value in query.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception, page.exception
    return page, data_of(page)


def data_of(page: AppTest) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(mounted(page).json)
    return data


def test_the_page_opens_with_the_forward_pass_of_the_plain_example():
    page, data = open_anatomy()
    assert page.query_params == {}
    assert data["problems"] == []
    assert data["assets"] == assets_path()
    assert data["result"]["section"] == "forward"
    np.testing.assert_array_equal(data["state"]["batch"], EXAMPLES["plain"].batch)
    assert set(data["state"]) == set(FIELDS)
    assert [example["name"] for example in data["examples"]] == list(EXAMPLES)


def test_the_component_keeps_its_place_and_is_a_stub():
    page, _ = open_anatomy()
    proto = mounted(page)
    assert proto.id.endswith("-anatomy"), "a key that never changes keeps it mounted"
    assert proto.isolate_styles is False
    assert len(proto.js_content) < 1000, "it is sent again with every rerun"


def test_the_forward_numbers_are_those_of_the_library():
    _, data = open_anatomy(example="tiny", gamma="2,3", beta="0.5,-1", eps="1e-3")
    shown = data["result"]["forward"]
    done = bnviz.batch_norm_steps(EXAMPLES["tiny"].batch, (2, 3), (0.5, -1), 1e-3)
    for name in ("mean", "variance", "std", "normalized", "scaled", "output"):
        np.testing.assert_array_equal(shown[name], getattr(done, name))
    np.testing.assert_allclose(np.var(shown["normalized"], axis=0), shown["shrink"], rtol=1e-9)
    assert max(shown["layer_difference"], shown["torch_difference"]) < 1e-12
    assert shown["is_undone"] is False


def test_undone_the_input_returns():
    x = np.array(EXAMPLES["units"].batch)
    gamma, beta = np.sqrt(x.var(0) + 1e-5), x.mean(0)
    query = {"gamma": ",".join(map(repr, gamma.tolist())), "beta": ",".join(map(repr, beta.tolist()))}
    _, data = open_anatomy(example="units", **query)
    assert data["result"]["forward"]["input_distance"] < 1e-10


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_of_every_example_is_plain_json(section, example):
    anatomy = Anatomy(section=section).with_example(example)
    text = json.dumps(as_json(result(anatomy)), allow_nan=False)
    assert set(json.loads(text)) == {"section", "shared", section}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_largest_table_stays_small_on_the_wire(section):
    rng = np.random.default_rng(0)
    batch = tuple(map(tuple, rng.normal(size=(32, 8)).tolist()))
    anatomy = Anatomy(section=section, batch_size=256).with_batch(batch)
    assert len(json.dumps(as_json(result(anatomy)))) < 150_000


def test_all_mistakes_are_offered():
    _, data = open_anatomy(section="mistakes", mistakes="no_eps", example="constant")
    assert list(data["result"]["mistakes"]["versions"]) == list(MISTAKES)
    flat = np.array(data["result"]["mistakes"]["versions"]["no_eps"]["output"]).ravel().tolist()
    assert "nan" in flat, "a division of 0 by 0 is shown, as a word that JSON can carry"


def test_one_sample_a_batch_shows_pytorchs_own_refusal():
    _, data = open_anatomy(section="modes", batch_size="1")
    assert "more than 1 value per channel" in data["result"]["modes"]["error"]


def test_kerass_running_variance_is_the_biased_one():
    running = [
        np.array(open_anatomy(section="code", framework=name)[1]["result"]["code"]["numbers"]["running_var"])
        for name in ("pytorch", "keras")
    ]
    rows = len(EXAMPLES["plain"].batch)
    np.testing.assert_allclose((running[0] - 0.9) * (rows - 1), (running[1] - 0.9) * rows)


def values(node: Any) -> Iterator[Any]:
    if isinstance(node, list | dict):
        for item in node.values() if isinstance(node, dict) else node:
            yield from values(item)
    else:
        yield node


def test_no_number_reaches_the_page_that_json_does_not_know():
    data = as_json(result(Anatomy(section="mistakes", eps=1e-12).with_example("constant")))
    assert all(math.isfinite(value) for value in values(data) if isinstance(value, float))


BROKEN = ["section=tail", "batch=1,2;3", "eps=nan", "nothing=1", "gamma=1", "example=x&batch=1;2", "batch=%00"]


@pytest.mark.parametrize("query", BROKEN)
def test_a_broken_link_is_said_and_the_page_shows_its_first_example(query):
    page, data = open_anatomy(**dict(part.split("=") for part in query.split("&")))
    (problem,) = data["problems"]
    assert problem["field"] == "link"
    assert problem["message"].startswith("This link can't be read: ")
    assert data["state"] == as_json(Anatomy())
    assert page.query_params == {}


def test_the_address_is_what_the_link_says():
    anatomy = Anatomy(section="axes", norm="group", groups=3)
    page, data = open_anatomy(**encode_anatomy(anatomy))
    assert data["state"] == as_json(anatomy)
    assert page.query_params == encode_anatomy(anatomy)


# --- every section hands on what the library computes from all that the reader has turned ---------------------------

TURNED = Anatomy(
    gamma=(2.0, -1.0, 0.5), beta=(1.0, 0.5, -2.0), eps=0.1, channel=1, log_scale=0.7,
    upstream=tuple((float(i), -0.5 * i, 2.0 - i * i) for i in range(6)),
    distribution="skewed", mean=-3.0, std=0.5, batch_size=5, momentum=0.3, shift_step=40, shifted_mean=2.0,
    shifted_std=4.0, step=3, sample=7.0, draw=11, norm="group", groups=3,
)  # fmt: skip
X, GAMMA, BETA = np.array(TURNED.batch), np.array(TURNED.gamma), np.array(TURNED.beta)
STEPS = bnviz.batch_norm_steps(X, GAMMA, BETA, TURNED.eps)
BACK = STEPS.backward(TURNED.upstream)


def shown(section: str) -> dict[str, Any]:
    """The numbers of a section, as they are sent to the browser."""
    found: dict[str, Any] = as_json(result(TURNED.replace(section=section)))
    return found


def test_what_all_sections_share_is_the_batchs():
    shared = shown("axes")["shared"]
    assert (shared["rows"], shared["columns"], shared["example"], shared["upstream"]) == (6, 3, "plain", None)
    assert shared["normalized_bound"] == pytest.approx(np.sqrt(5))
    np.testing.assert_allclose(shared["mean"], X.mean(0))
    np.testing.assert_allclose(shared["variance"], X.var(0))


def test_the_forward_section_is_numpys():
    forward = shown("forward")["forward"]
    y = GAMMA * (X - X.mean(0)) / np.sqrt(X.var(0) + 0.1) + BETA
    np.testing.assert_allclose(forward["output"], y)
    np.testing.assert_allclose(forward["output_mean"], y.mean(0))
    np.testing.assert_allclose(forward["output_variance"], y.var(0))
    np.testing.assert_allclose(forward["shrink"], X.var(0) / (X.var(0) + 0.1))
    np.testing.assert_allclose(forward["undo"]["gamma"], np.sqrt(X.var(0) + 0.1))
    np.testing.assert_allclose(forward["undo"]["beta"], X.mean(0))
    assert forward["input_distance"] == pytest.approx(np.abs(y - X).max())
    undone = TURNED.replace(gamma=tuple(forward["undo"]["gamma"]), beta=tuple(forward["undo"]["beta"]))
    assert as_json(result(undone))["forward"]["is_undone"] is True
    assert forward["is_undone"] is False


def test_the_backward_section_has_each_nodes_value_and_gradient():
    backward = shown("backward")["backward"]
    for name, node in backward["nodes"].items():
        np.testing.assert_array_equal(node["value"], STEPS.node(name))
        np.testing.assert_array_equal(node["gradient"], BACK.node(name))
        assert node["kind"] == ("row" if STEPS.node(name).ndim == 1 else "table")
    for name in ("direct", "through_mean", "through_variance", "dx", "dgamma", "dbeta", "sum_dx", "dot", "dot_exact"):
        np.testing.assert_array_equal(backward[name], getattr(BACK, name))
    assert backward["autograd"]["relative"] < 1e-12


def test_the_modes_section_is_the_stream_that_was_asked_for():
    names = (
        "distribution",
        "mean",
        "std",
        "batch_size",
        "momentum",
        "shift_step",
        "shifted_mean",
        "shifted_std",
        "draw",
    )
    stream = modes.Stream(**{name: getattr(TURNED, name) for name in names})
    assert shown("modes")["modes"] == as_json(modes.run_modes(stream, 7.0, 3))


def test_the_axes_section_is_the_norm_that_was_asked_for():
    assert shown("axes")["axes"] == as_json(axes.share_axes("group", 3))


def test_the_scale_section_is_the_layer_that_was_asked_for():
    assert shown("scale")["scale"] == as_json(scale.scale_study(X, TURNED.upstream, 0.1, 0.7, 1))


def test_the_mistakes_section_is_each_mistake_on_this_layer():
    found = shown("mistakes")["mistakes"]
    right = mistakes.right(X, GAMMA, BETA, 0.1)
    assert (found["right"], found["right_eval"]) == tuple(map(as_json, right))
    for name, wrong in mistakes.MISTAKES.items():
        assert found["versions"][name] == as_json(wrong(X, GAMMA, BETA, 0.1))


def test_the_code_section_prints_what_the_other_sections_show():
    numbers = shown("code")["code"]["numbers"]
    for name, value in (("y", STEPS.output), ("dx", BACK.dx), ("dgamma", BACK.dgamma), ("dbeta", BACK.dbeta)):
        np.testing.assert_array_equal(numbers[name], value)
    np.testing.assert_allclose(numbers["running_mean"], 0.1 * X.mean(0))
    np.testing.assert_allclose(numbers["running_var"], 0.9 + 0.1 * X.var(0, ddof=1))
