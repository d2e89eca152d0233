"""What a person does on the lab's page, in a real Chromium."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.browser.driver import at

pytestmark = pytest.mark.browser

ACCURACIES = """(() => [0, 1].map((arm) =>
  parseFloat(document.querySelector(`[data-bnviz="accuracy-readout-${arm}"]`).textContent)))()"""
CHART_NODES = "document.querySelectorAll('[data-bnviz=\"stage\"] :is(figure, canvas, .bnviz-plot, .main-svg)')"


def test_play_trains_the_two_networks_come_apart_and_pause_stops(lab):
    assert lab.shown == 0
    assert lab.text("play") == "Play"
    lab.play()
    assert lab.text("play") == "Pause"
    lab.step_at_least(20)
    lab.wait(f"(() => {{ const [without, with_] = {ACCURACIES}; return with_ - without > 30; }})()")
    lab.wait("Number(document.querySelector('[data-bnviz=\"steps-per-second\"]').textContent) > 0")
    lab.pause()
    assert lab.text("play") == "Play"
    last = lab.stats()["lastStep"]
    lab.click("step")
    lab.wait(f"bnvizStats.lastStep > {last} && bnvizStats.shown === bnvizStats.lastStep")
    assert lab.shown == last + 1, "nothing was trained while it was paused"
    lab.page.wait_for_selector(f"{at('verdicts')} [data-kind]")


def test_the_switch_turns_bn_on_live_and_leaves_a_mark(lab):
    lab.play()
    lab.step_at_least(5)
    assert [lab.attribute(f"switch-{arm}", "aria-checked") for arm in (0, 1)] == ["false", "true"]
    lab.click("switch-0")
    lab.page.wait_for_selector(f'{at("switch-0")}[aria-checked="true"]')
    chip = lab.page.wait_for_selector(f"{at('interventions-0')} .bnviz-chip").inner_text()
    step = int(re.fullmatch(r"step (\d+): BN on", chip)[1])
    lab.step_at_least(step)
    lab.page.wait_for_function(
        "step => document.querySelector('[data-bnviz=\"plot-accuracy\"]').layout?.shapes?.some("
        "(shape) => shape.x0 === step && shape.label?.text === 'BN on')",
        arg=step,
    )
    lab.page.keyboard.press("b")
    lab.page.wait_for_selector(f'{at("switch-0")}[aria-checked="false"]')
    lab.pause()
    assert lab.wait_query("turns", "none").startswith(f"1@{step}:batch,1@")
    lab.page.keyboard.press("b")
    lab.page.wait_for_selector(f'{at("switch-0")}[aria-checked="true"]')


def test_the_address_holds_a_switch_while_the_run_goes_on(lab):
    lab.play()
    lab.click("switch-0")
    lab.page.wait_for_selector(f'{at("switch-0")}[aria-checked="true"]')
    updates = lab.stats()["updates"]
    lab.wait(f"bnvizStats.updates > {updates + 100} || location.search.includes('turns')")
    assert "turns" in lab.query()


def test_scrubbing_goes_back_through_the_history_and_trains_nothing(used):
    used.pause_at(60)
    end, last = used.numbers(), used.stats()
    used.page.keyboard.press("ArrowLeft")
    used.wait("bnvizStats.shown < 60")
    before = used.numbers()
    assert before != end
    used.page.keyboard.press("Shift+ArrowLeft")
    used.page.keyboard.press("ArrowRight")
    box = used.page.locator(at("scrub")).bounding_box()
    used.page.mouse.click(box["x"] + 2, box["y"] + box["height"] / 2)
    used.wait("bnvizStats.shown === 0")
    start = used.numbers()
    assert used.text("verdicts-about") == "at step 60, the newest:", "verdicts don't look back"
    assert len({*map(tuple, (start, before, end))}) == 3
    assert "at step 0" in used.page.locator(at("summary-accuracy")).text_content() or used.wait(
        "document.querySelector('[data-bnviz=\"summary-accuracy\"]').textContent.includes('at step 0')"
    )
    used.click("live")
    used.wait("bnvizStats.shown === 60")
    assert not used.page.is_visible(at("verdicts-about"))
    assert used.numbers() == end
    after = used.stats()
    assert (after["lastStep"], after["generation"]) == (last["lastStep"], last["generation"])


def test_the_keyboard_plays_pauses_and_leaves_typing_alone(used):
    used.page.keyboard.press("Space")
    used.wait("bnvizStats.playing && bnvizStats.lastStep > 3")
    used.page.keyboard.press("Space")
    used.wait("!bnvizStats.playing")
    last = used.stats()["lastStep"]
    used.page.focus(at("until"))
    used.page.keyboard.press("b")
    used.page.keyboard.press("Space")
    used.page.keyboard.press("ArrowLeft")
    used.js("document.activeElement.blur()")
    assert used.attribute("switch-0", "aria-checked") == "false"
    used.click("step")
    used.wait(f"bnvizStats.shown > {last}")
    assert used.shown == last + 1


def test_single_steps_rewind_and_a_new_init(used):
    for step in (1, 2, 3):
        used.click("step")
        used.wait(f"bnvizStats.shown === {step}")
    first, generation = used.numbers(), used.stats()["generation"]
    used.click("rewind")
    used.wait(f"bnvizStats.generation === {generation + 1} && bnvizStats.shown === 0")
    assert "seed" not in used.query(), "a rewind keeps the seed"
    for step in (1, 2, 3):
        used.click("step")
        used.wait(f"bnvizStats.shown === {step}")
    assert used.numbers() == first, "the same initial weights give the same numbers"
    used.click("new-init")
    used.wait(f"bnvizStats.generation === {generation + 2} && bnvizStats.shown === 0")
    assert used.wait_query("seed", "^1$") == "1"
    for step in (1, 2, 3):
        used.click("step")
        used.wait(f"bnvizStats.shown === {step}")
    assert used.numbers() != first


def test_the_address_gives_the_same_losses_at_step_200_in_all_shown_digits(lab, labs):
    lab.pause_at(10)
    lab.click("switch-0")
    lab.page.wait_for_selector(f'{at("switch-0")}[aria-checked="true"]')
    assert lab.wait_query("turns", "batch") == "1@11:batch"
    lab.pause_at(200)
    lab.wait_query("until", "200")
    numbers, address = lab.numbers(), lab.page.url
    lab.page.close()
    again = labs()
    again.page.goto(address)
    again.wait_usable()
    assert again.page.input_value(at("until")) == "200"
    again.click("play")
    again.wait("!bnvizStats.playing && bnvizStats.shown === 200")
    assert again.numbers() == numbers
    assert all(re.search(r"\d\.\d{4,}", text) for text in numbers), "and the digits are many"


def test_another_lesson_from_the_sidebar_starts_anew_on_the_same_stage(lab):
    lab.play()
    lab.step_at_least(5)
    lab.js(f"window.kept = {CHART_NODES}[0]")
    lab.choose("Lesson", re.compile("circles"))
    lab.wait_query("preset", "circles")
    lab.wait("bnvizStats.generation === 1 && bnvizStats.shown === 0 && !bnvizStats.playing")
    assert lab.js("window.kept.isConnected"), "the stage stays mounted"
    assert lab.text("message") == "The experiment has changed: its networks start at step 0."
    lab.play()
    lab.step_at_least(30)
    lab.wait("document.querySelector('[data-bnviz=\"summary-picture\"]').textContent.length > 20")
    lab.pause()
    assert lab.stats()["sockets"] == 1


def test_no_chart_node_is_replaced_while_it_plays_and_the_readers_zoom_stays(lab):
    lab.pause_at(60)
    lab.set_until(None)
    lab.wait("document.querySelectorAll('.bnviz-plot .main-svg').length >= 4 && bnvizStats.lineDraws >= 4")
    box = lab.page.locator(f"{at('plot-accuracy')} .nsewdrag").first.bounding_box()
    y = box["y"] + box["height"] / 2
    lab.page.mouse.move(box["x"] + box["width"] * 0.2, y)
    lab.page.mouse.down()
    lab.page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=5)
    lab.page.mouse.up()
    zoom = "document.querySelector('[data-bnviz=\"plot-accuracy\"]')._fullLayout.xaxis.range"
    lab.wait(f"{zoom}[0] > 5 && {zoom}[1] < 50")
    zoomed = lab.js(zoom)
    lab.js(f"window.tagged = [...{CHART_NODES}]")
    lab.play()
    draws = lab.stats()["lineDraws"]
    lab.wait(f"bnvizStats.lineDraws > {draws + 6} && bnvizStats.lastStep > 80")
    lab.click("switch-0")
    lab.page.wait_for_selector(f'{at("switch-0")}[aria-checked="true"]')
    lab.pause()
    lab.wait_query("turns", "batch")
    lab.play()
    draws = lab.stats()["lineDraws"]
    lab.wait(f"bnvizStats.lineDraws > {draws + 4}")
    assert lab.js(f"[...{CHART_NODES}].length === tagged.length && tagged.every((node) => node.isConnected)")
    assert lab.js(zoom) == zoomed
    lab.pause()


def test_a_hidden_page_stops_the_training_and_goes_on_when_it_is_seen_again(lab):
    lab.page.select_option(at("speed"), "100")
    lab.play()
    lab.step_at_least(20)
    lab.hide(True)
    left = lab.stats()["lastStep"]
    lab.js("window.hiddenAt = performance.now()")
    lab.wait("performance.now() - hiddenAt > 3500")
    updates = lab.stats()["updates"]
    lab.hide(False)
    back = lab.wait(f"bnvizStats.updates > {updates} && bnvizStats.lastStep")
    assert back - left < 270, "two seconds at 100 steps a second at most, not three and a half"
    lab.step_at_least(back + 20)


def test_a_page_that_is_resized_before_the_first_numbers_come_is_drawn_all_the_same(labs):
    lab, held = labs(), []

    def between(page_side) -> None:
        server_side = page_side.connect_to_server()

        def pass_on(message) -> None:
            if isinstance(message, bytes) and held is not None:
                held.append(lambda: page_side.send(message))
            else:
                page_side.send(message)

        server_side.on_message(pass_on)

    lab.page.route_web_socket(re.compile("bnviz/live"), between)
    lab.page.goto(lab.url)
    lab.page.wait_for_selector(at("canvas-gradient-depth"))
    width = lab.js("document.querySelector('[data-bnviz=\"canvas-gradient-depth\"]').clientWidth")
    lab.page.set_viewport_size({"width": 1200, "height": 900})
    lab.wait(f"document.querySelector('[data-bnviz=\"canvas-gradient-depth\"]').clientWidth !== {width}")
    lab.js("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
    release, held = held, None
    for send in release:
        send()
    lab.wait_usable()
    complaints = lab.complaints[:]
    lab.complaints.clear()
    assert complaints == []


def test_every_canvas_is_painted(used):
    used.pause_at(30)
    used.wait(
        """[...document.querySelectorAll('[data-bnviz="stage"] canvas')].every((canvas) => {
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          const seen = new Set();
          for (let i = 0; i < pixels.length; i += 16) seen.add(pixels.slice(i, i + 3).join());
          return seen.size > 8;
        })"""
    )


def test_charts_and_layer_can_be_chosen_and_belong_to_the_address(used):
    used.click("charts-menu")
    used.page.check(at("show-saturation"))
    used.page.wait_for_selector(at("chart-saturation"))
    used.page.uncheck(at("show-drift"))
    used.page.wait_for_selector(at("chart-drift"), state="detached")
    used.page.select_option(at("layer"), "0")
    used.wait_query("layer", "^0$")
    chosen = used.wait_query("charts", "saturation").split(",")
    shown = used.js("[...document.querySelectorAll('[data-bnviz=\"stage\"] figure')].map((one) => one.dataset.chart)")
    assert sorted(chosen) == sorted(shown)
    assert "drift" not in chosen
    used.click("charts-default")
    used.page.wait_for_selector(at("chart-drift"))
    used.page.keyboard.press("Escape")
    used.page.wait_for_function("!location.search.includes('charts')")


def test_on_a_phone_nothing_is_wider_than_the_screen_and_the_player_is_at_hand(labs, chromium):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    phone = labs(context).open()
    play = phone.page.locator(at("play"))
    for _ in range(2):
        assert phone.js("document.documentElement.scrollWidth <= innerWidth")
        assert phone.js("document.querySelector('[data-testid=\"stMain\"]').scrollWidth <= innerWidth")
        assert phone.js("document.querySelector('[data-bnviz=\"stage\"]').scrollWidth <= innerWidth")
        box = play.bounding_box()
        assert 0 <= box["y"] <= 844 - box["height"], "in reach without scrolling"
        assert min(box["width"], box["height"]) >= 40
        play.tap()
        phone.wait("bnvizStats.playing && bnvizStats.lastStep > 5")
        play.tap()
        phone.wait("!bnvizStats.playing")
        phone.js("document.querySelector('[data-testid=\"stMain\"]').scrollTo(0, 900)")
    context.close()


def test_a_malformed_link_says_so_and_shows_the_first_lesson(labs):
    lab = labs().open("?preset=nothing&width=many")
    alert = lab.page.get_by_test_id("stAlert").inner_text()
    assert "This link can't be read" in alert
    assert "preset must be one of" in alert
    assert lab.wait_query("preset", ".") == "headline"
    lab.play()
    lab.step_at_least(3)


def test_a_hostile_link_puts_neither_links_nor_pictures_on_the_page(labs):
    text = "[a](https://localhost/)![x](y.png):red[z]"
    lab = labs().open(f"?preset={quote(text)}")
    alert = lab.page.get_by_test_id("stAlert")
    alert.wait_for()
    assert alert.locator("p :is(a, img, span)").count() == 0
    assert text in alert.inner_text(), "what was given is quoted as it is"


def test_everything_has_a_name_and_every_chart_its_words(used):
    used.pause_at(20)
    nameless = used.js(
        """(() => {
          const nodes = [...document.querySelectorAll('[data-bnviz="stage"] :is(button, input, select, a, [role])')];
          const seen = (node) => !node.closest("[aria-hidden=true], [hidden], .main-svg");
          const name = (node) => node.getAttribute("aria-label") || node.labels?.[0]?.textContent || node.textContent;
          return nodes.filter(seen).filter((node) => !(name(node) || node.title).trim()).map((node) => node.outerHTML);
        })()"""
    )
    assert nameless == []
    charts = used.js(
        """[...document.querySelectorAll('[data-bnviz="stage"] figure')].map((figure) => ({
          name: figure.getAttribute("aria-label"),
          words: document.getElementById(figure.getAttribute("aria-describedby"))?.textContent ?? "",
          help: figure.querySelector("button[aria-label]")?.getAttribute("aria-label") ?? "",
        }))"""
    )
    assert len(charts) >= 7
    for chart in charts:
        assert chart["name"]
        assert len(chart["words"]) > 20, f"{chart['name']} has no words for those who can't see it"
        assert re.search(r"\d", chart["words"]), f"{chart['name']}: numbers are said"
        assert chart["help"]
    assert used.js(
        "(() => { const ids = [...document.querySelectorAll('[data-bnviz=\"stage\"] [id]')].map((n) => n.id);"
        "return new Set(ids).size === ids.length; })()"
    )
    assert used.attribute("switch-0", "role") == "switch"
    assert used.page.title() == "bnviz: batch normalization, live"
    assert used.page.get_attribute("html", "lang")


def test_a_chart_explains_itself(used):
    used.click("help-drift")
    help_ = used.page.locator('[data-bnviz="chart-drift"] [popover]:popover-open, [popover]:popover-open').first
    assert len(help_.inner_text()) > 60
    used.page.keyboard.press("Escape")
    used.wait("!document.querySelector('[popover]:popover-open')")
