"""What is measured on demand, in a real Chromium: it is the engine's own, and the run does not notice."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from bnviz.experiment.presets import PRESETS
from bnviz.training.comparison import Comparison
from bnviz.training.gradient_shift import gradient_shift
from bnviz.training.landscape import landscape
from tests.browser.driver import Lab, at

pytestmark = pytest.mark.browser

BOTH = "?charts=loss,gradient-shift,landscape"
INK = """name => {
  const canvas = document.querySelector(`[data-bnviz="canvas-${name}"]`);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.reduce((sum, value, index) => sum + (index % 4 === 3 && value > 0), 0);
}"""


def listen(lab: Lab) -> list[dict[str, Any]]:
    """What the server says of measurements, as it comes."""
    heard: list[dict[str, Any]] = []

    def hear(payload: str | bytes) -> None:
        if isinstance(payload, str) and '"measured"' in payload:
            heard.append(json.loads(payload))

    lab.page.on("websocket", lambda socket: socket.on("framereceived", hear))
    return heard


def wait_measured(lab: Lab, what: str, pattern: str = "Measured") -> str:
    lab.page.wait_for_function(
        "([name, pattern]) => new RegExp(pattern).test(document.querySelector(name)?.textContent ?? '')",
        arg=[at(f"measured-{what}"), pattern],
    )
    return lab.text(f"measured-{what}")


def headline(updates: int) -> Comparison:
    comparison = Comparison(PRESETS["headline"].arms, every=1000)
    comparison.advance(steps=updates)
    return comparison


def brief(value: float) -> str:
    """Four significant digits, as the page writes them."""
    if 0 < abs(value) < 1e-3:
        return re.sub(r"e-0?", "e−", f"{value:.2e}")
    return f"{float(f'{value:.4g}'):g}"


def test_the_charts_are_in_the_menu_empty_until_asked_and_say_what_they_measure(used):
    used.click("charts-menu")
    for what in ("gradient-shift", "landscape"):
        used.page.locator(at(f"show-{what}")).check()
    used.page.keyboard.press("Escape")
    used.wait_query("charts", "gradient-shift,landscape$")
    for what in ("gradient-shift", "landscape"):
        used.page.wait_for_selector(at(f"chart-{what}"))
        assert used.text(f"measured-{what}").endswith("?")
        assert used.text(f"measure-{what}") == "Measure at this step"
        assert used.page.evaluate(INK, what) == 0
    used.click("help-gradient-shift")
    used.page.get_by_text("Definition 2.1").wait_for()
    used.page.keyboard.press("Escape")
    used.click("charts-menu")
    used.click("charts-default")
    used.page.keyboard.press("Escape")


def test_measuring_shows_the_engines_own_numbers_and_when_time_goes_on_says_so(labs):
    lab = labs()
    heard = listen(lab)
    lab.open(BOTH)
    lab.pause_at(40)
    for what in ("gradient-shift", "landscape"):
        lab.click(f"measure-{what}")
        assert wait_measured(lab, what) == "Measured after step 40"
        assert lab.page.evaluate(INK, what) > 500, "curves and axes"
    trainings = headline(41).trainings
    shift, line = heard
    assert [(m["what"], m["step"]) for m in heard] == [("gradient-shift", 41), ("landscape", 41)]
    for arm, training in enumerate(trainings):
        own, found = gradient_shift(training), landscape(training)
        assert shift["arms"][arm]["relative"] == own.relative.tolist()
        assert shift["arms"][arm]["cosine"] == own.cosine.tolist()
        assert line["arms"][arm]["losses"] == found.losses.tolist()
        said = lab.page.locator(f"{at('chart-landscape')} .bnviz-measured-words p").nth(arm).inner_text()
        assert f"varies by {brief(found.range)} nats" in said
        assert f"by up to {brief(found.smoothness)} a unit of distance" in said
    lab.wait("document.querySelector('[data-bnviz=\"summary-gradient-shift\"]').textContent.includes('relative L2')")
    summary = lab.page.locator(at("summary-gradient-shift")).text_content()
    assert f"output: {', '.join(brief(value) for value in gradient_shift(trainings[0]).relative)}." in summary

    lab.click("step")
    assert wait_measured(lab, "landscape", "now at 41") == "Measured after step 40; now at 41"
    lab.page.keyboard.press("ArrowLeft")
    assert lab.text("measure-landscape") == "Measure again"
    lab.click("measure-landscape")
    wait_measured(lab, "landscape", "^Measured after step 41$")
    assert heard[-1]["step"] == 42
    lab.click("rewind")
    wait_measured(lab, "landscape", r"\?$")
    lab.click("measure-landscape")
    assert wait_measured(lab, "landscape") == "Measured at step 0"
    assert heard[-1]["arms"][1]["losses"] == landscape(headline(0).trainings[1]).losses.tolist()


def test_a_run_that_is_measured_while_it_plays_ends_with_the_numbers_of_one_that_is_not(labs):
    alone = labs().open()
    alone.pause_at(250)
    expected = alone.numbers()
    alone.page.close()
    lab = labs()
    heard = listen(lab)
    lab.open(BOTH)
    lab.set_until(250)
    lab.page.click(at("play"))
    lab.wait("bnvizStats.lastStep > 5")
    for what in ("gradient-shift", "landscape", "gradient-shift"):
        lab.click(f"measure-{what}")
        lab.page.wait_for_selector(f'{at(f"measure-{what}")}:not([aria-disabled="true"])')
        wait_measured(lab, what)
    lab.wait("!bnvizStats.playing && bnvizStats.lastStep === 250 && bnvizStats.shown === 250")
    assert lab.numbers() == expected
    lab.wait("!document.querySelector('[data-bnviz^=measure-][aria-disabled=true]')")
    assert [message["what"] for message in heard] == ["gradient-shift", "landscape", "gradient-shift"]
    training = headline(heard[1]["step"]).trainings[0]
    assert heard[1]["arms"][0]["losses"] == landscape(training).losses.tolist()


def test_the_cosine_and_the_logarithm_are_a_toggle_away_and_a_pointer_reads_the_values(labs):
    lab = labs().open(BOTH)
    for what, option in (("gradient-shift", "cosine"), ("landscape", "log")):
        lab.click(f"measure-{what}")
        wait_measured(lab, what)
        before = lab.page.evaluate("name => document.querySelector(name).toDataURL()", at(f"canvas-{what}"))
        lab.page.locator(at(f"chart-{what}")).get_by_role("button", name=option, exact=True).click()
        lab.page.wait_for_function(
            "([name, before]) => document.querySelector(name).toDataURL() !== before",
            arg=[at(f"canvas-{what}"), before],
        )
    lab.page.locator(at("canvas-landscape")).hover()
    lab.page.get_by_text("change of the gradient").first.wait_for()
