// Plain-language verdicts, each with the number it rests on; before the first step, an invitation.

import { el } from "./dom.js";

const SIGNS = {
  waiting: "…",
  training: "↗",
  trained: "✓",
  stuck: "→",
  saturated: "▮",
  dead: "∅",
  vanishing: "↓",
  exploding: "↑",
  diverged: "✕",
  no_difference: "=",
  difference: "≠",
};
export const INVITATION = "Press Play. Both networks start from the same weights and see the same batches.";

export class Verdicts {
  constructor() {
    this.node = el("div", { class: "bnviz-verdicts", "data-bnviz": "verdicts", role: "status", "aria-live": "polite" });
    this.key = "";
  }

  show(verdicts, names, invite) {
    const key = JSON.stringify([verdicts, names, invite]);
    if (key === this.key) return;
    this.key = key;
    const items = (verdicts ?? [])
      .filter(({ kind }) => !invite || kind !== "waiting")
      .map((verdict) => this.item(verdict, names));
    if (invite) items.unshift(el("span", { class: "bnviz-verdict is-invitation" }, invite));
    this.node.replaceChildren(...items);
  }

  item({ arm, kind, text, number }, names) {
    const own = arm !== null && arm !== undefined;
    const node = el(
      "span",
      { class: "bnviz-verdict", "data-kind": kind, style: own ? `--arm: var(--bnviz-arm-${arm % 4})` : null },
      el("span", { class: "bnviz-sign", "aria-hidden": "true" }, SIGNS[kind] ?? "•"),
    );
    if (own && !text.startsWith(names[arm])) node.append(el("b", {}, names[arm]), " ");
    node.append(text);
    if (number) node.append(" ", el("span", { class: "bnviz-number" }, String(number)));
    return node;
  }
}
