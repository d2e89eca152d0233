"""Takes the README's screenshots from a real run of the app: python scripts/screenshots.py [folder]

The lab plays the headline to exactly the same step, slowly enough that every step on the way is captured: so numbers
and curves are the same every time on the same machine. Takes about two minutes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from tests.browser.driver import AnatomyPage, Lab, at, launch, serve  # noqa: E402

STEP = 200
DESKTOP: Mapping[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: Mapping[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True,
}  # fmt: skip
SHOTS: Mapping[str, Mapping[str, Any]] = {
    "lab-light.png": {**DESKTOP, "color_scheme": "light"},
    "lab-dark.png": {**DESKTOP, "color_scheme": "dark"},
    "lab-phone.png": {**PHONE, "color_scheme": "light"},
}
TALL: Mapping[str, Any] = {"viewport": {"width": 1440, "height": 1150}}
ANATOMY: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "anatomy-forward.png": ("?example=outlier&gamma=2,1", {**TALL, "color_scheme": "light"}),
    "anatomy-axes.png": ("?section=axes&norm=group", {**DESKTOP, "color_scheme": "dark"}),
}
PLAIN: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {  # address, what shows that it stands, window
    "claims.png": ("claims", "text=supported under conditions", {**DESKTOP, "color_scheme": "light"}),
    "maps.png": ("maps", ".js-plotly-plot .heatmaplayer", {**DESKTOP, "color_scheme": "light"}),
    "recording.png": (
        "recordings?show=dying-mlp", at("chart-gradient-depth"), {**DESKTOP, "color_scheme": "dark"}
    ),
}  # fmt: skip
# Every chart in sight has been drawn after the last step, and its fonts are there.
SETTLED = """async () => {
  await document.fonts.ready;
  for (let frame = 0; frame < 30; frame += 1) await new Promise(requestAnimationFrame);
  return true;
}"""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as logs, sync_playwright() as playwright:
        browser = launch(playwright)
        with serve(Path(logs) / "server.log") as server:
            for name, options in SHOTS.items():
                shoot(browser, server.url, folder / name, options)
                print(folder / name)
            for name, (query, options) in ANATOMY.items():
                shoot_anatomy(browser, server.url, folder / name, query, options)
                print(folder / name)
            for name, (path, sign, options) in PLAIN.items():
                shoot_page(browser, f"{server.url}/{path}", folder / name, sign, options)
                print(folder / name)
        browser.close()


def shoot(browser: Browser, url: str, file: Path, options: Mapping[str, Any]) -> None:
    """Play to the step in a window of these options, and take its picture."""
    context = browser.new_context(**options, reduced_motion="reduce")
    lab = Lab(context.new_page(), url).open(f"?preset=headline&until={STEP}")
    lab.wait("Boolean(window.Plotly)")
    lab.page.select_option(at("speed"), "10")
    lab.page.locator(at("play")).click()
    lab.wait(f"!bnvizStats.playing && bnvizStats.shown === {STEP}")
    lab.page.select_option(at("speed"), "0")
    lab.js("document.activeElement?.blur()")
    lab.wait(f"""document.querySelector('{at("updates-per-second")}').textContent === "0" """)
    lab.page.mouse.move(0, 0)
    lab.page.evaluate(SETTLED)
    lab.page.screenshot(path=file, animations="disabled", caret="hide")
    context.close()


def shoot_anatomy(browser: Browser, url: str, file: Path, query: str, options: Mapping[str, Any]) -> None:
    """Open the anatomy page under a link in a window of these options, and take its picture."""
    context = browser.new_context(**options, reduced_motion="reduce")
    page = AnatomyPage(context.new_page(), url).open(query)
    page.page.evaluate(SETTLED)
    page.page.screenshot(path=file, animations="disabled", caret="hide")
    context.close()


def shoot_page(browser: Browser, address: str, file: Path, sign: str, options: Mapping[str, Any]) -> None:
    """Open an address in a window of these options, wait for what shows that it stands, and take its picture."""
    context = browser.new_context(**options, reduced_motion="reduce")
    page = context.new_page()
    page.goto(address)
    page.locator(sign).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.evaluate(SETTLED)
    page.screenshot(path=file, animations="disabled", caret="hide")
    context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots")
