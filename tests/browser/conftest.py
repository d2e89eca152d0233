"""One server and one Chromium for all browser tests; without a browser they are skipped, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.driver import Lab, Server, find_chromium, launch, serve


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


def _checked(context: Any, server: Server, made: list[Lab]) -> Lab:
    made.append(Lab(context.new_page(), server.url))
    return made[-1]


@pytest.fixture
def labs(desktop, app) -> Iterator[Callable[..., Lab]]:
    """Opens pages; none may complain in the console or ask another host for anything."""
    made: list[Lab] = []
    yield lambda context=desktop: _checked(context, app, made)
    for lab in made:
        if not lab.page.is_closed():
            lab.page.close()
    assert [complaint for lab in made for complaint in lab.complaints] == []
    assert [url for lab in made for url in lab.foreign] == []


@pytest.fixture
def lab(labs) -> Lab:
    return labs().open()
