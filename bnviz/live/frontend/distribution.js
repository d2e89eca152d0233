// Percentile bands of one layer's values over time, one panel per arm.

import { triangle } from "./axes.js";
import { alpha } from "./theme.js";
import { dashOf } from "./dashes.js";
import { brief } from "./format.js";
import { endOf, isModel, layerName } from "./names.js";
import { pointLabel } from "./points.js";
import { TimePanels, robustExtent, sharedExtent } from "./timepanels.js";

const BANDS = [
  [0, 6, 0.16],
  [1, 5, 0.2],
  [2, 4, 0.3],
];
const NAMES = ["5th", "15th", "25th", "median", "75th", "85th", "95th"];

export class Distribution extends TimePanels {
  yLabel() {
    return pointLabel(this.app);
  }

  offset(arm) {
    const { sizes } = this.app.store.arms[arm];
    return (this.app.point * sizes.L + this.app.layer) * sizes.Q;
  }

  extent() {
    const arms = this.app.store.arms.map((history, arm) => {
      if (this.app.layer >= history.layers) return [];
      const { data, width } = history.columns.percentiles;
      const start = this.offset(arm);
      const stride = Math.max(1, history.length >> 9);
      const pairs = [];
      for (let index = 0; index < history.length; index += stride)
        pairs.push([data[index * width + start], data[index * width + start + 6]]);
      const end = (history.length - 1) * width + start;
      if (history.length) pairs.push([data[end], data[end + 6]]);
      return pairs;
    });
    return sharedExtent(this.app.meta, arms);
  }

  paintPanel(ctx, arm, box, x, y, picked) {
    const history = this.app.store.arms[arm];
    if (this.app.layer >= history.layers) {
      this.say(ctx, `has only ${history.layers} hidden layers`, box);
      return Infinity;
    }
    if (!picked.length) return -Infinity;
    const { data, width } = history.columns.percentiles;
    const start = this.offset(arm);
    const at = (index, quantile) => data[index * width + start + quantile];
    if (isModel(this.app.meta) && !picked.some((index) => Number.isFinite(at(index, 3)))) {
      this.say(ctx, `no data of ${endOf(layerName(this.app.meta, this.app.layer))}`, box);
      return Infinity;
    }
    const colour = this.app.theme.armsRgb[arm % 4];
    const place = (index) => x(history.steps[index]);
    if (picked.length === 1) {
      this.paintFirst(ctx, box, y, (quantile) => at(picked[0], quantile), colour);
      return Infinity;
    }
    for (const [low, high, opacity] of BANDS) {
      ctx.fillStyle = alpha(colour, opacity);
      for (const run of finiteRuns(picked, (index) => at(index, low) + at(index, high)))
        band(
          ctx,
          run,
          place,
          (index) => y(at(index, low)),
          (index) => y(at(index, high)),
        );
    }
    ctx.strokeStyle = this.app.theme.arms[arm % 4];
    ctx.lineWidth = 1.6;
    ctx.setLineDash(dashOf(this.app.meta, arm));
    for (const run of finiteRuns(picked, (index) => at(index, 3))) path(ctx, run, place, (index) => y(at(index, 3)));
    ctx.setLineDash([]);
    if (isModel(this.app.meta)) this.paintBeyond(ctx, arm, box, y, { picked, place, at });
    return lastStep(history, picked, (index) => at(index, 3));
  }

  /** A triangle in the middle of each stretch in which the bands leave the axis. */
  paintBeyond(ctx, arm, box, y, { picked, place, at }) {
    ctx.fillStyle = this.app.theme.arms[arm % 4];
    for (const [quantile, edge, direction, is] of [
      [6, box.y, -1, (value) => value > y.high],
      [0, box.y + box.h, 1, (value) => value < y.low],
    ])
      for (const run of finiteRuns(picked, (index) => (is(at(index, quantile)) ? 1 : NaN)))
        triangle(ctx, (place(run[0]) + place(run.at(-1))) / 2, edge - direction * 8, 5, direction);
  }

  /** Step 0 alone: the bands as a bar at the left edge, and the invitation. */
  paintFirst(ctx, box, y, at, colour) {
    for (const [low, high, opacity] of BANDS) {
      ctx.fillStyle = alpha(colour, opacity);
      ctx.fillRect(box.x, y(at(high)), 10, Math.max(1, y(at(low)) - y(at(high))));
    }
    this.say(ctx, this.app.invitation(), box);
  }

