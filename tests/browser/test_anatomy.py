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
    assert "Row 2, column 1 of the batch must be a number" in problem(anatomy, "must be")
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
        ("to be\nor not", "Row 1, column 1 of the batch must be a number"),
        ("1 2\nnan 3", "Row 2, column 1 of the batch must be a number"),
        ("1 2 3\n4 5", "Row 2 of the batch has 2 numbers where row 1 has 3"),
        ("1\t2\n" * 10_000, "10,000 rows; at most 32"),
    ):
        anatomy.page.evaluate(PASTE, [at("cell-0-0"), text])
        assert said in problem(anatomy, re.escape(said))
        assert value(anatomy, "cell-4-0") == "50"
        assert anatomy.query() == {"example": "outlier"}


def test_a_block_from_a_spreadsheet_replaces_the_table(anatomy):
    anatomy.open()
    anatomy.page.evaluate(PASTE, [at("cell-3-2"), "1\t-1\r\n3\t-3\r\n"])
    anatomy.wait_text("number-mean", "^2$")
    assert anatomy.page.locator(at("cell-2-0")).count() == 0
    assert anatomy.wait_query("batch", ";") == "1,-1;3,-3"


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


def test_a_mistake_is_switched_on_and_says_its_number(anatomy):
    anatomy.open("?section=mistakes&example=constant")
    anatomy.click("toggle-no_eps")
    assert "finite" in anatomy.wait_text("reading-no_eps", "finite")
    anatomy.wait_query("mistakes", "no_eps")


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
    page.type("cell-0-0", "7")
    page.wait_query("batch", "^7,")
    lab.page.get_by_role("link", name="Lab").click()
    lab.wait_usable()
    assert lab.wait_query("width", "16")
    lab.page.get_by_role("link", name="Anatomy").click()
    page.wait_ready()
    page.wait_query("batch", "^7,")
    assert value(page, "cell-0-0") == "7"
    lab.page.close()
    lab.check_manners()
