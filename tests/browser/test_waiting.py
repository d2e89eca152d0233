"""A server with one place to train: what a page says and does that waits for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.driver import Lab, Server, at, serve

pytestmark = pytest.mark.browser
LOSE_THE_LINE = "sockets.filter((one) => one.url.includes('bnviz/live')).at(-1).close()"
KEEP_WORDS = """
window.said = [];
new MutationObserver(() => {
  const text = document.querySelector('[data-bnviz="message"]')?.textContent;
  if (text !== undefined && text !== said.at(-1)) said.push(text);
}).observe(document, { childList: true, subtree: true, characterData: true });
"""
KEEP_SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...all) { super(...all); window.sockets.push(this); }
};
"""


@pytest.fixture(scope="module")
def small(chromium, tmp_path_factory) -> Iterator[Server]:
    """Of two pages one trains; who is paused for five seconds gives way."""
    log = tmp_path_factory.mktemp("small") / "server.log"
    with serve(log, BNVIZ_LIVE_RUNS="1", BNVIZ_HELD_PAUSED="5") as server:
        yield server
    assert "Traceback" not in log.read_text()


@pytest.fixture
def visitors(desktop, small) -> Iterator[Callable[[], Lab]]:
    """Opens pages, each with its sockets at hand."""
    made: list[Lab] = []

    def new() -> Lab:
        page = desktop.new_page()
        page.add_init_script(KEEP_SOCKETS)
        made.append(Lab(page, small.url))
        return made[-1]

    yield new
    for one in made:
        one.page.close()
        one.check_manners()


def test_who_waits_reads_its_number_and_what_to_do_and_finds_nothing_that_cannot_act(visitors):
    first, second = visitors().open(), visitors()
    first.play()
    second.page.goto(f"{second.url}/?preset=spirals")
    second.page.wait_for_selector(at("waiting"))
    assert "Number 1 in the queue" in second.text("waiting")
    assert "number 1 in the queue" in second.text("message")
    links = second.page.locator(f"{at('waiting')} a")
    pages = [f"{second.url}/{page}" for page in ("anatomy", "claims", "maps", "recordings")]
    assert [link.evaluate("a => a.href") for link in links.all()] == pages
    assert {link.get_attribute("target") for link in links.all()} == {"_blank"}
    empty = "select => select.checkVisibility() && !select.options.length"
    assert not [one for one in second.page.locator(f"{at('stage')} select").all() if one.evaluate(empty)]
    actable = "one => one.checkVisibility() && !one.closest('[inert]')"
    controls = second.page.locator(f"{at('stage')} :is(button, input, select)").all()
    assert controls
    assert not [one for one in controls if one.evaluate(actable)]
    second.page.keyboard.press("Space")
    assert second.text("play") == "Play"

    first.page.close()
    second.wait_usable()
    assert not second.page.is_visible(at("waiting"))
    assert not second.page.is_visible(at("message"))
    assert second.page.locator(f"{at('layer')} option").count() > 1
    second.play()
    second.step_at_least(3)


def test_who_finds_the_queue_full_reads_that_and_not_of_a_lost_connection(visitors):
    visitor = visitors()
    page = visitor.page
    tries: list[Any] = []

    def turn_away(socket: Any) -> None:
        tries.append(socket)
        socket.send('{"type": "error", "message": "as many pages wait as may"}')
        socket.close(code=4003)

    page.route_web_socket(re.compile("/bnviz/live"), turn_away)
    page.add_init_script(KEEP_WORDS)
    page.goto(visitor.url)
    while len(tries) < 3:
        page.wait_for_timeout(50)
    assert set(page.evaluate("said")) == {"", "as many pages wait as may"}


def test_what_was_pressed_while_waiting_outlives_a_line_that_blinks(visitors):
    first, second = visitors().open(), visitors()
    first.pause_at(2)
    second.page.goto(second.url)
    second.wait_usable()  # the first page lost its place to this one
    second.play()
    first.wait(f"document.querySelector('{at('message')}').textContent.includes('gave up its place')")
    first.click("step")
    first.wait(f"/number 1 in the queue/.test(document.querySelector('{at('message')}').textContent)")
    first.click("step")
    assert first.page.is_enabled(at("scrub")), "what was measured can still be looked at"
    for _ in range(2):
        before = first.js("sockets.length")
        first.js(LOSE_THE_LINE)
        first.wait(f"sockets.length > {before} && bnvizStats.connected")
        first.wait(f"/number 1 in the queue/.test(document.querySelector('{at('message')}').textContent)")
    second.page.close()
    first.wait("bnvizStats.lastStep >= 4")
    assert first.stats()["lastStep"] == 4, "each press is a step, and none is made twice"
