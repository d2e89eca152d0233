// Lines over steps, drawn by Plotly: seldom, a few hundred points a trace, zoom and hover kept.

import { dashName } from "./dashes.js";
import { el, setText } from "./dom.js";
import { CONFIG, escape, guide, plotLayout, thinned } from "./plotly.js";
import { sharedExtent } from "./timepanels.js";

/** Of what only some snapshots have: at most as many points as of anything else. */
function withNumbers(history, value) {
  const found = [];
  for (let index = 0; index < history.length; index += 1) if (Number.isFinite(value(history, index))) found.push(index);
  return thinned(found.length).map((at) => found[at]);
}

export class LineChart {
  /** `recipe`: {series(app, options) -> [{arm, name, value(history, index), width, opacity}], y(options, app) -> {title, log, range, guide}, options, hover(history, index, options) -> text after a value} */
  constructor(host, app, name, recipe) {
    Object.assign(this, {
      host,
      app,
      name,
      recipe,
      options: { ...recipe.options, ...recipe.prepare?.(app) },
      choices: recipe.choices?.(app),
      dirty: true,
      drawn: 0,
      cost: 0,
      zoomed: false,
    });
    this.plot = el("div", { class: "bnviz-plot", "data-bnviz": `plot-${name}`, "aria-hidden": "true" });
    this.cursor = el("div", { class: "bnviz-cursor", hidden: true });
    this.note = el("div", { class: "bnviz-note" });
    this.label = el("div", { class: "bnviz-ylabel", "aria-hidden": "true" });
    host.append(this.plot, this.label, this.cursor, this.note);
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(host);
  }

  /** The options, and what was chosen of several. */
  get settings() {
    return this.choices ? { ...this.options, chosen: this.choices.chosen } : this.options;
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
    setText(this.label, this.recipe.y(this.settings, this.app).title);
    const nothing = traces.every(({ y }) => !y.some(Number.isFinite)) && this.recipe.empty?.(this.settings, this.app);
    setText(this.note, nothing || (this.app.store.longest.length > 1 ? "" : this.app.invitation()));
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
    const { meta, store, theme } = this.app;
    return this.recipe.series(this.app, this.settings).map(({ arm, name, value, width = 2, opacity = 1 }) => {
      const history = store.arms[arm];
      const picked = this.recipe.sparse ? withNumbers(history, value) : thinned(history.length);
      return {
        type: "scatter",
        mode: picked.length > 1 ? "lines" : "markers",
        name,
        opacity,
        connectgaps: Boolean(this.recipe.sparse),
        x: Float64Array.from(picked, (index) => history.steps[index]),
        y: Float64Array.from(picked, (index) => value(history, index)),
        line: { color: theme.arms[arm % 4], dash: dashName(meta, arm), width, simplify: true },
        marker: { color: theme.arms[arm % 4], size: 6 },
        customdata: this.recipe.hover && picked.map((index) => this.recipe.hover(history, index, this.settings)),
        hovertemplate: `${escape(name)} %{y:.6~g}${this.recipe.hover ? "%{customdata}" : ""}<extra></extra>`,
      };
    });
  }

  layout() {
    const y = this.recipe.y(this.settings, this.app);
    return plotLayout(this, {
      y,
      xRange: this.range("xaxis", [0, this.app.store.lastTick]),
      yRange: this.range("yaxis", y.range ?? this.extent(Boolean(y.log))),
      shapes: [...this.marks(), ...guide(y.guide, this.app.theme)],
    });
  }

  /** The reader's zoom wins over the range of the data. */
  range(axis, wanted) {
    const current = this.plot._fullLayout?.[axis]?.range;
    return this.zoomed && current ? [...current] : wanted;
  }

  extent(log) {
    const arms = this.app.store.arms.map(() => []);
    for (const { arm, value } of this.recipe.series(this.app, this.settings)) {
      const history = this.app.store.arms[arm];
      for (const index of this.recipe.sparse ? withNumbers(history, value) : thinned(history.length))
        arms[arm].push(value(history, index));
    }
    const values = arms.flat();
    if (!log) {
      const pairs = arms.map((found) => found.map((value) => [Math.min(0, value), value]));
      const [low, high] = sharedExtent(this.app.meta, pairs, 12, 0.03);
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
    return app.store.arms.flatMap((_, arm) =>
      app.marks(arm).map(({ step, label }) => ({
        type: "line",
        x0: step,
        x1: step,
        y0: 0,
        y1: 1,
        yref: "paper",
        layer: "below",
        line: { color: app.theme.arms[arm % 4], width: 1.2, dash: "solid" },
        label: {
          text: label,
          textposition: "end",
          textangle: -90,
          font: { size: 9.5, color: app.theme.arms[arm % 4] },
          xanchor: "right",
          yanchor: "bottom",
        },
      })),
    );
  }

  /** The scrubbed step as a line over the plot: moving it costs no Plotly. */
  placeCursor() {
    const full = this.plot._fullLayout;
    const pixel = full?.xaxis ? full.xaxis._offset + full.xaxis.l2p(this.app.shown) : -1;
    const seen =
      !this.app.following && pixel >= full?.xaxis?._offset - 1 && pixel <= full.xaxis._offset + full.xaxis._length + 1;
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
