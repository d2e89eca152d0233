"""The claims and the maps as visitors use them: read, opened, measured again, cancelled, followed into the lab."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from bnviz.experiment.presets import PRESETS
from bnviz.studies.catalogue import CLAIMS
from bnviz.studies.default_maps import MAPS
from tests.browser.driver import Server, Visit

pytestmark = pytest.mark.browser
CHEAP = "divides-by-the-variance"
LONG = "faster"


@pytest.fixture
def visit(desktop, app) -> Iterator[Visit]:
    """A page, not opened yet; it may not complain in the console or ask another host for anything."""
    one = Visit(desktop.new_page(), app.url)
    yield one
    one.page.close()
    one.check_manners()


def go(visit: Visit, address: str) -> None:
    visit.page.goto(f"{visit.url}/{address}")


def figures_drawn(visit: Visit, count: int) -> None:
    visit.wait(f"document.querySelectorAll('.bnviz-figure[data-drawn] .main-svg .xaxislayer-above').length >= {count}")


def test_every_claim_stands_on_the_first_page_with_its_verdict_in_word_and_shape(visit):
    go(visit, "claims")
    visit.wait(f"document.querySelectorAll('[class*=st-key-claim-row-] .bnviz-mark').length === {len(CLAIMS)}")
    for claim in CLAIMS.values():
        visit.page.locator(f".st-key-claim-row-{claim.name}").get_by_role("button", name=claim.title).wait_for()
    masks = visit.js(
        "[...document.querySelectorAll('.bnviz-mark')].map(m => getComputedStyle(m, '::before').maskImage.slice(0, 15))"
    )
    assert set(masks) == {'url("data:image'}
    pill = visit.page.get_by_role("radio", name="refuted")
    pill.click()
    visit.wait_query("verdict", "refuted")
    visit.wait(f"document.querySelectorAll('[class*=st-key-claim-row-]').length < {len(CLAIMS)}")
    assert pill.is_checked()
    visit.page.click(".st-key-show-all button")
    visit.wait(f"document.querySelectorAll('[class*=st-key-claim-row-]').length === {len(CLAIMS)}")
    assert not visit.page.get_by_role("radio", name="refuted").is_checked()


def test_a_click_opens_a_claim_back_returns_and_its_networks_open_in_the_lab(visit):
    go(visit, "claims")
    visit.page.click(f".st-key-open-{LONG} button")
    visit.wait_query("claim", LONG)
    figures_drawn(visit, len(CLAIMS[LONG].experiments))
    visit.page.go_back()
    visit.page.wait_for_selector(f".st-key-open-{LONG}")
    assert visit.query() == {}
    visit.page.go_forward()
    figures_drawn(visit, len(CLAIMS[LONG].experiments))
    visit.page.locator(".st-key-experiment-sigmoid").get_by_role("link").click()
    visit.wait("window.bnvizStats?.connected && bnvizStats.updates > 0")
    assert visit.query()["preset"] == "headline"
    assert PRESETS["headline"].arms[0] == CLAIMS[LONG].experiments[0].arms[0].trial.config


RANGE = "document.querySelector('.bnviz-figure-plot')._fullLayout.xaxis.range.map(String).join()"


def zoom(visit: Visit) -> None:
    """Drag over a part of the first figure, as a person does, until it is shown alone."""
    before = visit.js(RANGE)
    plot = visit.page.locator(".bnviz-figure .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    visit.page.mouse.move(box["x"] + 0.3 * box["width"], middle)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + 0.7 * box["width"], middle, steps=8)
    visit.page.mouse.up()
    visit.wait(f"{RANGE} !== '{before}'")


def test_a_cheap_claim_is_measured_again_to_its_end_and_figures_stay_mounted_and_zoomed(visit):
    go(visit, f"claims?claim={CHEAP}")
    figures_drawn(visit, len(CLAIMS[CHEAP].experiments))
    visit.js("document.querySelectorAll('.bnviz-figure').forEach((node) => (node.kept = true))")
    zoom(visit)
    zoomed = visit.js(RANGE)
    visit.page.click(".st-key-measure button")
    visit.wait("document.body.innerText.includes('Measured here')")
    visit.wait("document.body.innerText.includes('The runs here agree with the shipped verdict')")
    visit.wait("[...document.querySelectorAll('.bnviz-figure')].every((node) => node.kept)")
    measured = f"measured here, {CLAIMS[CHEAP].check_seeds} seeds"
    visit.wait(f"document.querySelector('.bnviz-figure').textContent.includes('{measured}')")
    assert visit.js(RANGE) == zoomed
    visit.page.reload()
    visit.wait("document.body.innerText.includes('Measured here')")
    assert "own" not in visit.page.url, "whoever gets the link does not get the rows"


def test_two_visitors_wait_for_each_other_and_who_cancels_leaves_no_process(visit, chromium, app):
    go(visit, f"claims?claim={LONG}")
    visit.page.click(".st-key-measure button")
    visit.wait("/\\d+ of \\d+ trainings done/.test(document.body.innerText)")
    with chromium.new_context(reduced_motion="reduce") as context:
        other = Visit(context.new_page(), app.url)
        go(other, f"claims?claim={CHEAP}")
        other.page.click(".st-key-measure button")
        other.wait("/Place 1 in the queue/.test(document.body.innerText)")
        visit.wait("/[1-9]\\d* of \\d+ trainings done/.test(document.body.innerText)")
        working = {child.pid for child in workers(app)}
        assert working
        visit.page.click(".st-key-cancel-measuring button")
        visit.wait("/Cancelled after \\d+ of \\d+ trainings/.test(document.body.innerText)")
        assert not working & {child.pid for child in workers(app)}
        other.wait("document.body.innerText.includes('Measured here')")
        other.check_manners()


def workers(app: Server) -> list[psutil.Process]:
    """The server's processes that train."""
    children = psutil.Process(app.process.pid).children(recursive=True)
    with suppress(psutil.NoSuchProcess):
        return [one for one in children if any("LokyProcess" in word for word in one.cmdline())]
    return workers(app)  # one has ended meanwhile


