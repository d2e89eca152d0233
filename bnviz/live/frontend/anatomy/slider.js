// A slider with a number field beside it, both for one number.

import { el, setAttribute } from "../dom.js";
import { NumberField, asTyped, numberOf, plain } from "./fields.js";

let ids = 0;

export class Slider {
  /**
   * `index()` tells the place in a list such as gamma. `log`: the slider turns the exponent; `low`, `high` and `step`
   * are exponents too. `whole`: it turns to whole numbers. `preview(value)` is called while it is dragged.
   */
  constructor(app, options) {
    Object.assign(this, { app, log: false, whole: false, preview: () => {} }, options);
    const { key, label, low, high, step, help } = this;
    const id = `anatomy-input-${(ids += 1)}`;
    this.range = el("input", {
      type: "range",
      class: "bnviz-scrub",
      min: low,
      max: high,
      step,
      id,
      "data-bnviz": `slider-${key}`,
      on: { input: () => this.dragged() },
    });
    this.field = this.numberField();
    this.whose = el("span", { class: "anatomy-of" });
    this.node = el(
      "div",
      { class: "anatomy-slider", title: help },
      el("label", { for: id }, label, this.whose),
      this.range,
      this.field.node,
    );
  }

  numberField() {
    const { app, key, label, log, whole, step } = this;
    return new NumberField(
      { class: "anatomy-number", "data-bnviz": `field-${key}`, "aria-label": `${label}, as a number` },
      {
        get: () => this.value,
        typed: () => app.post.typed(key, this.place),
        send: (text) => {
          this.turn(numberOf(text));
          app.post.type(key, text, this.place);
        },
        revert: () => app.post.revert(key, this.place),
        step: (value, direction) =>
          whole ? value + direction : log ? value * 10 ** (direction * step) : value + direction * step,
      },
    );
  }

  /** Where in the key's list. */
  get place() {
    return this.index && [this.index()];
  }

  /** The last good value. */
  get value() {
    const { state } = this.app;
    return (this.index ? state[this.key]?.[this.index()] : state[this.key]) ?? 0;
  }

  /** What the slider stands at. */
  get turned() {
    const at = Number(this.range.value);
    const value = Number((this.log ? 10 ** at : at).toPrecision(this.log && !this.whole ? 2 : 10));
    return this.whole ? Math.round(value) : value;
  }

  dragged() {
    const value = this.turned;
    this.field.node.value = plain(value);
    this.fill(value);
    this.preview(value);
    this.app.post.type(this.key, value, this.place);
  }

  at(value) {
    return this.log ? Math.log10(Math.max(value, 1e-300)) : value;
  }

  fill(value) {
    const share = Math.min(1, Math.max(0, (this.at(value) - this.low) / (this.high - this.low)));
    this.range.style.setProperty("--fill", `${(100 * share).toFixed(1)}%`);
  }

  turn(value) {
    if (!Number.isFinite(value)) return;
    this.fill(value);
    // Between two whole numbers it stays where it was dragged to.
    if (this.turned !== value) this.range.value = this.at(value);
  }

  update(problems = []) {
    const [index] = this.place ?? [];
    const said = problems.find(({ field, column }) => field === this.key && (column ?? index) === index);
    this.field.update(said?.message);
    setAttribute(this.range, "aria-valuetext", asTyped(this.value));
    if (this.field.typed() === undefined) this.turn(this.value);
  }
}
