"""Every page begins as Streamlit's own HTML, with one script more."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit

from bnviz.live.assets import digest
from bnviz.live.shell import pages, shell

ORIGINAL = (Path(streamlit.__file__).parent / "static/index.html").read_text(encoding="utf-8")


def test_the_page_is_streamlits_but_for_one_script_that_runs_before_streamlits():
    sources = re.findall(r'<script type="module"[^>]* src="([^"]+)"', shell())
    assert sources == [
        f"./bnviz/assets/{digest()}/page.js",
        *re.findall(r'<script type="module"[^>]* src="([^"]+)"', ORIGINAL),
    ]
    assert len(sources) > 1
    without = re.sub(r'<script type="module" src="./bnviz/[^<]*</script>\s*', "", shell())
    assert without == ORIGINAL


def test_the_first_pages_address_is_the_apps_own_and_the_others_lie_beside_it():
    assert [route.path for route in pages(["maps", "claims"])] == ["/", "/maps", "/claims"]
    assert [route.path for route in pages(["maps"], "/lab")] == ["/lab/", "/lab/maps"]
