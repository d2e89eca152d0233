"""A page that lies behind another tab for long: its networks go, its charts stay, and Play goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.driver import Lab, Server, serve

pytestmark = pytest.mark.browser
CUT = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(url, ...all) {
    super(window.cut && url.includes("bnviz/live") ? "ws://127.0.0.1:9/" : url, ...all);
    window.sockets.push(this);
  }
};
"""
AWAY = "paused at step 400; the networks are put away, and Play brings them back"


@pytest.fixture(scope="module")
def hasty(chromium, tmp_path_factory) -> Iterator[Server]:
    """What nobody looks at is freed after five seconds."""
    log = tmp_path_factory.mktemp("hasty") / "server.log"
    with serve(log, BNVIZ_FREED_AFTER="5") as server:
        yield server
    assert "Traceback" not in log.read_text()


def test_a_hidden_page_gives_its_networks_up_keeps_its_charts_and_goes_on_from_where_it_was(desktop, hasty):
    lab = Lab(desktop.new_page(), hasty.url).open("?preset=headline")
    lab.pause_at(400)
    numbers = lab.numbers()
    lab.set_until(None)
    lab.wait("!document.querySelector('[data-bnviz=\"until\"]').value")
    lab.hide(True)
    lab.page.wait_for_timeout(7000)
    lab.hide(False)
    lab.page.get_by_text(AWAY).wait_for()
    assert (lab.shown, lab.numbers()) == (400, numbers)

    lab.click("switch-0")
    lab.play()
    lab.page.get_by_text("bringing the networks back to step 400").wait_for()
    lab.step_at_least(450)
    assert "401" in lab.text("interventions-0"), "what was pressed at step 400 acts at the next"
    lab.page.get_by_text("bringing the networks back to step 400").wait_for(state="detached")
    assert lab.stats()["sockets"] == 1
    lab.page.close()
    lab.check_manners()


def test_a_page_whose_run_is_gone_says_why_it_is_back_at_step_0_and_plays_the_same_again(desktop, hasty):
    page = desktop.new_page()
    page.add_init_script(CUT)
    lab = Lab(page, hasty.url).open("?preset=headline")
    lab.pause_at(100)
    numbers = lab.numbers()
    lab.js("window.cut = true, sockets.filter((one) => one.url.includes('bnviz/live')).forEach((one) => one.close())")
    lab.page.get_by_text("The connection to the app was lost; trying again").wait_for()
    lab.page.wait_for_timeout(8000)
    lab.js("window.cut = false")
    lab.page.get_by_text("The app no longer knew this run: it is back at step 0").wait_for()
    assert lab.shown == 0
    assert lab.page.input_value('[data-bnviz="until"]') == "100"
    lab.click("play")
    lab.wait("!bnvizStats.playing && bnvizStats.shown === 100")
    assert lab.numbers() == numbers
    page.close()
