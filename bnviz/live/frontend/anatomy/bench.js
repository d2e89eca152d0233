// What all sections about one layer share: the mini-batch, γ, β and ε. The app puts it beside the sections that want it.

import { el, setText } from "../dom.js";
import { action } from "./inputs.js";
import { Slider } from "./slider.js";
import { Table } from "./table.js";

const FOOTERS = [
  { name: "mean", label: "μ", title: "Mean of the column: the channel’s batch mean" },
  { name: "variance", label: "v", title: "Biased variance of the column: the channel’s batch variance" },
  { name: "gamma", label: "γ", title: "Scale of the channel", typed: true },
  { name: "beta", label: "β", title: "Shift of the channel", typed: true },
];

export class Bench {
  constructor(app) {
    this.app = app;
    this.table = new Table(app, { field: "batch", prefix: "cell", label: "Mini-batch", footers: FOOTERS });
    this.shape = el("span", { class: "anatomy-shape" });
    this.sentence = el("p", { class: "anatomy-small" });
    this.examples = el("select", {
      class: "bnviz-select",
      "data-bnviz": "example",
      "aria-label": "Example",
      on: { change: () => this.example(this.examples.value) },
    });
    this.buttons = this.sizeButtons();
    this.knobs = this.makeKnobs();
    const knobs = { class: "anatomy-knobs", role: "group", "aria-label": "Parameters of the layer" };
    this.node = el(
      "aside",
      { class: "anatomy-bench", "aria-label": "The layer’s input and parameters" },
      this.batch(),
      el("div", knobs, ...this.knobs.map(({ node }) => node)),
    );
  }

  batch() {
    const example = el(
      "label",
      { class: "anatomy-field" },
      el("span", { class: "anatomy-label" }, "Example"),
      this.examples,
    );
    return el(
      "div",
      { class: "anatomy-batch" },
      el("div", { class: "anatomy-row" }, el("h3", {}, "Mini-batch x"), this.shape, example),
      this.sentence,
      this.table.node,
      el("div", { class: "anatomy-row is-sizes" }, ...Object.values(this.buttons)),
      this.pasteBox(),
    );
  }

  makeKnobs() {
    const { app } = this;
    const index = () => app.state.channel;
    const help = "Added to the variance, so that nothing is divided by zero. For all channels.";
    return [
      new Slider(app, { key: "gamma", label: "γ", low: -4, high: 4, step: 0.05, index, help: "Scale" }),
      new Slider(app, { key: "beta", label: "β", low: -6, high: 6, step: 0.05, index, help: "Shift" }),
      new Slider(app, { key: "eps", label: "ε", low: -12, high: 1, step: 0.1, log: true, help }),
    ];
  }

  sizeButtons() {
    const { app } = this;
    const make = (label, title, name, change) =>
      action({ label, title, name, quiet: true, run: () => app.post.reshape("batch", change) });
    return {
      addRow: make("+ sample", "Add a sample of zeros", "add-row", (rows) => [...rows, rows[0].map(() => 0)]),
      dropRow: make("− sample", "Remove the last sample", "drop-row", (rows) => rows.slice(0, -1)),
      addColumn: make("+ channel", "Add a channel: 1, 2, 3 …", "add-column", (rows) =>
        rows.map((row, r) => [...row, r + 1]),
      ),
      dropColumn: make("− channel", "Remove the last channel", "drop-column", (rows) =>
        rows.map((row) => row.slice(0, -1)),
      ),
    };
  }

  pasteBox() {
    const area = el("textarea", {
      rows: 4,
      "data-bnviz": "paste-text",
      "aria-label": "A table: one sample a line",
      placeholder: "1.2  3.4  5\n0.7  2.1  4",
      spellcheck: "false",
    });
    const use = action({
      label: "Use this table",
      name: "paste",
      run: () => {
        this.pasting = JSON.stringify(this.app.state.batch);
        this.app.post.command("paste", { field: "batch", text: area.value });
      },
    });
    this.area = area;
    this.box = el(
      "details",
      { class: "anatomy-details" },
      el("summary", { "data-bnviz": "paste-open" }, "Paste a table"),
      el(
        "p",
        { class: "anatomy-small" },
        "One sample a line, numbers separated by tabs, commas or spaces. A block from a spreadsheet may also be pasted into any cell above.",
      ),
      area,
      use,
    );
    return this.box;
  }

  /** Once what was in it is the table. */
  closePasteBox({ batch }) {
    if (!this.pasting || JSON.stringify(batch) === this.pasting) return;
    this.pasting = null;
    this.area.value = "";
    this.box.open = false;
  }

  /** Start from an example, or, without a name, go back to the reader's own table. */
  example(name) {
    if (name) this.app.post.command("example", name);
    else if (this.own) this.app.post.change(this.own);
  }

  update(state, result, problems) {
    this.table.update(state, problems);
    this.table.setFooters(footers(state, result), state.channel);
    const [rows, columns] = [state.batch.length, state.batch[0].length];
    setText(this.shape, `${rows} samples × ${columns} ${columns === 1 ? "channel" : "channels"}`);
    const { limits } = this.app;
    this.buttons.addRow.disabled = rows >= limits.rows[1];
    this.buttons.dropRow.disabled = rows <= limits.rows[0];
    this.buttons.addColumn.disabled = columns >= limits.columns[1];
    this.buttons.dropColumn.disabled = columns <= limits.columns[0];
    const example = result.shared?.example ?? "";
    if (!example) this.own = { batch: state.batch, gamma: state.gamma, beta: state.beta, upstream: state.upstream };
    this.listExamples(example);
    this.closePasteBox(state);
    for (const knob of this.knobs) knob.update(problems);
    for (const knob of this.knobs.slice(0, 2)) setText(knob.whose, columns > 1 ? `channel ${state.channel + 1}` : "");
  }

  /** The examples, once known; "your own" where the table is none of them. */
  listExamples(current) {
    const { examples } = this.app;
    if (!this.examples.childElementCount)
      this.examples.append(
        el("option", { value: "" }, "your own"),
        ...examples.map(({ name, title, sentence }) => el("option", { value: name, title: sentence }, title)),
      );
    this.examples.options[0].disabled = !this.own;
    if (!this.app.post.draft.example) this.examples.value = current;
    setText(this.sentence, examples.find(({ name }) => name === current)?.sentence ?? "");
    this.sentence.hidden = !this.sentence.textContent;
  }
}

/** The columns' statistics and parameters. */
const footers = (state, { shared }) => ({
  mean: shared?.mean,
  variance: shared?.variance,
  gamma: state.gamma,
  beta: state.beta,
});
