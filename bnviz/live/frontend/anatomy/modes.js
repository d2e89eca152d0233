// "Train and eval": a stream of batches, what the layer remembers of it, and one sample that goes through both modes.

import { el, setText } from "../dom.js";
import { slider } from "./inputs.js";
import { ModeControls, NEVER } from "./modecontrols.js";
import { figure, fixed, short } from "./pieces.js";
import { Rulers } from "./rulers.js";
import { Series, two } from "./series.js";

const EPS = 1e-5;
export class ModesSection {
  constructor(app) {
    this.app = app;
    this.build();
    this.node = el(
      "div",
      { class: "bnviz-modes" },
      this.finding,
      this.hint,
      el(
        "div",
        { class: "bnviz-split" },
        this.controls.node,
        el(
          "div",
          { class: "bnviz-main" },
          this.refusal,
          this.hero,
          this.scrub.node,
          el("div", { class: "bnviz-charts" }, ...this.charts.map(({ node }) => node)),
        ),
      ),
    );
  }

  build() {
    const { app } = this;
    this.finding = el("p", { class: "bnviz-finding", "data-bnviz": "finding" });
    this.gap = figure("gap", "Gap between the modes");
    this.pair = el("p", { class: "bnviz-pair" });
    this.rulers = new Rulers();
    this.controls = new ModeControls(app);
    this.hero = el(
      "div",
      { class: "bnviz-hero" },
      this.rulers.node,
      el("div", { class: "bnviz-hero-side" }, this.gap.node, this.pair),
    );
    this.refusal = el("div", { class: "bnviz-refusal", role: "status", hidden: true });
    this.hint = el("p", { class: "bnviz-hint" });
    this.scrub = slider(app, { key: "step", label: "Step", low: 0, high: 119, step: 1 });
    // The arrays hold every step: the numbers move before the answer comes.
    this.scrub.node.addEventListener("input", (event) => this.look(Number(event.target.value)));
    const pick = (x) => {
      const step = Math.round(Math.min(119, Math.max(0, x)));
      if (step === this.step) return;
      this.look(step);
      app.change({ step });
    };
    const x = { title: "step (one batch each)", range: [-1, 120], hover: "step %{x:d}" };
    const chart = (name, title, y, lines) => new Series(app, { name, title, axes: { x, y }, lines, pick, format: two });
    this.charts = [
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

  update(state, result, problems) {
    this.state = state;
    this.controls.update(state, problems);
    this.scrub.update(state, problems);
    const modes = result?.modes;
    if (!modes) return;
    this.modes = modes;
    this.refuse(modes);
    if (!modes.error) this.stream(modes);
    // While the step is being dragged, answers lag behind it.
    const step = Number(this.app.draft.step);
    this.look(Number.isInteger(step) ? step : state.step);
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
    const { state } = this;
    const x = modes.step;
    this.arrays = {
      x,
      train: modes.train_output,
      eval: modes.eval_output,
      // With the sample among them, the first of the batch: what its train output is normalised by.
      sampleMean: modes.sample_mean ?? modes.batch_mean,
      sampleVariance: modes.sample_variance ?? modes.batch_variance,
      batchMean: modes.batch_mean,
      batchVariance: modes.batch_variance,
      runningMean: modes.running_mean,
      runningVariance: modes.running_variance,
      weight: modes.initial_weight,
      trueMean: modes.true_mean,
      trueVariance: modes.true_variance,
    };
    const a = this.arrays;
    const marks = state.shift_step < NEVER ? [{ x: state.shift_step, text: "shift" }] : [];
    const half = modes.half_life;
    const halfMark = half && half < 110 ? [{ x: half - 1, text: `half after ${short(half)}` }] : [];
    const [outputs, mean, variance, cold] = this.charts;
    outputs.set({ x, train: a.train, eval: a.eval }, marks);
    mean.set({ x, batch: a.batchMean, running: a.runningMean, truth: a.trueMean }, marks);
    variance.set(
      { x, batch: a.batchVariance, running: a.runningVariance, keras: modes.keras_variance, truth: a.trueVariance },
      marks,
    );
    cold.set({ x, weight: a.weight }, halfMark);
    this.range = this.extent(state);
  }

  /** The axis of the values stays where it is while the step is scrubbed. */
  extent({ mean, std, shift_step: shift, shifted_mean: newMean, shifted_std: newStd, sample }) {
    const all = [sample, mean - 2.8 * std, mean + 2.8 * std];
    if (shift < NEVER) all.push(newMean - 2.8 * newStd, newMean + 2.8 * newStd);
    const low = Math.min(...all);
    const high = Math.max(...all);
    return [low - 0.03 * (high - low), high + 0.03 * (high - low)];
  }

  look(step) {
    const { modes, arrays: a, state } = this;
    if (!modes || modes.error || !a || !Number.isInteger(step) || !(step in a.x)) {
      if (modes?.error) this.say(modes.error && "A batch of one has no variance: batch norm cannot train on it.", "");
      return;
    }
    this.step = step;
    for (const chart of this.charts) chart.look(step);
    const train = a.train[step];
    const evaluated = a.eval[step];
    const gap = Math.abs(train - evaluated);
    this.gap.set(fixed(gap), `at step ${step}, in units of y`);
    setText(this.pair, `train ${fixed(train)}, eval ${fixed(evaluated)}`);
    this.rulers.set({
      step,
      // The batch of another step comes with the answer.
      batch: step === state.step ? modes.batch.slice(1) : [],
      sample: state.sample,
      range: this.range,
      train: { mean: a.sampleMean[step], std: Math.sqrt(a.sampleVariance[step] + EPS), output: train },
      eval: { mean: a.runningMean[step], std: Math.sqrt(a.runningVariance[step] + EPS), output: evaluated },
    });
    this.say(
      `At step ${step} the same sample ${short(state.sample)} becomes ${fixed(train)} in training and ${fixed(evaluated)} in evaluation.`,
      this.reason(step),
    );
  }

  /** Why the two differ here, the strongest reason first. */
  reason(step) {
    const { arrays: a, state } = this;
    const weight = a.weight[step];
    const since = step - state.shift_step;
    if (state.batch_size === 2)
      return "With two values in a batch the output is always near +1 or −1: which of the two is larger is all that is left.";
    const bound = Math.sqrt(state.batch_size - 1);
    if (Math.abs(a.train[step]) > 0.98 * bound)
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
