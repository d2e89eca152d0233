// "Scale": what becomes of the layer when the weights before it are a times as large.

import { el, setText } from "../dom.js";
import { power } from "../format.js";
import { DotRows, rangeOf } from "./dots.js";
import { action } from "./inputs.js";
import { figure, fixed, short } from "./pieces.js";
import { Series } from "./series.js";
import { Slider } from "./slider.js";

/** Changes below this power of ten are drawn as none. */
const FLOOR = -8;
/** A number below this is shown as 0.0000. */
const NOTHING = 5e-5;
/** A change of the output that is worth a sentence, in its deviations. */
const FELT = 0.01;
const STOPS = [-4, -2, -1, 0, 1, 2, 4];
/** The dotted lines by their names, where they are away from the measured ones. */
const IDEALS = [
  { x: -5.2, y: 5.2, text: "1/a" },
  { x: -5.2, y: 10.4, text: "1/a²" },
];
const EXPONENTS = [-6, -4, -2, 0, 2, 4, 6];

export class ScaleSection {
  static bench = true;

  constructor(app) {
    this.app = app;
    const { low, high } = app.fields.log_scale;
    this.range = [low, high];
    this.finding = el("p", { class: "bnviz-finding", "data-bnviz": "finding" });
    this.hint = el("p", { class: "bnviz-hint" });
    this.slider = new Slider(app, {
      key: "log_scale",
      label: "log₁₀ a",
      low,
      high,
      step: 0.1,
      preview: (exponent) => this.look(exponent),
    });
    this.factor = el("output", { class: "bnviz-factor", "data-bnviz": "number-a" });
    this.figures = {
      output: figure("output_change", "Change of the output, train"),
      gradient: figure("gradient", "Gradient"),
      step: figure("relative_step", "Effective step"),
      alignment: figure("alignment", "Weights against gradient"),
      eval: figure("output_change_eval", "Change of the output, eval"),
    };
    this.rows = new DotRows({ name: "scale", height: 44, links: true });
    this.rowsTitle = el("h3", { class: "bnviz-part-title" });
    this.makeCharts();
    this.node = el(
      "div",
      { class: "bnviz-scale" },
      this.finding,
      this.hint,
      this.turn(),
      el("div", { class: "bnviz-figures" }, ...Object.values(this.figures).map(({ node }) => node)),
      el("section", { class: "bnviz-part" }, this.rowsTitle, this.rows.node),
      el("div", { class: "bnviz-charts" }, this.gradients.node, this.changes.node),
    );
  }

  turn() {
    const stops = STOPS.map((exponent) => {
      const run = () => this.pick(exponent);
      return action({ label: factor(exponent), name: `scale-${exponent}`, quiet: true, run });
    });
    return el(
      "div",
      { class: "bnviz-turn" },
      this.factor,
      this.slider.node,
      el("div", { class: "bnviz-stops", role: "group", "aria-label": "Some factors" }, ...stops),
    );
  }

  makeCharts() {
    const x = {
      title: "a, the factor on the weights",
      range: this.range,
      hover: "a = 10^%{x:.2f}",
      ticks: { tickvals: EXPONENTS, ticktext: EXPONENTS.map(factor) },
    };
    const pick = (exponent) => this.pick(+exponent.toFixed(1));
    this.gradients = new Series(this.app, {
      name: "gradient",
      title: "Gradient and effective step, against a = 1",
      axes: { x, y: { title: "times that at a = 1", log: true }, labels: IDEALS },
      lines: [
        { key: "idealGradient", name: "ideal 1/a", look: "ideal" },
        { key: "idealStep", name: "ideal 1/a²", look: "ideal" },
        { key: "gradient", name: "gradient", look: "eval" },
        { key: "step", name: "step", look: "train" },
      ],
      pick,
    });
    this.changes = new Series(this.app, {
      name: "change",
      title: "Change of the output, against a = 1 (where it is 0)",
      axes: { x, y: { title: "change (deviations of y)", log: true, floor: FLOOR } },
      lines: [
        { key: "train", name: "train", look: "train" },
        { key: "eval", name: "eval", look: "eval" },
      ],
      pick,
      format: (value) => (value < 10 ** FLOOR ? "0" : short(value)),
    });
  }

  pick(exponent) {
    if (exponent === this.exponent) return;
    this.look(exponent);
    this.app.post.type("log_scale", exponent);
  }

  /** The cursor and a move before the answer comes; all readings belong to the a that was answered last. */
  look(exponent) {
    if (!this.at) return;
    this.exponent = exponent;
    setText(this.factor, `a = ${short(10 ** exponent)}`);
    const { a, gradient, relative_step: step, output_change: train, output_change_eval: evaluated } = this.at;
    this.gradients.look(exponent, { idealGradient: 1 / a, idealStep: 1 / a ** 2, gradient, step });
    this.changes.look(exponent, { train, eval: evaluated });
  }

