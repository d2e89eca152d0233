// "Wrong versions": four mistakes, each beside the right version, on the batch at hand.

import { el, setAttribute, setText } from "../dom.js";
import { DotRows, rangeOf } from "./dots.js";
import { setNumber } from "./fields.js";
import { action } from "./inputs.js";
import { column, short } from "./pieces.js";
import { write, writeAgainst } from "./python.js";

/** On which example each mistake shows most. */
const SHOWN_BY = { variance: ["units", "tiny"], no_eps: ["constant", "tiny"], unbiased: ["pair"], frozen: ["units"] };
const NAMES = Object.keys(SHOWN_BY);

export class MistakesSection {
  static bench = true;

  constructor(app) {
    this.app = app;
    this.finding = el("p", { class: "bnviz-finding", "data-bnviz": "finding" });
    this.cards = NAMES.map((name) => new Card(app, name));
    this.node = el(
      "div",
      { class: "bnviz-mistakes" },
      this.finding,
      el("div", { class: "bnviz-cards" }, ...this.cards.map(({ node }) => node)),
    );
  }

  update(state, { mistakes }) {
    for (const card of this.cards) card.update(mistakes);
    const on = this.app.post.draft.mistakes.length;
    const noticed = NAMES.filter((name) => mistakes.versions[name].noticed).length;
    setText(
      this.finding,
      on === 0
        ? `On this batch ${noticed === 4 ? "all four" : `${noticed} of the four`} would be noticed. Switch one on.`
        : `${on} of 4 switched on: rings are the wrong output, dots the right one. Where a ring sits on its dot, nobody notices.`,
    );
  }

  dispose() {
    for (const card of this.cards) card.rows.dispose();
  }
}

class Card {
  constructor(app, name) {
    Object.assign(this, { app, name });
    this.button = this.makeSwitch();
    this.right = el("code", {});
    this.wrong = el("code", {});
    this.wrongLine = line("wrong", this.wrong);
    this.value = el("b", { class: "bnviz-figure-value", "data-bnviz": `number-${name}` });
    this.unit = el("span", { class: "bnviz-figure-note" });
    this.verdict = el("div", { class: "bnviz-verdict-row" }, this.value, this.unit);
    this.reading = el("p", { class: "bnviz-reading", "data-bnviz": `reading-${name}` });
    this.rows = new DotRows({ name, height: 24 });
    this.head = el("div", { class: "bnviz-rows-head" });
    this.node = el(
      "section",
      { class: "bnviz-mistake" },
      this.button,
      el("div", { class: "bnviz-lines" }, line("right", this.right), this.wrongLine),
      this.head,
      this.rows.node,
      this.verdict,
      this.reading,
      this.suggestions(),
    );
  }

  makeSwitch() {
    this.title = el("span", { class: "bnviz-switch-name" });
    this.state = el("span", { class: "bnviz-switch-onoff" });
    return el(
      "button",
      {
        type: "button",
        role: "switch",
        class: "bnviz-switch is-small",
        "data-bnviz": `toggle-${this.name}`,
        on: { click: () => this.flip() },
      },
      el("span", { class: "bnviz-track" }, el("span", { class: "bnviz-thumb" })),
      this.title,
      this.state,
    );
  }

  suggestions() {
    const titles = Object.fromEntries(this.app.examples.map(({ name, title }) => [name, title]));
    const buttons = SHOWN_BY[this.name].map((name) =>
      action({ label: titles[name], name: `show-${this.name}-${name}`, quiet: true, run: () => this.load(name) }),
    );
    return el("div", { class: "bnviz-suggest" }, el("span", {}, "Shows most on"), ...buttons);
  }

  get on() {
    return this.app.post.draft.mistakes.includes(this.name);
  }

  flip() {
    const { mistakes } = this.app.post.draft;
    const next = this.on ? mistakes.filter((one) => one !== this.name) : [...mistakes, this.name];
    this.app.post.change({ mistakes: next });
    if (this.result) this.update(this.result);
  }

  update(result) {
    this.result = result;
    const { on } = this;
    const version = result.versions[this.name];
    const right = (this.name === "frozen" && result.right_eval) || result.right;
    setText(this.title, version.title);
    setText(this.state, on ? "wrong" : "right");
    setAttribute(this.button, "aria-checked", on);
    this.node.classList.toggle("is-on", on);
    if (on) {
      writeAgainst(this.right, version.code_right, version.code_wrong, "del");
      writeAgainst(this.wrong, version.code_wrong, version.code_right, "mark");
    } else write(this.right, version.code_right);
    this.wrongLine.hidden = !on;
    this.verdict.hidden = this.reading.hidden = !on;
    setNumber(this.value, version.number, short);
    setText(this.unit, version.unit);
    setText(this.reading, version.reading);
    this.draw(version, right, on);
  }

  draw(version, right, on) {
    const what = this.name === "frozen" ? "Outputs in eval mode" : "Outputs";
    setText(this.head, `${what}, a row a channel; at the right: ${version.per_channel_name}`);
    const rows = right[0].map((_, c) => {
      const numbers = [version.per_channel_right[c], ...(on ? [version.per_channel[c]] : [])];
      const sets = [{ kind: "right", values: column(right, c) }];
      if (on) sets.push({ kind: "wrong", values: column(version.output, c) });
      return { name: `ch ${c + 1}`, note: numbers.map(shown).join(" → "), sets };
    });
    const which = on ? "the wrong version beside the right one" : "the right version";
    const noted = rows.map(({ name, note }) => `${name} ${note}`).join(", ");
    this.rows.set({
      label: `${what}: ${which}. ${version.per_channel_name}${on ? ", right → wrong" : ""}: ${noted}.`,
      range: rangeOf(right.flat(), 1),
      rows,
    });
  }

  /** The example on which it shows, with the mistake on. */
  load(name) {
    if (!this.on) this.app.post.change({ mistakes: [...this.app.post.draft.mistakes, this.name] });
    this.app.bench.example(name);
  }
}

/** A line of code, with what it is in front of it. */
const line = (kind, code) =>
  el("div", { class: `bnviz-line is-${kind}` }, el("span", { class: "bnviz-line-sign" }, kind), code);

const shown = (value) => (Number.isNaN(value) ? "NaN" : short(value));
