// Gradient magnitude over depth at the shown step, log scale, with the theory line at step 0.

import { drawAxes, line, linear, marker, powerTicks } from "./axes.js";
import { CanvasChart } from "./canvas.js";
import { dashOf } from "./dashes.js";
import { brief } from "./format.js";
import { isModel, layerName, shortName, weightName } from "./names.js";
import { layerTicks } from "./histograms.js";
import { depthWords, paintBorder } from "./sharednames.js";
import { steady } from "./timepanels.js";

const LEFT = 42;
const TOP = 8;
const BOTTOM = 31;
const MOST_MARKS = 60;

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
    const cells = Math.max(...app.meta.arms.map((arm) => arm.weights.length));
    this.x = linear(0.5, cells + 0.5, box.x, box.x + box.w);
    this.y = linear(low, high, box.y + box.h, box.y);
    this.cells = cells;
    const { ticks, format } = powerTicks(low, high, Math.max(2, Math.floor(box.h / 30)));
    drawAxes(ctx, app.theme, box, {
      x: {
        scale: this.x,
        ...this.depthAxis(cells, box.w, curves),
        label: this.depthLabel(),
      },
      y: { scale: this.y, ticks, format, label: `‖${this.choices.chosen}‖` },
    });
    if (isModel(app.meta)) this.paintChosen(ctx, box);
    paintBorder(ctx, app, box, (layer) => this.x(layer + 0.5));
    curves.forEach((logs, arm) => this.paintArm(ctx, arm, logs));
    curves.forEach((logs, arm) => this.paintTheory(ctx, arm, logs));
    if (isModel(app.meta)) app.store.arms.forEach((_, arm) => this.paintZeros(ctx, box, arm));
  }

  depthAxis(cells, width, curves) {
    const { meta } = this.app;
    if (isModel(meta)) {
      const known = Array.from({ length: cells }, (_, cell) => cell + 1).filter((layer) =>
        curves.some((logs) => Number.isFinite(logs[layer - 1])),
      );
      return { ticks: known, format: (layer) => shortName(meta, layer - 1) };
    }
    return {
      ticks: [...layerTicks(cells - 1, width - 30), cells],
      format: (layer) => (layer === cells ? "out" : String(layer)),
    };
  }

  /** The layers whose gradient is exactly 0: a log axis has no place for them. */
  zeros(arm) {
    const history = this.app.store.arms[arm];
    const index = history.index(this.app.shown);
    const row = index < 0 ? [] : [...history.row(this.field, index)];
    return row.flatMap((value, cell) => (value === 0 ? [cell] : []));
  }

  paintZeros(ctx, box, arm) {
    ctx.fillStyle = this.app.theme.arms[arm % 4];
    for (const cell of this.zeros(arm)) marker(ctx, arm, this.x(this.position(arm, cell)), box.y + box.h - 3, 2.6);
  }

  /** Where in the depth the chosen layer is. */
  paintChosen(ctx, box) {
    const place = Math.round(this.x(this.app.layer + 1)) + 0.5;
    ctx.strokeStyle = this.app.theme.axis;
    line(ctx, place, box.y, place, box.y + box.h);
  }

  paintArm(ctx, arm, logs) {
    const { theme } = this.app;
    ctx.strokeStyle = ctx.fillStyle = theme.arms[arm % 4];
    ctx.lineWidth = 2;
    ctx.setLineDash(dashOf(this.app.meta, arm));
    ctx.beginPath();
    let pen = false;
    logs.forEach((value, cell) => {
      const layer = this.position(arm, cell);
      if (!Number.isFinite(value))
        pen &&= isModel(this.app.meta); // a model has layers without weights in between
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
        this.cells <= MOST_MARKS &&
        marker(ctx, arm, this.x(this.position(arm, cell)), this.y(value), this.cells > 16 ? 2.2 : 3.4),
    );
  }

  /** The output layer of every arm stands at the right end, however deep the arm is. */
  position(arm, cell) {
    return cell === this.app.meta.arms[arm].layers ? this.cells : cell + 1;
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
    if (isModel(this.app.meta) && this.app.store.arms.some((_, arm) => this.zeros(arm).length))
      return `${depthWords(this.app)}; marks at the bottom: exactly 0`;
    return factors.length ? `dotted: theory, ${[...new Set(factors)].join(" and ")} a layer` : depthWords(this.app);
  }

  describe(px) {
    if (!this.x) return null;
    const slot = Math.min(this.cells, Math.max(1, Math.round(this.x.invert(px))));
    const rows = [];
    this.app.store.arms.forEach((history, arm) => {
      const index = history.index(this.app.shown);
      const isOutput = slot === this.cells && history.sizes.K > history.layers;
      const cell = isOutput ? history.layers : slot - 1;
      if (index < 0 || (cell >= history.layers && !isOutput)) return;
      rows.push(
        [this.app.meta.arms[arm].name, "", this.app.theme.arms[arm % 4]],
        ["‖dL/dz‖", brief(history.row("gradient_z", index)[cell])],
        ["‖dL/dW‖", brief(history.row("gradient_weight", index)[cell])],
      );
    });
    const { meta } = this.app;
    const isOutput = !isModel(meta) && slot === this.cells;
    return { title: isOutput ? "output layer" : layerName(meta, slot - 1), rows };
  }

  sayModel(arm, row) {
    const none = this.zeros(arm).length;
    const zeros = none ? ` Exactly 0 in ${none} ${none === 1 ? "layer" : "layers"}.` : "";
    const known = [...row.keys()].filter((cell) => Number.isFinite(row[cell]));
    if (!known.length) return "";
    const [first, last] = [known[0], known[known.length - 1]];
    const { meta } = this.app;
    return `${meta.arms[arm].name}: gradient ${this.choices.chosen} ${brief(row[first])} in ${weightName(meta, arm, first)}, ${brief(row[last])} in ${weightName(meta, arm, last)}.${zeros}`;
  }

  summary() {
    return this.app.store.arms
      .map((history, arm) => {
        const index = history.index(this.app.shown);
        if (index < 0) return "";
        const row = history.row(this.field, index);
        if (isModel(this.app.meta)) return this.sayModel(arm, row);
        return `${this.app.meta.arms[arm].name}: gradient ${this.choices.chosen} ${brief(row[0])} in layer 1, ${brief(row[history.layers - 1])} in the last hidden layer.`;
      })
      .join(" ");
  }
}
