// Gradient magnitude over depth at the shown step, log scale, with the theory line at step 0.

import { drawAxes, linear, marker, powerTicks } from "./axes.js";
import { CanvasChart } from "./canvas.js";
import { DASHES } from "./dom.js";
import { brief } from "./format.js";
import { layerTicks } from "./histograms.js";
import { steady } from "./timepanels.js";

const LEFT = 42;
const TOP = 8;
const BOTTOM = 31;

export class GradientDepth extends CanvasChart {
  constructor(host, app, name) {
    super(host, app, name);
    this.choices = { label: "quantity", values: ["dL/dz", "dL/dW"], chosen: "dL/dz" };
  }

  get field() {
    return this.choices.chosen === "dL/dz" ? "gradient_z" : "gradient_weight";
  }

  logs(arm) {
    const history = this.app.store.arms[arm];
    const index = history.index(this.app.shown);
    return index < 0 ? [] : [...history.row(this.field, index)].map((value) => (value > 0 ? Math.log10(value) : NaN));
  }

  paint(ctx, width, height) {
    const { app } = this;
    const box = { x: LEFT, y: TOP, w: width - LEFT - 8, h: height - TOP - BOTTOM };
    const curves = app.store.arms.map((_, arm) => this.logs(arm));
    const finite = curves.flat().filter(Number.isFinite);
    const span = finite.length ? [Math.min(...finite) - 0.15, Math.max(...finite) + 0.15] : [-3, 0];
    if (span[1] - span[0] < 2) span.splice(0, 2, (span[0] + span[1]) / 2 - 1, (span[0] + span[1]) / 2 + 1);
    const [low, high] = steady(this, span);
    const cells = Math.max(...app.store.arms.map((arm) => arm.layers)) + 1;
    this.x = linear(0.5, cells + 0.5, box.x, box.x + box.w);
    this.y = linear(low, high, box.y + box.h, box.y);
    this.cells = cells;
    const { ticks, format } = powerTicks(low, high, Math.max(2, Math.floor(box.h / 30)));
    drawAxes(ctx, app.theme, box, {
      x: {
        scale: this.x,
        ticks: [...layerTicks(cells - 1, box.w - 30), cells],
        format: (layer) => (layer === cells ? "out" : String(layer)),
        label: this.depthLabel(),
      },
      y: { scale: this.y, ticks, format, label: `‖${this.choices.chosen}‖` },
    });
    curves.forEach((logs, arm) => this.paintArm(ctx, arm, logs));
    curves.forEach((logs, arm) => this.paintTheory(ctx, arm, logs));
  }

  paintArm(ctx, arm, logs) {
    const { theme } = this.app;
    ctx.strokeStyle = ctx.fillStyle = theme.arms[arm % 4];
    ctx.lineWidth = 2;
    ctx.setLineDash(DASHES[arm % 4]);
    ctx.beginPath();
    let pen = false;
    logs.forEach((value, cell) => {
      const layer = this.position(arm, cell);
      if (!Number.isFinite(value)) pen = false;
      else if (pen) ctx.lineTo(this.x(layer), this.y(value));
      else {
        ctx.moveTo(this.x(layer), this.y(value));
        pen = true;
      }
    });
    ctx.stroke();
    ctx.setLineDash([]);
    logs.forEach(
      (value, cell) =>
        Number.isFinite(value) &&
        marker(ctx, arm, this.x(this.position(arm, cell)), this.y(value), this.cells > 16 ? 2.2 : 3.4),
    );
  }

  /** The output layer of every arm stands at the right end, however deep the arm is. */
  position(arm, cell) {
    return cell === this.app.store.arms[arm].layers ? this.cells : cell + 1;
  }

  /** Theory: ||dL/dz|| grows by sqrt(factor) a layer towards the input; anchored at the measured mean of the inner layers. */
  paintTheory(ctx, arm, logs) {
    const { theory, layers } = this.app.meta.arms[arm];
    if (!this.theoryHolds(arm)) return;
    const slope = -0.5 * Math.log10(theory.factor);
    const [first, last] = layers > 9 ? [5, layers - 2] : [0, layers];
    const inner = logs
      .slice(first, last)
      .map((value, position) => value - slope * (first + position))
      .filter(Number.isFinite);
    if (!inner.length) return;
    const level = inner.reduce((sum, value) => sum + value, 0) / inner.length;
    const { theme } = this.app;
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 1.3;
    ctx.setLineDash([1.5, 3]);
    ctx.beginPath();
    ctx.moveTo(this.x(1), this.y(level));
    ctx.lineTo(this.x(layers), this.y(level + slope * (layers - 1)));
    ctx.stroke();
    ctx.setLineDash([]);
  }

  /** At step 0 only, and not where a norm was switched right there. */
  theoryHolds(arm) {
    const { theory, layers } = this.app.meta.arms[arm];
    const state = this.app.state.arms?.[arm]; // comes after the meta
    if (!state || !theory || layers < 2 || this.app.shown !== 0 || this.field !== "gradient_z") return false;
    return !state.interventions.some(({ step, normalization }) => step === 0 && normalization);
  }

  depthLabel() {
    const factors = this.app.meta.arms
      .filter((_, arm) => this.theoryHolds(arm))
      .map(({ theory }) => `×${Math.sqrt(theory.factor).toFixed(2)}`);
    return factors.length ? `dotted: theory, ${[...new Set(factors)].join(" and ")} a layer` : "layer, input to output";
  }

  describe(px) {
    if (!this.x) return null;
    const slot = Math.min(this.cells, Math.max(1, Math.round(this.x.invert(px))));
    const rows = [];
    this.app.store.arms.forEach((history, arm) => {
      const index = history.index(this.app.shown);
      const cell = slot === this.cells ? history.layers : slot - 1;
      if (index < 0 || (cell >= history.layers && slot !== this.cells)) return;
      rows.push(
        [this.app.meta.arms[arm].name, "", this.app.theme.arms[arm % 4]],
        ["‖dL/dz‖", brief(history.row("gradient_z", index)[cell])],
        ["‖dL/dW‖", brief(history.row("gradient_weight", index)[cell])],
      );
    });
    return { title: slot === this.cells ? "output layer" : `layer ${slot}`, rows };
  }

  summary() {
    return this.app.store.arms
      .map((history, arm) => {
        const index = history.index(this.app.shown);
        if (index < 0) return "";
        const row = history.row(this.field, index);
        return `${this.app.meta.arms[arm].name}: gradient ${this.choices.chosen} ${brief(row[0])} in layer 1, ${brief(row[history.layers - 1])} in the last hidden layer.`;
      })
      .join(" ");
  }
}
