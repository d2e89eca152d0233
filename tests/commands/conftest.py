"""The commands as a program calls them, in this process or from a shell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from bnviz.commands.app import app

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "bnviz")


def bnviz(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def strictly(text: str) -> dict[str, Any]:
    """An object of JSON proper: Python's reader would take NaN and Infinity too."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    found = json.loads(text, parse_constant=refuse)
    assert isinstance(found, dict)
    return found


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [strictly(line) for line in result.stdout.splitlines()]