  valuesAt(arm, index) {
    const history = this.app.store.arms[arm];
    if (this.app.layer >= history.layers) return null;
    const start = this.offset(arm);
    const row = history.row("percentiles", index);
    return [6, 5, 4, 3, 2, 1, 0].map((quantile) => [NAMES[quantile], brief(row[start + quantile])]);
  }

  summary() {
    return this.app.store.arms
      .map((history, arm) => {
        const index = history.index(this.app.shown);
        if (index < 0 || this.app.layer >= history.layers) return "";
        const row = history.row("percentiles", index).subarray(this.offset(arm));
        return (
          `${this.app.meta.arms[arm].name}: ${layerName(this.app.meta, this.app.layer)}, ${pointLabel(this.app)}: median ${brief(row[3])}, ` +
          `90 percent of values between ${brief(row[0])} and ${brief(row[6])}.`
        );
      })
      .join(" ");
  }
}

/** The last step of which there is a value. */
function lastStep(history, picked, value) {
  const index = picked.findLast((one) => Number.isFinite(value(one)));
  return index === undefined ? -Infinity : history.steps[index];
}

/** Split indices where the value is not finite. */
export function* finiteRuns(indices, value) {
  let run = [];
  for (const index of indices) {
    if (Number.isFinite(value(index))) run.push(index);
    else if (run.length) {
      yield run;
      run = [];
    }
  }
  if (run.length) yield run;
}

function band(ctx, run, x, low, high) {
  ctx.beginPath();
  run.forEach((index, position) => (position ? ctx.lineTo(x(index), high(index)) : ctx.moveTo(x(index), high(index))));
  for (let position = run.length - 1; position >= 0; position -= 1) ctx.lineTo(x(run[position]), low(run[position]));
  ctx.fill();
}

export function path(ctx, run, x, y) {
  ctx.beginPath();
  run.forEach((index, position) => (position ? ctx.lineTo(x(index), y(index)) : ctx.moveTo(x(index), y(index))));
  ctx.stroke();
}

/** Paths of three single units: 15th, 50th, 85th percentile of their input, after Ioffe and Szegedy's Fig. 1. */
export class Units extends TimePanels {
  yLabel() {
    return "unit's activation input";
  }

  start(arm, unit) {
    const { U } = this.app.store.arms[arm].sizes;
    return (this.app.layer * U + unit) * 3;
  }

  extent() {
    const pairs = [];
    this.app.store.arms.forEach((history, arm) => {
      if (this.app.layer >= history.layers) return;
      const { data, width } = history.columns.unit_percentiles;
      const stride = Math.max(1, history.length >> 9);
      for (let unit = 0; unit < history.sizes.U; unit += 1) {
        const start = this.start(arm, unit);
        for (let index = 0; index < history.length; index += stride)
          pairs.push([data[index * width + start], data[index * width + start + 2]]);
      }
    });
    return robustExtent(pairs);
  }

  paintPanel(ctx, arm, box, x, y, picked) {
    const history = this.app.store.arms[arm];
    if (this.app.layer >= history.layers || !picked.length) return -Infinity;
    if (picked.length === 1) this.say(ctx, this.app.invitation(), box);
    const { data, width } = history.columns.unit_percentiles;
    ctx.strokeStyle = this.app.theme.arms[arm % 4];
    for (let unit = 0; unit < history.sizes.U; unit += 1) {
      for (let quantile = 0; quantile < 3; quantile += 1) {
        const at = (index) => data[index * width + this.start(arm, unit) + quantile];
        ctx.lineWidth = quantile === 1 ? 2 : 1;
        ctx.globalAlpha = quantile === 1 ? 1 : 0.55;
        ctx.setLineDash(UNIT_DASHES[unit % 3]);
        for (const run of finiteRuns(picked, at))
          path(
            ctx,
            run,
            (index) => x(history.steps[index]),
            (index) => y(at(index)),
          );
      }
    }
    ctx.globalAlpha = 1;
    ctx.setLineDash([]);
    if (picked.length === 1) return Infinity;
    return lastStep(history, picked, (index) => data[index * width + this.start(arm, 0) + 1]);
  }

  valuesAt(arm, index) {
    const history = this.app.store.arms[arm];
    if (this.app.layer >= history.layers) return null;
    const row = history.row("unit_percentiles", index);
    return this.app.meta.arms[arm].units.map((name, unit) => [
      `unit ${name}: 15 / 50 / 85`,
      [0, 1, 2].map((quantile) => brief(row[this.start(arm, unit) + quantile])).join(" / "),
    ]);
  }

  summary() {
    return `Percentiles of three single units of layer ${this.app.layer + 1}, per network over time.`;
  }
}

const UNIT_DASHES = [[], [5, 3], [1.5, 2.5]];
