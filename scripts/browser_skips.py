"""pytest plugin: a skipped browser test is never silent, and with CI=true it fails the run.

A browser test is one under tests/browser or marked `browser`.
"""

from __future__ import annotations

import os

import pytest

_skipped: dict[str, str] = {}


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    is_browser_test = "browser" in getattr(report, "keywords", ()) or report.nodeid.startswith("tests/browser")
    if report.skipped and is_browser_test and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped[report.nodeid] = reason.removeprefix("Skipped: ")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped and os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _skipped:
        return
    verdict = "a failure, as CI=true" if os.environ.get("CI") == "true" else "the page itself was not tested"
    terminalreporter.section(f"{len(_skipped)} browser tests were SKIPPED: {verdict}", red=True)
    for nodeid, reason in _skipped.items():
        terminalreporter.write_line(f"{nodeid or 'tests/browser'}: {reason}")
