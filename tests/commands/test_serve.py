"""`bnviz serve`, as a process manager and a browser see it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from websockets.sync.client import connect

from bnviz.commands import serve as command
from bnviz.live.server import listen
from tests.commands.conftest import COMMAND, ROOT, bnviz, lines

ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(("STREAMLIT_", "BNVIZ_"))}

MEASURES = """
from loky import ProcessPoolExecutor
from bnviz.commands.serve import leave
if __name__ == "__main__":
    pool = ProcessPoolExecutor(1)
    pool.submit(abs, -1).result()
    print("measured", flush=True)
    leave()
"""


@contextmanager
def served(*options: str, cwd: Path = ROOT, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server that has said it is up, and its address; PYTHONPATH lets it start from anywhere."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *options],
        cwd=cwd, env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)} | variables, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        warnings, found = "", None
        for line in process.stderr:
            if found := re.search(r" at (http://\S+) ", line):
                break
            warnings += line
        assert found, warnings
        process.start_line, process.warnings = line, warnings  # type: ignore[attr-defined]
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
def test_it_serves_from_any_folder_says_one_line_and_ends_well_at_sigterm_while_pages_are_open(tmp_path: Path):
    with served(cwd=tmp_path) as (process, url):
        assert process.stderr is not None
        line = process.start_line  # type: ignore[attr-defined]
        assert process.warnings == ""  # type: ignore[attr-defined]
        for word in ("Python 3", "Streamlit 1", "torch 2", "cores", "live runs", "2000 connections"):
            assert word in line
        with urlopen(f"{url}/_stcore/health", timeout=30) as answer:
            assert answer.read() == b"ok"
        with urlopen(url, timeout=30) as answer:
            assert "server" not in answer.headers
        socket_url = url.replace("http", "ws")
        with (
            connect(f"{socket_url}/_stcore/stream", origin=url),
            connect(f"{socket_url}/bnviz/live", origin=url) as live,
        ):
            assert "unknown_token" in live.recv(timeout=30)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0
        assert process.stderr.read() == "", "one line at the start is all"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
def test_a_page_that_takes_nothing_any_more_does_not_hold_up_the_end():
    with served() as (process, url):
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as deaf:
            deaf.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")  # and never the ten bytes
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0


def test_a_port_that_is_taken_is_named():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        result = bnviz("serve", "--host", "127.0.0.1", "--port", str(port))
    assert result.exit_code == 2
    assert f"can't listen on 127.0.0.1, port {port}: Address already in use" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "many"], "--port"),
        (["--port", "70000"], "65535"),
        (["--max-connections", "0"], "--max-connections"),
        (["--host", "no such host"], "can't listen on no such host, port 8501"),
    ],
)
def test_bad_options_are_named(options: list[str], said: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("STREAMLIT_SERVER_PORT", raising=False)
    result = bnviz("serve", *options)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    "variable", ["BNVIZ_LIVE_RUNS", "BNVIZ_LIVE_MIB", "BNVIZ_RECORDINGS_MIB", "BNVIZ_STUDY_WORKERS"]
)
def test_a_limit_that_is_no_number_is_named_with_what_is_allowed(variable: str):
    said = refusal([*COMMAND, "serve", "--port", "0"], variable)
    assert said.returncode == 2
    assert said.stderr.startswith(f"bnviz: {variable} must be a whole number from ")
    assert said.stderr.endswith("got 'many'\n")


def test_streamlits_own_command_says_it_as_well():
    said = refusal([sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", "0"], "BNVIZ_WAITING")
    assert said.returncode != 0
    assert "bnviz: BNVIZ_WAITING must be a whole number from 0 to 10000" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_variable_that_is_no_setting_is_warned_of_with_the_one_that_may_be_meant():
    warning = "bnviz: BNVIZ_RUN is not a setting of bnviz and changes nothing; did you mean BNVIZ_LIVE_RUNS?"
    with served(BNVIZ_RUN="4") as (process, _url):
        assert process.warnings.startswith(warning)  # type: ignore[attr-defined]
        assert process.warnings.count("\n") == 1, "once, in one line"  # type: ignore[attr-defined]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", "0"]
    assert warning in refusal(command, "BNVIZ_WAITING", BNVIZ_RUN="4").stderr


def refusal(command: list[str], variable: str, **others: str) -> subprocess.CompletedProcess[str]:
    environment = ENVIRONMENT | others | {variable: "many"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip


def test_the_start_line_says_the_limits_that_hold():
    with served(
        BNVIZ_LIVE_RUNS="7", BNVIZ_LIVE_MIB="300", BNVIZ_TRAINERS="1", BNVIZ_WAITING="9", BNVIZ_RECORDINGS_MIB="100"
    ) as (
        process,
        _url,
    ):
        line = process.start_line  # type: ignore[attr-defined]
    assert (
        "at most 7 live runs of 300 MiB in all, trained by 1 process, 9 waiting, 64 recordings of 100 MiB in all"
        in line
    )


def test_a_variable_stands_in_for_an_option_and_is_named_when_it_is_wrong(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BNVIZ_MAX_CONNECTIONS", "few")
    result = bnviz("serve")
    assert result.exit_code == 2
    assert "BNVIZ_MAX_CONNECTIONS" in result.stderr


def test_a_package_without_its_pages_says_so_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(command, "ROOT", tmp_path)
    result = bnviz("serve")
    assert result.exit_code == 2
    assert "app.py and pages/ are not beside the package" in result.stderr


def test_asking_how_to_serve_loads_no_server():
    script = "import sys; from bnviz.commands.app import app; print('uvicorn' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_bench_opens_pages_plays_them_sees_what_it_takes_and_the_server_has_nothing_to_say():
    (load,) = lines(bnviz("bench", "serve", "--runs", "2", "--seconds", "1", "--json"))
    assert load["runs"] == 2
    assert load["steps"] >= load["least_steps"] > 0
    assert load["updates"] >= load["least_updates"] > 0
    assert load["longest_health"] >= load["health"] > 0
    assert (load["cpu"] > 0, load["memory"] > 50, load["target"]) == (True, True, None)


def test_the_end_says_nothing_of_processes_that_were_measuring(tmp_path):
    script = tmp_path / "measures.py"
    script.write_text(MEASURES)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "measured\n", "")
