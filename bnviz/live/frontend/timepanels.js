// One panel per arm side by side over the same steps and the same vertical axis: bands, paths of single units, gamma and beta.

import { drawAxes, line, linear, roundRange, roundTicks, verticalLabel } from "./axes.js";
import { CanvasChart } from "./canvas.js";
import { count } from "./format.js";
import { isModel } from "./names.js";

const LEFT = 40;
const TOP = 17;
const BOTTOM = 31;
const GAP = 12;

export class TimePanels extends CanvasChart {
  /** Subclasses: `extent()` -> [low, high]; `paintPanel(ctx, arm, box, x, y, columns)` -> the last step of which it shows a value, Infinity where it says why there is none; `valuesAt(arm, index)` -> rows; `yLabel`. */
  paint(ctx, width, height) {
    const { app } = this;
    this.boxes = layout(app.store.arms.length, width, height);
    const [low, high] = steady(this, this.extent());
    const last = app.store.lastTick;
    this.panels = this.boxes.map((box) => ({
      box,
      x: linear(0, last, box.x, box.x + box.w),
      y: linear(low, high, box.y + box.h, box.y),
    }));
    this.panels.forEach((panel, arm) => this.paintFrame(ctx, panel, arm, { low, high, last }));
    verticalLabel(ctx, app.theme, { y: TOP, h: height - TOP - BOTTOM }, this.yLabel());
  }

  paintFrame(ctx, { box, x, y }, arm, { low, high, last }) {
    const { app } = this;
    const ticks = roundTicks(low, high, Math.max(2, Math.floor(box.h / 38)));
    const steps = roundTicks(0, last, Math.max(1, Math.floor(box.w / 52)));
    drawAxes(ctx, app.theme, box, {
      x: { scale: x, ticks: steps, label: box.lowest ? "training step" : "", labels: box.lowest },
      y: { scale: y, ticks, hide: !box.first },
    });
    this.title(ctx, box, arm);
    ctx.save();
    ctx.beginPath();
    ctx.rect(box.x, box.y - 1, box.w, box.h + 2);
    ctx.clip();
    const history = app.store.arms[arm];
    const drawn = this.paintPanel(ctx, arm, box, x, y, history.length ? columns(history, x) : []);
    this.paintEnd(ctx, arm, box, x, drawn);
    this.paintMarks(ctx, box, x, arm);
    ctx.restore();
  }

  title(ctx, box, arm) {
    const { app } = this;
    ctx.font = `600 11.5px ${app.theme.font}`;
    ctx.fillStyle = app.theme.arms[arm % 4];
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.fillText(clip(ctx, app.meta.arms[arm].name, box.w), box.x, box.y - 6);
  }

  /** A network that has diverged has no values any more: say so where they would be. */
  paintEnd(ctx, arm, box, x, drawn) {
    const { diverged } = this.app.state.arms?.[arm] ?? {};
    const left = diverged && drawn <= diverged.step ? x(diverged.step) : Infinity;
    const room = box.x + box.w - left;
    if (room > 90) this.say(ctx, `diverged at step ${count(diverged.step)}`, { ...box, x: left, w: room });
  }

  /** Where a switch was thrown, where the reader is, and a veil over what came later. */
  paintMarks(ctx, box, x, arm) {
    const { theme, shown, following, store } = this.app;
    let [before, level] = [-Infinity, 0];
    for (const { step, label } of this.app.marks(arm)) {
      const pixel = Math.round(x(step)) + 0.5;
      ctx.strokeStyle = theme.ink;
      ctx.lineWidth = 1;
      line(ctx, pixel, box.y, pixel, box.y + box.h);
      level = Math.abs(pixel - before) < 46 ? (level + 1) % 3 : 0;
      before = pixel;
      tag(ctx, theme, label, pixel, { ...box, y: box.y + 14 * level });
    }
    if (!following && store.lastStep > 0) {
      const pixel = Math.round(x(shown)) + 0.5;
      ctx.fillStyle = theme.veil;
      ctx.fillRect(pixel, box.y, box.x + box.w - pixel, box.h);
      cursor(ctx, theme, pixel, box);
    }
    if (this.pointer && inside(this.boxes, this.pointer.x, this.pointer.y) >= 0) {
      const step = this.stepAt(this.pointer.x, this.pointer.y);
      ctx.strokeStyle = theme.axis;
      line(ctx, x(step), box.y, x(step), box.y + box.h);
    }
  }

  stepAt(px, py) {
    const arm = inside(this.boxes, px, py);
    const history = this.app.store.arms[arm];
    const wanted = this.panels[arm].x.invert(px);
    const index = Math.max(0, history.index(wanted));
    const next = Math.min(index + 1, history.length - 1);
    return Math.abs(history.steps[next] - wanted) < Math.abs(history.steps[index] - wanted)
      ? history.steps[next]
      : history.steps[index];
  }

