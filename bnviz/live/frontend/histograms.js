// All hidden layers at the shown step: per layer and arm one histogram, turned on its side, on one shared value axis.

import { drawAxes, line, linear, roundTicks, triangle } from "./axes.js";
import { CanvasChart } from "./canvas.js";
import { brief, percent } from "./format.js";
import { edgesOf, isModel, layerName, shortName } from "./names.js";
import { pointLabel } from "./points.js";
import { depthWords, paintBorder } from "./sharednames.js";
import { alpha } from "./theme.js";
import { sharedExtent, steady } from "./timepanels.js";

const LEFT = 40;
const TOP = 14;
const BOTTOM = 31;
const SEEN = 65535 * 0.002;
/** A share outside the bins that is worth a triangle. */
const OUTSIDE = 65535 * 0.004;

export class Histograms extends CanvasChart {
  constructor(host, app, name) {
    super(host, app, name);
    this.options = { "√ height": true };
    this.canvas.style.cursor = "pointer";
    this.canvas.addEventListener("click", (event) => this.box && app.setLayer(this.layerAt(event.offsetX)));
  }

  paint(ctx, width, height) {
    const { app } = this;
    const box = { x: LEFT, y: TOP, w: width - LEFT - 4, h: height - TOP - BOTTOM };
    this.box = box;
    this.layers = Math.max(...app.store.arms.map((arm) => arm.layers));
    this.frameLayers(box.w);
    const [low, high] = steady(this, this.extent());
    this.y = linear(low, high, box.y + box.h, box.y);
    this.slot = box.w / (this.last - this.first + 1);
    drawAxes(ctx, app.theme, box, {
      x: { scale: (layer) => box.x + (layer - 0.5 - this.first) * this.slot, ...this.layerAxis(box) },
      y: {
        scale: this.y,
        ticks: roundTicks(low, high, Math.max(2, Math.floor(box.h / 38))),
        label: pointLabel(app),
      },
    });
    this.highlight(ctx, box);
    paintBorder(ctx, app, box, (layer) => box.x + (layer - this.first) * this.slot);
    if (!app.store.longest.length) return;
    for (let layer = this.first; layer <= this.last; layer += 1)
      app.store.arms.forEach((_, arm) => this.paintLayer(ctx, arm, layer));
  }

  /** All of the lab's layers; of a model with many as many as can be told apart, around the chosen one. */
  frameLayers(width) {
    const { app } = this;
    const fit = Math.max(6, Math.floor(width / (app.store.arms.length > 1 ? 26 : 15)));
    const count = isModel(app.meta) ? Math.min(this.layers, fit) : this.layers;
    this.first = Math.max(0, Math.min(app.layer - (count >> 1), this.layers - count));
    this.last = this.first + count - 1;
  }

  layerAxis(box) {
    const { meta } = this.app;
    if (!isModel(meta))
      return { ticks: layerTicks(this.layers, box.w), format: String, label: "hidden layer (1 = next to the input)" };
    const all = this.last - this.first + 1 === this.layers;
    return {
      ticks: Array.from({ length: this.last - this.first + 1 }, (_, at) => this.first + at + 1),
      format: (layer) => shortName(meta, layer - 1),
      label: all
        ? depthWords(this.app)
        : `layers ${this.first + 1} to ${this.last + 1} of ${this.layers}, around the chosen one`,
    };
  }

  /** The chosen layer's slot stands on a tint. */
  highlight(ctx, box) {
    ctx.fillStyle = alpha(this.app.theme.text, 0.05);
    ctx.fillRect(box.x + (this.app.layer - this.first) * this.slot, box.y, this.slot, box.h);
  }

  row(arm, layer) {
    const history = this.app.store.arms[arm];
    const index = history.index(this.app.shown);
    if (index < 0 || layer >= history.layers) return null;
    const { L, H } = history.sizes;
    const start = (this.app.point * L + layer) * H;
    return history.row("histogram", index).subarray(start, start + H);
  }

  /** The values of a layer's bins that hold something worth seeing. */
  reach(arm, layer) {
    const row = this.row(arm, layer);
    if (!row) return null;
    const edges = edgesOf(this.app.meta.arms[arm], this.app.point, layer);
    let low = Infinity;
    let high = -Infinity;
    for (let bin = 1; bin < row.length - 2; bin += 1) {
      if (row[bin] < SEEN) continue;
      low = Math.min(low, edges[bin - 1]);
      high = Math.max(high, edges[bin]);
    }
    return low < high ? [low, high] : null;
  }

  extent() {
    const arms = this.app.store.arms.map((history, arm) =>
      Array.from({ length: Math.max(0, Math.min(this.last + 1, history.layers) - this.first) }, (_, at) =>
        this.reach(arm, this.first + at),
      ).filter(Boolean),
    );
    const found = arms.flat();
    if (!found.length) return [-1, 1];
    if (isModel(this.app.meta)) return sharedExtent(this.app.meta, arms); // a few layers that explode must not hide all others
    return [Math.min(...found.map((pair) => pair[0])), Math.max(...found.map((pair) => pair[1]))];
  }

  /** Where an arm's histogram stands in its slot: two arms back to back, more of them side by side. */
  place(arm, layer) {
    const arms = this.app.store.arms.length;
    const left = this.box.x + (layer - this.first) * this.slot + this.slot * 0.06;
    const room = this.slot * 0.88;
    if (arms === 2) return { base: left + room / 2 + (arm ? 1 : -1), reach: (arm ? 1 : -1) * (room / 2 - 1) };
    return { base: left + (arm * room) / arms, reach: (room / arms) * 0.92 };
  }

