// Lines over steps, drawn by Plotly: seldom, a few hundred points a trace, zoom and hover kept.

import { PLOTLY_DASHES, el, setText } from "./dom.js";
import { robustExtent } from "./timepanels.js";

const MOST_POINTS = 400;
let library = null;

/** Load plotly.min.js once for the page. */
export function loadPlotly(url) {
  library ??= new Promise((resolve, reject) => {
    const script = el("script", { src: url, async: true });
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => {
      library = null;
      reject(new Error("plotly.min.js could not be loaded"));
    });
    document.head.append(script);
  });
  return library;
}

export class LineChart {
  /** `recipe`: {series(app, options) -> [{arm, name, value(history, index), width, opacity}], y(options, app) -> {title, log, range, guide}, options} */
  constructor(host, app, name, recipe) {
    Object.assign(this, { host, app, name, recipe, options: { ...recipe.options }, dirty: true, drawn: 0, cost: 0, zoomed: false });
    this.plot = el("div", { class: "bnviz-plot", "data-bnviz": `plot-${name}`, "aria-hidden": "true" });
    this.cursor = el("div", { class: "bnviz-cursor", hidden: true });
    this.note = el("div", { class: "bnviz-note" });
    this.label = el("div", { class: "bnviz-ylabel", "aria-hidden": "true" });
    host.append(this.plot, this.label, this.cursor, this.note);
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(host);
  }

  resize() {
    if (this.host.clientWidth === this.width && this.host.clientHeight === this.height) return;
    this.dirty = true;
    this.drawn = 0;
    this.app.redraw(this);
  }

  /** One Plotly.react; the caller spreads these over frames. */
  draw() {
    const { Plotly } = window;
    this.width = this.host.clientWidth;
    this.height = this.host.clientHeight;
    if (!Plotly || !this.width || !this.height) return;
    this.dirty = false;
    const started = performance.now();
    if (this.generation !== this.app.store.generation) {
      this.generation = this.app.store.generation;
      this.zoomed = false;
    }
    const traces = this.traces();
    Plotly.react(this.plot, traces, this.layout(), CONFIG);
    if (!this.listening) this.listen();
    this.drawn = performance.now();
    this.cost = 0.7 * this.cost + 0.3 * (this.drawn - started);
    setText(this.label, this.recipe.y(this.options, this.app).title);
    this.note.textContent = this.app.store.longest.length > 1 ? "" : this.app.invitation();
    this.placeCursor();
  }

  listen() {
    this.listening = true;
    this.plot.on("plotly_relayout", (change) => {
      if ("xaxis.range[0]" in change || "yaxis.range[0]" in change) this.zoomed = true;
      this.placeCursor();
    });
    this.plot.on("plotly_doubleclick", () => {
      this.zoomed = false;
      this.dirty = true;
      this.drawn = 0;
      this.app.redraw(this);
    });
  }

  traces() {
    const { store, theme } = this.app;
    return this.recipe.series(this.app, this.options).map(({ arm, name, value, width = 2, opacity = 1 }) => {
      const history = store.arms[arm];
      const picked = thinned(history.length);
      return {
        type: "scatter", mode: history.length > 1 ? "lines" : "markers", name, opacity,
        x: Float64Array.from(picked, (index) => history.steps[index]),
        y: Float64Array.from(picked, (index) => value(history, index)),
        line: { color: theme.arms[arm % 4], dash: PLOTLY_DASHES[arm % 4], width, simplify: true },
        marker: { color: theme.arms[arm % 4], size: 6 },
        hovertemplate: `${escape(name)} %{y:.6~g}<extra></extra>`,
      };
    });
  }

