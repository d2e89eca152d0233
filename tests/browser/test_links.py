"""The links between the pages, followed as people do: by a click, in a new tab, from below a path as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.browser.driver import Server, Visit, serve

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = pytest.mark.browser
PAGES = ("anatomy", "claims", "maps", "recordings")
CLAIM = "claims?claim=faster"
INTO_THE_LAB = "a[data-testid=stPageLink-NavLink][href*='normalization=']"
DRAWN = "[data-testid=stApp][data-test-script-state=notRunning]"
READY = "window.bnvizStats?.connected && bnvizStats.updates > 0"


@pytest.fixture(scope="module")
def below(chromium, tmp_path_factory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("below") / "server.log", "/class/lab") as server:
        yield server


@pytest.fixture(params=["app", "below"])
def visit(request, desktop) -> Iterator[Visit]:
    """A page, not opened yet; it may not complain in the console or ask another host for anything."""
    one = Visit(desktop.new_page(), request.getfixturevalue(request.param).url)
    yield one
    one.page.close()
    one.check_manners()


def link_into_the_lab(visit: Visit) -> Locator:
    visit.page.locator(INTO_THE_LAB).first.wait_for()
    visit.page.wait_for_selector(DRAWN)  # more links come before it while the page is drawn
    return visit.page.locator(INTO_THE_LAB).first


def test_a_link_into_the_lab_opens_these_very_networks_here_and_in_new_tabs(visit, desktop):
    visit.page.goto(f"{visit.url}/{CLAIM}")
    link = link_into_the_lab(visit)
    asked = (f"{visit.url}/", urlsplit(link.get_attribute("href") or "").query)
    for how in ({"button": "middle"}, {"modifiers": ["Control"]}, {"modifiers": ["Shift"]}):
        with desktop.expect_page() as opened:
            link.click(**how)
        address, _, query = opened.value.url.partition("?")
        opened.value.close()
        assert (address, query) == asked, how
        assert visit.page.url == f"{visit.url}/{CLAIM}", "the page that it was opened from stays"
    visit.js("window.before = true")
    link.click()
    visit.wait(READY)
    assert visit.page.url.partition("?")[0] == asked[0]
    assert visit.js("window.before") is True, "a plain click loads nothing anew"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_for_nothing_that_is_not_there_and_its_link_to_the_lab_leads_there(app, desktop, page):
    visit = Visit(desktop.new_page(), app.url)
    missing: list[str] = []
    visit.page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
    visit.page.goto(f"{visit.url}/{page}")
    link = visit.page.locator(".st-key-bnviz-pages a").filter(has_text="Lab")
    with desktop.expect_page() as opened:
        link.click(button="middle")
    address = opened.value.url
    opened.value.close()
    visit.page.close()
    assert address == f"{visit.url}/"
    assert not missing
    visit.check_manners()
