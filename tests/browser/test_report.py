"""A report is opened from disk in a real Chromium, without a network, and printed."""

from __future__ import annotations

import re

import pytest

from bnviz.experiment.presets import PRESETS
from bnviz.experiment.verdicts import verdicts
from bnviz.figures.look import Look
from bnviz.figures.page import figures_json, page_scripts
from bnviz.sharing.report import report, settings
from bnviz.training.comparison import Comparison
from tests.sharing.test_report import HOSTILE

pytestmark = pytest.mark.browser

BUTTONS = {
    "Download plot as a PNG", "Zoom", "Pan", "Zoom in", "Zoom out", "Autoscale", "Reset axes", "Box Select",
    "Lasso Select",
}  # fmt: skip


def test_a_report_opens_from_disk_draws_every_chart_asks_for_nothing_and_prints_on_a4(chromium, tmp_path):
    twins = Comparison(PRESETS["headline"].arms, every=1)
    twins.advance(steps=40)
    names = (HOSTILE, "with BN")
    figures = figures_json(twins.histories, names, Look(chance=0.1))
    arms = [(name, settings(config)) for name, config in zip(names, twins.configs, strict=True)]
    found = verdicts(twins.histories, twins.chances)
    file = tmp_path / "report.html"
    file.write_text(report(figures, arms, found, scripts=page_scripts(), title=HOSTILE), encoding="utf-8")

    context = chromium.new_context(color_scheme="dark", viewport={"width": 1200, "height": 800})
    opened = context.new_page()
    heard, asked = [], []
    for event in ("console", "pageerror", "dialog", "websocket", "popup"):
        opened.on(event, lambda one, kind=event: heard.append(f"{kind}: {getattr(one, 'text', one)}"))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(file.as_uri())
    opened.wait_for_selector(f'html[data-drawn="{len(figures)}"]')
    assert opened.locator(".chart:has(.mlayer .trace)").count() == len(figures) == 12
    assert opened.locator(".legendtext").filter(has_text=HOSTILE).count() > 0
    drawn = "() => [...document.querySelectorAll('.plot .lines path')].map((e) => e.outerHTML).join()"
    assert "rgb(255, 154, 87)" in opened.evaluate(drawn), "the dark colours"
    buttons = opened.locator(".modebar-btn").evaluate_all("all => all.map((one) => one.dataset.title)")
    assert set(buttons) <= BUTTONS, "plotly.js can send charts to a server of its own"
    pdf = opened.pdf(prefer_css_page_size=True)
    boxes = [tuple(map(float, box.split())) for box in re.findall(rb"/MediaBox ?\[([^\]]*)\]", pdf)]
    assert {(round(width), round(height)) for _, _, width, height in boxes} == {(595, 842)}
    assert 3 <= len(re.findall(rb"/Type ?/Page\b(?!s)", pdf)) <= 6
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert "rgb(213, 94, 0)" in opened.evaluate(drawn), "paper is light"
    assert opened.evaluate("Math.max(...[...document.querySelectorAll('.main-svg')].map((e) => e.clientWidth))") <= 694
    assert not heard
    assert asked == [file.as_uri()]
    context.close()