  describe(px, py) {
    const arm = this.boxes ? inside(this.boxes, px, py) : -1;
    const history = this.app.store.arms[arm];
    if (!history?.length) return null;
    const step = this.stepAt(px, py);
    const rows = this.valuesAt(arm, history.index(step));
    return rows && { title: `${this.app.meta.arms[arm].name} · step ${count(step)}`, rows };
  }
}

function layout(arms, width, height) {
  const across = arms <= 2 ? arms : arms === 3 && width > 520 ? 3 : 2;
  const down = Math.ceil(arms / across);
  const w = (width - LEFT - 6 - GAP * (across - 1)) / across;
  const h = (height - TOP * down - BOTTOM - 4 * (down - 1)) / down;
  return Array.from({ length: arms }, (_, arm) => ({
    x: LEFT + (arm % across) * (w + GAP),
    y: TOP + Math.floor(arm / across) * (h + TOP + 4),
    w,
    h: Math.max(10, h),
    first: arm % across === 0,
    lowest: arm + across >= arms,
  }));
}

const inside = (boxes, x, y) =>
  boxes.findIndex((box) => x >= box.x - 2 && x <= box.x + box.w + 2 && y >= box.y - 2 && y <= box.y + box.h + 2);

/** At most one snapshot a pixel: the indices to draw. */
export function columns(history, x) {
  const picked = [];
  let last = -Infinity;
  for (let index = 0; index < history.length; index += 1) {
    const pixel = x(history.steps[index]);
    if (pixel - last < 1 && index < history.length - 1) continue;
    picked.push(index);
    last = pixel;
  }
  return picked;
}

/** A range that grows at once and shrinks only when much is empty: the axis does not tremble. */
export function steady(chart, [low, high]) {
  const key = chart.app.scaleKey();
  const old = chart.range;
  if (old && chart.rangeKey === key && low >= old[0] && high <= old[1] && high - low > 0.55 * (old[1] - old[0]))
    return old;
  chart.rangeKey = key;
  chart.range = roundRange(low, high);
  return chart.range;
}

/** The range of [low, high] pairs over time; when the rarest few dwarf all others, they are cut off. */
export function robustExtent(pairs, times = 6, share = 0.1) {
  const finite = pairs.filter(([low, high]) => Number.isFinite(low) && Number.isFinite(high));
  if (!finite.length) return [-1, 1];
  const lows = finite.map((pair) => pair[0]).sort((a, b) => a - b);
  const highs = finite.map((pair) => pair[1]).sort((a, b) => a - b);
  const rare = Math.min(Math.ceil(share * finite.length), finite.length - 1);
  const usual = Math.max(Math.abs(lows[rare]), Math.abs(highs[highs.length - 1 - rare]), 1e-9);
  const cut = (extreme, quantile) => (Math.abs(extreme) > times * usual ? quantile * 1.2 : extreme);
  return [cut(lows[0], lows[rare]), cut(highs[highs.length - 1], highs[highs.length - 1 - rare])];
}

/**
 * The range of an axis that all arms share, given the [low, high] pairs of each. Of recordings each has its own rare
 * few: one with a tenth of the other's records would be nothing but rare among all of them.
 */
export function sharedExtent(meta, arms, ...rarity) {
  if (!isModel(meta)) return robustExtent(arms.flat(), ...rarity);
  const known = arms.filter((pairs) => pairs.some((pair) => pair.every(Number.isFinite)));
  if (!known.length) return robustExtent([]);
  const found = known.map((pairs) => robustExtent(pairs, ...rarity));
  return [Math.min(...found.map((pair) => pair[0])), Math.max(...found.map((pair) => pair[1]))];
}

export function clip(ctx, text, width) {
  if (ctx.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && ctx.measureText(`${text.slice(0, end)}…`).width > width) end -= 1;
  return `${text.slice(0, end)}…`;
}

function tag(ctx, theme, label, pixel, box) {
  ctx.font = `600 10px ${theme.font}`;
  const width = ctx.measureText(label).width + 6;
  const left = pixel + width > box.x + box.w ? pixel - width : pixel;
  ctx.fillStyle = theme.ink;
  ctx.fillRect(left, box.y, width, 13);
  ctx.fillStyle = theme.paper;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillText(label, left + 3, box.y + 7);
}

export function cursor(ctx, theme, pixel, box) {
  ctx.strokeStyle = theme.ink;
  ctx.setLineDash([2, 2]);
  line(ctx, pixel, box.y, pixel, box.y + box.h);
  ctx.setLineDash([]);
}
