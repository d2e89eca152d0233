"""What a person does on the recordings page, in a real Chromium."""

from __future__ import annotations

import io
import re
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest

from bnviz.sharing.examples import EXAMPLES
from bnviz.sharing.lab_recording import lab_recording
from bnviz.sharing.link import Link, encode, from_preset
from tests.browser.driver import RecordingsPage, at
from tests.sharing.recorded import layer, record, write

pytestmark = pytest.mark.browser
NAME = "a_long_name_" * 20 + "end"  # of a layer
RECORDS, BROKEN = 2400, 2390  # more than a page keeps of it; the loss is NaN from there on


# How much of a canvas's height has an arm's colour, in a column of each of two panels.
HEIGHTS = """part => {
  const drawn = document.querySelector(`${part} canvas`);
  const copy = Object.assign(document.createElement("canvas"), { width: drawn.width, height: drawn.height });
  const pixels = copy.getContext("2d", { willReadFrequently: true });
  pixels.drawImage(drawn, 0, 0);
  return [0.25, 0.7].map(at => {
    const { data } = pixels.getImageData(Math.round(at * copy.width), 0, 1, copy.height);
    let rows = 0;
    for (let i = 0; i < data.length; i += 4) {
      const colour = data.slice(i, i + 3);
      rows += data[i + 3] > 0 && Math.max(...colour) - Math.min(...colour) > 25;
    }
    return rows / copy.height;
  });
}"""


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+\.\d+", text)]