def test_an_order_is_followed_from_the_list_and_from_the_maps(visit):
    go(visit, f"claims?claim={LONG}")
    visit.page.click(".st-key-measure button")
    visit.page.wait_for_selector(".st-key-cancel-measuring")
    visit.page.click(".st-key-all-claims button")
    said = "document.querySelector('.st-key-elsewhere')?.textContent ?? ''"
    first = visit.wait(f"({said}).match(/(\\d+) of \\d+ trainings done/)?.[1]")
    visit.page.get_by_role("link", name="Maps", exact=True).click()
    visit.wait(f"Number(({said}).match(/(\\d+) of \\d+ trainings done/)?.[1] ?? 0) > {first}")
    visit.page.click(".st-key-cancel-elsewhere button")
    visit.wait(f"/ended after \\d+ of \\d+ trainings/.test({said})")
    visit.page.locator(".st-key-elsewhere").get_by_role("link").click()
    visit.wait("/Cancelled after \\d+ of \\d+ trainings/.test(document.body.innerText)")
    assert visit.query() == {"claim": LONG}


def test_a_map_is_read_and_picked_from_by_keyboard(visit):
    study = MAPS["rate-and-depth"]
    go(visit, f"maps?map={study.name}")
    figures_drawn(visit, len(study.arms))
    visit.page.locator(".bnviz-figure").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown", "ArrowDown"):
        visit.page.keyboard.press(key)
    visit.wait(
        "document.querySelector('.bnviz-cell-said').textContent.startsWith('learning rate 0.03, hidden layers 1')"
    )
    visit.wait("document.querySelector('.bnviz-cell-mark').checkVisibility()")
    visit.page.keyboard.press("Enter")
    card = visit.page.locator(".st-key-chosen-cell")
    card.wait_for()
    assert "Learning rate 0.03, hidden layers 1" in card.inner_text()


def test_the_noisy_lesson_opens_as_its_words_say_and_the_next_one_as_usual(labs):
    lab = labs().open("?preset=noisy-batch")
    shown = """[document.querySelector('[data-bnviz=speed]').value,
      document.querySelector('[data-bnviz=point]').selectedOptions[0].textContent,
      document.querySelector('[data-bnviz=chart-drift] .bnviz-toggle:last-child').ariaPressed].join()"""
    lab.wait(f"{shown} === '10,after norm,true'")
    lab.choose("Lesson", PRESETS["circles"].title)
    lab.wait(f"{shown} === '0,before norm,false'")


def test_a_study_that_runs_is_cancelled_and_what_came_stays(visit):
    go(visit, f"claims?claim={LONG}")
    visit.page.click(".st-key-measure button")
    visit.wait("/\\d+ of \\d+ trainings done|Place \\d+ in the queue/.test(document.body.innerText)")
    visit.page.click(".st-key-cancel-measuring button")
    visit.wait("/Cancelled after \\d+ of \\d+ trainings/.test(document.body.innerText)")
    visit.page.wait_for_selector(".st-key-measure button:not([disabled])")


def test_a_cell_of_a_map_opens_its_run_in_the_lab(visit):
    study = MAPS["rate-and-depth"]
    go(visit, f"maps?map={study.name}")
    figures_drawn(visit, len(study.arms))
    plot = visit.page.locator(".bnviz-figure .nsewdrag").nth(1)
    box = plot.bounding_box()
    assert box is not None
    plot.click(position={"x": box["width"] - 8, "y": box["height"] - 8})
    card = visit.page.locator(".st-key-chosen-cell")
    card.wait_for()
    assert "Learning rate 10, hidden layers 1" in card.inner_text()
    card.get_by_role("link").click()
    visit.wait("window.bnvizStats?.connected && bnvizStats.updates > 0")
    query = visit.query()
    assert (query["learning_rate"], query["hidden_layers"], query["until"]) == ("10.0", "1", str(study.steps))


def test_a_link_with_a_map_of_ones_own_shows_it_and_measures_it(visit):
    go(visit, "maps?x=learning_rate:0.01,0.1&y=hidden_layers:1,2&steps=2&width=8&normalization=none,batch")
    figures_drawn(visit, 2)
    visit.page.click(".st-key-measure button")
    visit.wait("document.body.innerText.includes('1 seed. The white line')")
    visit.wait("!document.querySelector('.st-key-cancel-measuring')")
    assert visit.query()["x"] == "learning_rate:0.01,0.1"
