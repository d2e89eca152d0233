// Per channel, for the chosen layer: gamma and beta over time, and batch against running statistics now.

import { drawAxes, linear, line, marker, roundRange, roundTicks } from "./axes.js";
import { CanvasChart } from "./canvas.js";
import { el } from "./dom.js";
import { brief, count } from "./format.js";
import { finiteRuns, path } from "./distribution.js";
import { channelNumber, endOf, isModel, isNorm, keptChannels, layerName, normsFrom } from "./names.js";
import { alpha } from "./theme.js";
import { clip, columns, cursor, steady } from "./timepanels.js";

const LEFT = 38;

/** Gamma above, beta below; a thin line a channel, all arms on shared axes. */
export class Affine extends CanvasChart {
  paint(ctx, width, height) {
    const { app } = this;
    if (tooDeep(this, ctx)) return;
    const h = (height - 8 - 31 - 12) / 2;
    const last = app.store.lastTick;
    this.x = linear(0, last, LEFT, width - 6);
    this.rows = ["gamma", "beta"].map((name, position) => ({
      name,
      box: { x: LEFT, y: 8 + position * (h + 12), w: width - LEFT - 6, h },
    }));
    const drawn = this.rows.map((row) => this.paintRow(ctx, row, last));
    if (!drawn.some(Boolean))
      this.say(ctx, "No γ and β here: no network has a normalization layer with them at this layer.");
  }

  paintRow(ctx, row, last) {
    const { app } = this;
    const series = app.store.arms.map((arm) => arm.detail.series[row.name]);
    const range = steady(row.name === "gamma" ? (this.upper ??= { app }) : (this.lower ??= { app }), extentOf(series));
    row.y = linear(range[0], range[1], row.box.y + row.box.h, row.box.y);
    drawAxes(ctx, app.theme, row.box, {
      x: {
        scale: this.x,
        ticks: roundTicks(0, last, Math.floor(row.box.w / 55)),
        labels: row.name === "beta",
        label: row.name === "beta" ? "training step" : "",
      },
      y: {
        scale: row.y,
        ticks: roundTicks(range[0], range[1], 3),
        label: row.name === "gamma" ? "γ (scale)" : "β (shift)",
      },
    });
    const drawn = series.map((one, arm) => this.paintChannels(ctx, one, arm, row));
    if (!app.following) cursor(ctx, app.theme, Math.round(this.x(app.shown)) + 0.5, row.box);
    app.store.arms.forEach((_, arm) =>
      app.marks(arm).forEach(({ step }) => {
        ctx.strokeStyle = app.theme.arms[arm % 4];
        line(ctx, this.x(step), row.box.y, this.x(step), row.box.y + row.box.h);
      }),
    );
    return drawn.some(Boolean);
  }

  paintChannels(ctx, series, arm, row) {
    const picked = columns(series, this.x).filter((_, index, all) => all.length < 160 || index % 2 === 0);
    ctx.strokeStyle = alpha(this.app.theme.armsRgb[arm % 4], 0.55);
    ctx.fillStyle = ctx.strokeStyle;
    ctx.lineWidth = 1;
    let any = false;
    for (let channel = 0; channel < series.width; channel += 1) {
      const at = (index) => series.data[index * series.width + channel];
      for (const run of finiteRuns(picked, at)) {
        any = true;
        if (run.length === 1) ctx.fillRect(this.x(series.steps[run[0]]), row.y(at(run[0])) - 1, 6, 2);
        path(
          ctx,
          run,
          (index) => this.x(series.steps[index]),
          (index) => row.y(at(index)),
        );
      }
    }
    return any;
  }

  describe(px, py) {
    const row = this.rows?.find(({ box }) => py >= box.y - 4 && py <= box.y + box.h + 4);
    if (!row || px < LEFT) return null;
    const step = Math.max(0, Math.round(this.x.invert(px)));
    const rows = [];
    this.app.store.arms.forEach((arm, index) => {
      const values = arm.detail.series[row.name].at(step);
      const finite = values ? [...values].filter(Number.isFinite).sort((a, b) => a - b) : [];
      rows.push([this.app.meta.arms[index].name, finite.length ? "" : "none", this.app.theme.arms[index % 4]]);
      if (finite.length)
        rows.push([
          "smallest / median / largest",
          [finite[0], finite[finite.length >> 1], finite[finite.length - 1]].map(brief).join(" / "),
        ]);
      const kept = keptChannels(this.app.meta, index, this.app.layer);
      if (finite.length && kept) rows.push(["drawn", kept]);
    });
    return { title: `${row.name === "gamma" ? "γ" : "β"} · step ${count(step)}`, rows };
  }

  summary() {
    return this.app.store.arms
      .map((arm, index) => {
        const [gamma, beta] = ["gamma", "beta"].map((name) =>
          [...(arm.detail.series[name].at(this.app.shown) ?? [])].filter(Number.isFinite),
        );
        if (!gamma.length) return `${this.app.meta.arms[index].name}: no gamma and beta.`;
        return `${this.app.meta.arms[index].name}: gamma ${brief(Math.min(...gamma))} to ${brief(Math.max(...gamma))}, beta ${brief(Math.min(...beta))} to ${brief(Math.max(...beta))}.`;
      })
      .join(" ");
  }
}

/** Channels come for a layer that all networks have. */
function tooDeep(chart, ctx) {
  const { store, layer } = chart.app;
  const common = store.commonLayer(layer);
  chart.rows = chart.panels = undefined;
  if (isModel(chart.app.meta)) return offerNorm(chart, ctx);
  if (common === layer) return false;
  chart.say(ctx, `Channels are compared in layers that all networks have: 1 to ${common + 1}.`);
  return true;
}

