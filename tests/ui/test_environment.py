"""A variable that looks like a setting and is none is reported; what bnviz itself reads is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bnviz.ui.environment import OURS, SETTINGS, unknown

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"BNVIZ_[A-Z]+(?:_[A-Z]+)*")


def test_nothing_is_said_of_what_bnviz_reads_and_of_what_is_others():
    assert list(unknown(dict.fromkeys((*SETTINGS, *OURS, "PATH", "STREAMLIT_SERVER_PORT", "MYBNVIZ_RUN"), "1"))) == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("BNVIZ_RUN", "BNVIZ_LIVE_RUNS"),
        ("BNVIZ_RUNS", "BNVIZ_LIVE_RUNS"),
        ("bnviz_live_runs", "BNVIZ_LIVE_RUNS"),
        ("BNVIZ_LIVE_MB", "BNVIZ_LIVE_MIB"),
        ("BNVIZ_MAXCONNECTIONS", "BNVIZ_MAX_CONNECTIONS"),
        ("BNVIZ_WORKERS", "BNVIZ_STUDY_WORKERS"),
    ],
)
def test_a_mistyped_name_is_told_with_the_nearest_and_with_all_that_are_allowed(typed, meant):
    (warning,) = unknown({typed: "4", "BNVIZ_WAITING": "9"})
    assert warning.startswith(f"{typed} is not a setting of bnviz and changes nothing; did you mean {meant}?")
    assert set(NAME.findall(warning.partition("Settings are")[2])) == set(SETTINGS)


def test_where_no_name_is_near_none_is_guessed():
    (warning,) = unknown({"BNVIZ_SERVICE_HOST": "10.0.0.1"})
    assert "did you mean" not in warning


def test_the_known_ones_are_those_that_the_code_reads_and_the_docs_explain():
    sources = [*ROOT.glob("bnviz/**/*.py"), *ROOT.glob("scripts/*.py")]
    read = {name for path in sources for name in re.findall(r'"(BNVIZ_[A-Z_]+)"', path.read_text(encoding="utf-8"))}
    assert read == {*SETTINGS, *OURS}
    table = re.findall(
        r"^\| `(BNVIZ_[A-Z_]+)`", (ROOT / "docs/operations.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(table) == sorted(SETTINGS)
