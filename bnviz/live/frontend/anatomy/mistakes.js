// "Wrong versions": four mistakes, each beside the right version, on the batch at hand.

import { el, setAttribute, setText } from "../dom.js";
import { DotRows, rangeOf } from "./dots.js";
import { action, setNumber } from "./inputs.js";
import { short } from "./pieces.js";
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
    const on = this.app.draft.mistakes.length;
    const noticed = NAMES.filter((name) => !mistakes.versions[name].reading.startsWith("Here nobody notices")).length;
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
    this.title = el("span", { class: "bnviz-switch-name" });
    this.state = el("span", { class: "bnviz-switch-onoff" });
    this.button = el(
      "button",
      {
        type: "button",
        role: "switch",
        class: "bnviz-switch is-small",
        "data-bnviz": `toggle-${name}`,
        on: { click: () => this.flip() },
      },
      el("span", { class: "bnviz-track" }, el("span", { class: "bnviz-thumb" })),
      this.title,
      this.state,
    );
    this.right = el("code", {});
    this.wrong = el("code", {});
    this.wrongLine = el(
      "div",
      { class: "bnviz-line is-wrong" },
      el("span", { class: "bnviz-line-sign" }, "wrong"),
      this.wrong,
    );
    this.rightLine = el(
      "div",
      { class: "bnviz-line is-right" },
      el("span", { class: "bnviz-line-sign" }, "right"),
      this.right,
    );
    this.value = el("b", { class: "bnviz-figure-value", "data-bnviz": `number-${name}` });
    this.unit = el("span", { class: "bnviz-figure-note" });
    this.verdict = el("div", { class: "bnviz-verdict-row" }, this.value, this.unit);
    this.reading = el("p", { class: "bnviz-reading", "data-bnviz": `reading-${name}` });
    this.rows = new DotRows({ name, height: 24 });
    this.head = el("div", { class: "bnviz-rows-head" });
    this.examples = el("div", { class: "bnviz-suggest" });
    this.node = el(
      "section",
      { class: "bnviz-mistake" },
      this.button,
      el("div", { class: "bnviz-lines" }, this.rightLine, this.wrongLine),
      this.head,
      this.rows.node,
      this.verdict,
      this.reading,
      this.examples,
    );
  }

  get on() {
    return this.app.draft.mistakes.includes(this.name);
  }

  flip() {
    const { mistakes } = this.app.draft;
    const next = this.on ? mistakes.filter((one) => one !== this.name) : [...mistakes, this.name];
    this.app.change({ mistakes: next });
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
    this.suggest();
  }

  draw(version, right, on) {
    const column = (table, c) => table.map((row) => row[c]);
    const what = this.name === "frozen" ? "Outputs in eval mode" : "Outputs";
    setText(this.head, `${what}, a row a channel; at the right: ${version.per_channel_name}`);
    this.rows.set({
      label: `${what}: ${on ? "the wrong version beside the right one" : "the right version"}.`,
      range: rangeOf(right.flat(), 1),
      rows: right[0].map((_, c) => ({
        name: `ch ${c + 1}`,
        note: on
          ? `${shown(version.per_channel_right[c])} → ${shown(version.per_channel[c])}`
          : shown(version.per_channel_right[c]),
        sets: [
          { kind: "right", values: column(right, c) },
          ...(on ? [{ kind: "wrong", values: column(version.output, c) }] : []),
        ],
      })),
    });
  }

  suggest() {
    const { examples, app } = this;
    if (examples.childElementCount) return;
    const titles = Object.fromEntries(app.examples.map(({ name, title }) => [name, title]));
    examples.append(
      el("span", {}, "Shows most on"),
      ...SHOWN_BY[this.name].map(
        (name) =>
          action(app, {
            label: titles[name] ?? name,
            name: `show-${this.name}-${name}`,
            quiet: true,
            run: () => this.load(name),
          }).node,
      ),
    );
  }

  /** The example on which it shows, with the mistake on. */
  load(name) {
    if (!this.on) this.app.change({ mistakes: [...this.app.draft.mistakes, this.name] });
    this.app.bench.example(name);
  }
}

const shown = (value) => (Number.isNaN(value) ? "NaN" : short(value));
