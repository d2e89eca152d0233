// Choices and buttons.

import { el, setAttribute } from "../dom.js";

const MOVES = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Segmented buttons: one of what a key allows; arrow keys move. `labels`: {value: {label, title}}. */
export class Choice {
  constructor(app, { key, label, labels = {} }) {
    Object.assign(this, { app, key, values: app.fields[key].choices });
    this.buttons = this.values.map((value, index) => {
      const { label: text = String(value), title } = labels[value] ?? {};
      const on = { click: () => this.pick(index), keydown: (event) => this.move(event, index) };
      return el("button", { type: "button", role: "radio", title, "data-bnviz": `choice-${key}-${value}`, on }, text);
    });
    this.node = el(
      "div",
      { class: "anatomy-field" },
      el("span", { class: "anatomy-label" }, label),
      el("div", { class: "anatomy-choice", role: "radiogroup", "aria-label": label }, ...this.buttons),
    );
  }

  pick(index) {
    this.app.post.change({ [this.key]: this.values[index] });
    this.update();
  }

  move(event, index) {
    const count = this.values.length;
    if (!(event.key in MOVES)) return;
    event.preventDefault();
    const next = (index + MOVES[event.key] + count) % count;
    this.pick(next);
    this.buttons[next].focus();
  }

  update() {
    const chosen = this.app.post.draft[this.key];
    this.values.forEach((value, index) => {
      setAttribute(this.buttons[index], "aria-checked", value === chosen);
      setAttribute(this.buttons[index], "tabindex", value === chosen ? 0 : -1);
    });
  }
}

/** A button that does something. */
export function action({ label, run, title, name, quiet = false }) {
  const classes = quiet ? "anatomy-action is-quiet" : "anatomy-action";
  return el("button", { type: "button", class: classes, title, "data-bnviz": name, on: { click: run } }, label);
}
