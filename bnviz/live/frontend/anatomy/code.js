// "As code": the layer as a script that prints the page's own numbers.

import { el, setText } from "../dom.js";
import { brief } from "../format.js";
import { Choice } from "./inputs.js";
import { fixed } from "./pieces.js";
import { write } from "./python.js";

const LABELS = { pytorch: { label: "PyTorch" }, keras: { label: "Keras 3" }, numpy: { label: "NumPy" } };
const SAID = 1600;
const NUMBERS = [
  ["y", "output y"],
  ["dx", "gradient dx"],
  ["dgamma", "dγ"],
  ["dbeta", "dβ"],
  ["running_mean", "running mean, after this batch"],
  ["running_var", "running variance, after this batch"],
];

export class CodeSection {
  static bench = true;

  constructor(app) {
    this.app = app;
    this.finding = el("p", { class: "bnviz-finding", "data-bnviz": "finding" });
    this.framework = new Choice(app, { key: "framework", label: "Library", labels: LABELS });
    this.code = el("code", { "data-bnviz": "code" });
    this.block = el("pre", { class: "bnviz-code", tabindex: 0, "aria-label": "The script" }, this.code);
    this.copy = el(
      "button",
      { type: "button", class: "anatomy-action", "data-bnviz": "copy", on: { click: () => this.take() } },
      "Copy",
    );
    this.said = el("span", { class: "bnviz-copied", role: "status", "data-bnviz": "copied" });
    this.numbers = el("div", { class: "bnviz-code-numbers", "data-bnviz": "code-numbers" });
    this.note = el("p", { class: "anatomy-small", "data-bnviz": "code-note" });
    this.node = el(
      "div",
      { class: "bnviz-code-section" },
      this.finding,
      el("div", { class: "bnviz-row" }, this.framework.node, el("span", { class: "bnviz-copy" }, this.copy, this.said)),
      el(
        "div",
        { class: "bnviz-code-main" },
        this.block,
        el(
          "section",
          { class: "bnviz-part" },
          el("h3", { class: "bnviz-part-title" }, "It prints this page’s numbers"),
          this.note,
          this.numbers,
        ),
      ),
    );
  }

  update(state, { code }) {
    this.framework.update();
    if (code.text !== this.text) write(this.code, code.text);
    this.text = code.text;
    const lines = code.text.trimEnd().split("\n").length;
    setText(
      this.finding,
      `Your batch in ${lines} lines of ${LABELS[code.framework].label}, with its gradients and running statistics.`,
    );
    setText(this.note, code.note ?? "");
    this.note.hidden = !code.note;
    this.numbers.replaceChildren(
      ...NUMBERS.filter(([key]) => code.numbers?.[key] !== undefined).map(([key, name]) =>
        table(key, name, code.numbers[key]),
      ),
    );
  }

  /** The clipboard where the browser allows it; else the script is selected for the reader. */
  async take() {
    let done = false;
    try {
      await navigator.clipboard.writeText(this.text);
      done = true;
    } catch {
      getSelection().selectAllChildren(this.code);
      try {
        done = document.execCommand("copy");
      } catch {
        done = false;
      }
      if (done) getSelection().removeAllRanges();
    }
    this.say(done ? "Copied" : "Selected: press Ctrl+C or ⌘C");
  }

  say(text) {
    setText(this.said, text);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => setText(this.said, ""), text === "Copied" ? SAID : 6 * SAID);
  }

  dispose() {
    clearTimeout(this.timer);
  }
}

/** Four decimals; where they would not do, four digits. */
function printed(value) {
  const size = Math.abs(value);
  return size >= 1e4 || (size > 0 && size < 1e-3) ? brief(value) : fixed(value, 4);
}

/** A table [B][C], or one row [C]. */
function table(key, name, values) {
  const many = Array.isArray(values[0]);
  const rows = many ? values : [values];
  const heads = rows[0].map((_, channel) => el("th", { scope: "col" }, `ch ${channel + 1}`));
  const corner = many ? [el("th", { scope: "col" }, el("span", { class: "bnviz-hidden" }, "sample"))] : [];
  const side = (index) => (many ? [el("th", { scope: "row" }, String(index + 1))] : []);
  const cell = (value) => el("td", { title: String(value) }, printed(value));
  return el(
    "figure",
    { class: "bnviz-printed", "data-bnviz": `printed-${key}` },
    el("figcaption", {}, name),
    el(
      "div",
      { class: "bnviz-printed-scroll" },
      el(
        "table",
        { "aria-label": name },
        el("tr", {}, ...corner, ...heads),
        ...rows.map((row, index) => el("tr", {}, ...side(index), ...row.map(cell))),
      ),
    ),
  );
}
