// Line charts of the sections, drawn by Plotly. One chart a frame; pointing at a chart sets what it is drawn over.

import { el, setText, svg } from "../dom.js";
import { CONFIG, escape } from "../plotly.js";
import { fixed, short } from "./pieces.js";
import { decades, extent, horizontal, linear, vertical } from "./seriesaxes.js";

/** How a series looks: its colour, and a dash so that colour is never the only cue. */
const LOOKS = {
  train: { arm: 0, dash: "dash", svg: "6 3", width: 1.6 },
  eval: { arm: 1, dash: "solid", svg: "", width: 2.6 },
  keras: { arm: 2, dash: "dashdot", svg: "8 3 2 3", width: 2 },
  truth: { arm: null, dash: "dot", svg: "2 3", width: 1.8 },
  ideal: { arm: null, dash: "dot", svg: "2 3", width: 2 },
};

/** A line sample for the legend. */
function stroke(look) {
  const { svg: dash, width } = LOOKS[look];
  const line = svg("line", { x1: 1, x2: 25, y1: 4, y2: 4, "stroke-width": width, "stroke-dasharray": dash || null });
  return svg("svg", { class: `bnviz-stroke is-${look}`, viewBox: "0 0 26 8", "aria-hidden": "true" }, line);
}

const waiting = new Set();
let frame = 0;

/** Spread the charts over frames: Plotly is the slow part. */
function schedule(chart) {
  waiting.add(chart);
  if (!frame) frame = requestAnimationFrame(next);
}

function next() {
  const [chart] = waiting;
  waiting.delete(chart);
  frame = waiting.size ? requestAnimationFrame(next) : 0;
  chart?.draw();
}

export class Series {
  /**
   * `axes`: {x: {title, range, ticks}, y: {title, log, range}}; `lines`: [{key, name, look}];
   * `pick(x)` is called where the reader points.
   */
  constructor(app, { name, title, axes, lines, pick, format = short }) {
    Object.assign(this, { app, name, axes, lines, pick, format, drawn: "", at: null });
    this.plot = el("div", { class: "bnviz-series-plot", "data-bnviz": `plot-${name}`, "aria-hidden": "true" });
    this.cursor = el("div", { class: "bnviz-series-cursor", hidden: true });
    this.host = el("div", { class: "bnviz-series-host" }, this.plot, this.cursor);
    this.values = new Map();
    const legend = lines.map(({ key, name: text, look }) => {
      const value = el("b", { "data-bnviz": `value-${name}-${key}` });
      this.values.set(key, value);
      return el("span", { class: "bnviz-key" }, stroke(look), text, value);
    });
    this.node = el(
      "figure",
      { class: "bnviz-series", "data-bnviz": `series-${name}` },
      el("figcaption", {}, el("span", { class: "bnviz-title" }, title), el("span", { class: "bnviz-keys" }, ...legend)),
      this.host,
    );
    this.resizer = new ResizeObserver(() => schedule(this));
    this.resizer.observe(this.host);
    if (pick) this.listen();
    app.plotly.then(() => schedule(this));
  }

