// "Backward": from the gradient of the output to those of γ, β and x, in three arrows a sample, and through the graph.

import { el, setAttribute, setText } from "../dom.js";
import { brief } from "../format.js";
import { Arrows, WAYS, waySample } from "./arrows.js";
import { setNumber } from "./fields.js";
import { Graph } from "./graph.js";
import { action } from "./inputs.js";
import { frac, math, row } from "./mathml.js";
import { column } from "./pieces.js";
import { Table } from "./table.js";

const key = (name) => el("b", { class: "anatomy-key", "data-bnviz": `number-${name}` });

/** Below this, sums of these terms that cancel are rounding. */
const roundingOf = (terms) => 1e-14 * terms.reduce((sum, value) => sum + Math.abs(value), 0);

export class BackwardSection {
  static bench = true;

  constructor(app) {
    this.app = app;
    this.arrows = new Arrows();
    this.graph = new Graph(app);
    this.node = el(
      "div",
      { class: "anatomy-backward" },
      el("div", { class: "anatomy-pair" }, this.upstreamCard(), this.parametersCard()),
      this.arrowsCard(),
      this.factsCard(),
      el(
        "section",
        { class: "anatomy-part", "aria-label": "The graph" },
        el("h3", {}, "The layer as a graph"),
        el(
          "p",
          { class: "anatomy-note" },
          "Values flow along the arrows, gradients (∂) against them. Numbers: smallest … largest of the channel. Choose a node to see all of it.",
        ),
        this.graph.node,
      ),
    );
  }

  upstreamCard() {
    const { app } = this;
    this.table = new Table(app, { field: "upstream", prefix: "upstream", label: "Gradient of the output, dL/dy" });
    this.presets = app.upstreams.map(({ name, title }) => {
      const run = () => app.post.command("upstream_example", name);
      return action({ label: title, name: `upstream-${name}`, quiet: true, run });
    });
    const group = { class: "anatomy-row is-presets", role: "group", "aria-label": "Examples of dL/dy" };
    return el(
      "section",
      { class: "anatomy-part", "aria-label": "The gradient from above" },
      el("h3", {}, "From above: dL/dy"),
      el("div", group, ...this.presets),
      this.table.node,
    );
  }

  parametersCard() {
    this.dgamma = key("dgamma");
    this.dbeta = key("dbeta");
    return el(
      "section",
      { class: "anatomy-part", "aria-label": "Gradients of the parameters" },
      el("h3", {}, "To the parameters"),
      el("p", { class: "anatomy-formula" }, math("∂ γ = Σ ∂ y_i · x̂_i ="), " ", this.dgamma),
      el("p", { class: "anatomy-formula" }, math("∂ β = Σ ∂ y_i ="), " ", this.dbeta),
      el(
        "p",
        { class: "anatomy-note" },
        "A gradient step changes γ and β against these. ∂ stands for dL/d…: ∂γ is dL/dγ.",
      ),
      this.recap(),
    );
  }

  recap() {
    return el(
      "div",
      {},
      el("h3", {}, "To the input"),
      el(
        "p",
        { class: "anatomy-formula" },
        math("∂ x_i =", frac("γ", "B s"), row("(", "B ∂ y_i − Σ ∂ y_j − x̂_i", "Σ ∂ y_j x̂_j", ")")),
      ),
      el("p", { class: "anatomy-note" }, "s = √(v + ε). The three terms in the bracket are the three arrows below."),
    );
  }

  arrowsCard() {
    this.arrowsTitle = el("h3");
    return el(
      "section",
      { class: "anatomy-part", "aria-label": "To the input" },
      el(
        "div",
        { class: "anatomy-row" },
        this.arrowsTitle,
        ...WAYS.map((way) => el("span", { class: "anatomy-legend" }, waySample(way), way.title)),
        el("span", { class: "anatomy-legend" }, el("i", { class: "anatomy-end-sample" }), "their sum: dx"),
      ),
      this.arrows.node,
    );
  }

  factsCard() {
    this.sum = key("sum");
    this.sumWhy = el("span");
    this.dot = key("dot");
    this.dotWhy = el("span");
    this.autograd = el("p", { class: "anatomy-note", role: "status", "data-bnviz": "number-autograd" });
    const compare = action({
      label: "Compare with autograd",
      name: "compare",
      run: () => {
        this.compared = true;
        this.writeAutograd(this.app.result.backward);
      },
    });
    return el(
      "section",
      { class: "anatomy-card", "aria-label": "Two facts" },
      el("h3", {}, "Two facts, whatever comes from above"),
      el("p", {}, "Σ ∂x = ", this.sum, " ", this.sumWhy),
      el("p", {}, "⟨∂x, x̂⟩ = ", this.dot, " ", this.dotWhy),
      el("div", { class: "anatomy-row" }, compare, this.autograd),
    );
  }

  update(state, { backward, shared }, problems) {
    const c = state.channel;
    this.app.upstreams.forEach(({ name }, index) =>
      setAttribute(this.presets[index], "aria-pressed", name === shared.upstream),
    );
    this.table.update(state, problems);
    setNumber(this.dgamma, backward.dgamma[c]);
    setNumber(this.dbeta, backward.dbeta[c]);
    const many = state.batch[0].length > 1;
    setText(this.arrowsTitle, many ? `To the input: dL/dx in channel ${c + 1}` : "To the input: dL/dx");
    const terms = Object.fromEntries(WAYS.map(({ name }) => [name, column(backward[name], c)]));
    const noise = roundingOf(terms.direct);
    this.arrows.update(
      terms,
      column(backward.dx, c).map((value) => (Math.abs(value) < noise ? 0 : value)),
    );
    this.writeFacts(backward, c);
    this.writeAutograd(backward);
    this.graph.update(state, backward.nodes);
  }

  writeFacts(backward, c) {
    const noise = roundingOf(column(backward.direct, c));
    setNumber(this.sum, backward.sum_dx[c]);
    const size = backward.dx_size[c];
    const all = size < noise ? "Here all of ∂x is." : `Σ |∂x| is ${brief(size)}.`;
    setText(
      this.sumWhy,
      `That is 0 but for rounding. ${all} Shifting the whole batch changes no output, so nothing pushes that way.`,
    );
    setNumber(this.dot, backward.dot[c]);
    const exact = backward.dot_exact[c];
    const left =
      Math.abs(exact) < noise
        ? "That is 0 but for rounding."
        : `That is what ε leaves of it: in theory ${brief(exact)}.`;
    setText(this.dotWhy, `${left} Without ε, stretching the whole batch changes no output either.`);
  }

  writeAutograd({ autograd }) {
    if (!this.compared) return;
    setText(
      this.autograd,
      `Largest difference from PyTorch’s autograd: ∂x ${brief(autograd.dx)}, ∂γ ${brief(autograd.dgamma)}, ∂β ${brief(autograd.dbeta)}; relative to the largest gradient ${brief(autograd.relative)}.`,
    );
  }

  dispose() {
    this.arrows.dispose();
    this.graph.dispose();
  }
}
