// What the reader turns in "Train and eval": the sample, the stream of batches, the memory, the shift.

import { el, setText } from "../dom.js";
import { action, choice, slider } from "./inputs.js";
import { part, short } from "./pieces.js";

/** A shift at this step never comes. */
export const NEVER = 120;
const DISTRIBUTIONS = [
  { value: "normal", label: "normal" },
  { value: "uniform", label: "uniform" },
  { value: "skewed", label: "skewed" },
];

/** A logarithmic slider that turns whole numbers; what is typed goes as it is. */
function wholeSlider(app, options) {
  const change = (values) =>
    app.change(
      Object.fromEntries(Object.entries(values).map(([k, v]) => [k, typeof v === "number" ? Math.round(v) : v])),
    );
  const made = slider(Object.create(app, { change: { value: change } }), { ...options, log: true });
  const field = made.node.querySelector("input[type=text]");
  made.node.addEventListener("input", (event) => {
    if (event.target !== field) field.value = String(Math.round(Number(field.value)));
  });
  return made;
}

export class ModeControls {
  constructor(app) {
    this.app = app;
    this.node = el("div", { class: "bnviz-controls" }, ...this.build());
  }

  build() {
    const { app } = this;
    const make = (key, label, low, high, step, more = {}) => slider(app, { key, label, low, high, step, ...more });
    const deviation = { log: true, help: "Standard deviation" };
    this.distribution = choice(app, { key: "distribution", label: "Distribution", options: DISTRIBUTIONS });
    this.sliders = [
      wholeSlider(app, { key: "batch_size", label: "Batch size B", low: 0, high: Math.log10(256), step: 0.01 }),
      make("mean", "True mean", -10, 10, 0.1),
      make("std", "True deviation", -2, 2, 0.05, deviation),
      make("momentum", "PyTorch m", 0, 1, 0.01),
      make("shift_step", "Shift at step", 0, NEVER, 1),
      make("shifted_mean", "New mean", -10, 10, 0.1),
      make("shifted_std", "New deviation", -2, 2, 0.05, deviation),
      make("sample", "The sample x", -10, 10, 0.1),
    ];
    const [size, mean, std, momentum, shift, shiftedMean, shiftedStd, sample] = this.sliders.map(({ node }) => node);
    this.redraw = action(app, {
      label: "Draw again",
      name: "draw",
      quiet: true,
      title: "Other batches from the same distribution",
      run: () => app.change({ draw: (Number(app.state.draw) + 1) % 10000 }),
    });
    return [
      part("The sample", sample),
      part("The batches", this.distribution.node, size, mean, std, this.redraw.node),
      part("Momentum: how short the memory is", momentum, this.keras()),
      part("The shift", shift, shiftedMean, shiftedStd),
    ];
  }

  /** The same momentum as Keras writes it: a second field for one number. */
  keras() {
    this.kerasField = el("input", {
      type: "text",
      inputmode: "decimal",
      class: "anatomy-number",
      "aria-label": "Keras momentum",
      "data-bnviz": "field-keras_momentum",
      on: {
        input: (event) => {
          const text = event.target.value.trim().replace("−", "-").replace(",", ".");
          const value = Number(text);
          this.app.change({ momentum: text && Number.isFinite(value) ? +(1 - value).toPrecision(12) : text });
        },
      },
    });
    this.kerasNote = el("small", { class: "bnviz-keras-note" });
    return el(
      "div",
      { class: "bnviz-keras" },
      el("label", { class: "bnviz-keras-row" }, el("span", {}, "Keras 1 − m"), this.kerasField),
      this.kerasNote,
    );
  }

  update(state, problems) {
    for (const control of [...this.sliders, this.distribution]) control.update(state, problems);
    const theirs = short(+(1 - state.momentum).toPrecision(6));
    if (document.activeElement !== this.kerasField) this.kerasField.value = theirs;
    setText(this.kerasNote, `PyTorch ${short(state.momentum)} and Keras ${theirs} are the same memory.`);
  }
}
