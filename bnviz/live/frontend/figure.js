// A figure that the server drew, as Plotly's JSON: redrawn in place when its data change, so that zoom and hover stay.

import { Cells } from "./cells.js";
import { el } from "./dom.js";
import { mounter } from "./mount.js";
import { loadPlotly } from "./plotly.js";
import { readTheme } from "./theme.js";

const COLOUR = /^rgba\((\d+, \d+, \d+),/;
const COARSE = window.matchMedia?.("(pointer: coarse)").matches ?? false;
// plotly.js's own "Share chart" would send the numbers to a server.
const CONFIG = {
  displaylogo: false,
  displayModeBar: false,
  responsive: false,
  scrollZoom: false,
  showTips: false,
  showSendToCloud: false,
  plotlyServerURL: "",
};

/** Figures that are to be drawn: one a frame, in the page's order, so that the first is seen before the last is made. */
const waiting = new Set();
let frame = 0;

function soon(figure) {
  waiting.add(figure);
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    const [first, ...others] = [...waiting].sort((one, other) => one.top - other.top);
    if (!first) return; // all have been taken away meanwhile
    waiting.delete(first);
    first.draw();
    if (others.length) soon(others[0]);
  });
}

class Figure {
  constructor(root, assets, component) {
    this.root = root;
    this.component = component;
    this.plot = el("div", { class: "bnviz-figure-plot" });
    root.append(this.plot);
    root.setAttribute("role", "img");
    this.cells = new Cells(this);
    this.resizer = new ResizeObserver(() => root.clientWidth !== this.width && soon(this));
    this.resizer.observe(root);
    this.loading = loadPlotly(new URL("plotly.min.js", assets).href).then(
      () => soon(this),
      (error) => (this.plot.textContent = error.message),
    );
  }

  get top() {
    return this.root.getBoundingClientRect().top;
  }

  update(component) {
    this.component = component;
    if (!component.data) return;
    this.root.style.minHeight = `${component.data.height}px`;
    this.root.setAttribute("aria-label", component.data.alt);
    this.cells.offer(component.data.picks);
    soon(this);
  }

  draw() {
    const { data } = this.component;
    this.width = this.root.clientWidth;
    if (!window.Plotly || !data || !this.width) return;
    const { dark, font } = readTheme(this.root);
    if (this.drawn === data.figure && this.drawnDark === dark && this.drawnWidth === this.width) return;
    Object.assign(this, { drawn: data.figure, drawnDark: dark, drawnWidth: this.width });
    const darker = (whole, triplet) => (data.dark[triplet] ? `rgba(${data.dark[triplet]},` : whole);
    const paint = (_, value) => (dark && typeof value === "string" ? value.replace(COLOUR, darker) : value);
    const { data: traces, layout } = JSON.parse(data.figure, paint);
    Object.assign(layout, { width: this.width, uirevision: data.revision, paper_bgcolor: "rgba(0,0,0,0)" });
    layout.font.family = font;
    if (COARSE) layout.dragmode = false; // a finger scrolls the page
    window.Plotly.react(this.plot, traces, layout, CONFIG);
    if (!this.listening) this.listen();
    this.cells.show();
    this.root.dataset.drawn = String(Number(this.root.dataset.drawn ?? 0) + 1);
  }

  listen() {
    this.listening = true;
    this.plot.on("plotly_click", ({ points }) => {
      const place = points.find(({ customdata }) => Array.isArray(customdata))?.customdata;
      if (place) this.pick(place);
    });
  }

  /** A cell was chosen, by whatever hand. */
  pick(place) {
    if (this.component.data.picks) this.component.setTriggerValue("picked", place);
  }

  dispose() {
    waiting.delete(this);
    this.resizer.disconnect();
    if (this.listening) window.Plotly?.purge(this.plot);
    this.root.remove();
  }
}

export const mount = mounter({
  name: "figure",
  classes: "bnviz-figure",
  styles: [],
  make: (node, assets, component) => new Figure(node, assets, component),
});
