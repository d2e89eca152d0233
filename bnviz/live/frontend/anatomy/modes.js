// "Train and eval": a stream of batches, what the layer remembers of it, and one sample that goes through both modes.

import { el, setText } from "../dom.js";
import { asTyped } from "./fields.js";
import { ModeControls } from "./modecontrols.js";
import { figure, fixed } from "./pieces.js";
import { Rulers } from "./rulers.js";
import { Series, two } from "./series.js";
import { Slider } from "./slider.js";

/** That of PyTorch's layers: the stream's layer has it, whatever the reader's has. */
const EPS = 1e-5;

export class ModesSection {
  constructor(app) {
    this.app = app;
    this.never = app.limits.steps;
    this.finding = el("p", { class: "bnviz-finding", "data-bnviz": "finding" });
    this.hint = el("p", { class: "bnviz-hint" });
    this.gap = figure("gap", "Gap between the modes");
    this.pair = el("p", { class: "bnviz-pair" });
    this.rulers = new Rulers();
    this.controls = new ModeControls(app);
    const side = el("div", { class: "bnviz-hero-side" }, this.gap.node, this.pair);
    this.hero = el("div", { class: "bnviz-hero" }, this.rulers.node, side);
    this.refusal = el("div", { class: "bnviz-refusal", role: "status", hidden: true });
    this.scrub = new Slider(app, {
      key: "step",
      label: "Step",
      low: 0,
      high: this.never - 1,
      step: 1,
      // The arrays hold every step: the numbers move before the answer comes.
      preview: (step) => this.look(step),
    });
    this.charts = this.makeCharts();
    const charts = el("div", { class: "bnviz-charts" }, ...this.charts.map(({ node }) => node));
    const main = el("div", { class: "bnviz-main" }, this.refusal, this.hero, this.scrub.node, charts);
    const split = el("div", { class: "bnviz-split" }, this.controls.node, main);
    this.node = el("div", { class: "bnviz-modes" }, this.finding, this.hint, split);
  }

  makeCharts() {
    const x = { title: "step (one batch each)", range: [-1, this.never], hover: "step %{x:d}" };
    const pick = (place) => this.pick(Math.round(Math.min(this.never - 1, Math.max(0, place))));
    const chart = (name, title, y, lines) =>
      new Series(this.app, { name, title, axes: { x, y }, lines, pick, format: two });
    return [
      chart("outputs", "The same sample through both modes", { title: "output y" }, [
        { key: "train", name: "train", look: "train" },
        { key: "eval", name: "eval", look: "eval" },
      ]),
      chart("mean", "Mean", { title: "mean (units of x)" }, [
        { key: "batch", name: "batch", look: "train" },
        { key: "running", name: "running", look: "eval" },
        { key: "truth", name: "true", look: "truth" },
      ]),
      chart("variance", "Variance", { title: "variance (units of x²)" }, [
        { key: "batch", name: "batch (÷B)", look: "train" },
        { key: "running", name: "PyTorch (÷(B−1))", look: "eval" },
        { key: "keras", name: "Keras (÷B)", look: "keras" },
        { key: "truth", name: "true", look: "truth" },
      ]),
      chart("cold", "What the initial 0 and 1 still weigh", { title: "weight (1 − m)ᵏ⁺¹", range: [-0.03, 1.03] }, [
        { key: "weight", name: "weight", look: "eval" },
      ]),
    ];
  }

  pick(step) {
    if (step === this.step) return;
    this.look(step);
    this.app.post.type("step", step);
  }

  update(state, { modes }, problems) {
    Object.assign(this, { state, modes });
    this.controls.update(state, problems);
    this.scrub.update(problems);
    this.refuse(modes);
    if (!modes.error) this.stream(modes);
    // While the step is being dragged, answers lag behind it.
    const meant = this.app.post.typed("step");
    this.look(typeof meant === "number" ? meant : state.step);
  }

  /** One value has no variance: PyTorch refuses it, Keras gives zero. */
  refuse({ error, keras_output: keras }) {
    this.refusal.hidden = !error;
    this.hero.hidden = this.scrub.node.hidden = Boolean(error);
    for (const { node } of this.charts) node.hidden = Boolean(error);
    if (!error) return;
    this.refusal.replaceChildren(
      el("p", {}, "PyTorch refuses a batch of one in train mode, in these words:"),
      el("pre", { class: "bnviz-words", "data-bnviz": "refusal" }, error),
      el(
        "p",
        {},
        "Keras goes on: the only value is its own mean, so the output is ",
        el("b", { "data-bnviz": "number-keras_output" }, fixed(keras)),
        " whatever x is. Nothing of the sample is left.",
      ),
    );
  }