@pytest.fixture
def recordings(desktop, app) -> Iterator[RecordingsPage]:
    page = RecordingsPage(desktop.new_page(), app.url)
    yield page
    page.page.close()
    page.check_manners()


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Path:
    """A folder with recordings as a reader has them: of the lab, of hundreds of layers, cut short, and none at all."""
    import torch
    from torch import nn

    import bnviz
    from bnviz.training.comparison import Comparison

    folder = tmp_path_factory.mktemp("recordings")
    link = from_preset("headline")
    comparison = Comparison(link.arms, every=10)
    comparison.advance(steps=61)
    lab = lab_recording(comparison.histories, link.names, urlencode(encode(link)))
    (folder / "lab.bnviz").write_bytes(lab)
    for dataset in ("moons", "circles"):
        planar = Link(arms=tuple(arm.replace(dataset=dataset) for arm in link.arms), names=link.names)
        comparison = Comparison(planar.arms, every=5)
        comparison.advance(steps=11)
        (folder / f"{dataset}.bnviz").write_bytes(
            lab_recording(comparison.histories, planar.names, urlencode(encode(planar)))
        )
    torch.manual_seed(0)
    layers = [part for _ in range(100) for part in (nn.Linear(6, 6), nn.BatchNorm1d(6), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(6, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with redirect_stdout(io.StringIO()), bnviz.record(model, folder / "deep.bnviz", every=1) as recording:
        for _ in range(4):
            optimizer.zero_grad()
            loss = model(torch.randn(16, 6)).square().mean()
            loss.backward()
            optimizer.step()
            recording.step(loss=loss)
    torch.manual_seed(0)
    named = nn.Sequential(OrderedDict({"in": nn.Linear(4, 4), NAME: nn.BatchNorm1d(4), "out": nn.Linear(4, 1)}))
    optimizer = torch.optim.SGD(named.parameters(), lr=1e-4)
    with redirect_stdout(io.StringIO()), bnviz.record(named, folder / "named.bnviz", every=1) as recording:
        for step in range(RECORDS):
            loss = named(torch.randn(8, 4)).square().mean()
            loss.backward()
            optimizer.step()
            recording.step(loss=loss if step < BROKEN else loss * float("nan"))
    whole = EXAMPLES["digits-conv"].path.read_bytes()
    (folder / "cut.bnviz").write_bytes(whole[: len(whole) // 2])
    (folder / "broken.bnviz").write_bytes(b"this is no recording")
    return folder


def dashes(page: RecordingsPage) -> list[str]:
    """The dash of each card's stroke, as of its lines; empty where it is solid."""
    return page.page.eval_on_selector_all(
        ".bnviz-swatch line", "lines => lines.map(line => line.getAttribute('stroke-dasharray'))"
    )


def test_one_that_ships_is_opened_played_scrubbed_and_linked(recordings):
    page = recordings.open()
    page.page.get_by_role("button", name="A deep plain MLP that dies").click()
    page.wait_usable()
    assert page.wait_query("show", "dying-mlp") == "dying-mlp"
    assert dashes(page) == [""], "one alone is solid"
    last = page.stats()["lastStep"]
    assert page.shown == last > 300, "it opens at its end, so that the whole story is seen"
    end = page.text("big-readout-0")
    page.page.wait_for_function(
        "part => document.querySelector(part).textContent.includes('Exactly 0 in 12 layers')",
        arg=at("summary-gradient-depth"),
    )
    page.page.select_option(at("pace"), "100")
    page.click("play")
    page.wait("bnvizStats.playing && bnvizStats.shown > 0")
    page.page.keyboard.press("Space")
    page.wait("!bnvizStats.playing")
    stopped = page.shown
    assert 0 < stopped <= last
    page.click("to-start")
    page.wait("bnvizStats.shown === 0")
    assert page.text("big-readout-0") != end
    page.page.keyboard.press("ArrowRight")
    page.wait("bnvizStats.shown === 4")
    assert page.text("record-readout") == "record 2 of 80"
    page.click("previous")
    page.wait("bnvizStats.shown === 0")
    box = page.page.locator(at("scrub")).bounding_box()
    page.page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    page.wait(f"bnvizStats.shown === {last}")
    assert page.text("big-readout-0") == end


def test_playing_goes_through_every_record_and_stops_at_the_end(recordings):
    page = recordings.open("?show=digits-conv")
    page.wait_usable()
    page.page.select_option(at("pace"), "100")
    page.click("play")
    page.wait("bnvizStats.playing && bnvizStats.shown < 290")
    page.wait("!bnvizStats.playing && bnvizStats.shown === bnvizStats.lastStep")
    assert page.text("play") == "Play"
    assert page.stats()["sockets"] == 1


def test_a_layer_is_found_by_a_part_of_its_name_among_hundreds(recordings, files):
    page = recordings.open()
    page.drop(files / "deep.bnviz")
    page.wait_usable()
    box = page.page.locator(at("layer-search"))
    box.click()
    assert box.get_attribute("aria-expanded") == "true"
    page.page.keyboard.type("29")
    shown = page.page.locator(f"{at('layer-search-list')} [role=option]").all_inner_texts()
    assert shown[0] == "29"
    assert {"129", "229", "290", "299"} <= set(shown)
    assert all("29" in name for name in shown)
    page.page.keyboard.press("ArrowDown")
    chosen = page.page.locator(f"{at('layer-search-list')} .is-active").inner_text()
    assert box.get_attribute("aria-activedescendant")
    page.page.keyboard.press("Enter")
    page.page.wait_for_function(
        "([part, name]) => document.querySelector(part).textContent === `layer ${name}`",
        arg=[f"{at('chart-distribution')} .bnviz-of", chosen],
    )
    assert box.input_value() == chosen
    box.click()
    page.page.keyboard.type("no such layer")
    page.page.keyboard.press("Escape")
    assert box.input_value() == chosen, "it stays as it was"
    page.page.wait_for_function(
        "document.querySelector('[data-bnviz=\"summary-gradient-depth\"]').textContent.includes('deep: gradient')"
    )


def test_a_layer_without_a_norm_says_so_and_offers_the_next_one(recordings):
    page = recordings.open("?show=digits-conv&layer=0&charts=affine,statistics")
    page.wait_usable()
    offer = page.page.locator(f"{at('chart-affine')} .bnviz-offer")
    offer.wait_for()
    assert offer.inner_text() == "Show block1.norm"
    offer.click()
    offer.wait_for(state="hidden")
    page.page.wait_for_function(
        "document.querySelector('[data-bnviz=\"summary-affine\"]').textContent.includes('gamma')"
    )
    assert page.page.input_value(at("layer-search")) == "block1.norm"


def test_two_files_are_played_side_by_side_on_one_time_axis(recordings, files):
    page = recordings.open()
    page.drop(EXAMPLES["digits-conv"].path, EXAMPLES["dying-mlp"].path)
    page.wait_usable()
    assert [page.page.inner_text(f"{at(f'arm-{n}')} strong") for n in (0, 1)] == ["digits-conv", "dying-mlp"]
    page.wait("bnvizStats.shown === 316")
    assert dashes(page) == ["", "6 3"]
    steps = {0, *range(0, 298, 3), *range(0, 317, 4)}
    assert page.text("record-readout") == f"record {len(steps)} of {len(steps)}"
    page.click("to-start")
    page.click("next")
    page.wait("bnvizStats.shown === 3")
    page.click("next")
    page.wait("bnvizStats.shown === 4")
    assert "step 3" in page.text("loss-readout-0")
    assert "step 4" in page.text("loss-readout-1")
    assert page.query() == {}


def test_a_broken_file_is_said_and_what_was_open_stays(recordings, files):
    page = recordings.open("?show=digits-conv")
    page.wait_usable()
    loss = page.text("big-readout-0")
    page.drop(files / "broken.bnviz")
    page.page.get_by_text("can't be opened").wait_for()
    assert page.text("big-readout-0") == loss
    assert page.query()["show"] == "digits-conv"


def test_a_file_that_was_cut_short_says_so_on_its_card(recordings, files):
    page = recordings.open()
    page.drop(files / "cut.bnviz")
    page.wait_usable()
    assert "cut short" in page.text("facts-0")
    assert 0 < page.shown < 290


def test_a_run_of_the_lab_opens_with_its_picture_and_a_link_to_the_lab(recordings, files):
    page = recordings.open()
    page.drop(files / "lab.bnviz")
    page.wait_usable()
    assert dashes(page) == ["6 3", ""], "as in the lab"
    for chart in ("picture", "accuracy", "loss", "drift"):
        page.page.wait_for_selector(at(f"chart-{chart}"))
    page.page.wait_for_function(
        "/\\d+ of 12 test images right/.test(document.querySelector('[data-bnviz=\"summary-picture\"]').textContent)"
    )
    page.page.wait_for_selector(f"{at('verdicts')} [data-kind]")
    before = numbers(page.text("loss-readout-1"))
    page.click("open-in-lab")
    page.page.wait_for_selector(at("switch-1"))
    page.page.fill(at("until"), "60")
    page.page.press(at("until"), "Enter")
    page.page.evaluate("document.activeElement.blur()")
    page.click("play")
    page.wait("bnvizStats.shown === 60 && !bnvizStats.playing")
    assert numbers(page.text("loss-readout-1")) == before, "the same experiment, to all the digits that are shown"


def test_another_recording_in_place_of_a_lab_run_brings_its_own_charts(recordings, files):
    page = recordings.open()
    page.drop(files / "lab.bnviz")
    page.wait_usable()
    page.page.wait_for_selector(at("chart-picture"))
    page.page.get_by_text("Open a recording").click()
    page.page.get_by_role("button", name="A deep plain MLP that dies").click()
    page.page.wait_for_selector(at("chart-reported"))
    assert page.page.locator(at("chart-picture")).count() == 0
    assert not page.page.is_visible(at("message")), "whoever opens another one knows why the charts are others"
    page.page.wait_for_function(
        "part => document.querySelector(part).textContent.includes('as the loop reported')",
        arg=f"{at('chart-loss')} .bnviz-ylabel",
    )


def drawn(page: RecordingsPage, picture: str) -> str:
    """A canvas as it stays: the same for half a second, however long it took."""
    page.wait_usable()
    found: str = page.page.wait_for_function(
        f"""() => {{
            const now = {picture};
            window.same = now && now === window.before ? (window.same ?? 0) + 1 : 0;
            window.before = now;
            return window.same >= 5 && now;
        }}""",
        polling=100,
    ).json_value()
    return found


def test_another_run_of_the_lab_in_place_of_one_shows_its_own_data(recordings, files):
    picture = f"document.querySelector('{at('chart-picture')} canvas')?.toDataURL()"
    page = recordings.open()
    page.drop(files / "circles.bnviz")
    wanted = drawn(page, picture)
    page = recordings.open()
    page.drop(files / "moons.bnviz")
    assert drawn(page, picture) != wanted
    page.page.get_by_text("Open a recording").click()
    page.drop(files / "circles.bnviz")
    page.page.get_by_text("a run of the lab is opened alone").wait_for()
    page.page.get_by_role("button", name="Remove moons.bnviz").click()
    page.page.get_by_text("circles.bnviz: a run of the lab").wait_for()
    page.page.wait_for_function(f"wanted => {picture} === wanted", arg=wanted, timeout=15_000)


def test_of_a_long_recording_the_page_says_how_much_of_it_is_shown_and_that_its_loss_is_no_number(recordings, files):
    page = recordings.open()
    page.drop(files / "named.bnviz")
    page.wait_usable()
    page.page.get_by_text("Reloading the page closes it").wait_for()
    page.wait(f"bnvizStats.shown === {RECORDS - 1}")
    shown, length, records = map(int, re.findall(r"\d+", page.text("record-readout").replace("\u2009", "")))
    assert shown == length < records == RECORDS
    assert "the newest ones, and one in" in page.attribute("record-readout", "title")
    assert page.text("big-readout-0") == "NaN"
    page.page.press(at("scrub"), "Home")
    page.wait("bnvizStats.shown === 0")
    assert float(page.text("big-readout-0")) > 0


def test_a_layers_name_of_hundreds_of_signs_leaves_the_charts_title_whole(recordings, files):
    page = recordings.open()
    page.drop(files / "named.bnviz")
    page.wait_usable()
    card = page.page.locator(at("chart-statistics"))
    of, title = card.locator(".bnviz-of"), card.locator(".bnviz-title")
    assert of.get_attribute("title") == of.text_content() == NAME
    assert of.evaluate("node => node.scrollWidth > node.clientWidth")
    assert title.evaluate("node => node.scrollWidth <= node.clientWidth")
    inside = card.bounding_box()
    for part in card.locator("figcaption > *").all():
        box = part.bounding_box()
        assert inside["x"] <= box["x"]
        assert box["x"] + box["width"] <= inside["x"] + inside["width"]


def test_two_that_share_no_layer_are_told_apart_and_each_has_its_own_numbers(recordings, files):
    page = recordings.open()
    page.drop(files / "deep.bnviz", EXAMPLES["digits-conv"].path)
    page.wait_usable()
    assert page.text("verdicts") == "These two share no layer names: their layers stand one after the other."
    page.wait("bnvizStats.shown === 297")
    assert "step 3" in page.text("loss-readout-0")
    assert "step 297" in page.text("loss-readout-1")
    loss = page.text("big-readout-1")
    page = recordings.open("?show=digits-conv")
    page.wait_usable()
    assert page.text("big-readout-0") == loss


def test_of_two_recordings_with_different_values_and_numbers_of_records_each_has_room_on_the_shared_axis(
    recordings, tmp_path: Path
):
    layers, spread = [layer("a"), layer("b")], np.linspace(-1, 1, 400)
    for name, reach, steps in (("large", 25, range(0, 900, 180)), ("small", 3, range(0, 900, 10))):
        samples = {(0, 0): reach * spread, (1, 0): reach * spread}
        write(tmp_path / f"{name}.bnviz", layers, [record(step, samples, layers) for step in steps])
    page = recordings.open()
    page.drop(tmp_path / "large.bnviz", tmp_path / "small.bnviz")
    page.wait_usable()
    page.page.wait_for_function(f"({HEIGHTS})({at('chart-distribution')!r})[1] > 0")
    large, small = page.js(f"({HEIGHTS})({at('chart-distribution')!r})")
    assert 0.5 < large < 0.95, "a filled block, or nothing"
    assert 0.03 < small < 0.3


def test_who_goes_to_the_lab_and_back_finds_what_was_open(recordings, files):
    page = recordings.open()
    page.drop(files / "deep.bnviz")
    page.wait_usable()
    page.page.get_by_role("link", name="Lab").click()
    page.page.wait_for_selector(at("switch-0"))
    page.page.get_by_role("link", name="Recordings").click()
    page.page.wait_for_selector(at("layer-search"))
    page.page.get_by_text("deep.bnviz: Sequential, 4 records").wait_for()
    page.wait("bnvizStats.shown === 3")


def test_on_a_phone_nothing_is_wider_than_the_page(chromium, app):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce")
    page = RecordingsPage(context.new_page(), app.url).open("?show=digits-conv,dying-mlp")
    page.wait_usable()
    for name in ("play", "to-end", "pace", "layer-search", "arm-1", "chart-layers"):
        box = page.page.locator(at(name)).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390, name
    page.page.tap(at("layer-search"))
    option = page.page.locator(f"{at('layer-search-list')} [role=option]", has_text="output")
    option.tap()
    page.page.wait_for_function("document.querySelector('[data-bnviz=\"layer-search\"]').value === 'output'")
    page.check_manners()
    context.close()
