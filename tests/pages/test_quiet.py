"""What a session's pages do is no news: nothing at INFO or above is written for drawing, changing or leaving a page."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

AROUND_APPTEST = "streamlit.runtime.scriptrunner_utils.script_run_context"  # warns of the test that calls it
PAGES = Path(__file__).resolve().parents[2] / "pages"


@pytest.mark.parametrize("page", ["lab", "anatomy", "claims", "maps", "recordings"])
def test_drawing_a_page_again_and_again_logs_nothing(page, caplog):
    with caplog.at_level(logging.INFO):
        app = AppTest.from_file(PAGES / f"{page}.py", default_timeout=60)
        for query in ({}, {"evil": "1"}, {}):
            app.query_params.clear()
            for key, value in query.items():
                app.query_params[key] = value
            app.run()
            assert not app.exception
    said = [record for record in caplog.records if record.name != AROUND_APPTEST]
    assert [record.getMessage() for record in said] == []
