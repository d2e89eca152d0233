// What Python refused, said once, above everything; the numbers below stay those of the last good input.

import { el, setText } from "../dom.js";
import { action } from "./inputs.js";

export class Problems {
  constructor(app) {
    this.app = app;
    this.list = el("ul", { "data-bnviz": "problem" });
    this.back = action({ label: "Dismiss", quiet: true, run: () => this.revert() });
    this.hint = el("p", { class: "anatomy-problem-hint" }, "All numbers below are still those of the last good input.");
    this.box = el("div", { class: "anatomy-problems", hidden: true }, this.list, this.hint, this.back);
    this.node = el("div", { role: "alert", class: "anatomy-alert" }, this.box);
  }

  revert() {
    for (const { field } of this.app.problems) this.app.post.revert(field);
  }

  update(problems) {
    this.box.hidden = problems.length === 0;
    const messages = [...new Set(problems.map((problem) => problem.message))];
    // An alert is read out whenever it is written: write it only when it says something else.
    if (messages.join("\n") === this.said) return;
    this.said = messages.join("\n");
    this.list.replaceChildren(...messages.map((message) => el("li", {}, message)));
    setText(
      this.back,
      problems.some(({ field }) => this.app.post.pending(field)) ? "Put the last good values back" : "Dismiss",
    );
  }
}