  stream(modes) {
    const { step: x, true_mean: trueMean, true_variance: trueVariance, half_life: half } = modes;
    const marks = this.state.shift_step < this.never ? [{ x: this.state.shift_step, text: "shift" }] : [];
    const halfMark = half && half < 0.9 * this.never ? [{ x: half - 1, text: `half after ${half}` }] : [];
    const [outputs, mean, variance, cold] = this.charts;
    outputs.set({ x, train: modes.train_output, eval: modes.eval_output }, marks);
    mean.set({ x, batch: modes.batch_mean, running: modes.running_mean, truth: trueMean }, marks);
    const running = { running: modes.running_variance, keras: modes.keras_variance };
    variance.set({ x, batch: modes.batch_variance, ...running, truth: trueVariance }, marks);
    cold.set({ x, weight: modes.initial_weight }, halfMark);
    this.range = this.extent(this.state);
  }

  /** The axis of the values stays where it is while the step is scrubbed. */
  extent({ mean, std, shift_step: shift, shifted_mean: newMean, shifted_std: newStd, sample }) {
    const all = [sample, mean - 2.8 * std, mean + 2.8 * std];
    if (shift < this.never) all.push(newMean - 2.8 * newStd, newMean + 2.8 * newStd);
    const low = Math.min(...all);
    const high = Math.max(...all);
    return [low - 0.03 * (high - low), high + 0.03 * (high - low)];
  }

  look(step) {
    const { modes, state } = this;
    if (!modes) return;
    if (modes.error) return this.say("A batch of one has no variance: batch norm cannot train on it.", "");
    this.step = step;
    for (const chart of this.charts) chart.look(step);
    const train = modes.train_output[step];
    const evaluated = modes.eval_output[step];
    this.gap.set(fixed(Math.abs(train - evaluated)), `at step ${step}, in units of y`);
    setText(this.pair, `train ${fixed(train)}, eval ${fixed(evaluated)}`);
    const ruler = (mean, variance, output) => ({ mean: mean[step], std: Math.sqrt(variance[step] + EPS), output });
    this.rulers.set({
      step,
      // The batch of another step comes with the answer.
      batch: step === state.step ? modes.batch.slice(1) : [],
      sample: state.sample,
      range: this.range,
      // With the sample among them, the first of the batch: what its train output is normalised by.
      train: ruler(modes.sample_mean, modes.sample_variance, train),
      eval: ruler(modes.running_mean, modes.running_variance, evaluated),
    });
    this.say(
      `At step ${step} the same value x = ${asTyped(state.sample)} becomes ${fixed(train)} in training and ${fixed(evaluated)} in evaluation.`,
      this.reason(step),
    );
  }

  /** Why the two differ here, the strongest reason first. */
  reason(step) {
    const { modes, state } = this;
    const weight = modes.initial_weight[step];
    const since = step - state.shift_step;
    if (state.batch_size === 2)
      return "With two values in a batch the output is always near +1 or −1: which of the two is larger is all that is left.";
    const bound = Math.sqrt(state.batch_size - 1);
    if (Math.abs(modes.train_output[step]) > 0.98 * bound)
      return `In a batch of ${state.batch_size} no output can pass √(B − 1) = ${fixed(bound)}, however far out the sample is; evaluation knows no such bound.`;
    if (state.momentum === 0) return "Momentum 0: the running statistics never learn; they stay at 0 and 1.";
    if (state.momentum === 1)
      return "Momentum 1: the running statistics are those of the last batch alone; nothing is averaged.";
    if (weight > 0.1)
      return `The running statistics still hold ${Math.round(100 * weight)} % of their initial 0 and 1: a cold start.`;
    const lag = (1 - state.momentum) ** (since + 1);
    if (since >= 0 && lag > 0.1)
      return `The data shifted at step ${state.shift_step}; ${Math.round(100 * lag)} % of the running statistics is older than that.`;
    if (state.batch_size <= 8)
      return `A batch of ${state.batch_size} is a noisy estimate: training sees that noise, evaluation does not.`;
    return "Training uses this batch’s own mean and variance; evaluation uses the running ones, a memory of the batches so far.";
  }

  say(sentence, reason) {
    setText(this.finding, sentence);
    setText(this.hint, reason);
    this.hint.hidden = !reason;
  }

  theme() {
    for (const chart of this.charts) chart.theme();
  }

  dispose() {
    for (const chart of this.charts) chart.dispose();
    this.rulers.dispose();
  }
}
