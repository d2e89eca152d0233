"""What a person does on the anatomy page, in a real Chromium."""

from __future__ import annotations

import re

import pytest

from bnviz.experiment.anatomy import EXAMPLES
from bnviz.sharing.layer_code import FRAMEWORKS
from tests.browser.driver import AnatomyPage, Lab, at

pytestmark = pytest.mark.browser

SECTIONS = ("forward", "backward", "modes", "axes", "scale", "mistakes", "code")
TOO_WIDE = """() => {
  const main = document.querySelector('[data-testid="stMain"]');
  return main.scrollWidth > main.clientWidth;
}"""
# Pastes as the keyboard would, without asking for the clipboard's permission.
PASTE = """([selector, text]) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  document.querySelector(selector).dispatchEvent(
    new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""

STYLE = """() => {
  const { fontSize, lineHeight, gap } = getComputedStyle(document.querySelector(".bnviz-anatomy"));
  return [fontSize, lineHeight, gap];
}"""
# The page's own module for edits, with a clock that is turned by hand; `made()` is a Post and what it delivered.
POST = """async () => {
  const sheet = document.querySelector('link[href*="/anatomy/anatomy.css"]');
  const { Post } = await import(new URL("post.js", sheet.href).href);
  const real = { setTimeout, clearTimeout };
  const timers = new Map();
  let now = 0;
  let ids = 0;
  globalThis.setTimeout = (run, wait = 0) => timers.set((ids += 1), { run, at: now + wait }) && ids;
  globalThis.clearTimeout = (id) => timers.delete(id);
  const pass = (time) => {
    now += time;
    for (const [id, { run, at }] of [...timers]) if (at <= now && timers.delete(id)) run();
  };
  const made = () => {
    const sent = [];
    const post = new Post((edit) => sent.push(structuredClone(edit)), () => {});
    const state = { section: "forward", step: 0, batch: [[1, 2], [3, 4]], upstream: [[0, 0], [0, 0]] };
    const answer = (more = {}, problems = [], serial = sent.at(-1).serial) => {
      Object.assign(state, more);
      post.answered({ serial, state: { ...state }, problems });
      pass(0);
    };
    answer({}, [], 0);
    return { post, sent, answer };
  };
  const run = {
    newest() {
      const { post, sent, answer } = made();
      for (const step of [1, 2, 3]) post.type("step", step);
      const before = sent.length;
      answer({ step: 1 });
      return [before, sent.map(({ draft }) => draft.step)];
    },
    overdue() {
      const { post, sent, answer } = made();
      post.command("example", "pair");
      pass(5000);
      pass(5000);
      const serials = sent.map(({ serial, draft }) => [serial, draft.example.serial]);
      answer({}, [], sent[0].serial);
      const waits = Boolean(post.flight);
      answer();
      return [serials, waits, post.draft.example, post.flight];
    },
    refused() {
      const { post, sent, answer } = made();
      post.type("batch", "abc", [0, 0]);
      answer({}, [{ field: "batch", row: 0, column: 0 }]);
      post.type("batch", "7", [1, 1]);
      answer({ batch: [[1, 2], [3, 7]] }, [{ field: "batch", row: 0, column: 0 }]);
      const kept = [post.draft.batch, post.typed("batch", [1, 1]) ?? null];
      post.revert("batch", [0, 0]);
      return [kept, sent.at(-1).draft.batch];
    },
    replaced() {
      const { post, sent, answer } = made();
      post.type("batch", "8", [0, 1]);
      post.command("example", "pair");
      post.type("batch", "9", [1, 0]);
      answer({ batch: [[1, 8], [3, 4]] });
      const flying = sent.at(-1).draft.batch;
      answer({ batch: [[10, 20], [30, 40], [50, 60]] });
      return [flying, sent.at(-1).draft.batch, sent.at(-1).draft.example, sent.length];
    },
    reshaped() {
      const { post, sent, answer } = made();
      post.type("upstream", "abc", [1, 0]);
      post.type("upstream", "x", [0, 0]);
      const bad = [1, 0].map((row) => ({ field: "upstream", row, column: 0 }));
      answer({}, bad.slice(0, 1));
      answer({}, bad);
      post.reshape("batch", (rows) => rows.slice(0, 1));
      const flying = sent.at(-1).draft;
      answer({ batch: [[1, 2]], upstream: [[0, 0]] });
      return [flying.batch, flying.upstream, sent.at(-1).draft.upstream];
    },
    settled() {
      const { post, sent, answer } = made();
      post.type("step", 1);
      answer({ step: 1 });
      pass(400);
      post.type("step", 2);
      answer({ step: 2 });
      pass(400);
      const early = sent.length;
      pass(100);
      answer();
      pass(5000);
      post.change({ section: "code" });
      return [early, sent.map((edit) => edit.settled)];
    },
    paused() {
      const { post, sent, answer } = made();
      post.type("step", 1);
      post.pause();
      answer({ step: 1 });
      pass(1000);
      post.type("step", 2);
      pass(900);
      const before = sent.length;
      pass(100);
      return [before, sent.map(({ draft, settled }) => [draft.step, settled])];
    },
    disposed() {
      timers.clear();
      const { post, sent } = made();
      post.type("step", 1);
      post.type("step", 2);
      post.answered({ serial: 1, state: {}, problems: [] });
      post.dispose();
      for (let i = 0; i < 5; i += 1) pass(5000);
      return [sent.length, timers.size];
    },
  };
  try {
    return Object.fromEntries(Object.entries(run).map(([name, scenario]) => [name, scenario()]));
  } finally {
    Object.assign(globalThis, real);
  }
}"""


def value(page: AnatomyPage, name: str) -> str:
    return page.page.input_value(at(name))


def problem(page: AnatomyPage, pattern: str) -> str:
    return page.wait_text("problem", pattern)


def test_every_section_opens_by_its_tab_and_stands_in_the_address(anatomy):
    anatomy.open()
    for name in SECTIONS[1:] + SECTIONS[:1]:
        anatomy.section(name)
        anatomy.page.wait_for_function(
            "name => (new URLSearchParams(location.search).get('section') ?? 'forward') === name", arg=name
        )
        assert anatomy.text("question")
    assert anatomy.text("problem") == ""


def test_on_a_phone_nothing_is_wider_than_the_screen(chromium, app):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page = AnatomyPage(context.new_page(), app.url).open("?mistakes=variance,no_eps,unbiased,frozen")
    page.page.evaluate("document.fonts.ready")
    for section in SECTIONS:
        page.section(section)
        assert not page.page.evaluate(TOO_WIDE), section
    context.close()
    page.check_manners()


def test_a_typed_number_changes_the_mean_and_the_link_opens_the_same_elsewhere(anatomy):
    anatomy.open()
    assert anatomy.text("number-mean") == "3"
    anatomy.type("cell-0-0", "7")
    anatomy.wait_text("number-mean", "^4$")
    anatomy.wait_query("batch", "^7,20,-3;")
    again = anatomy.page.url
    anatomy.page.goto("about:blank")
    anatomy.page.goto(again)
    anatomy.wait_ready()
    assert value(anatomy, "cell-0-0") == "7"
    assert anatomy.text("number-mean") == "4"


def test_a_cell_that_is_no_number_is_said_and_escape_puts_it_back(anatomy):
    anatomy.open()
    anatomy.type("cell-1-0", "two")
    assert "Sample 2, channel 1 of the batch must be a number" in problem(anatomy, "must be")
    assert anatomy.attribute("cell-1-0", "aria-invalid") == "true"
    assert anatomy.text("number-mean") == "3", "the last good table"
    anatomy.type("cell-0-0", "7")
    anatomy.page.press(at("cell-1-0"), "Escape")
    anatomy.wait_text("problem", "^$")
    anatomy.wait_text("number-mean", "^4$")
    assert value(anatomy, "cell-1-0") == "2"


def test_pasted_nonsense_is_said_and_the_last_good_table_stays(anatomy):
    anatomy.open("?example=outlier")
    for text, said in (
        ("to be\nor not", "Sample 1, channel 1 of the batch must be a number"),
        ("1 2\nnan 3", "Sample 2, channel 1 of the batch must be a number"),
        ("1 2 3\n4 5", "Sample 2 of the batch has 2 numbers where sample 1 has 3"),
        ("1\t2\n" * 10_000, "10,000 rows; at most 32"),
    ):
        anatomy.page.evaluate(PASTE, [at("cell-0-0"), text])
        assert said in problem(anatomy, re.escape(said))
        assert value(anatomy, "cell-4-0") == "50"
        assert anatomy.page.locator(f"{at('anatomy')} [aria-invalid]").count() == 0, "no cell here is wrong"
        assert anatomy.query() == {"example": "outlier"}


def test_a_block_from_a_spreadsheet_replaces_the_table(anatomy):
    anatomy.open()
    anatomy.page.evaluate(PASTE, [at("cell-3-2"), "1\t-1\r\n3\t-3\r\n"])
    anatomy.wait_text("number-mean", "^2$")
    assert anatomy.page.locator(at("cell-2-0")).count() == 0
    assert anatomy.wait_query("batch", ";") == "1,-1;3,-3"


def test_a_cell_typed_right_after_choosing_an_example_belongs_to_the_example(anatomy):
    anatomy.open()
    anatomy.page.select_option(at("example"), "outlier")
    anatomy.type("cell-0-0", "77")
    anatomy.wait_query("batch", "^77,4;2,6;")
    assert value(anatomy, "cell-0-0") == "77"
    anatomy.page.evaluate(PASTE, [at("cell-0-0"), "1 2\n3 4\n5 6"])
    anatomy.type("cell-1-1", "44")
    assert anatomy.wait_query("batch", "44") == "1,2;3,44;5,6"


def test_a_bad_gradient_does_not_hold_up_another_sample(anatomy):
    anatomy.open("?section=backward")
    anatomy.type("upstream-1-0", "abc")
    problem(anatomy, "channel 1 of")
    anatomy.click("add-row")
    anatomy.page.wait_for_selector(at("upstream-6-0"))
    problem(anatomy, "channel 1 of")
    assert value(anatomy, "upstream-1-0") == "abc"
    anatomy.type("upstream-1-0", "4")
    anatomy.wait_text("problem", "^$")
    anatomy.wait_query("upstream", ";4,")


def test_large_numbers_keep_the_digits_before_the_point(anatomy):
    anatomy.open()
    anatomy.type("cell-0-0", "71234")
    anatomy.wait_text("number-mean", "^11875$")
    assert anatomy.page.locator("tfoot .is-mean td").first.inner_text() == "11875"
    assert "71234" in anatomy.text("step-mean")


def test_ten_steps_of_a_slider_are_one_entry_of_the_history(anatomy):
    anatomy.open()
    before = anatomy.js("history.length")
    anatomy.page.focus(at("slider-gamma"))
    for _ in range(10):
        anatomy.page.keyboard.press("ArrowRight")
    assert anatomy.wait_query("gamma", r"^1\.5,") == "1.5,1,1"
    assert anatomy.js("history.length") == before + 1


def test_edits_on_their_way(anatomy):
    anatomy.open()
    ran = anatomy.js(POST)
    assert ran["newest"] == [1, [1, 3]], "one in flight, then the newest"
    assert ran["overdue"] == [[[1, 1], [2, 1], [3, 1]], True, None, 0], "a command keeps its first serial"
    assert ran["refused"] == [[[["abc", 2], [3, 7]], None], [[1, 2], [3, 7]]]
    assert ran["replaced"] == [[[1, 8], [3, 4]], [[10, 20], ["9", 40], [50, 60]], None, 3]
    assert ran["reshaped"] == [[[1, 2]], [[0, 0], [0, 0]], [["x", 0]]]
    assert ran["settled"] == [2, [False, False, True, True]]
    assert ran["paused"] == [1, [[1, False], [2, True]]]
    assert ran["disposed"] == [1, 0]


def test_the_layer_undoes_itself_and_the_input_returns(anatomy):
    anatomy.open("?example=units")
    anatomy.click("undo")
    distance = float(anatomy.wait_text("number-distance", r"^(0|\d.*e−1\d)$").replace("−", "-"))
    assert distance < 1e-9
    assert float(value(anatomy, "field-beta")) == pytest.approx(1.732)
    anatomy.wait_query("gamma", ",")


def test_a_slider_moves_by_keyboard_and_the_output_follows(anatomy):
    anatomy.open()
    before = anatomy.text("number-output")
    anatomy.page.focus(at("slider-gamma"))
    anatomy.page.keyboard.press("ArrowRight")
    anatomy.page.wait_for_function(
        "([selector, before]) => document.querySelector(selector).textContent !== before",
        arg=[at("number-output"), before],
    )
    anatomy.wait_query("gamma", "1.05,1,1")


def test_the_examples_are_chosen_from_the_list(anatomy):
    anatomy.open()
    for name in [*EXAMPLES][::-1]:
        anatomy.page.select_option(at("example"), name)
        rows = EXAMPLES[name].batch
        anatomy.page.wait_for_function(
            "([selector, text]) => document.querySelector(selector)?.value === text",
            arg=[at(f"cell-{len(rows) - 1}-0"), f"{rows[-1][0]:g}"],
        )
        assert anatomy.page.input_value(at("example")) == name
    anatomy.type("cell-0-0", "77")
    anatomy.page.wait_for_function("selector => document.querySelector(selector).value === ''", arg=at("example"))


def test_a_node_of_the_graph_opens_with_value_and_gradient(anatomy):
    anatomy.open("?section=backward")
    anatomy.click("node-variance")
    anatomy.wait_query("node", "variance")
    anatomy.wait_text("node-detail", "variance")
    anatomy.page.focus(at("node-beta"))
    anatomy.page.keyboard.press("Enter")
    anatomy.wait_query("node", "beta")


def test_autograd_agrees_and_the_sum_of_dx_is_0_whatever_comes_from_above(anatomy):
    anatomy.open("?section=backward&upstream=one_sample")
    total = float(anatomy.wait_text("number-sum", r"\d").replace("−", "-"))
    assert abs(total) < 1e-12
    anatomy.click("compare")
    found = anatomy.wait_text("number-autograd", r"\d")
    differences = [float(text.replace("−", "-")) for text in re.findall(r"\d[\d.]*(?:e[−-]?\d+)?", found)]
    assert differences
    assert min(differences) < 1e-12


def test_kerass_momentum_is_the_other_way_round_and_a_batch_of_one_is_refused(anatomy):
    anatomy.open("?section=modes")
    anatomy.type("field-keras_momentum", "0.99")
    anatomy.wait_query("momentum", r"^0\.01")
    assert float(value(anatomy, "field-momentum")) == pytest.approx(0.01)
    anatomy.type("field-batch_size", "1")
    assert "Expected more than 1 value per channel" in anatomy.wait_text("refusal", "Expected")
    anatomy.type("field-batch_size", "2")
    anatomy.wait_text("number-gap", r"\d")


def test_a_momentum_that_keras_cannot_have_is_said_in_kerass_own_terms(anatomy):
    anatomy.open("?section=modes&momentum=0.0005")
    assert value(anatomy, "field-keras_momentum") == "0.9995"
    anatomy.page.focus(at("field-keras_momentum"))
    for letter in "0.95":
        anatomy.page.keyboard.press(letter)
    anatomy.wait_query("momentum", r"^0\.05$")
    assert value(anatomy, "field-keras_momentum") == "0.95"
    anatomy.type("field-keras_momentum", "0.9995")
    anatomy.wait_query("momentum", r"^0\.0005$")
    anatomy.type("field-keras_momentum", "1.5")
    anatomy.page.get_by_text("Keras’s momentum must be a number from 0 to 1; got “1.5”.").wait_for()
    assert anatomy.attribute("field-keras_momentum", "aria-invalid") == "true"
    anatomy.page.press(at("field-keras_momentum"), "Escape")
    assert value(anatomy, "field-keras_momentum") == "0.9995"
    assert anatomy.query()["momentum"] == "0.0005"


def test_pointing_at_a_cell_lights_up_those_that_share_its_mean(anatomy):
    anatomy.open("?section=axes")
    lit = f"{at('anatomy')} .bnviz-cube.is-lit"
    for norm, cells in (("batch", 27), ("layer", 54), ("instance", 9)):
        anatomy.click(f"choice-norm-{norm}")
        anatomy.wait_query("norm", norm) if norm != "batch" else None
        anatomy.page.hover(f"{at('cell3-1-4-2-2')} .is-top")
        anatomy.page.wait_for_function(
            "([selector, cells]) => document.querySelectorAll(selector).length === cells", arg=[lit, cells]
        )


def test_the_scale_of_the_weights_leaves_the_output_and_divides_the_gradient(anatomy):
    anatomy.open("?section=scale&log_scale=1")
    assert anatomy.wait_text("number-gradient", "0").endswith("0.1")
    assert float(anatomy.text("number-output_change")) == pytest.approx(0, abs=1e-3)


def test_the_legend_shows_the_numbers_of_the_chosen_scale(anatomy):
    anatomy.open("?section=scale&log_scale=0.9")
    assert anatomy.wait_text("value-gradient-idealGradient", "0") == "0.126"
    assert anatomy.text("value-gradient-gradient") == anatomy.text("number-gradient").removeprefix("× ")
    anatomy.type("field-log_scale", "9")
    assert "from -6 to 6" in problem(anatomy, "from")
    assert anatomy.text("number-a") == "a = 7.94"
    anatomy.open("?section=scale&eps=10&batch=1,2;3,4;5,7")
    assert "At 10, for one, the output changes" in anatomy.text("finding")


def test_a_mistake_is_switched_on_and_says_its_number(anatomy):
    anatomy.open("?section=mistakes&example=constant")
    anatomy.click("toggle-no_eps")
    assert "finite" in anatomy.wait_text("reading-no_eps", "finite")
    anatomy.wait_query("mistakes", "no_eps")


def test_what_is_no_number_stands_within_the_picture(anatomy):
    anatomy.open("?section=mistakes&mistakes=no_eps&batch=" + ";".join(["1,2"] * 32))
    outside = """() => {
      const picture = document.querySelector('[data-bnviz="rows-no_eps"] svg');
      const { left, right } = picture.getBoundingClientRect();
      const marks = [...picture.querySelectorAll(".is-lost")].map((mark) => mark.getBoundingClientRect());
      return [marks.length, marks.filter((mark) => mark.left < left || mark.right > right).length];
    }"""
    anatomy.page.wait_for_selector(f"{at('rows-no_eps')} .is-lost")
    assert anatomy.page.evaluate(outside) == [64, 0]
    assert "NaN" in anatomy.page.get_attribute(f"{at('rows-no_eps')} svg", "aria-label")


def test_the_code_is_shown_and_copied_whole(chromium, app):
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=app.url)
    page = AnatomyPage(context.new_page(), app.url).open("?section=code")
    for framework, title in FRAMEWORKS.items():
        page.click(f"choice-framework-{framework}")
        page.wait_text("code", f"in {title}")
        page.click("copy")
        page.wait_text("copied", "Copied")
        copied = page.page.evaluate("navigator.clipboard.readText()")
        assert copied.strip() == page.page.text_content(at("code")).strip()
        compile(copied, "layer.py", "exec")
    context.close()
    page.check_manners()


def test_from_the_lab_to_the_anatomy_and_back_nothing_is_lost(desktop, app):
    lab = Lab(desktop.new_page(), app.url).open("?preset=circles&width=16")
    lab.page.get_by_role("link", name="Anatomy").click()
    page = AnatomyPage(lab.page, app.url)
    page.wait_ready()
    style = page.js(STYLE)
    page.type("cell-0-0", "7")
    page.wait_query("batch", "^7,")
    page.type("cell-1-0", "abc")
    problem(page, "must be")
    lab.page.get_by_role("link", name="Lab").click()
    lab.wait_usable()
    assert lab.wait_query("width", "16")
    lab.page.get_by_role("link", name="Anatomy").click()
    page.wait_ready()
    page.wait_query("batch", "^7,")
    assert value(page, "cell-0-0") == "7"
    assert page.js(STYLE) == style
    assert page.text("problem") == "", "what was refused is no longer there"
    assert page.attribute("cell-1-0", "aria-invalid") is None
    page.type("cell-0-0", "9")
    page.wait_query("batch", "^9,")
    lab.page.get_by_role("link", name="Anatomy").click()
    lab.page.wait_for_timeout(2500)  # Anatomy holds its edits for a while after a click on a link
    assert page.query()["batch"].startswith("9,"), "a page's own link leads to where it is now"
    assert value(page, "cell-0-0") == "9"
    lab.page.close()
    lab.check_manners()


def test_a_section_that_could_not_be_loaded_is_chosen_again(chromium, app):
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = AnatomyPage(context.new_page(), app.url)
    page.page.route("**/plotly.min.js", lambda route: route.abort())
    page.page.route("**/anatomy/modes.js", lambda route: route.abort(), times=1)
    page.open()
    page.click("tab-modes")
    page.page.get_by_text("“Train and eval” could not be loaded").wait_for()
    page.section("modes")
    page.wait_text("number-gap", r"\d")
    page.page.get_by_text("The line charts can't be drawn").wait_for()
    context.close()
    assert page.complaints
    assert all("Failed to load resource" in complaint for complaint in page.complaints)
