// Per channel, for the chosen layer and the shown step: batch against running statistics.

import { drawAxes, line, linear, marker, roundTicks } from "./axes.js";
import { CanvasChart } from "./canvas.js";
import { LEFT, tooDeep } from "./compared.js";
import { brief } from "./format.js";
import { channelNumber, isModel, keptChannels } from "./names.js";
import { alpha } from "./theme.js";
import { clip, steady } from "./timepanels.js";

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
    if (!any.some(Boolean)) this.say(ctx, "No running statistics here: only batch normalization keeps them.");
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
