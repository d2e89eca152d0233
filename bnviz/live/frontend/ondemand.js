// What is measured when the reader asks for it: gradient shift per layer, and the loss along the gradient.

import { drawAxes, linear, powerTicks, roundRange, roundTicks } from "./axes.js";
import { brief, tick } from "./format.js";
import { layerTicks } from "./histograms.js";
import { MeasuredChart, numbers } from "./measurements.js";
import { alpha } from "./theme.js";

/** How each layer's gradient changes when the layers below take their step first (Santurkar et al. 2018). */
export class GradientShift extends MeasuredChart {
  constructor(host, app, name) {
    super(host, app, name);
    this.choices = { label: "measure", values: ["relative L2", "cosine"], chosen: "relative L2" };
    this.invitation = "How does each layer’s gradient change when the layers below take their step first?";
  }

  get field() {
    return this.choices.chosen === "cosine" ? "cosine" : "relative";
  }

  paintResult(ctx, box, result) {
    const { theme } = this.app;
    const rows = result.arms.map((arm) => numbers(arm[this.field]));
    const finite = rows.flat().filter(Number.isFinite);
    const cells = Math.max(...rows.map((row) => row.length));
    const [low, high] =
      this.field === "cosine"
        ? [roundRange(Math.min(0.9, ...finite), 1)[0], 1]
        : [0, 1.06 * (Math.max(...finite, 0) || 1)];
    this.cells = cells;
    this.x = linear(0.5, cells + 0.5, box.x, box.x + box.w);
    const y = linear(low, high, box.y + box.h, box.y);
    drawAxes(ctx, theme, box, {
      x: {
        scale: this.x,
        ticks: [...layerTicks(cells - 1, box.w - 30), cells],
        format: (layer) => (layer === cells ? "out" : String(layer)),
        label: "layer, input to output",
      },
      y: {
        scale: y,
        ticks: roundTicks(low, high, Math.max(2, Math.floor(box.h / 28))),
        label: this.field === "cosine" ? "cosine of G and G′" : "‖G − G′‖ / ‖G‖",
      },
    });
    rows.forEach((row, arm) => {
      const points = row.map((value, cell) => [this.x(this.place(row, cell)), y(value)]);
      this.curve(ctx, arm, points, cells > 16 ? 2.2 : 3.4);
    });
    if (!finite.length) this.say(ctx, "Nothing could be measured", box);
  }

  /** The output layer of every arm stands at the right end, however deep the arm is. */
  place(row, cell) {
    return cell === row.length - 1 ? this.cells : cell + 1;
  }

  sentences(result) {
    return result.arms.flatMap(({ reason }, arm) => (reason ? [this.named(arm, reason)] : []));
  }

  describe(px) {
    const { result } = this;
    if (!this.x || !result) return null;
    const slot = Math.min(this.cells, Math.max(1, Math.round(this.x.invert(px))));
    const rows = result.arms.flatMap((arm, index) => {
      const cell = slot === this.cells ? arm.relative.length - 1 : slot - 1;
      if (cell >= arm.relative.length || (slot < this.cells && cell === arm.relative.length - 1)) return [];
      return [
        [this.app.meta.arms[index].name, "", this.app.theme.arms[index % 4]],
        ["relative L2", brief(arm.relative[cell] ?? NaN)],
        ["cosine", brief(arm.cosine[cell] ?? NaN)],
      ];
    });
    return { title: slot === this.cells ? "output layer" : `layer ${slot}`, rows };
  }

  inWords(arm) {
    const values = numbers(arm[this.field]).map(brief);
    return `${this.choices.chosen} of the gradient shift from the first layer to the output: ${values.join(", ")}`;
  }
}

/** The loss on the line along the gradient, .5 to 4 times the learning rate away. */
export class Landscape extends MeasuredChart {
  constructor(host, app, name) {
    super(host, app, name);
    this.options = { log: false };
    this.invitation = "How much does the loss vary along the gradient, from half to four times the learning rate?";
  }

  paintResult(ctx, box, result) {
    const { theme } = this.app;
    const { log } = this.options;
    const height = (value) => (log ? Math.log10(value) : value);
    const curves = result.arms.map((arm) => numbers([arm.start, ...arm.losses]).map(height));
    const finite = curves.flat().filter(Number.isFinite);
    const [low, high] = finite.length ? roundRange(Math.min(...finite), Math.max(...finite)) : [0, 1];
    const furthest = Math.max(...result.arms.flatMap((arm) => numbers(arm.multiples)));
    this.x = linear(0, furthest * 1.03, box.x, box.x + box.w);
    const y = linear(low, high, box.y + box.h, box.y);
    const few = Math.max(2, Math.floor(box.h / 28));
    const powers = log && high - low >= 1 ? powerTicks(low, high, few) : null;
    drawAxes(ctx, theme, box, {
      x: { scale: this.x, ticks: roundTicks(0, furthest, 5), label: "step along the gradient, × learning rate" },
      y: {
        scale: y,
        ticks: powers?.ticks ?? roundTicks(low, high, few),
        format: powers?.format ?? ((value) => tick(log ? 10 ** value : value)),
        label: "batch loss (nats)",
      },
    });
    result.arms.forEach((arm, index) => this.paintRange(ctx, index, arm, (value) => y(height(value))));
    curves.forEach((curve, index) => {
      const steps = [0, ...numbers(result.arms[index].multiples)];
      this.curve(
        ctx,
        index,
        curve.map((value, point) => [this.x(steps[point]), y(value)]),
        3,
      );
    });
    if (!finite.length) this.say(ctx, "Nothing could be measured", box);
  }

  /** The band from the smallest to the largest loss, over the steps it was measured at. */
  paintRange(ctx, index, { minimum, maximum, multiples }, y) {
    if (minimum === null || maximum === null) return;
    const [from, to] = [this.x(multiples[0]), this.x(multiples[multiples.length - 1])];
    ctx.fillStyle = alpha(this.app.theme.armsRgb[index % 4], 0.13);
    ctx.fillRect(from, y(maximum), to - from, Math.max(1, y(minimum) - y(maximum)));
  }

  sentences(result) {
    return result.arms.map((arm, index) => this.named(index, arm.reason ?? this.inWords(arm)));
  }

  inWords({ range, smoothness }) {
    return `loss varies by ${brief(range ?? NaN)} nats; the gradient by up to ${brief(smoothness ?? NaN)} a unit of distance`;
  }

  describe(px) {
    const { result } = this;
    if (!this.x || !result) return null;
    const steps = [0, ...numbers(result.arms[0].multiples)];
    const at = this.x.invert(px);
    const nearest = steps.reduce(
      (best, step, index) => (Math.abs(step - at) < Math.abs(steps[best] - at) ? index : best),
      0,
    );
    const rows = result.arms.flatMap((arm, index) => [
      [this.app.meta.arms[index].name, "", this.app.theme.arms[index % 4]],
      ["loss", brief((nearest ? arm.losses[nearest - 1] : arm.start) ?? NaN)],
      ...(nearest ? [["change of the gradient", brief(arm.changes[nearest - 1] ?? NaN)]] : []),
    ]);
    return { title: nearest ? `${steps[nearest]} × learning rate` : "before the step", rows };
  }
}
