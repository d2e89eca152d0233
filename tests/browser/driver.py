"""The app in a process of its own, a real Chromium, and what a person does with the lab's page."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server", "--force-color-profile=srgb",
)  # fmt: skip


def find_chromium() -> str | None:
    """Return the system's Chromium, where there is one."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


def launch(playwright: Playwright) -> Browser:
    """Start Chromium without a window, quiet towards the network."""
    return playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))


@dataclass
class Server:
    """The app in a process of its own."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    started: float


@contextmanager
def serve(log: Path, base: str = "", **variables: str) -> Iterator[Server]:
    """Start the app on a free port, below a path if one is given, as a stranger would, and stop it afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("STREAMLIT_")}
    environment |= {"STREAMLIT_SERVER_BASE_URL_PATH": base, **variables}
    with log.open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env=environment)
    server = Server(f"http://127.0.0.1:{port}{base}", process, log, started)
    try:
        _wait_until_healthy(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_healthy(server: Server) -> None:
    while server.process.poll() is None and time.monotonic() < server.started + PATIENCE:
        if _is_healthy(server):
            return
        time.sleep(0.02)
    raise RuntimeError(f"the app did not start:\n{server.log.read_text()}")


def _is_healthy(server: Server) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{server.url}/_stcore/health", timeout=2) as answer:
            return bool(answer.read())
    except OSError:
        return False


def at(name: str) -> str:
    """Return the selector of a part of the stage."""
    return f'[data-bnviz="{name}"]'


@dataclass
class Visit:
    """A page that somebody looks at; everything waits for what is to be seen, never for a time."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self._hear("error", error.stack or str(error)))
        self.page.on("request", lambda request: self._leave(request.url))
        self.page.on("websocket", lambda socket: self._leave(socket.url))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def _leave(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != urlsplit(self.url).netloc:
            self.foreign.append(url)

    def check_manners(self) -> None:
        """Nothing was complained about in the console, and no other host was asked for anything."""
        complaints, foreign = self.complaints[:], self.foreign[:]
        self.complaints.clear()
        self.foreign.clear()
        assert not complaints, complaints
        assert not foreign, foreign

    def wait(self, condition: str) -> Any:
        """Wait until a condition in the page holds and return its value."""
        return self.page.wait_for_function(condition).json_value()

    def js(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def click(self, name: str) -> None:
        self.page.click(at(name))

    def text(self, name: str) -> str:
        return self.page.locator(at(name)).inner_text()

    def attribute(self, name: str, attribute: str) -> str | None:
        return self.page.get_attribute(at(name), attribute)

    def choose(self, name: str, option: str | re.Pattern[str]) -> None:
        """Choose from one of Streamlit's lists; one that is opened while it still moves stays empty: click again."""
        from playwright.sync_api import TimeoutError as NotInTime

        listed = self.page.get_by_role("option", name=option)
        for _ in range(int(PATIENCE / 5)):
            self.page.get_by_role("combobox", name=name, exact=True).click()
            with suppress(NotInTime):
                listed.click(timeout=5000)
                return
            self.page.keyboard.press("Escape")
        raise AssertionError(f"{name} does not offer {option}")

    def query(self) -> dict[str, str]:
        """Return the address's query."""
        return {key: values[0] for key, values in parse_qs(urlsplit(self.page.url).query).items()}

    def wait_query(self, key: str, pattern: str) -> str:
        """Wait until a part of the address fits a pattern and return it."""
        self.page.wait_for_function(
            "([key, pattern]) => new RegExp(pattern).test(new URLSearchParams(location.search).get(key) ?? '')",
            arg=[key, pattern],
        )
        return self.query()[key]


class Stage(Visit):
    """A page with the stage: the lab's, or that of recordings."""

    readout: str  # the first number to come

    def wait_usable(self) -> None:
        """Wait until all of it has come and is shown."""
        self.wait("window.bnvizStats?.connected && bnvizStats.updates > 0")
        self.page.wait_for_function(
            "name => /\\d/.test(document.querySelector(name)?.textContent ?? '')", arg=at(self.readout)
        )

    def stats(self) -> dict[str, Any]:
        """Return the stage's own counters."""
        found: dict[str, Any] = self.js("({...bnvizStats})")
        return found

    @property
    def shown(self) -> int:
        return int(self.stats()["shown"])


class Lab(Stage):
    """The lab's page."""

    readout = "loss-readout-0"

    def open(self, query: str = "") -> Lab:
        """Open an address and wait until the stage shows the first numbers."""
        self.page.goto(f"{self.url}/{query}")
        self.wait_usable()
        return self

    def back_to_start(self) -> None:
        """Leave a page that was used as good as new, without the time that a new one takes."""
        if self.stats()["playing"]:
            self.pause()
        if self.page.input_value(at("until")):
            self.set_until(None)
        generation = self.stats()["generation"]
        self.click("rewind")
        self.wait(f"bnvizStats.generation > {generation} && bnvizStats.shown === 0 && bnvizStats.lastStep === 0")

    def step_at_least(self, step: int) -> None:
        self.wait(f"bnvizStats.lastStep >= {step} && bnvizStats.lastStep")

    def numbers(self) -> list[str]:
        """Return the exact losses and accuracies of both networks at the shown step, as they stand on screen."""
        return [self.text(f"{kind}-{arm}") for arm in (0, 1) for kind in ("loss-readout", "accuracy-exact")]

    def play(self) -> None:
        self.click("play")
        self.wait("bnvizStats.playing")

    def pause(self) -> None:
        self.click("play")
        self.wait("!bnvizStats.playing")

    def pause_at(self, step: int) -> None:
        """Set the step to pause at, play, and wait until it is reached and shown."""
        self.set_until(step)
        self.page.click(at("play"))
        self.wait(f"!bnvizStats.playing && bnvizStats.lastStep === {step} && bnvizStats.shown === {step}")

    def set_until(self, step: int | None) -> None:
        self.page.fill(at("until"), "" if step is None else str(step))
        self.page.press(at("until"), "Enter")
        self.page.evaluate("document.activeElement.blur()")

    def hide(self, hidden: bool) -> None:
        """Have the page believe that it lies behind another tab, as headless Chromium never hides one."""
        self.page.evaluate(
            """hidden => {
              Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
              Object.defineProperty(document, "visibilityState",
                { configurable: true, get: () => (hidden ? "hidden" : "visible") });
              document.dispatchEvent(new Event("visibilitychange"));
            }""",
            hidden,
        )


@dataclass
class AnatomyPage(Visit):
    """The anatomy page."""

    def open(self, query: str = "") -> AnatomyPage:
        """Open an address and wait until the shown section has its numbers."""
        self.page.goto(f"{self.url}/anatomy{query}")
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        self.page.wait_for_selector(f"{at('anatomy')}:not([hidden]) .anatomy-body:not(.is-waiting)")

    def section(self, name: str) -> None:
        """Go to a section by its tab."""
        self.click(f"tab-{name}")
        self.page.wait_for_selector(f'{at(f"tab-{name}")}[aria-selected="true"]')
        self.wait_ready()

    def type(self, name: str, text: str) -> None:
        """Write into a field, as typed."""
        self.page.fill(at(name), text)

    def wait_text(self, name: str, pattern: str) -> str:
        """Wait until a part's text fits a pattern and return it."""
        self.page.wait_for_function(
            "([selector, pattern]) => new RegExp(pattern).test(document.querySelector(selector)?.textContent ?? '')",
            arg=[at(name), pattern],
        )
        return self.text(name)


class RecordingsPage(Stage):
    """The recordings page."""

    readout = "record-readout"

    def open(self, query: str = "") -> RecordingsPage:
        """Open an address and wait until something can be opened there."""
        self.page.goto(f"{self.url}/recordings{query}")
        self.page.wait_for_selector("[data-testid=stFileUploader]", state="attached")
        return self

    def drop(self, *files: Path) -> None:
        """Drop files."""
        self.page.set_input_files("input[type=file]", [str(file) for file in files])
