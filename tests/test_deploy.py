"""The image and the proxy: their files agree with the app, and what they promise can be seen without Docker."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bnviz.live.routes import SOCKET, assets_path

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
NGINX = (ROOT / "deploy/nginx.conf").read_text()


def script(name: str) -> ModuleType:
    """A file of scripts/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- the image ---------------------------------------------------------------------------------


def test_what_the_dockerfile_copies_is_what_dockerignore_lets_through():
    copied = {
        name.rstrip("/") for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()
    }
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert {".streamlit" if name.startswith(".streamlit/") else name for name in allowed} == copied
    assert "*" in lines
    assert all((ROOT / name).exists() for name in allowed)


def test_the_image_runs_without_privilege_and_as_the_app_is_served_elsewhere():
    assert re.search(r"^USER \d+:\d+$", DOCKERFILE, re.MULTILINE)
    assert 'CMD ["python", "-m", "bnviz", "serve"]' in DOCKERFILE
    compose = (ROOT / "compose.yaml").read_text()
    for promise in ("read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "pids_limit", "mem_limit"):
        assert promise in compose


class Health(BaseHTTPRequestHandler):
    """Answers as the app does: healthy below /app, ill elsewhere."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok" if self.path == "/app/_stcore/health" else b"unavailable")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def health() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("base", "status"), [("app", 0), ("/app/", 0), ("", 1)])
def test_the_health_check_asks_this_containers_own_app(health: int, base: str, status: int):
    environment = {"STREAMLIT_SERVER_PORT": str(health), "STREAMLIT_SERVER_BASE_URL_PATH": base}
    command = [sys.executable, "-I", "-S", ROOT / "deploy/healthcheck.py"]
    assert subprocess.run(command, env=environment, check=False).returncode == status


def test_the_health_check_says_why_where_nobody_listens():
    command = [sys.executable, "-I", "-S", ROOT / "deploy/healthcheck.py"]
    done = subprocess.run(command, env={"STREAMLIT_SERVER_PORT": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("http://127.0.0.1:1/_stcore/health: ")
    assert done.stderr.count("\n") == 1


# --- torch in the image ------------------------------------------------------------------------


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """scripts/tasks.py; `ran` are the commands that it would have run."""
    module: Any = script("tasks")
    module.ran = []
    monkeypatch.setattr(module, "run", lambda command: module.ran.append(command[5:]))
    monkeypatch.setattr(module, "succeeds", lambda *_, **__: False)
    return module


def torch_of(monkeypatch: pytest.MonkeyPatch, tasks: Any, folder: Path, cuda: str) -> None:
    """Let torch's installed files be those of another build."""
    file = folder / "version.py"
    file.write_text(f"from typing import Optional\n__version__ = '2.13.0'\ncuda: Optional[str] = {cuda}\n")
    found = SimpleNamespace(locate_file=lambda _: file)
    monkeypatch.setattr(tasks.importlib.metadata, "distribution", lambda _: found)


@pytest.mark.parametrize("index", ["", "https://127.0.0.1:1/cpu"])
def test_where_the_cpu_index_is_out_of_reach_torch_comes_alone_from_pips_own(
    index, tasks, monkeypatch, tmp_path, capsys
):
    torch_of(monkeypatch, tasks, tmp_path, "None")
    monkeypatch.setattr(tasks, "installed", lambda: ["torch", "numpy"])
    assert tasks.install_here(index) == 0
    torch, rest = tasks.ran
    assert torch == ["--no-deps", f"torch=={tasks.pinned('torch')}"]
    assert rest == ["-r", "requirements.txt", "-c", "constraints.txt"]
    assert ("out of reach" in capsys.readouterr().err) is bool(index)


def test_a_torch_for_cuda_ends_the_build_before_it_asks_for_its_packages(tasks, monkeypatch, tmp_path):
    torch_of(monkeypatch, tasks, tmp_path, "'13.0'")
    with pytest.raises(SystemExit, match=r"build for CUDA 13\.0.*TORCH_INDEX"):
        tasks.install_here("")
    assert len(tasks.ran) == 1


def test_a_cuda_package_that_came_along_ends_the_build(tasks, monkeypatch, tmp_path):
    torch_of(monkeypatch, tasks, tmp_path, "None")
    monkeypatch.setattr(tasks, "installed", lambda: ["numpy", "nvidia-cublas", "triton"])
    with pytest.raises(SystemExit, match="came along: nvidia-cublas, triton"):
        tasks.install_here("")


def test_the_torch_that_is_installed_here_is_read_from_its_files():
    import torch

    assert script("tasks").built_for_cuda() == torch.version.cuda


# --- the proxy ---------------------------------------------------------------------------------


def test_the_proxy_takes_uploads_as_large_as_the_app_does():
    server = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["server"]
    assert f"client_max_body_size {server['maxUploadSize']}m;" in NGINX


def test_the_proxy_knows_both_sockets_and_both_folders_of_files():
    sockets, files = (re.compile(pattern) for pattern in re.findall(r"location ~ (\S+) \{", NGINX))
    for path in ("/_stcore/stream", f"/{SOCKET}"):
        assert sockets.search(path)
        assert not files.search(path)
    for path in ("/static/js/index.js", f"/{assets_path()}stage.js"):
        assert files.search(path)
        assert not sockets.search(path)
    assert not sockets.search("/_stcore/health")


def test_nginx_itself_finds_no_fault_with_the_configuration(tmp_path: Path):
    replicas = script("try_replicas")
    nginx = replicas.find_nginx()
    if nginx is None:
        pytest.skip("no nginx here: apt-get install nginx-light")
    file = tmp_path / "nginx.conf"
    file.write_text(replicas.configuration(tmp_path, 1, [2, 3]))
    done = subprocess.run([nginx, "-t", "-c", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_killed_replica_costs_the_others_nothing_and_its_own_visitors_a_moment():
    done = subprocess.run(
        [sys.executable, "scripts/try_replicas.py", "--sessions", "40", "--live", "12"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == script("try_replicas").SKIPPED:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
