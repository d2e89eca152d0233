"""`bnviz open`: the app on this machine, with recordings already open in it."""

from __future__ import annotations

import json
import os
import threading
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer

from bnviz.commands.serve import app_folder, prepare
from bnviz.sharing.opened import open_recordings
from bnviz.sharing.recording_schema import RecordingError
from bnviz.sharing.recordings_link import FILES_VARIABLE, OPENED

HOST = "127.0.0.1"
CONNECTIONS = 200
Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE [FILE]", help="A recording, or two of models side by side.", show_default=False),
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only print the address.")]


def open_files(files: Files, *, port: Port = 0, no_browser: NoBrowser = False) -> None:
    """Play recordings in the browser: starts the app on this machine, and ends with Ctrl-C.

    \b
    Examples:
      python -m bnviz open run.bnviz
      python -m bnviz open before.bnviz after.bnviz --no-browser --port 8600
    """  # noqa: D301 - \b keeps the lines as they are
    _check(files)
    folder = app_folder()
    from bnviz.live import server

    try:
        bound = server.listen(HOST, port)
    except OSError as error:
        raise typer.BadParameter(f"port {port} can't be listened on ({error.strerror}): choose another") from None
    # The files' places come from who runs this command; nothing that a visitor sends names one.
    os.environ[FILES_VARIABLE] = json.dumps([str(file.resolve()) for file in files])
    number = bound.getsockname()[1]
    prepare(folder, HOST, number)
    address = f"http://{HOST}:{number}/recordings?{urlencode({'show': OPENED})}"
    server.serve("app:app", bound, connections=CONNECTIONS, announce=lambda: _announce(address, browser=not no_browser))


def _check(files: list[Path]) -> None:
    """Read the files as the page will: what is wrong is said before anything starts."""
    try:
        with ExitStack() as stack:  # that three are too many is said without reading more of them
            open_recordings([(file.name, stack.enter_context(file.open("rb"))) for file in files[:3]])
    except OSError as error:
        raise RecordingError(f"can't open {str(error.filename)!r}: {error.strerror}") from None
    except RecordingError as error:
        raise RecordingError(f"can't open {', '.join(repr(str(file)) for file in files[:3])}: {error}") from None


def _announce(address: str, *, browser: bool) -> None:
    typer.echo(f"{address}  (Ctrl-C ends it)", err=True)
    if browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
