"""Two replicas behind deploy/nginx.conf, a class of visitors, and one replica killed: python scripts/try_replicas.py

Everything is real but the browsers: nginx with the repository's configuration (only addresses and folders are
other ones), two `bnviz serve`, and visitors that do what a page does: fetch the page and its health route, keep
their cookies, open Streamlit's WebSocket and the live stream's. Everybody has a link of their own. Then one replica
is killed. Its visitors come back by their links; nobody else may notice. Exit code 0: so it was; 1: not so;
77: no nginx here (apt-get install nginx-light; BNVIZ_NGINX=... names one elsewhere).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = 77
PATIENCE = 60.0
PRESETS = ("headline", "circles", "spirals")


def find_nginx() -> str | None:
    """An nginx here: the one that $BNVIZ_NGINX names, or one on the path, or where Debian puts it."""
    places = (os.environ.get("BNVIZ_NGINX"), shutil.which("nginx"), "/usr/sbin/nginx")
    return next((place for place in places if place and Path(place).is_file()), None)


# --- servers -----------------------------------------------------------------------------------


@contextmanager
def replica() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server of the app on a port of its own, that has said it is up."""
    command = [sys.executable, "-m", "bnviz", "serve", "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(r" at http://127\.0\.0\.1:(\d+) ", line)
            assert found, f"a replica did not start: {line}"
            yield process, int(found[1])
        finally:
            process.kill()


def configuration(folder: Path, port: int, replicas: list[int]) -> str:
    """deploy/nginx.conf with this trial's addresses and folders in it."""
    text = (ROOT / "deploy/nginx.conf").read_text()
    for number, other in enumerate(replicas, start=1):
        text = text.replace(f"replica-{number}:8501", f"127.0.0.1:{other}")
    types = folder / "mime.types"
    types.write_text("types { text/html html; text/css css; text/javascript js; }")
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("/etc/nginx/mime.types", str(types))
    text = text.replace("error_log stderr", f"error_log {folder}/error.log")
    return re.sub(r"/tmp/nginx", f"{folder}/nginx", text)


@contextmanager
def proxy(nginx: str, replicas: list[int]) -> Iterator[str]:
    """Nginx in front of the replicas, and its address."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)  # started by root, nginx works as nobody
        (folder / "nginx.conf").write_text(configuration(folder, port, replicas))
        command = [nginx, "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
        with subprocess.Popen(command) as process:
            try:
                url = f"http://127.0.0.1:{port}"
                until(lambda: urlopen(f"{url}/_stcore/health", timeout=5).read() == b"ok")
                yield url
            finally:
                process.terminate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


def until(true: Callable[[], bool]) -> None:
    """Wait for it, for half a minute at most."""
    for _ in range(300):
        try:
            if true():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise TimeoutError("nginx does not answer")


# --- a visitor ---------------------------------------------------------------------------------


class Visitor:
    """A browser's tab: its cookies, its link, its two sockets, and what it was shown last."""

    def __init__(self, url: str, number: int, *, watches: bool) -> None:
        self.url, self.watches = url, watches
        self.query = f"preset={PRESETS[number % len(PRESETS)]}&seed={number}"
        self.cookies: dict[str, str] = {}
        self.session, self.token, self.page_hash = "", "", ""
        self.controls: dict[str, str] = {}
        self.stream: ClientConnection | None = None
        self.live: ClientConnection | None = None

    def get(self, path: str) -> str:
        """Fetch something and keep the cookies that come with it, as a browser does."""
        with urlopen(Request(self.url + path, headers=self.cookie_header()), timeout=PATIENCE) as answer:
            text: str = answer.read().decode()
            for line in answer.headers.get_all("Set-Cookie") or ():
                self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return text

    def cookie_header(self) -> dict[str, str]:
        """The cookies as a request carries them."""
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    async def arrive(self) -> None:
        """Open the page, or come back to it: with the session that was, should the server still have it."""
        page = await asyncio.to_thread(self.get, "/?" + self.query)
        for path in re.findall(r'(?:src|href)="\.(/static/[^"]+\.(?:js|css))"', page):
            await asyncio.to_thread(self.get, path)
        await self.reconnect()

    async def reconnect(self) -> None:
        """What a page does when its socket has closed: ask whether the server is there, connect, run."""
        for path in ("/_stcore/health", "/_stcore/host-config"):  # each masks Streamlit's cookie anew
            await asyncio.to_thread(self.get, path)
        self.stream = await self.open("/_stcore/stream", ["streamlit", "PLACEHOLDER_AUTH_TOKEN", self.session])
        await self.run()
        if self.watches:
            self.live = await self.open(f"/bnviz/live?token={self.token}")

    async def open(self, path: str, protocols: list[str] | None = None) -> ClientConnection:
        """A WebSocket through the proxy."""
        return await connect(
            self.url.replace("http", "ws") + path, origin=Origin(self.url), additional_headers=self.cookie_header(),
            subprotocols=[Subprotocol(name) for name in protocols or () if name] or None, max_size=2**25, proxy=None,
        )  # fmt: skip

    async def run(self) -> str:
        """One run of the page's script, and the session's name; raises what the page would show as an error."""
        assert self.stream is not None
        wish = BackMsg()
        wish.rerun_script.query_string, wish.rerun_script.page_script_hash = self.query, self.page_hash
        wish.rerun_script.context_info.url = self.url
        await self.stream.send(wish.SerializeToString())
        self.controls = {}
        async with asyncio.timeout(PATIENCE):
            while True:
                said = ForwardMsg.FromString(await self.stream.recv(decode=False))
                if said.WhichOneof("type") == "new_session":
                    self.session, self.page_hash = (
                        said.new_session.initialize.session_id,
                        said.new_session.page_script_hash,
                    )
                elif said.WhichOneof("type") == "delta":
                    self.show(said.delta.new_element)
                elif said.WhichOneof("type") == "script_finished" and said.script_finished != 2:  # 2: another follows
                    return self.session

    def show(self, element: Element) -> None:
        """Keep what the page shows of the link: its controls' values, and the stage's token."""
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise RuntimeError(f"the page shows {element.exception.type}: {element.exception.message}")
        if kind == "bidi_component":
            text = element.bidi_component.json or element.bidi_component.mixed.json
            found = re.search(r'"token": ?"([^"]+)"', text)
            self.token = found[1] if found else self.token
        elif kind is not None and hasattr(shown := getattr(element, kind), "default"):
            self.controls[f"{kind} {shown.label}"] = f"{shown.default} {getattr(shown, 'raw_value', '')}"

    async def ask_live(self) -> Any:
        """Ask the live run for what is new; the answer's first message."""
        assert self.live is not None
        question = {"op": "pull", "generation": -1, "cursor": -1, "layer": 0, "layer_cursor": -1}
        await self.live.send(json.dumps(question))
        async with asyncio.timeout(PATIENCE):
            answer = await self.live.recv()
        if isinstance(answer, str) and json.loads(answer).get("type") in {"unknown_token", "error"}:
            raise RuntimeError(f"the live stream says {answer}")
        return answer

    @property
    def cut(self) -> bool:
        """Whether its page's socket has closed."""
        return self.stream is not None and self.stream.close_code is not None

    async def leave(self) -> None:
        """Close both sockets."""
        for one in (self.stream, self.live):
            if one is not None:
                await one.close()


# --- the trial ---------------------------------------------------------------------------------


async def timed(visitors: list[Visitor], do: Callable[[Visitor], Awaitable[object]]) -> tuple[list[float], list[str]]:
    """Have all do something at once: the seconds each took, and what went wrong."""
    seconds: list[float] = []
    wrong: list[str] = []

    async def one(visitor: Visitor) -> None:
        started = time.perf_counter()
        try:
            await do(visitor)
            seconds.append(time.perf_counter() - started)
        except (OSError, RuntimeError, TimeoutError, ConnectionClosed) as error:
            wrong.append(f"{type(error).__name__}: {error}")

    await asyncio.gather(*(one(visitor) for visitor in visitors))
    return sorted(seconds), wrong


def spread(seconds: list[float]) -> str:
    """The median, the 95th percentile and the longest."""
    if not seconds:
        return "none"
    at = [seconds[min(len(seconds) - 1, int(share * len(seconds)))] for share in (0.5, 0.95)]
    return f"median {at[0]:.2f} s, 95th percentile {at[1]:.2f} s, longest {seconds[-1]:.2f} s"


async def trial(url: str, count: int, live: int, servers: list[subprocess.Popen[str]]) -> list[str]:
    """The whole story, with so many visitors, some of them at a live run; what did not go as promised."""
    wrong: list[str] = []

    async def all_at_once(what: str, who: list[Visitor], do: Callable[[Visitor], Awaitable[object]]) -> None:
        seconds, failed = await timed(who, do)
        say(f"{what}: {len(seconds)} of {len(who)}; {spread(seconds)}")
        wrong.extend(f"{what}: {text}" for text in failed)

    visitors = [Visitor(url, number, watches=number < live) for number in range(count)]
    await all_at_once("pages opened", visitors, Visitor.arrive)
    await all_at_once("live streams answer", [v for v in visitors if v.watches], Visitor.ask_live)
    before = {visitor: (visitor.session, visitor.token, visitor.controls) for visitor in visitors}
    if len({json.dumps(controls) for _, _, controls in before.values()}) != count:
        wrong.append("two links show the same controls")

    servers[0].kill()
    servers[0].wait()
    await asyncio.sleep(1)  # what the system closes, it closes at once; visitors of the other one must last longer
    lost, kept = [v for v in visitors if v.cut], [v for v in visitors if not v.cut]
    say(f"one replica killed: {len(lost)} visitors lost their page, {len(kept)} did not")
    if not lost or not kept:
        wrong.append("all visitors were on one replica")

    await all_at_once("the others' pages run on", kept, Visitor.run)
    await all_at_once("the others' live streams answer on", [v for v in kept if v.watches], Visitor.ask_live)
    wrong += [f"{v.query} lost its session" for v in kept if (v.session, v.token) != before[v][:2]]

    await all_at_once("the lost come back by their links", lost, Visitor.reconnect)
    await all_at_once("and their live streams answer", [v for v in lost if v.watches], Visitor.ask_live)
    wrong += [f"{v.query} came back to other controls" for v in visitors if v.controls != before[v][2]]
    wrong += [f"{v.query} came back to a dead session" for v in lost if v.session == before[v][0]]
    await asyncio.gather(*(visitor.leave() for visitor in visitors))
    return wrong


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sessions", type=int, default=100, metavar="N", help="visitors (100)")
    parser.add_argument("--live", type=int, default=30, metavar="N", help="visitors at a live run (30)")
    wanted = parser.parse_args()
    nginx = find_nginx()
    if nginx is None:
        say("skipped: no nginx here; apt-get install nginx-light, or name one by BNVIZ_NGINX=...")
        return SKIPPED
    with ExitStack() as stack:
        replicas = [stack.enter_context(replica()) for _ in range(2)]
        url = stack.enter_context(proxy(nginx, [port for _, port in replicas]))
        wrong = asyncio.run(trial(url, wanted.sessions, wanted.live, [process for process, _ in replicas]))
    for text in wrong[:20]:
        say(f"WRONG {text}")
    say("as promised" if not wrong else f"{len(wrong)} things went wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
