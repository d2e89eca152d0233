"""Measures the live page in headless Chromium and prints a table: python tests/browser/measure.py [--minutes 10]

A script, not a test: figures depend on the machine and on what else it does. Times inside the page are taken with the
page's own clock (performance.now, requestAnimationFrame).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

from tests.browser.driver import Lab, Server, at, launch, serve  # noqa: E402

CHART_NODES = "document.querySelectorAll('[data-bnviz=\"stage\"] :is(figure, canvas, .bnviz-plot, .main-svg)')"
Row = tuple[str, str, str]

# Clicks a selector and resolves with the milliseconds until a condition holds in a frame of the page.
ANSWER = """([selector, condition]) => new Promise((resolve) => {
  const holds = new Function(`return ${condition}`);
  const started = performance.now();
  document.querySelector(selector).click();
  const look = () => (holds() ? resolve(performance.now() - started) : requestAnimationFrame(look));
  requestAnimationFrame(look);
})"""

# Watches the page for a time: its own frames, the stage's counters, and whether a canvas was ever blank on screen.
WATCH = """(milliseconds) => new Promise((resolve) => {
  const canvas = document.querySelector('[data-bnviz="canvas-distribution"]');
  const small = new OffscreenCanvas(16, 16).getContext("2d", { willReadFrequently: true });
  const first = { ...bnvizStats };
  const started = performance.now();
  let frames = 0, blank = 0, looked = 0, longest = 0, before = started;
  const look = () => {
    frames += 1;
    longest = Math.max(longest, performance.now() - before);
    before = performance.now();
    if (frames % 10 === 0) setTimeout(() => {
      small.clearRect(0, 0, 16, 16);
      small.drawImage(canvas, 0, 0, 16, 16);
      looked += 1;
      blank += small.getImageData(0, 0, 16, 16).data.every((value) => value === 0);
    });
    const seconds = (performance.now() - started) / 1000;
    if (seconds * 1000 < milliseconds) return requestAnimationFrame(look);
    const last = { ...bnvizStats };
    resolve({ seconds, frames, blank, looked, longest, updates: last.updates - first.updates,
      bytes: last.bytes - first.bytes, steps: last.lastStep - first.lastStep, drawMs: last.drawMs - first.drawMs });
  };
  requestAnimationFrame(look);
})"""

# The same run without a page, in a process of its own: reads seconds, answers with steps a second.
ALONE = """
import sys, time
from bnviz import PRESETS, Comparison
capture = sys.argv[1] == "captured"
for line in sys.stdin:
    run = Comparison(PRESETS["headline"].arms, interval=0.05 if capture else 1e9)
    run.advance(steps=20)
    started = time.perf_counter()
    made = run.advance(seconds=float(line))
    print(made / (time.perf_counter() - started), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=1, help="how long memory is watched (10 for the full measure)")
    parser.add_argument("--seconds", type=float, default=20, help="how long updates and frames are counted")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        with serve(Path(folder) / "server.log") as server:
            lab = Lab(browser.new_context(viewport={"width": 1440, "height": 900}).new_page(), server.url)
            rows += start(lab, server)
            rows += answers(lab)
            rows += flow(lab, options.seconds)
            rows += lost(lab)
            rows += watched_against_alone(lab)
            rows += hidden(lab, server)
            rows += memory(lab, server, options.minutes)
            rows += closed(lab, server)
        browser.close()
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in [("figure", "reached", "aim"), *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def start(lab: Lab, server: Server) -> list[Row]:
    healthy = time.monotonic() - server.started
    lab.open()
    usable = time.monotonic() - server.started
    return [("process start to first usable page", f"{usable:.2f} s (server up at {healthy:.2f} s)", "5 s")]


def answers(lab: Lab) -> list[Row]:
    """How long the page takes to answer a click, median and longest of several."""
    first, pause, switch = [], [], []
    for _ in range(7):
        lab.back_to_start()
        text = "document.querySelector('[data-bnviz=\"step-readout\"]').textContent !== '0'"
        first.append(_answer(lab, "play", f"bnvizStats.playing && {text}"))
        lab.step_at_least(30)
        state = lab.attribute("switch-0", "aria-checked")
        condition = f"document.querySelector('{at('switch-0')}').getAttribute('aria-checked') !== '{state}'"
        switch.append(_answer(lab, "switch-0", condition))
        pause.append(_answer(lab, "play", "!bnvizStats.playing"))
    lab.page.evaluate(f"document.querySelector('{at('forget')}')?.click()")
    return [
        ("first frame after Play (warm)", _median(first[1:]), "300 ms"),
        ("Pause answered", _median(pause), "200 ms"),
        ("BN switch answered", _median(switch), "200 ms"),
    ]


def _answer(lab: Lab, name: str, condition: str) -> float:
    return float(lab.page.evaluate(ANSWER, [at(name), condition]))


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} ms (longest of {len(values)}: {max(values):.0f} ms)"


