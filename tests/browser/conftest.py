"""One server and one Chromium for all browser tests; without a browser they are skipped, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.driver import AnatomyPage, Lab, Server, find_chromium, launch, serve


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    if find_chromium() is None:
        pytest.skip("no chromium here: python scripts/tasks.py test installs Debian's")
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync.sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def app(chromium, tmp_path_factory) -> Iterator[Server]:
    """The app; at the end its log must be free of errors."""
    log = tmp_path_factory.mktemp("app") / "server.log"
    with serve(log) as server:
        yield server
        assert server.process.poll() is None, "the server has ended"
    text = log.read_text()
    assert "Traceback" not in text, text


@pytest.fixture(scope="session")
def desktop(chromium) -> Iterator[Any]:
    """One browser context: the second page comes from its cache, as it does for everybody."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def labs(desktop, app) -> Iterator[Callable[..., Lab]]:
    """Opens pages; none may complain in the console or ask another host for anything."""
    made: list[Lab] = []

    def new(context: Any = desktop) -> Lab:
        made.append(Lab(context.new_page(), app.url))
        return made[-1]

    yield new
    for lab in made:
        if not lab.page.is_closed():
            lab.page.close()
        lab.check_manners()


@pytest.fixture
def lab(labs) -> Lab:
    """A page of its own."""
    return labs().open()


@pytest.fixture(scope="module")
def one_page(desktop, app) -> Iterator[Lab]:
    lab = Lab(desktop.new_page(), app.url).open()
    yield lab
    lab.page.close()


@pytest.fixture
def used(one_page) -> Iterator[Lab]:
    """A page that others have used before, back at step 0 with nothing switched."""
    one_page.back_to_start()
    yield one_page
    one_page.check_manners()


@pytest.fixture
def anatomy(desktop, app) -> Iterator[AnatomyPage]:
    """The anatomy page, not opened yet; it may not complain in the console or ask another host for anything."""
    page = AnatomyPage(desktop.new_page(), app.url)
    yield page
    page.page.close()
    page.check_manners()
