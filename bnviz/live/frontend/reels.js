// What is played: a card a recording with its colour and dash, what it is of, how it ended, and its numbers now.

import { swatch } from "./dashes.js";
import { el, setText } from "./dom.js";
import { brief, count, exact, percent } from "./format.js";
import { isModel, measured } from "./names.js";

const SILENT_ON_CARD = 4; // layers are named there; all that were sent are in its tooltip

export class Reels {
  constructor(app) {
    this.app = app;
    this.node = el("div", { class: "bnviz-arms", role: "group", "aria-label": "Recordings" });
    this.cards = [];
    this.asked = new Map();
  }

  /** A recording takes no switches: there is never anything to agree on. */
  agree() {}

  build(meta) {
    this.cards = meta.arms.map((arm, index) => this.card(meta, arm, index));
    this.node.dataset.count = meta.arms.length;
    this.node.replaceChildren(...this.cards.map((card) => card.node));
  }

  card(meta, arm, index) {
    const big = el("span", { class: "bnviz-big", "data-bnviz": `big-readout-${index}` }, "–");
    const small = el("small", {}, isModel(meta) ? "loss at this step" : "test accuracy");
    const exactly = el("span", { class: "bnviz-exact", "data-bnviz": `loss-readout-${index}` });
    const chips = el("span", { class: "bnviz-chips", "data-bnviz": `facts-${index}` }, ...chipsOf(meta, index));
    const node = el(
      "section",
      {
        class: "bnviz-arm",
        style: `--arm: var(--bnviz-arm-${index % 4})`,
        "data-bnviz": `arm-${index}`,
        "aria-label": arm.name,
      },
      el(
        "div",
        { class: "bnviz-arm-who" },
        el("div", { class: "bnviz-arm-name" }, swatch(meta, index), el("strong", { title: arm.name }, arm.name)),
        el("small", { "data-bnviz": `what-${index}` }, whatItIs(meta, index)),
      ),
      el("div", { class: "bnviz-arm-numbers" }, el("div", { class: "bnviz-arm-score" }, big, small), exactly),
      chips,
    );
    return { node, big, small, exactly };
  }

  sync() {}

  /** The numbers at the shown step, or at the last record before it. */
  show({ store, shown, meta }) {
    store.arms.forEach((history, index) => {
      const card = this.cards[index];
      const at = history.index(shown);
      if (!card) return;
      const value = (name) => history.value(name, at);
      if (isModel(meta)) {
        setText(card.big, measured(meta, "loss") ? this.loss(value("loss"), history.steps[at], index) : "–");
        setText(card.small, this.hasEnded(history, at) ? "loss at its last step" : "loss at this step");
        setText(card.exactly, this.modelLine(history, at));
      } else {
        setText(card.big, percent(value("test_accuracy")));
        setText(card.exactly, `loss: test ${exact(value("test_loss"))} · train ${exact(value("train_loss"))}`);
      }
    });
  }

  /** From where a loss was not finite on, what is missing is NaN; before that the loop gave no loss at this record. */
  loss(value, step, arm) {
    const { diverged } = this.app.state.arms?.[arm] ?? {};
    return Number.isNaN(value) && diverged && step >= diverged.step ? "NaN" : brief(value);
  }

  /** Whether the shown step is of the other recording alone: the charts show this one at its last step. */
  hasEnded(history, at) {
    const next = history.steps[at] + (history.steps[at] - history.steps[at - 1] || 1);
    return at >= 0 && at === history.length - 1 && this.app.shown >= next;
  }

  modelLine(history, at) {
    if (at < 0) return "not begun at this step";
    const rate = history.value("learning_rate", at);
    const step = `step ${count(history.steps[at])}`;
    const parts = [this.hasEnded(history, at) ? `ended: charts show ${step}` : step];
    if (Number.isFinite(rate)) parts.push(`learning rate ${brief(rate)}`);
    if (history.value("skipped", at) === 1) parts.push("update skipped");
    return parts.join(" · ");
  }
}

/** The file that an arm comes from: one a recording, one for all of the lab's networks. */
const fileOf = ({ files }, index) => files[Math.min(index, files.length - 1)];

function whatItIs(meta, index) {
  const file = fileOf(meta, index);
  if (!isModel(meta)) {
    const { config } = meta.arms[index];
    return `${config.hidden_layers} × ${config.width} ${config.activation}, ${config.dataset}`;
  }
  const size = file.parameters === null ? "" : `, ${count(file.parameters)} parameters`;
  return `${file.model || "a model"}${size}, ${count(file.layers)} layers`;
}

function chipsOf(meta, index) {
  const file = fileOf(meta, index);
  if (!isModel(meta) && index) return [];
  const ended = file.ended || "no end: the recorder had no chance to say it";
  const steps = file.last_step === null ? "no records" : `steps ${count(file.first_step)} to ${count(file.last_step)}`;
  const chips = [chip(recordsOf(meta, file)), chip(steps)];
  if (file.problem)
    chips.push(
      chip(
        `cut short: ${file.problem.replace(/^Only a part of this file can be read: /, "")}`,
        "is-alarm",
        file.problem,
      ),
    );
  else
    chips.push(chip(/^finished/.test(ended) ? "ended: finished" : ended, file.ended === "finished" ? "" : "is-alarm"));
  if (file.silent.length) chips.push(silent(file));
  if (meta.link) chips.push(openInLab(meta.link));
  return chips;
}

/** "100 records, every 3 steps"; of the lab's networks as many each. */
function recordsOf(meta, { records, every }) {
  if (!isModel(meta)) return `${count(records)} records of ${meta.arms.length} networks`;
  return `${count(records)} ${records === 1 ? "record" : "records"}, every ${every === 1 ? "step" : `${count(every)} steps`}`;
}

function silent({ silent: names, silent_count: total }) {
  const shown = names.slice(0, SILENT_ON_CARD).join(", ");
  const more = total > SILENT_ON_CARD ? ` and ${count(total - SILENT_ON_CARD)} more` : "";
  return chip(`no data: ${shown}${more}`, "", names.join("\n"));
}

/** The models' files that have more records than this page keeps of them, once all of these have come. */
export const thinnedFiles = ({ meta, store, state }) =>
  isModel(meta) && store.cursor >= state.last
    ? store.arms.flatMap((history, arm) => {
        const { records } = fileOf(meta, arm);
        return history.length < records
          ? [{ name: meta.arms[arm].name, kept: history.length, records, every: history.thinned }]
          : [];
      })
    : [];

export const thinnedInWords = ({ name, kept, records, every }) =>
  `${name}: of ${count(records)} records this page keeps ${count(kept)}: the newest ones, and one in ${count(every)} of the older ones.`;

const chip = (text, extra = "", title = text) => el("span", { class: `bnviz-chip ${extra}`, title }, text);

/** The same experiment, live: the lab's own address with the recorded link. */
function openInLab(link) {
  const href = new URL(`.?${link}`, document.baseURI).href;
  return el("a", { class: "bnviz-link", href, "data-bnviz": "open-in-lab" }, "Open this experiment in the lab");
}