def flow(lab: Lab, seconds: float) -> list[Row]:
    """Updates, frames and bytes while it plays with the default charts."""
    lab.back_to_start()
    lab.js(f"window.tagged = [...{CHART_NODES}]")
    lab.play()
    lab.wait("document.querySelectorAll('.bnviz-plot .main-svg').length >= 3 && bnvizStats.lastStep > 100")
    lab.js(f"window.tagged = [...{CHART_NODES}]")
    seen = lab.page.evaluate(WATCH, seconds * 1000)
    replaced = lab.js(f"tagged.filter((node) => !node.isConnected).length + [...{CHART_NODES}].length - tagged.length")
    lab.pause()
    return [
        (f"updates a second ({seconds:g} s)", f"{seen['updates'] / seen['seconds']:.1f}", "15"),
        ("frames a second", f"{seen['frames'] / seen['seconds']:.1f} (longest {seen['longest']:.0f} ms)", "45"),
        ("bytes an update", f"{seen['bytes'] / max(1, seen['updates']):.0f}", "8000"),
        ("drawing, share of the page's time", f"{seen['drawMs'] / seen['seconds'] / 10:.0f} %", ""),
        ("blank canvases seen", f"{seen['blank']} of {seen['looked']} looks", "0"),
        ("chart nodes replaced", f"{replaced} of {lab.js('tagged.length')}", "0"),
    ]


def lost(lab: Lab) -> list[Row]:
    """Read the frames that the browser received: the snapshots' ids must be contiguous."""
    ids: dict[tuple[int, int], list[int]] = {}

    def note(payload: Any) -> None:
        if isinstance(payload, bytes):
            header = json.loads(payload[4 : 4 + int.from_bytes(payload[:4], "little")])
            for arm, entry in enumerate(header["arms"]):
                ids.setdefault((header["generation"], arm), []).extend(entry["ids"])

    def watch(socket: Any) -> None:
        if "bnviz/live" in socket.url:
            socket.on("framereceived", note)

    page = lab.page.context.new_page()
    page.on("websocket", watch)
    other = Lab(page, lab.url).open()
    other.play()
    other.page.wait_for_timeout(5000)
    other.click("switch-0")
    other.page.wait_for_timeout(3000)
    other.pause()
    page.close()
    missing = sum(numbers[-1] + 1 - len(set(numbers)) for numbers in ids.values())
    return [("snapshots lost", f"{missing} of {sum(len(numbers) for numbers in ids.values())}", "0")]


