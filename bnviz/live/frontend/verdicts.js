// Plain-language verdicts, each with the number it rests on; before the first step, an invitation.

import { el, setText } from "./dom.js";
import { count } from "./format.js";

const SIGNS = {
  waiting: "…",
  training: "↗",
  trained: "✓",
  stuck: "→",
  saturated: "▮",
  dead: "∅",
  vanishing: "↓",
  exploding: "↑",
  worse: "↑",
  diverged: "✕",
  no_difference: "=",
  difference: "≠",
};
const COUNTS = { 2: "Both networks", 3: "All three networks", 4: "All four networks" };
const WEIGHTS = ["seed", "init", "init_std", "dataset", "table", "hidden_layers", "width"];
const BATCHES = ["seed", "dataset", "table", "samples", "noise", "data_seed", "batch_size"];

/** What to do first, and what the networks have in common, as far as it is so. */
export function invitation({ arms }) {
  const [first, ...others] = arms.map(({ config }) => (config.init === "normal" ? config : { ...config, init_std: 0 }));
  const agree = (fields) => others.every((other) => fields.every((field) => other[field] === first[field]));
  const common = [agree(WEIGHTS) && "start from the same weights", agree(BATCHES) && "see the same batches"].filter(
    Boolean,
  );
  return others.length && common.length ? `Press Play. ${COUNTS[arms.length]} ${common.join(" and ")}.` : "Press Play.";
}

export class Verdicts {
  constructor() {
    this.node = el("div", { class: "bnviz-verdicts", "data-bnviz": "verdicts", role: "status", "aria-live": "polite" });
    this.about = el("span", { class: "bnviz-verdict is-invitation", "data-bnviz": "verdicts-about", "aria-live": "off", hidden: true });
    this.key = "";
  }

  /** They speak of the newest step, which is said while an older one is shown. */
  lookBack(back, { lastStep }, recorded) {
    this.about.hidden = !back || !this.judged;
    setText(this.about, `at step ${count(lastStep)}, the ${recorded ? "last" : "newest"}:`);
  }

  show(verdicts, names, invite) {
    const key = JSON.stringify([verdicts, names, invite]);
    if (key === this.key) return;
    this.key = key;
    const items = (verdicts ?? [])
      .filter(({ kind }) => !invite || kind !== "waiting")
      .map((verdict) => this.item(verdict, names));
    this.judged = items.length > 0;
    const first = invite ? [el("span", { class: "bnviz-verdict is-invitation" }, invite)] : [];
    this.node.replaceChildren(...first, this.about, ...items);
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
