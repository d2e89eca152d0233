// The slider that scrubs every chart, and the step it stands at.

import { el, setAttribute, setText, write } from "./dom.js";
import { count } from "./format.js";

export class Slider {
  /** `what` it scrubs through, in a word; what else stands beside it comes last. */
  constructor(app, what, ...beside) {
    this.scrub = el("input", {
      class: "bnviz-scrub",
      type: "range",
      min: "0",
      max: "0",
      value: "0",
      step: "1",
      "data-bnviz": "scrub",
      "aria-label": "Shown step",
      title: `Scrub through the ${what} (arrow keys; shift for ten)`,
      on: { input: () => app.scrubTo(Number(this.scrub.value)) },
    });
    this.readout = el("output", { class: "bnviz-step", "data-bnviz": "step-readout" }, "0");
    this.node = el(
      "div",
      { class: "bnviz-slider" },
      el("span", { class: "bnviz-step-box" }, el("small", {}, "step"), this.readout),
      this.scrub,
      ...beside,
    );
  }

  /** It stands at the shown snapshot; its length is the history's. */
  show(length, index, shown) {
    setAttribute(this.scrub, "max", String(Math.max(0, length - 1)));
    write(this.scrub, String(Math.max(0, index)));
    setAttribute(this.scrub, "aria-valuetext", `step ${shown}`);
    this.scrub.style.setProperty("--fill", `${length > 1 ? (100 * index) / (length - 1) : 0}%`);
    setText(this.readout, count(shown));
  }
}
