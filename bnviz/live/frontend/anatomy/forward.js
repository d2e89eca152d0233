// "Forward": the four steps of one channel, number by number; the layer undone; and that it is the networks' own layer.

import { el, setText } from "../dom.js";
import { brief, minus } from "../format.js";
import { plain, setNumber } from "./fields.js";
import { action } from "./inputs.js";
import { column } from "./pieces.js";
import { STEPS, Step } from "./steps.js";

/** How numbers are written: far from zero with more digits, those in which the samples differ from their mean. */
function writers(mean, std) {
  const digits = Math.min(12, 4 + Math.max(0, Math.floor(Math.log10(Math.abs(mean) / std || 1))));
  const precise = (value) => (digits > 4 && Number.isFinite(value) ? minus(plain(value, digits)) : brief(value));
  return [precise, (value) => minus(plain(value, Math.max(6, digits)))];
}

export class ForwardSection {
  static bench = true;

  constructor(app) {
    this.app = app;
    this.steps = STEPS.map((recipe, index) => new Step(recipe, index + 1));
    this.title = el("h2", { class: "anatomy-title", "data-bnviz": "channel-title" });
    this.hint = el("span", { class: "anatomy-small" });
    this.node = el(
      "div",
      { class: "anatomy-forward" },
      el("div", { class: "anatomy-row" }, this.title, this.hint),
      ...this.steps.map((step) => step.node),
      this.undoCard(),
      this.checks(),
    );
  }

  undoCard() {
    this.undone = el("p", { class: "anatomy-note" });
    this.distance = el("b", { "data-bnviz": "number-distance" });
    this.verdict = el(
      "p",
      { class: "anatomy-verdict" },
      "Largest difference |y − x| over all channels: ",
      this.distance,
    );
    const undo = action({
      label: "Set γ and β so that BN undoes itself",
      name: "undo",
      run: () => this.app.post.command("undo", true),
    });
    return el(
      "section",
      { class: "anatomy-card", "aria-label": "Undoing" },
      el("h3", {}, "Nothing is lost for good"),
      this.undone,
      el("div", { class: "anatomy-row" }, undo, this.verdict),
    );
  }

  checks() {
    this.layer = el("b", { "data-bnviz": "number-layer" });
    this.torch = el("b", { "data-bnviz": "number-torch" });
    return el(
      "p",
      { class: "anatomy-checks" },
      "Same numbers as the networks’ own layer: largest difference ",
      this.layer,
      "; as ",
      el("code", {}, "torch.nn.BatchNorm1d"),
      ": ",
      this.torch,
      ".",
    );
  }

  /** What the cards show: one channel's numbers, and one sample's place in them. */
  now() {
    const { state, result, looked } = this.app;
    const { forward, shared } = result;
    const c = Math.min(state.channel, shared.columns - 1);
    const [write, asTyped] = writers(forward.mean[c], forward.std[c]);
    const [writeOutput, outputAsTyped] = writers(forward.output_mean[c], Math.sqrt(forward.output_variance[c]));
    return {
      rows: shared.rows,
      row: Math.min(looked, shared.rows - 1),
      bound: shared.normalized_bound,
      x: column(state.batch, c),
      centered: column(forward.centered, c),
      normalized: column(forward.normalized, c),
      scaled: column(forward.scaled, c),
      output: column(forward.output, c),
      mean: forward.mean[c],
      write,
      asTyped,
      writeOutput,
      outputAsTyped,
      variance: forward.variance[c],
      shrink: forward.shrink[c],
      outputMean: forward.output_mean[c],
      outputVariance: forward.output_variance[c],
      gamma: state.gamma[c],
      beta: state.beta[c],
      eps: state.eps,
    };
  }

  update(state, { forward }) {
    const now = this.now();
    const many = state.batch[0].length;
    setText(
      this.title,
      many > 1 ? `Channel ${state.channel + 1} of ${many}, step by step` : "The channel, step by step",
    );
    setText(this.hint, "Point at a sample, or tap it, to follow it.");
    for (const step of this.steps) step.update(now);
    const { gamma, beta } = forward.undo;
    const c = state.channel;
    setText(
      this.undone,
      forward.is_undone
        ? `γ = √(v + ε) = ${brief(gamma[c])} and β = μ = ${brief(beta[c])}: the last step takes back what the first three did, and the input returns.`
        : `With γ = √(v + ε) and β = μ in every channel, here ${brief(gamma[c])} and ${brief(beta[c])}, the last step would take back what the first three did. The network may learn that, where normalising does not help it.`,
    );
    this.verdict.classList.toggle("is-good", forward.is_undone);
    setNumber(this.distance, forward.input_distance);
    setNumber(this.layer, forward.layer_difference);
    setNumber(this.torch, forward.torch_difference);
  }

  /** Another sample is looked at. */
  look() {
    const now = this.now();
    for (const step of this.steps) {
      step.write(now);
      step.strip.look(now.row);
    }
  }

  dispose() {
    for (const step of this.steps) step.dispose();
  }
}
