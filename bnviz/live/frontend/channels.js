// Per channel, for the chosen layer: gamma and beta over time.

import { drawAxes, line, linear, roundRange, roundTicks } from "./axes.js";
import { CanvasChart } from "./canvas.js";
import { LEFT, tooDeep } from "./compared.js";
import { finiteRuns, path } from "./distribution.js";
import { brief, count } from "./format.js";
import { keptChannels } from "./names.js";
import { alpha } from "./theme.js";
import { columns, cursor, steady } from "./timepanels.js";

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
