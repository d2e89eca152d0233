"""Measures how soon an edit on the anatomy page shows: python tests/browser/measure_anatomy.py [--edits 30]

A script, not a test: figures depend on the machine and on what else it does. From the input event to the first frame
with another number on it, by the page's own clock, the answer of the server included.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import sync_playwright  # noqa: E402

from tests.browser.driver import AnatomyPage, at, launch, serve  # noqa: E402

# Section, the link's rest, the field that is typed into, two values to go back and forth, where it shows.
EDITS = [
    ("forward", "", "cell-0-0", ("7", "1"), "number-mean"),
    ("forward", "&example=outlier", "field-gamma", ("2", "1"), "number-output"),
    ("backward", "", "upstream-0-0", ("5", "-2"), "number-dgamma"),
    ("modes", "", "field-sample", ("9", "2"), "number-gap"),
    ("scale", "", "field-log_scale", ("2", "0"), "number-gradient"),
    ("mistakes", "&mistakes=variance", "cell-0-0", ("90", "1"), "number-variance"),
    ("code", "", "field-eps", ("0.5", "0.1"), "code"),
]

EDIT = """([field, text, shown]) => new Promise((resolve) => {
  const input = document.querySelector(field);
  const node = document.querySelector(shown);
  const before = node.textContent;
  input.focus();
  input.value = text;
  const started = performance.now();
  input.dispatchEvent(new Event("input", { bubbles: true }));
  const look = () => (node.textContent !== before ? resolve(performance.now() - started) : requestAnimationFrame(look));
  requestAnimationFrame(look);
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--edits", type=int, default=30, help="edits a section")
    edits = parser.parse_args().edits
    print(f"{'section':<10}{'edit':<18}{'median ms':>10}{'longest ms':>12}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        with serve(Path(folder) / "server.log") as server:
            for section, rest, field, values, shown in EDITS:
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                page = AnatomyPage(context.new_page(), server.url).open(f"?section={section}{rest}")
                page.page.wait_for_selector(at(field))
                took = [page.page.evaluate(EDIT, [at(field), values[i % 2], at(shown)]) for i in range(edits)]
                print(f"{section:<10}{field:<18}{statistics.median(took):>10.0f}{max(took):>12.0f}", flush=True)
                context.close()
        browser.close()


if __name__ == "__main__":
    main()