  paintLayer(ctx, arm, layer) {
    const row = this.row(arm, layer);
    if (!row) return;
    const edges = edgesOf(this.app.meta.arms[arm], this.app.point, layer);
    const { base, reach } = this.place(arm, layer);
    const bins = edges.length - 1;
    const density = (bin) => row[bin + 1] / (edges[bin + 1] - edges[bin]);
    let peak = 0;
    for (let bin = 0; bin < bins; bin += 1) peak = Math.max(peak, density(bin));
    ctx.save();
    ctx.beginPath();
    ctx.rect(this.box.x, this.box.y, this.box.w, this.box.h);
    ctx.clip();
    ctx.fillStyle = alpha(this.app.theme.armsRgb[arm % 4], 0.75);
    for (let bin = 0; bin < bins && peak; bin += 1) {
      if (!row[bin + 1]) continue;
      const share = density(bin) / peak;
      const length = reach * (this.options["√ height"] ? Math.sqrt(share) : share);
      const top = this.y(edges[bin + 1]);
      const tall = this.y(edges[bin]) - top;
      ctx.fillRect(Math.min(base, base + length), top, Math.abs(length), Math.max(1, tall - (tall > 6 ? 0.7 : 0)));
    }
    if (Math.abs(reach) > 10) ctx.fillRect(base - (reach < 0 ? 0 : 0.5), this.box.y, 0.8, this.box.h);
    ctx.restore();
    this.paintOutside(
      ctx,
      arm,
      row,
      this.reach(arm, layer),
      base + reach / 2,
      Math.min(Math.max(Math.abs(reach) / 2, 2), 7),
    );
  }

  /** Triangles where values lie outside the bins or the axis, a cross where they are not finite. */
  paintOutside(ctx, arm, row, seen, x, size) {
    const { theme } = this.app;
    const { y, h } = this.box;
    ctx.fillStyle = theme.arms[arm % 4];
    const [low, high] = seen ?? [Infinity, -Infinity];
    if (row[0] > OUTSIDE || low < this.y.low) triangle(ctx, x, y + h + 1, size, 1);
    if (row[row.length - 2] > OUTSIDE || high > this.y.high) triangle(ctx, x, y - 1, size, -1);
    if (!row[row.length - 1]) return;
    ctx.strokeStyle = theme.alarm;
    ctx.lineWidth = 2;
    line(ctx, x - size, y + 6 - size, x + size, y + 6 + size);
    line(ctx, x - size, y + 6 + size, x + size, y + 6 - size);
    ctx.lineWidth = 1;
  }

  layerAt(px) {
    return Math.max(0, Math.min(this.last, this.first + Math.floor((px - this.box.x) / this.slot)));
  }

  describe(px, py) {
    if (!this.box || px < this.box.x || px > this.box.x + this.box.w || py > this.box.y + this.box.h + 10) return null;
    const layer = this.layerAt(px);
    const value = this.y.invert(py);
    const rows = [];
    this.app.store.arms.forEach((history, arm) => rows.push(...this.describeArm(history, arm, layer, value)));
    return { title: `${layerName(this.app.meta, layer)} · ${pointLabel(this.app)}`, rows };
  }

  describeArm(history, arm, layer, value) {
    const row = this.row(arm, layer);
    const { name } = this.app.meta.arms[arm];
    if (!row) return [[name, "no such layer", this.app.theme.arms[arm % 4]]];
    const index = history.index(this.app.shown);
    const at = this.app.point * history.sizes.L + layer;
    const limits = edgesOf(this.app.meta.arms[arm], this.app.point, layer);
    if (isModel(this.app.meta) && !row.some(Boolean)) return [[name, "no data", this.app.theme.arms[arm % 4]]];
    const bin = limits.findIndex((edge, position) => position && value < edge);
    const share = (cell) => percent(row[cell] / 65535, 2);
    const rows = [
      [name, "", this.app.theme.arms[arm % 4]],
      ["mean ± deviation", `${brief(history.row("mean", index)[at])} ± ${brief(history.row("deviation", index)[at])}`],
    ];
    if (bin > 0 && value >= limits[0]) rows.push([`${brief(limits[bin - 1])} to ${brief(limits[bin])}`, share(bin)]);
    if (row[0]) rows.push([`below ${brief(limits[0])}`, share(0)]);
    if (row[row.length - 2]) rows.push([`above ${brief(limits[limits.length - 1])}`, share(row.length - 2)]);
    if (row[row.length - 1]) rows.push(["not finite", share(row.length - 1)]);
    return rows;
  }

  summary() {
    return this.app.store.arms
      .map((history, arm) => {
        const index = history.index(this.app.shown);
        if (index < 0) return "";
        const start = this.app.point * history.layers;
        const row = history.row("deviation", index);
        const deviations = [
          ...row.subarray(start + (this.first ?? 0), start + Math.min(history.layers, (this.last ?? 0) + 1)),
        ];
        return `${this.app.meta.arms[arm].name}: deviation by layer ${deviations.map(brief).join(", ")}.`;
      })
      .join(" ");
  }
}

export function layerTicks(layers, width) {
  const every = Math.max(1, Math.ceil((layers * 22) / width));
  return Array.from({ length: layers }, (_, layer) => layer + 1).filter((layer) => layer === 1 || layer % every === 0);
}
