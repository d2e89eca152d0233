"""The HTML that every page begins as: Streamlit's own, with a script of ours before Streamlit's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bnviz.live.assets import digest

FIRST = '<script type="module"'  # scripts of this kind run in their order on the page


@lru_cache(maxsize=1)
def shell() -> str:
    """Return the page; where another Streamlit has no such place for the script, as Streamlit has it."""
    spec = find_spec("streamlit")
    assert spec is not None, "streamlit is a requirement"
    assert spec.origin is not None
    html = (Path(spec.origin).parent / "static/index.html").read_text(encoding="utf-8")
    return html.replace(FIRST, f'{FIRST} src="./bnviz/assets/{digest()}/page.js"></script>\n    {FIRST}', 1)


async def _show(_request: Request) -> Response:
    return HTMLResponse(shell(), headers={"Cache-Control": "no-cache"})


def pages(names: Sequence[str], base: str = "") -> list[Route]:
    """Return the routes of the pages with these names, and of the first, whose address is the app's own."""
    return [Route(f"{base}/{name}", _show) for name in ("", *names)]