  update(state, { scale }, problems) {
    this.at = scale.at;
    this.slider.update(problems);
    this.curves(scale);
    this.readings(scale);
    this.outputs(state, scale);
    // While it is dragged, answers lag behind.
    const meant = this.app.post.typed("log_scale");
    this.look(typeof meant === "number" ? meant : state.log_scale);
  }

  curves(scale) {
    const x = scale.log_scale;
    const at = Math.log10(scale.eps_scale);
    const marks = at > this.range[0] && at < this.range[1] ? [{ x: at, text: "a²v = ε" }] : [];
    this.gradients.set(
      {
        x,
        gradient: scale.gradient,
        step: scale.relative_step,
        idealGradient: scale.ideal_gradient,
        idealStep: scale.ideal_step,
      },
      marks,
    );
    this.changes.set({ x, train: scale.output_change, eval: scale.output_change_eval }, marks);
  }

  readings(scale) {
    const { a, output_change: change, gradient, relative_step: step, alignment, output_change_eval: inEval } = scale.at;
    const changed = (value) => (value < NOTHING ? fixed(value, 4) : short(value));
    const { output, alignment: angle, gradient: slope, step: effective, eval: evaluated } = this.figures;
    output.set(changed(change), `deviations of y${change < NOTHING && change ? ` (${short(change)})` : ""}`);
    slope.set(times(gradient), `1/a is ${short(1 / a)}`);
    effective.set(times(step), `lr·‖gradient‖/‖W‖; 1/a² is ${short(1 / a ** 2)}`);
    angle.set(fixed(alignment, 4), "cosine of W and its gradient: 0 is a right angle, so plain steps only lengthen W");
    evaluated.set(changed(inEval), "deviations of y: eval mode, with the statistics of a = 1, follows the scale");
    this.say(...found(scale));
  }

  say(sentence, reason) {
    setText(this.finding, sentence);
    setText(this.hint, reason);
    this.hint.hidden = !reason;
  }

  outputs({ channel }, scale) {
    const a = short(scale.at.a);
    setText(this.rowsTitle, `Outputs of channel ${channel + 1}, one dot a sample`);
    const rows = [
      { name: "train, a = 1", sets: [{ kind: "right", values: scale.batch_at_1 }] },
      { name: `train, a = ${a}`, sets: [{ kind: "wrong", values: scale.batch }] },
      { name: `eval, a = ${a}`, sets: [{ kind: "eval", values: scale.eval_at }] },
    ];
    const [low, high] = rangeOf(scale.batch_at_1, 0.5);
    const air = 0.35 * (high - low);
    const range = [low - air, high + air];
    const ends = [Math.min(...scale.eval_at), Math.max(...scale.eval_at)];
    if (ends[0] < range[0] || ends[1] > range[1]) rows[2].note = `${short(ends[0])} to ${short(ends[1])}`;
    this.rows.set({
      label: `Outputs of channel ${channel + 1}: at a = 1 ${list(scale.batch_at_1)}; at a = ${a} in train mode ${list(scale.batch)}, in eval mode ${list(scale.eval_at)}.`,
      axis: "output y",
      range,
      rows,
    });
  }

  theme() {
    this.gradients.theme();
    this.changes.theme();
  }

  dispose() {
    this.gradients.dispose();
    this.changes.dispose();
    this.rows.dispose();
  }
}

/** What the measured numbers say, in a sentence and a reason. */
function found({
  at,
  eps_scale: limit,
  log_scale: grid,
  output_change: changes,
  gradient: gradients,
  relative_step: steps,
}) {
  const { a, output_change: change, gradient, relative_step: step } = at;
  if (!Number.isFinite(change))
    return ["All samples are equal: there is nothing to normalise.", "Change a number of the batch."];
  if (a === 1) {
    const ten = grid.findIndex((exponent) => exponent > 0.999);
    const output = changes[ten] > FELT ? `changes by ${short(changes[ten])} deviations` : "is the same";
    return [
      `Turn a. At 10, for one, the output ${output}, the gradient ${times(gradients[ten])}, the effective step ${times(steps[ten])}.`,
      "a multiplies the weights of a linear layer before batch norm: y = BN(x (aW)ᵀ), W one fixed matrix. The gradient is that of Σ dL/dy · y by W, with the dL/dy of “Backward”.",
    ];
  }
  if (change > FELT) {
    const why = a > 1 ? "ε is no longer felt as it was at a = 1" : "ε counts for more beside a smaller variance";
    return [
      `Weights × ${short(a)}: the output changes by ${short(change)} deviations, because ${why}.`,
      `The layer forgets the scale only while a²v is far above ε; they are equal at a = ${short(limit)} (median channel).`,
    ];
  }
  return [
    `Weights × ${short(a)}: the same output, the gradient ${times(gradient)}, the effective step ${times(step)}.`,
    "Batch norm forgets the scale of the weights, the gradient does not: so the effective learning rate is lr / ‖W‖².",
  ];
}

/** A power of ten as a factor. */
const factor = (exponent) => (exponent ? power(exponent) : "1");

const list = (values) => values.map((value) => fixed(value)).join(", ");

const times = (value) => (Number.isNaN(value) ? "–" : `× ${short(value)}`);
