// "As code": the layer as a script that prints the page's own numbers.

import { el, setText } from "../dom.js";
import { choice } from "./inputs.js";
import { fixed, short } from "./pieces.js";
import { write } from "./python.js";

const FRAMEWORKS = [
  { value: "pytorch", label: "PyTorch" },
  { value: "keras", label: "Keras 3" },
  { value: "numpy", label: "NumPy" },
];
const NAMES = { pytorch: "PyTorch", keras: "Keras", numpy: "NumPy" };
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
    this.framework = choice(app, { key: "framework", label: "Library", options: FRAMEWORKS });
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

  update(state, { code }, problems) {
    this.framework.update(state, problems);
    if (code.text !== this.text) write(this.code, code.text);
    this.text = code.text;
    const lines = code.text.trimEnd().split("\n").length;
    setText(
      this.finding,
      `Your batch in ${lines} lines of ${NAMES[code.framework] ?? code.framework}, with its gradients and running statistics.`,
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

  theme() {}

  dispose() {
    clearTimeout(this.timer);
  }
}

/** A table [B][C], or one row [C]. */
function table(key, name, values) {
  const rows = Array.isArray(values[0]) ? values : [values];
  const cell = (value) => el("td", { title: String(value) }, Math.abs(value) >= 1e4 ? short(value) : fixed(value, 4));
  return el(
    "figure",
    { class: "bnviz-printed", "data-bnviz": `printed-${key}` },
    el("figcaption", {}, name),
    el("div", { class: "bnviz-printed-scroll" }, el("table", {}, ...rows.map((row) => el("tr", {}, ...row.map(cell))))),
  );
}
