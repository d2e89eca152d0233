// What the reader turns in "Train and eval": the sample, the stream of batches, the memory, the shift.

import { el, setText } from "../dom.js";
import { NumberField, numberOf } from "./fields.js";
import { Choice, action } from "./inputs.js";
import { part } from "./pieces.js";
import { Slider } from "./slider.js";

/** m as Keras writes it, and back: without the rounding of the subtraction. */
const other = (momentum) => Number((1 - momentum).toPrecision(12));

export class ModeControls {
  constructor(app) {
    this.app = app;
    this.node = el("div", { class: "bnviz-controls" }, ...this.build());
  }

  build() {
    const { app } = this;
    const { momentum, batch_size: size } = app.fields;
    const make = (key, label, low, high, step, more = {}) => new Slider(app, { key, label, low, high, step, ...more });
    const whole = { log: true, whole: true };
    const deviation = { log: true, help: "Standard deviation" };
    this.distribution = new Choice(app, { key: "distribution", label: "Distribution" });
    const sliders = {
      sample: make("sample", "The sample x", -10, 10, 0.1),
      size: make("batch_size", "Batch size B", Math.log10(size.low), Math.log10(size.high), 0.01, whole),
      mean: make("mean", "True mean", -10, 10, 0.1),
      std: make("std", "True deviation", -2, 2, 0.05, deviation),
      momentum: make("momentum", "PyTorch m", momentum.low, momentum.high, 0.01),
      shift: make("shift_step", "Shift at step", 0, app.limits.steps, 1),
      shiftedMean: make("shifted_mean", "New mean", -10, 10, 0.1),
      shiftedStd: make("shifted_std", "New deviation", -2, 2, 0.05, deviation),
    };
    this.sliders = Object.values(sliders);
    const redraw = action({
      label: "Draw again",
      name: "draw",
      quiet: true,
      title: "Other batches from the same distribution",
      run: () => app.post.change({ draw: (app.post.draft.draw + 1) % (app.fields.draw.high + 1) }),
    });
    const nodes = (...names) => names.map((name) => sliders[name].node);
    return [
      part("The sample", ...nodes("sample")),
      part("The batches", this.distribution.node, ...nodes("size", "mean", "std"), redraw),
      part("Momentum: how short the memory is", ...nodes("momentum"), this.keras()),
      part("The shift", ...nodes("shift", "shiftedMean", "shiftedStd")),
    ];
  }

  /** The same momentum as Keras writes it: a second field for one number, which says itself what it can't take. */
  keras() {
    const { app } = this;
    const properties = {
      class: "anatomy-number",
      "aria-label": "Keras 1 − m: Keras’s momentum",
      "data-bnviz": "field-keras_momentum",
    };
    this.field = new NumberField(properties, {
      digits: 12,
      get: () => other(app.state.momentum),
      typed: () => this.refused ?? this.meant,
      send: (text) => {
        const value = other(numberOf(text));
        const allowed = this.allows(value);
        if (allowed) app.post.type("momentum", value);
        this.refuse(allowed ? undefined : text);
      },
      revert: () => this.refuse(undefined),
    });
    this.note = el("small", { class: "bnviz-keras-note", role: "alert" });
    return el(
      "div",
      { class: "bnviz-keras" },
      el("label", { class: "bnviz-keras-row" }, el("span", {}, "Keras 1 − m"), this.field.node),
      this.note,
    );
  }

  /** What a momentum that is not taken over yet is to Keras. */
  get meant() {
    const value = other(numberOf(this.app.post.typed("momentum")));
    return this.allows(value) ? value : undefined;
  }

  allows(value) {
    const { low, high } = this.app.fields.momentum;
    return value >= low && value <= high;
  }

  refuse(text) {
    this.refused = text;
    const { low, high } = this.app.fields.momentum;
    const said = `Keras’s momentum must be a number from ${low} to ${high}; got ${text ? `“${text}”` : "nothing"}.`;
    setText(this.note, text === undefined ? "" : said);
    this.field.update(this.note.textContent);
  }

  update(state, problems) {
    for (const slider of this.sliders) slider.update(problems);
    this.distribution.update();
    // Turned elsewhere: what was refused here is over.
    const here = document.activeElement === this.field.node;
    if (state.momentum !== this.momentum && !here) this.refuse(undefined);
    this.momentum = state.momentum;
    this.field.update(this.note.textContent);
  }
}