def watched_against_alone(lab: Lab, rounds: int = 4, seconds: float = 5) -> list[Row]:
    """Steps a second with the page and without, in turns, so that the machine's moods even out."""
    rates: dict[str, list[float]] = {"watched": [], "captured": [], "bare": []}
    alone = {kind: _alone(kind) for kind in ("captured", "bare")}
    for _ in range(rounds):
        lab.back_to_start()
        lab.play()
        lab.step_at_least(20)
        seen = lab.page.evaluate(WATCH, seconds * 1000)
        rates["watched"].append(seen["steps"] / seen["seconds"])
        lab.pause()
        for kind, ask in alone.items():
            rates[kind].append(ask(seconds))
    for ask in alone.values():
        ask(0)
    watched, captured, bare = (statistics.median(values) for values in rates.values())
    return [
        ("steps a second while watched", f"{watched:.0f}", ""),
        ("... of the same run without a page", f"{watched / captured:.2f} of {captured:.0f}", "0.8"),
        ("... and without snapshots", f"{watched / bare:.2f} of {bare:.0f}", ""),
    ]


def _alone(kind: str) -> Callable[[float], float]:
    process = subprocess.Popen(
        [sys.executable, "-c", ALONE, kind], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def ask(seconds: float) -> float:
        assert process.stdin is not None
        assert process.stdout is not None
        if not seconds:
            process.stdin.close()
            process.stdout.close()
            process.wait()
            return 0
        print(seconds, file=process.stdin, flush=True)
        return float(process.stdout.readline())

    ask(0.1)  # imports and warms up
    return ask


def hidden(lab: Lab, server: Server) -> list[Row]:
    """What goes on behind a tab that nobody sees: the server's processor time, and the step on return."""
    lab.back_to_start()
    lab.play()
    lab.step_at_least(50)
    before = lab.page.evaluate(WATCH, 2000)
    rate = before["steps"] / before["seconds"]
    busy = _processor(lab.page, server, 2)
    lab.hide(True)
    left = lab.stats()["lastStep"]
    lab.page.wait_for_timeout(3000)
    idle = _processor(lab.page, server, 4)
    updates = lab.stats()["updates"]
    lab.hide(False)
    back = lab.wait(f"bnvizStats.updates > {updates} && bnvizStats.lastStep")
    lab.pause()
    return [
        ("trained while hidden for 7 s", f"{(back - left) / rate:.1f} s worth of steps", "3 s"),
        ("server's processor, hidden after 3 s", f"{100 * idle:.1f} % of a core (playing: {100 * busy:.0f} %)", "0"),
    ]


def _processor(page: Page, server: Server, seconds: float) -> float:
    process = psutil.Process(server.process.pid)
    started, spent = time.monotonic(), sum(process.cpu_times()[:2])
    page.wait_for_timeout(seconds * 1000)
    return float((sum(process.cpu_times()[:2]) - spent) / (time.monotonic() - started))


def memory(lab: Lab, server: Server, minutes: float) -> list[Row]:
    """Resident memory of the server, and the page's heap after a collection, while it plays."""
    session = lab.page.context.new_cdp_session(lab.page)
    process = psutil.Process(server.process.pid)

    def sample() -> tuple[float, float]:
        session.send("HeapProfiler.collectGarbage")
        heap = session.send("Runtime.getHeapUsage")["usedSize"]
        return process.memory_info().rss / 2**20, heap / 2**20

    lab.back_to_start()
    lab.play()
    lab.page.wait_for_timeout(15_000)
    samples = [sample()]
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        lab.page.wait_for_timeout(min(10_000, 1000 * max(0.1, end - time.monotonic())))
        samples.append(sample())
    step = lab.stats()["lastStep"]
    lab.pause()
    rows = []
    for name, column in (("server", 0), ("page", 1)):
        values = [one[column] for one in samples]
        half = statistics.median(values[len(values) // 2 :])
        text = f"{values[0]:.0f} MB, then {half:.0f}, at the end {values[-1]:.0f} (most {max(values):.0f})"
        rows.append((f"memory of the {name} over {minutes:g} min, {step} steps", text, "flat"))
    return rows


def closed(lab: Lab, server: Server) -> list[Row]:
    lab.play()
    spare = lab.page.context.new_page()
    lab.page.close()
    spare.wait_for_timeout(3000)
    idle = _processor(spare, server, 3)
    return [("server's processor, closed after 3 s", f"{100 * idle:.1f} % of a core", "0")]


if __name__ == "__main__":
    main()
