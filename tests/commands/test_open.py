"""`bnviz open`: what is wrong is said before anything starts; what is right is served until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from bnviz.sharing.examples import EXAMPLES
from tests.commands.conftest import COMMAND, ROOT, bnviz

CONV, MLP = (str(EXAMPLES[name].path) for name in ("digits-conv", "dying-mlp"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "'FILE [FILE]'"),
        (("nowhere.bnviz",), "can't open 'nowhere.bnviz': No such file"),
        ((str(ROOT),), "Is a directory"),
        ((str(ROOT / "LICENSE"),), "this is not a recording"),
        ((CONV, MLP, CONV), "two recordings can be drawn side by side; got 3"),
        ((CONV, "--port", "70000"), "'--port'"),
    ],
    ids=["none", "missing", "folder", "no recording", "three", "port"],
)
def test_what_cannot_be_opened_is_one_line_and_code_2(arguments: tuple[str, ...], said: str):
    result = bnviz("open", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert said in line


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_it_serves_the_file_at_the_printed_address_and_ends_with_ctrl_c(tmp_path: Path):
    # A shell's background job ignores Ctrl-C, and so would all that is started from it.
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [*COMMAND, "open", CONV, "--no-browser"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    signal.signal(signal.SIGINT, heard)
    with process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/recordings\?show=opened  \(Ctrl-C ends it\)\n", line)
        assert found, line
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{found[1]}/_stcore/health", timeout=30) as answer:
            assert answer.status == 200
        for _ in range(6):  # Python drops an interrupt that comes while it tidies up an object
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, said = process.communicate(timeout=10)
                break
        assert process.returncode in (0, 130)
        assert "Traceback" not in said
