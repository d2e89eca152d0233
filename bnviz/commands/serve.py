"""`bnviz serve`: the lab in the browser, started as a server should be."""

from __future__ import annotations

import logging
import multiprocessing
import multiprocessing.util
import os
import platform
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import bnviz

ROOT = Path(__file__).resolve().parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Host = Annotated[
    str | None,
    typer.Option(help="Address to listen on; 0.0.0.0 is every one.", envvar="STREAMLIT_SERVER_ADDRESS"),
]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port; 0 takes a free one.", envvar="STREAMLIT_SERVER_PORT"),
]
Connections = Annotated[
    int,
    typer.Option(min=10, metavar="N", help="Above so many, new ones get 503.", envvar="BNVIZ_MAX_CONNECTIONS"),
]


def serve(host: Host = None, port: Port = None, max_connections: Connections = 2000) -> None:
    """Serve the lab to browsers until SIGTERM or Ctrl-C; `streamlit run app.py` does the same for one's own use.

    Every setting of .streamlit/config.toml holds, and so do its environment variables (STREAMLIT_...).
    """
    folder = app_folder()
    settings = tomllib.loads((folder / ".streamlit/config.toml").read_text(encoding="utf-8"))["server"]
    host = host or settings["address"]
    port = settings.get("port", 8501) if port is None else port
    check()
    from bnviz.live import server

    try:
        bound = server.listen(host, port)
    except OSError as error:
        raise typer.BadParameter(f"can't listen on {host}, port {port}: {error.strerror}") from None
    port = bound.getsockname()[1]
    prepare(folder, host, port)
    line = start_line(host, port, max_connections)
    server.serve("app:app", bound, connections=max_connections, announce=lambda: typer.echo(line, err=True))
    leave()


def app_folder() -> Path:
    """The folder of app.py and its pages: the package's own neighbours in a clone and in the image."""
    if not (ROOT / "app.py").is_file() or not (ROOT / "pages").is_dir():
        raise typer.BadParameter(f"app.py and pages/ are not beside the package in {ROOT}: serve from a clone of bnviz")
    return ROOT


def check() -> None:
    """Read what the environment sets, so that what is wrong is said now and not to a visitor."""
    from bnviz.live.limits import limits
    from bnviz.studies.service import workers

    limits()
    workers()


def prepare(folder: Path, host: str, port: int) -> None:
    """What Streamlit and torch read before they are imported; what somebody has set already stays."""
    os.chdir(folder)  # Streamlit looks for .streamlit/config.toml and the pages from here
    sys.path.insert(0, str(folder))
    os.environ["STREAMLIT_SERVER_ADDRESS"], os.environ["STREAMLIT_SERVER_PORT"] = host, str(port)
    for name in THREADS:
        os.environ.setdefault(name, "1")


def leave() -> NoReturn:
    """End the process with 0 at once: nothing is left to save, and tidying up torch takes up to 3 s."""
    for child in multiprocessing.active_children():
        child.terminate()
    # There is no public way to have semaphores tidied up before the end; their tracker would say that they leak.
    multiprocessing.util._run_finalizers(0)  # type: ignore[attr-defined] # noqa: SLF001
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{plural if number != 1 else ''}"


def start_line(host: str, port: int, connections: int) -> str:
    """Versions, limits, address: what somebody who reads the log later needs to know first."""
    from bnviz.live.limits import limits

    now = limits()
    shown = f"[{host}]" if ":" in host else host
    versions = f"Python {platform.python_version()}, Streamlit {version('streamlit')}, torch {version('torch')}"
    most = (
        f"at most {_count(now.runs, 'live run')} of {now.live_mib} MiB in all, trained by "
        f"{_count(now.trainers, 'process', 'es') if now.trainers else 'this process'}, {now.waiting} waiting, "
        f"{_count(now.recordings, 'recording')} of {now.recordings_mib} MiB in all, {_count(connections, 'connection')}"
    )
    return f"bnviz {bnviz.__version__} at http://{shown}:{port} ({versions}; {os.cpu_count()} cores; {most})"
