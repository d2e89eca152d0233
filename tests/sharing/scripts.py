"""Runs scripts that were written for readers, as readers do: in a process of their own, away from the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

TIMEOUT = 240


def run(
    runner: str, scripts: Mapping[str, str], files: Mapping[str, bytes] = MappingProxyType({})
) -> dict[str, dict[str, Any]]:
    """What `runner` finds out about each script, all in one process: it takes their names and writes ran.json."""
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for script, text in {"runner": runner, **scripts}.items():
            (folder / f"{script}.py").write_text(text)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        subprocess.run(
            [sys.executable, "runner.py", *(f"{script}.py" for script in scripts)],
            cwd=folder,
            env=environment | {"KERAS_HOME": name, "OMP_NUM_THREADS": "1"},
            check=True,
            timeout=TIMEOUT,
        )
        found: dict[str, dict[str, Any]] = json.loads((folder / "ran.json").read_text())
        return found
