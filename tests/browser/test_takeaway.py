"""What a reader takes along from the lab, in a real Chromium: every file is saved, and opens elsewhere."""

from __future__ import annotations

import base64
import gzip
import json
import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import pyarrow.parquet
import pytest

from bnviz.figures.charts import FIGURES
from tests.browser.driver import Lab, at
from tests.sharing.test_numbers import from_csv

pytestmark = pytest.mark.browser

FILES = {"report": "html", "csv": "csv", "parquet": "parquet", "recording": "bnviz"}
SVG = "{http://www.w3.org/2000/svg}"


def saved(lab: Lab, opener: str, name: str) -> Path:
    """The file that a click on an opener, and on a name in what it opens, saves."""
    lab.click(opener)
    with lab.page.expect_download() as download:
        lab.click(name)
    file = Path(download.value.path())
    return file.rename(file.parent / download.value.suggested_filename)


def png_size(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert data[12:16] == b"IHDR"
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def words(svg: bytes) -> str:
    return " ".join("".join(node.itertext()) for node in ET.fromstring(svg).iter(f"{SVG}text"))


@pytest.fixture
def paused(used) -> Lab:
    used.pause_at(40)
    return used


def test_every_file_of_the_menu_is_saved_and_opens(paused, chromium):
    files = {what: saved(paused, "take-menu", f"take-{what}") for what in FILES}
    assert {what: file.name for what, file in files.items()} == {
        what: f"bnviz-headline-step-40.{ending}" for what, ending in FILES.items()
    }
    rows = from_csv(files["csv"].read_bytes())
    losses = {(row["arm"], row["step"]): row["value"] for row in rows if row["quantity"] == "test_loss"}
    assert all(losses[arm, 40] in paused.text(f"loss-readout-{arm}") for arm in (0, 1)), "the screen's own digits"
    assert pyarrow.parquet.read_table(files["parquet"]).num_rows == len(rows)
    assert json.loads(gzip.decompress(files["recording"].read_bytes()).splitlines()[0])
    assert not paused.page.locator(at("message")).is_visible()

    context = chromium.new_context()
    report, asked = context.new_page(), []
    report.on("request", lambda request: asked.append(request.url))
    report.goto(files["report"].as_uri())
    report.wait_for_selector(f'html[data-drawn="{len(FIGURES)}"]')
    assert report.title() == "The headline: a sigmoid network on digits, step 40"
    link = report.locator("a").first.get_attribute("href") or ""
    assert link == f"{paused.url}/?preset=headline&until=40"
    assert asked == [files["report"].as_uri()]
    context.close()


def test_scripts_are_saved_a_network_and_a_framework_up_to_the_shown_step(paused):
    paused.page.keyboard.press("ArrowLeft")
    paused.wait("bnvizStats.shown < 40")
    step = paused.shown
    for arm, name in enumerate(("without-bn", "with-bn")):
        for framework in ("pytorch", "keras"):
            file = saved(paused, "take-menu", f"take-{framework}-{arm}")
            assert file.name == f"bnviz-headline-step-{step}-{name}-{framework}.py"
            text = file.read_text()
            compile(text, file.name, "exec")
            assert re.search(rf"^STEPS = {step}\b", text, re.MULTILINE)


def test_where_keras_has_no_layer_the_menu_says_why(labs):
    lab = labs().open("?normalization=none,noisy_batch&width=8&hidden_layers=1")
    lab.click("take-menu")
    lab.page.wait_for_selector(f"{at('take-keras-1')}:disabled")
    assert "Keras has no layer for noisy_batch" in lab.text("take-list")
    assert lab.page.is_enabled(at("take-keras-0"))
    assert lab.page.is_enabled(at("take-pytorch-1"))


def test_charts_are_saved_as_pictures_with_their_titles_and_axes(paused):
    titles = {"loss": "cross-entropy (nats)", "layers": "value before norm", "gradient-depth": "‖dL/dz‖"}
    for chart, axis in titles.items():
        text = words(saved(paused, f"save-{chart}", f"save-{chart}-svg").read_bytes())
        assert FIGURES[chart].title in text
        assert axis in text
        file = saved(paused, f"save-{chart}", f"save-{chart}-png")
        assert file.name == f"bnviz-headline-step-40-{chart}.png"
        width, height = png_size(file.read_bytes())
        assert width in (2 * 760, 2 * 1120)
        assert 600 <= height <= 1400


def test_a_picture_shows_what_the_card_shows(paused):
    toggle = paused.page.locator(f"{at('chart-loss')} .bnviz-toggle").filter(has_text=re.compile("^train$"))
    assert "train" in words(saved(paused, "save-loss", "save-loss-svg").read_bytes())
    toggle.click()
    assert "train" not in words(saved(paused, "save-loss", "save-loss-svg").read_bytes()).replace("training step", "")
    toggle.click()


def test_the_picture_of_the_data_is_saved_from_its_canvas_on_white(paused):
    file = saved(paused, "save-picture", "save-picture-png")
    assert file.name == "bnviz-headline-step-40-picture.png"
    data = file.read_bytes()
    width, height = png_size(data)
    root = ET.fromstring(saved(paused, "save-picture", "save-picture-svg").read_bytes())
    assert (2 * int(root.get("width")), 2 * int(root.get("height"))) == (width, height)
    href = root.find(f"{SVG}image").get("href")
    assert png_size(base64.b64decode(href.removeprefix("data:image/png;base64,"))) == (width, height)
    corner = paused.page.evaluate(
        """async (data) => {
          const image = await createImageBitmap(await (await fetch(data)).blob());
          const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
          canvas.drawImage(image, 0, 0);
          const pixels = canvas.getImageData(0, 0, image.width, image.height).data;
          return [[...pixels.slice(0, 4)], new Set(new Uint32Array(pixels.buffer)).size];
        }""",
        href,
    )
    assert corner[0] == [255, 255, 255, 255]
    assert corner[1] > 50, "something is drawn"


def test_what_fails_is_said_and_the_stage_goes_on(labs):
    lab = labs().open()
    answer = {"status": 503, "content_type": "application/json", "body": '{"message":"The server is busy."}'}
    lab.page.route("**/bnviz/take", lambda route: route.fulfill(**answer))
    lab.click("save-loss")
    lab.click("save-loss-png")
    lab.page.wait_for_selector(f"{at('message')}:not([hidden])")
    assert lab.text("message") == "“Loss” as PNG: The server is busy."
    lab.page.unroute("**/bnviz/take")
    assert saved(lab, "save-loss", "save-loss-png").name == "bnviz-headline-step-0-loss.png"
    lab.complaints[:] = [one for one in lab.complaints if "503" not in one]


def test_the_menu_is_used_by_the_keyboard_alone(used):
    used.page.focus(at("take-menu"))
    used.page.keyboard.press("Enter")
    used.page.wait_for_selector(f"{at('take-list')}:popover-open")
    used.page.wait_for_selector(f'{at("take-menu")}[aria-expanded="true"]')
    used.page.keyboard.press("Tab")
    assert used.js("document.activeElement.dataset.bnviz") == "take-report"
    used.page.keyboard.press("Tab")
    with used.page.expect_download() as download:
        used.page.keyboard.press("Enter")
    assert download.value.suggested_filename == "bnviz-headline-step-0.csv"
    used.click("take-menu")
    used.page.keyboard.press("Escape")
    used.page.wait_for_selector(at("take-list"), state="hidden")
    used.page.wait_for_selector(f'{at("take-menu")}[aria-expanded="false"]')


def test_on_a_phone_the_menu_and_the_captions_stay_on_the_screen(labs, chromium):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    lab = labs(context).open()
    lab.page.locator(at("take-menu")).tap()
    lab.page.wait_for_selector(at("take-pytorch-0"))
    box = lab.page.locator(at("take-list")).bounding_box()
    assert box is not None
    assert box["x"] >= 0 <= box["y"]
    assert box["x"] + box["width"] <= 390
    assert box["y"] + box["height"] <= 844
    crowded = lab.js(
        """[...document.querySelectorAll("[data-chart] figcaption")].filter((caption) =>
          [...caption.children].some((one) => one.getBoundingClientRect().right > innerWidth)
          || caption.querySelector(".bnviz-title").scrollWidth > caption.querySelector(".bnviz-title").clientWidth + 1
        ).map((caption) => caption.textContent)"""
    )
    assert crowded == []
    context.close()