  layout() {
    const { theme, store } = this.app;
    const axis = { linecolor: theme.axis, gridcolor: theme.grid, zeroline: false, tickfont: { size: 10.5, color: theme.muted }, ticks: "" };
    const title = { text: "training step", font: { size: 10.5, color: theme.muted }, standoff: 4 };
    const y = this.recipe.y(this.options, this.app);
    const log = Boolean(y.log);
    return {
      width: this.width, height: this.height, margin: { l: 44, r: 8, t: 6, b: 33 }, showlegend: false,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: theme.font, color: theme.ink, size: 11 },
      uirevision: store.generation, hovermode: "x unified", hoverlabel: { bgcolor: theme.paper, bordercolor: theme.axis, font: { size: 11.5, color: theme.ink } },
      dragmode: COARSE ? false : "zoom", hoverdistance: 40,
      xaxis: { ...axis, title, range: this.range("xaxis", [0, store.lastTick]), nticks: this.width < 320 ? 5 : 8, tickformat: "~s", hoverformat: "d", unifiedhovertitle: { text: "step %{x:d}" }, showgrid: false, showline: true },
      yaxis: { ...axis, type: log ? "log" : "linear", range: this.range("yaxis", y.range ?? this.extent(log)), nticks: 6, tickformat: y.tickformat ?? (log ? undefined : "~g"), exponentformat: "power", dtick: log ? 1 : undefined },
      shapes: [...this.marks(), ...guide(y.guide, theme)],
    };
  }

  /** The reader's zoom wins over the range of the data. */
  range(axis, wanted) {
    const current = this.plot._fullLayout?.[axis]?.range;
    return this.zoomed && current ? [...current] : wanted;
  }

  extent(log) {
    const values = [];
    for (const { arm, value } of this.recipe.series(this.app, this.options)) {
      const history = this.app.store.arms[arm];
      for (const index of thinned(history.length)) values.push(value(history, index));
    }
    if (!log) {
      const [low, high] = robustExtent(values.map((value) => [Math.min(0, value), value]));
      return [low, high > low ? high * 1.05 : low + 1];
    }
    const positive = values.filter((value) => value > 0 && Number.isFinite(value)).map(Math.log10);
    if (!positive.length) return [-3, 1];
    const low = Math.min(...positive);
    const high = Math.max(...positive);
    return [low - 0.1 - Math.max(0, 1 - (high - low)) / 2, high + 0.1 + Math.max(0, 1 - (high - low)) / 2];
  }

  marks() {
    const { app } = this;
    return app.store.arms.flatMap((_, arm) => app.marks(arm).map(({ step, label }) => ({
      type: "line", x0: step, x1: step, y0: 0, y1: 1, yref: "paper", layer: "below", line: { color: app.theme.arms[arm % 4], width: 1.2, dash: "solid" },
      label: { text: label, textposition: "end", textangle: -90, font: { size: 9.5, color: app.theme.arms[arm % 4] }, xanchor: "right", yanchor: "bottom" },
    })));
  }

  /** The scrubbed step as a line over the plot: moving it costs no Plotly. */
  placeCursor() {
    const full = this.plot._fullLayout;
    const pixel = full?.xaxis ? full.xaxis._offset + full.xaxis.l2p(this.app.shown) : -1;
    const seen = !this.app.following && pixel >= full?.xaxis?._offset - 1 && pixel <= full.xaxis._offset + full.xaxis._length + 1;
    if (this.cursor.hidden === seen) this.cursor.hidden = !seen;
    if (!seen) return;
    this.cursor.style.transform = `translateX(${pixel.toFixed(1)}px)`;
    this.cursor.style.top = `${full._size.t}px`;
    this.cursor.style.height = `${full._size.h}px`;
  }

  summary() {
    return this.recipe.summary(this.app);
  }

  dispose() {
    this.resizer.disconnect();
    if (this.listening) window.Plotly?.purge(this.plot);
  }
}

const COARSE = window.matchMedia?.("(pointer: coarse)").matches ?? false;
const CONFIG = { displayModeBar: false, responsive: false, scrollZoom: false, doubleClick: false, showTips: false };

/** At most MOST_POINTS indices, evenly spread, the last always among them. */
function thinned(length) {
  const stride = Math.max(1, Math.ceil(length / MOST_POINTS));
  const picked = [];
  for (let index = 0; index < length; index += stride) picked.push(index);
  if (length && picked[picked.length - 1] !== length - 1) picked.push(length - 1);
  return picked;
}

function guide(line, theme) {
  if (!line) return [];
  return [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: line.value, y1: line.value, line: { color: theme.muted, width: 1, dash: "dot" },
    label: { text: line.text, textposition: "end", font: { size: 10, color: theme.muted }, yanchor: "bottom" } }];
}

const escape = (text) => text.replace(/[<>&%{}]/g, " ");