/** Where the chosen layer is no normalization layer: say so, and have the next one at hand. Whether it was so. */
function offerNorm(chart, ctx) {
  const { meta, layer } = chart.app;
  const [next] = normsFrom(meta, layer);
  const needed = !isNorm(meta, layer) && next !== undefined;
  chart.offer ??= chart.host.appendChild(el("button", { type: "button", class: "bnviz-button is-quiet bnviz-offer" }));
  chart.offer.hidden = !needed;
  if (!needed) return false;
  chart.offer.textContent = `Show ${endOf(layerName(meta, next), 32)}`;
  chart.offer.title = layerName(meta, next);
  chart.offer.onclick = () => chart.app.setLayer(next);
  const names = normsFrom(meta, layer)
    .slice(0, 3)
    .map((norm) => endOf(layerName(meta, norm)));
  chart.say(ctx, `${endOf(layerName(meta, layer))} is no batch-norm layer: choose one, such as ${names.join(", ")}.`, {
    x: 0,
    y: 0,
    w: chart.width,
    h: chart.height - 50,
  });
  return true;
}

function extentOf(series) {
  let low = Infinity;
  let high = -Infinity;
  for (const { data, length, width } of series) {
    const stride = Math.max(1, length >> 8);
    for (let index = 0; index < length; index += stride) {
      for (let cell = index * width; cell < (index + 1) * width; cell += 1) {
        if (data[cell] < low) low = data[cell];
        if (data[cell] > high) high = data[cell];
      }
    }
  }
  return low <= high ? roundRange(low, high, 3) : [-1, 1];
}

/** One mark a channel: running statistic across, batch statistic up; on the diagonal they agree. */
export class Statistics extends CanvasChart {
  paint(ctx, width, height) {
    const { app } = this;
    if (tooDeep(this, ctx)) return;
    const gap = 44;
    const w = (width - LEFT - 8 - gap) / 2;
    this.panels = [
      ["mean", "batch_mean", "running_mean", "batch mean"],
      [
        "variance",
        "batch_variance",
        "running_variance",
        isModel(app.meta) ? "batch variance, biased" : "batch variance, unbiased",
      ],
    ].map(([name, batch, running, label], position) => ({
      name,
      label,
      batch,
      running,
      box: { x: LEFT + position * (w + gap), y: 18, w, h: height - 18 - 31 },
    }));
    const any = this.panels.map((panel) => this.paintPanel(ctx, panel));
    if (!any.some(Boolean))
      this.say(ctx, "No running statistics here: only batch normalization keeps them.");
  }

  pairs(panel, arm) {
    const { detail } = this.app.store.arms[arm];
    const batch = detail.series[panel.batch].at(this.app.shown);
    const running = detail.series[panel.running].at(this.app.shown);
    if (!batch || !running) return [];
    const { batch_size } = this.app.meta.arms[arm].config ?? { batch_size: Infinity }; // a model's is not known
    const unbiased = Number.isFinite(batch_size) ? batch_size / (batch_size - 1) : 1;
    const factor = panel.name === "variance" ? unbiased : 1; // the running one takes the unbiased
    return [...batch]
      .map((value, channel) => [running[channel], factor * value, channel])
      .filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b));
  }

  paintPanel(ctx, panel) {
    const { app } = this;
    const { box } = panel;
    const sets = app.store.arms.map((_, arm) => this.pairs(panel, arm));
    const values = sets.flat().flatMap(([a, b]) => [a, b]);
    if (!values.length) return false;
    const memory = (this[panel.name] ??= { app });
    const [low, high] = steady(memory, [Math.min(...values), Math.max(...values)]);
    panel.x = linear(low, high, box.x, box.x + box.w);
    panel.y = linear(low, high, box.y + box.h, box.y);
    const ticks = roundTicks(low, high, 3);
    drawAxes(ctx, app.theme, box, {
      x: { scale: panel.x, ticks, label: `running ${panel.name}` },
      y: { scale: panel.y, ticks },
    });
    ctx.fillStyle = app.theme.muted;
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.fillText(clip(ctx, panel.label, box.w), box.x, box.y - 6);
    ctx.strokeStyle = app.theme.axis;
    line(ctx, box.x, box.y + box.h, box.x + box.w, box.y);
    sets.forEach((set, arm) => {
      ctx.fillStyle = alpha(app.theme.armsRgb[arm % 4], 0.75);
      for (const [a, b] of set) marker(ctx, arm, panel.x(a), panel.y(b), 2.8);
    });
    return true;
  }

  describe(px, py) {
    const panel = this.panels?.find(({ box, x }) => x && px >= box.x - 6 && px <= box.x + box.w + 6);
    if (!panel) return null;
    let best = null;
    this.app.store.arms.forEach((_, arm) => {
      for (const [a, b, channel] of this.pairs(panel, arm)) {
        const distance = Math.hypot(panel.x(a) - px, panel.y(b) - py);
        if (distance < (best?.distance ?? 18)) best = { distance, a, b, channel, arm };
      }
    });
    if (!best) return null;
    const arm = this.app.meta.arms[best.arm];
    const kept = keptChannels(this.app.meta, best.arm, this.app.layer);
    return {
      title: `${arm.name} · channel ${channelNumber(arm, this.app.layer, best.channel)}`,
      rows: [
        [panel.label, brief(best.b)],
        [`running ${panel.name}`, brief(best.a)],
        ...(kept ? [["drawn", kept]] : []),
      ],
    };
  }

  summary() {
    const panel = this.panels?.[0];
    return panel
      ? this.app.store.arms
          .map(
            (_, arm) =>
              `${this.app.meta.arms[arm].name}: ${this.pairs(panel, arm).length} channels with running statistics.`,
          )
          .join(" ")
      : "";
  }
}