  /** Press, or press and drag: the pointer's place on the horizontal axis. */
  listen() {
    const point = (event) => {
      const axis = this.plot._fullLayout?.xaxis;
      if (!axis) return;
      const [low, high] = axis.range;
      const pixel = event.clientX - this.plot.getBoundingClientRect().left - axis._offset;
      this.pick(Math.min(high, Math.max(low, axis.p2l(pixel))));
    };
    this.host.classList.add("is-pickable");
    this.host.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0) return;
        this.host.setPointerCapture(event.pointerId);
        point(event);
      },
      true,
    );
    this.host.addEventListener("pointermove", (event) => {
      if (this.host.hasPointerCapture(event.pointerId)) point(event);
    });
  }

  /** `data`: {x, [key]: y}; `marks`: [{x, text}] as vertical lines; nothing is drawn when nothing has changed. */
  set(data, marks = []) {
    const next = JSON.stringify([data, marks]);
    if (next === this.drawn) return;
    Object.assign(this, { drawn: next, data, marks });
    schedule(this);
    this.readout();
  }

  /** The chosen place: the cursor, and in the legend the values there; `readings`: {key: value} between the points. */
  look(at, readings = null) {
    Object.assign(this, { at, readings });
    this.place();
    this.readout();
  }

  readout() {
    if (!this.data || this.at === null) return;
    const index = this.data.x.indexOf(this.at);
    for (const [key, node] of this.values) {
      setText(node, this.format((this.readings ? this.readings[key] : this.data[key][index]) ?? NaN));
    }
  }

  theme() {
    schedule(this);
  }

  draw() {
    const { Plotly } = window;
    const width = this.host.clientWidth;
    const height = this.host.clientHeight;
    if (!Plotly || !width || !height || !this.data) return;
    Plotly.react(this.plot, this.traces(), this.layout(width, height), CONFIG);
    this.place();
  }

  traces() {
    const { theme } = this.app;
    return this.lines.map(({ key, name, look }) => ({
      type: "scatter",
      mode: "lines",
      name,
      x: this.data.x,
      y: this.axes.y.log ? this.data[key].map((value) => this.positive(value)) : this.data[key],
      line: {
        color: LOOKS[look].arm === null ? theme.muted : theme.arms[LOOKS[look].arm],
        dash: LOOKS[look].dash,
        width: LOOKS[look].width,
      },
      hovertemplate: `${escape(name)} %{y:.4~g}<extra></extra>`,
    }));
  }

  /** Zero has no place on a logarithmic axis: it lies on the floor, if there is one. */
  positive(value) {
    const floor = this.axes.y.floor === undefined ? 0 : 10 ** this.axes.y.floor;
    return Number.isFinite(value) && Math.max(value, floor) > 0 ? Math.max(value, floor) : null;
  }

  all() {
    return this.lines.flatMap(({ key }) => this.data[key]).filter(Number.isFinite);
  }

  layout(width, height) {
    const { axis, grid, ink, muted, paper, font } = this.app.theme;
    const small = { size: 11, color: muted };
    const base = { linecolor: axis, gridcolor: grid, zeroline: false, tickfont: small, ticks: "", fixedrange: true };
    const { x, y, labels = [] } = this.axes;
    const title = (text) => ({ text, font: small, standoff: 5 });
    const scale = this.scale(height);
    const longest = Math.max(...scale.ticktext.map((text) => text.length), 2);
    return {
      width,
      height,
      margin: { l: 28 + 6.3 * longest, r: 10, t: 8, b: 36 },
      showlegend: false,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: font, color: ink, size: 11 },
      hovermode: "x unified",
      dragmode: false,
      hoverlabel: { bgcolor: paper, bordercolor: axis, font: { size: 12, color: ink } },
      xaxis: { ...base, title: title(x.title), ...horizontal(x, width) },
      yaxis: { ...base, title: title(y.title), ...scale },
      annotations: labels.map((label) => ({
        ...label,
        showarrow: false,
        yshift: 10,
        font: { size: 12, color: muted },
      })),
      shapes: this.marks.map((mark) => vertical(mark, this.app.theme, x.range)),
    };
  }

  /** The vertical axis's range and ticks. */
  scale(height) {
    const { log, floor, range } = this.axes.y;
    return log ? decades(this.all(), floor) : linear(range ?? extent(this.all()), height / 42);
  }

  /** The cursor is an element over the plot: moving it costs no Plotly. */
  place() {
    const full = this.plot._fullLayout;
    const seen = Boolean(full?.xaxis) && this.at !== null;
    if (this.cursor.hidden === seen) this.cursor.hidden = !seen;
    if (!seen) return;
    const pixel = full.xaxis._offset + full.xaxis.l2p(this.at);
    this.cursor.style.transform = `translateX(${pixel.toFixed(1)}px)`;
    this.cursor.style.top = `${full._size.t}px`;
    this.cursor.style.height = `${full._size.h}px`;
  }

  dispose() {
    waiting.delete(this);
    this.resizer.disconnect();
    if (this.plot._fullLayout) window.Plotly?.purge(this.plot);
  }
}

/** Values at a step in a legend: two decimals are enough, and do not jump. */
export const two = (value) => (value && Math.abs(value) < 0.01 ? short(value) : fixed(value));
