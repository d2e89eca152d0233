// What all sections about one layer share: the mini-batch, γ, β and ε. The app puts it beside the sections that want it.

import { el, setText } from "../dom.js";
import { action, select, slider } from "./inputs.js";
import { Table } from "./table.js";

const ROWS = [2, 32];
const COLUMNS = [1, 8];
const FOOTERS = [
  { name: "mean", label: "μ", title: "Mean of the column: the channel’s batch mean" },
  { name: "variance", label: "v", title: "Biased variance of the column: the channel’s batch variance" },
  { name: "gamma", label: "γ", title: "Scale of the channel" },
  { name: "beta", label: "β", title: "Shift of the channel" },
];

export class Bench {
  constructor(app) {
    this.app = app;
    this.table = new Table(app, { field: "batch", prefix: "cell", label: "Mini-batch", footers: FOOTERS });
    this.shape = el("span", { class: "anatomy-shape" });
    this.sentence = el("p", { class: "anatomy-small" });
    this.examples = select(app, { label: "Example", options: [], run: (name) => this.example(name), name: "example" });
    this.buttons = this.sizeButtons();
    const channel = () => app.state.channel;
    this.knobs = [
      slider(app, { key: "gamma", label: "γ", low: -4, high: 4, step: 0.05, index: channel, help: "Scale" }),
      slider(app, { key: "beta", label: "β", low: -6, high: 6, step: 0.05, index: channel, help: "Shift" }),
      slider(app, {
        key: "eps",
        label: "ε",
        low: -12,
        high: 1,
        step: 0.1,
        log: true,
        help: "Added to the variance, so that nothing is divided by zero. For all channels.",
      }),
    ];
    this.knobsNode = el(
      "div",
      { class: "anatomy-knobs", role: "group", "aria-label": "Parameters of the layer" },
      ...this.knobs.map((knob) => knob.node),
    );
    this.node = el(
      "aside",
      { class: "anatomy-bench", "aria-label": "The layer’s input and parameters" },
      el(
        "div",
        { class: "anatomy-batch" },
        el("div", { class: "anatomy-row" }, el("h3", {}, "Mini-batch x"), this.shape, this.examples.node),
        this.sentence,
        this.table.node,
        el("div", { class: "anatomy-row is-sizes" }, ...Object.values(this.buttons).map((button) => button.node)),
        this.pasteBox(),
      ),
      this.knobsNode,
    );
  }

  sizeButtons() {
    const { app } = this;
    const make = (label, title, name, change) =>
      action(app, { label, title, name, quiet: true, run: () => app.change({ batch: change(app.draft.batch) }) });
    return {
      addRow: make("+ sample", "Add a sample", "add-row", (rows) => [...rows, rows[0].map(() => 0)]),
      dropRow: make("− sample", "Remove the last sample", "drop-row", (rows) => rows.slice(0, -1)),
      addColumn: make("+ channel", "Add a feature: a channel of its own", "add-column", (rows) =>
        rows.map((row, r) => [...row, r + 1]),
      ),
      dropColumn: make("− channel", "Remove the last feature", "drop-column", (rows) =>
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
    const use = action(this.app, {
      label: "Use this table",
      name: "paste",
      run: () => this.app.command("paste", { field: "batch", text: area.value }),
    });
    return el(
      "details",
      { class: "anatomy-details" },
      el("summary", { "data-bnviz": "paste-open" }, "Paste a table"),
      el(
        "p",
        { class: "anatomy-small" },
        "One sample a line, numbers separated by tabs, commas or spaces. A block from a spreadsheet may also be pasted into any cell above.",
      ),
      area,
      use.node,
    );
  }

  example(name) {
    if (name) this.app.command("example", name);
  }

  update(state, result, problems) {
    this.table.update(state, problems);
    this.table.setFooters(footers(state, result), state.channel);
    const [rows, columns] = [state.batch.length, state.batch[0].length];
    setText(this.shape, `${rows} samples × ${columns} ${columns === 1 ? "channel" : "channels"}`);
    this.buttons.addRow.node.disabled = rows >= ROWS[1];
    this.buttons.dropRow.node.disabled = rows <= ROWS[0];
    this.buttons.addColumn.node.disabled = columns >= COLUMNS[1];
    this.buttons.dropColumn.node.disabled = columns <= COLUMNS[0];
    this.listExamples(result.shared?.example ?? "");
    this.keepChannel(state, problems);
    for (const knob of this.knobs) knob.update(state, problems);
    for (const knob of this.knobs.slice(0, 2)) setText(knob.whose, columns > 1 ? `channel ${state.channel + 1}` : "");
  }

  /** What was refused for one channel is not shown as another one's. */
  keepChannel(state, problems) {
    const moved = this.channel !== undefined && this.channel !== state.channel;
    this.channel = state.channel;
    if (!moved) return;
    for (const { field } of problems) if (field === "gamma" || field === "beta") this.app.revert(field);
  }

  /** The examples, once known; "your own" where the table is none of them. */
  listExamples(current) {
    const { field, fill } = this.examples;
    const { examples } = this.app;
    const names = examples.map(({ name }) => name).join();
    if (names !== this.names) {
      this.names = names;
      fill([
        { value: "", label: "your own" },
        ...examples.map(({ name, title, sentence }) => ({ value: name, label: title, title: sentence })),
      ]);
    }
    if (!this.app.draft.example) field.value = current;
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
