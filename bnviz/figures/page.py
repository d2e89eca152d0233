"""The two scripts that draw figures in a page without a server: plotly.js, and one that knows dark and paper."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from bnviz.experiment.history import History
from bnviz.figures.charts import charts_of
from bnviz.figures.look import Look
from bnviz.figures.saved import has_numbers
from bnviz.figures.theme import DARK


def figures_json(histories: Sequence[History], names: Sequence[str], look: Look | None = None) -> dict[str, str]:
    """Return every figure of these histories as Plotly's JSON by its title, as `sharing.report` takes them.

    Where nothing was measured in the look's layer, as the weights of a recorded activation, another layer is drawn.
    """
    look, found = look or Look(), {}
    for chart in charts_of(histories).values():
        figure = chart.draw(histories, names, look)
        if not has_numbers(figure):
            figure = chart.draw(histories, names, replace(look, layer=None))
        found[chart.title] = figure.to_json()
    return found


def page_scripts() -> tuple[str, str]:
    """Return plotly.min.js, some 5 MB, and the script that draws each `.chart` from the JSON within it."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs(), DRAWING.replace("DARK_COLOURS", json.dumps(dict(DARK)))


DRAWING = r"""
// Draws the charts from the data beside them: light or dark as the screen is, light and as wide as A4 on paper.
const dark = DARK_COLOURS;
const night = window.matchMedia("(prefers-color-scheme: dark)");
const COLOUR = /^rgba\((\d+, \d+, \d+),/;
// plotly.js's own "Share chart" would send the numbers to a server; no policy of a page forbids a new window.
const CONFIG = { displaylogo: false, responsive: false, showSendToCloud: false, plotlyServerURL: "" };
const PAPER_WIDTH = { wide: 694, half: 336 }; // of A4 less its margins, at 96 pixels an inch
const HEIGHT = { wide: 340, half: 300 };
const charts = [...document.querySelectorAll(".chart")].map((node) => ({
  plot: node.querySelector(".plot"),
  text: node.querySelector("script").textContent,
  size: node.classList.contains("wide") ? "wide" : "half",
}));

/** The figure anew, every colour as it is in the dark. */
function figureOf(chart, isDark) {
  const darker = (whole, triplet) => (dark[triplet] ? `rgba(${dark[triplet]},` : whole);
  const paint = (_, value) => (isDark && typeof value === "string" ? value.replace(COLOUR, darker) : value);
  return JSON.parse(chart.text, paint);
}

/** About how many rows the legend takes: its columns are as wide as its longest name. One rule with _legend_rows in
 *  figures/saved.py, which lays a saved chart out: change both. */
function legendRows(data, width) {
  const lengths = data.filter(({ showlegend }) => showlegend !== false).map(({ name }) => name.length);
  const columns = Math.floor((width - 66) / (50 + 6.3 * Math.max(...lengths, 1)));
  return Math.ceil(lengths.length / Math.max(1, columns));
}

function draw(chart, paper) {
  const { data, layout } = figureOf(chart, night.matches && !paper);
  if (paper) for (const trace of data) trace.showlegend = trace.showlegend !== false && trace.visible !== "legendonly";
  const width = paper ? PAPER_WIDTH[chart.size] : chart.plot.clientWidth;
  const rows = layout.height > 500 ? 8 : layout.showlegend === false ? 0 : legendRows(data, width);
  const height = HEIGHT[chart.size] - (paper ? 70 : 40) + 20 * rows;
  Object.assign(layout, { width, height, uirevision: "kept" });
  layout.margin.t = 26;
  return Plotly.react(chart.plot, data, layout, CONFIG);
}

let onPaper = false;
function drawAll(paper = false) {
  onPaper = paper;
  for (const chart of charts) draw(chart, paper);
}

/** One chart a frame, so that the page can be read at once. */
async function drawOneByOne() {
  for (const [index, chart] of charts.entries()) {
    await new Promise(requestAnimationFrame);
    if (!onPaper) await draw(chart, false);
    document.documentElement.dataset.drawn = String(index + 1);
  }
}

let waiting = 0;
window.addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => onPaper || drawAll(), 150);
});
window.addEventListener("beforeprint", () => drawAll(true));
window.addEventListener("afterprint", () => drawAll());
night.addEventListener("change", () => onPaper || drawAll());
drawOneByOne();
"""
