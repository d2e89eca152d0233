// "Which axes": the cells of a batch, and which of them share a mean under each norm.

import { el, setText } from "../dom.js";
import { Cubes } from "./cubes.js";
import { Choice } from "./inputs.js";
import { fixed, short } from "./pieces.js";

const LABELS = {
  batch: { label: "BatchNorm, conv", title: "A channel over all samples and places" },
  batch_dense: { label: "BatchNorm, dense", title: "A feature over all samples" },
  layer: { label: "LayerNorm", title: "All features of one sample" },
  instance: { label: "InstanceNorm", title: "One channel of one sample" },
  group: { label: "GroupNorm", title: "A group of channels of one sample" },
};

export class AxesSection {
  constructor(app) {
    this.app = app;
    this.normalized = false;
    this.finding = el("p", { class: "bnviz-finding", "data-bnviz": "finding", "aria-live": "polite" });
    this.norm = new Choice(app, { key: "norm", label: "Norm", labels: LABELS });
    this.groups = new Choice(app, { key: "groups", label: "Groups" });
    this.cubes = new Cubes({
      look: (cell) => this.show(cell ?? this.pinned),
      pin: (cell) => this.pin(cell),
      drawn: (written) => (this.switch.hidden = !written),
    });
    this.lines = Object.fromEntries(
      ["sentence", "where", "count", "mean", "variance", "cell", "formula", "numbers", "torch", "parameters"].map(
        (name) => [name, el("span", { "data-bnviz": `axes-${name}` })],
      ),
    );
    this.node = el(
      "div",
      { class: "bnviz-axes" },
      el("div", { class: "bnviz-row" }, this.norm.node, this.groups.node, this.faces()),
      this.finding,
      el("div", { class: "bnviz-axes-main" }, this.cubes.node, this.panel(), this.layer()),
    );
  }

  /** What is written on the cells: their values, or what the norm makes of them. */
  faces() {
    const box = el("input", {
      type: "checkbox",
      "data-bnviz": "toggle-normalized",
      on: {
        change: () => {
          this.normalized = box.checked;
          this.write();
        },
      },
    });
    this.switch = el("label", { class: "anatomy-toggle" }, box, el("span", {}, "normalised values on the cells"));
    return this.switch;
  }

  panel() {
    const { sentence, where, count, mean, variance, cell, formula, numbers } = this.lines;
    return el(
      "aside",
      { class: "bnviz-axes-panel" },
      el("p", { class: "bnviz-axes-sentence" }, sentence),
      el(
        "dl",
        {},
        row("Lit", count, " ", where),
        row("Their mean μ", mean),
        row("Their variance σ²", variance),
        row("This cell", cell),
      ),
      el("p", { class: "bnviz-formula" }, formula, numbers),
    );
  }

  /** What holds whichever cell is lit. */
  layer() {
    const { torch, parameters } = this.lines;
    return el("dl", { class: "bnviz-axes-layer" }, row("PyTorch", torch), row("Learnt", parameters));
  }

  update(state, { axes }) {
    this.axes = axes;
    this.norm.update();
    this.groups.update();
    this.groups.node.hidden = this.app.post.draft.norm !== "group";
    const shape = axes.shape.join();
    if (shape !== this.shape) {
      const [, C, H, W] = axes.shape;
      // Somewhere in the middle of the first sample's second channel.
      this.pinned = Math.min(C - 1, 1) * H * W + Math.floor((H * W) / 2);
      this.shape = shape;
    }
    this.write();
    this.pin(this.pinned);
    setText(this.lines.sentence, axes.sentence);
    setText(
      this.lines.torch,
      `${axes.torch_name} gives the same numbers; largest difference ${short(axes.torch_difference)}`,
    );
    setText(this.lines.parameters, axes.parameters);
  }

  write() {
    const { values, normalized } = this.axes;
    const shown = this.normalized ? normalized.map((value) => fixed(value)) : values.map((value) => fixed(value, 1));
    this.cubes.set(this.axes, shown);
  }

  pin(cell) {
    this.pinned = cell;
    this.cubes.stopAt(cell);
    this.show(cell);
  }

  show(cell) {
    const { axes, lines } = this;
    if (!axes || cell === undefined) return;
    this.cubes.light(cell);
    const group = axes.group[cell];
    const [n, c, h, w] = this.cubes.indices(cell);
    const mean = axes.mean[group];
    const variance = axes.variance[group];
    const count = axes.members[group];
    const where = this.where(group);
    setText(this.finding, `${count} cells share one mean and one variance: ${where}.`);
    setText(lines.count, `${count} cells`);
    setText(lines.where, `of ${axes.group.length}, group ${group + 1} of ${axes.mean.length}`);
    setText(lines.mean, short(mean));
    setText(lines.variance, short(variance));
    const place = axes.shape[2] > 1 ? `, row ${h + 1}, column ${w + 1}` : "";
    setText(lines.cell, `sample ${n + 1}, channel ${c + 1}${place}: ${short(axes.values[cell])}`);
    setText(lines.formula, "x̂ = (x − μ) / √(σ² + ε)");
    const minus = mean < 0 ? `+ ${short(-mean, 6)}` : `− ${short(mean, 6)}`;
    setText(
      lines.numbers,
      `(${short(axes.values[cell])} ${minus}) / √(${short(variance, 6)} + 0.00001) = ${short(axes.normalized[cell])}`,
    );
  }

  /** Which samples, channels and places a group has, in words. */
  where(group) {
    const [N, C, H, W] = this.axes.shape;
    const samples = new Set();
    const channels = new Set();
    this.axes.group.forEach((other, cell) => {
      if (other !== group) return;
      const [n, c] = this.cubes.indices(cell);
      samples.add(n);
      channels.add(c);
    });
    const of = (set, all, one) => {
      const list = [...set].map((index) => index + 1);
      if (list.length === 1) return `${one} ${list[0]}`;
      return list.length === all ? `all ${all} ${one}s` : `${one}s ${list[0]} to ${list.at(-1)}`;
    };
    const places = H * W > 1 ? `, at all ${H * W} places` : "";
    return `${of(channels, C, "channel")} of ${of(samples, N, "sample")}${places}`;
  }

  dispose() {
    this.cubes.dispose();
  }
}

const row = (name, ...values) => el("div", { class: "bnviz-fact" }, el("dt", {}, name), el("dd", {}, ...values));
