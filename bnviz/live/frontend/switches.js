// One large switch per arm, its readouts, and the switches that were recorded.

import { swatch } from "./dashes.js";
import { el, setAttribute, setText } from "./dom.js";
import { exact, percent } from "./format.js";

const NORM_NAMES = { batch: "Batch norm", layer: "Layer norm", group: "Group norm", noisy_batch: "Noisy batch norm" };
const SHORT = { batch: "BN", layer: "LN", group: "GN", noisy_batch: "noisy BN" };

/** The normalization that "on" means for an arm: its own where it has one, else batch. */
export function ownNorm(arm) {
  const norm = arm.config.normalization;
  return norm === "none" ? "batch" : norm;
}

/** An intervention in two words: "BN on", "lr 0.1". */
export function label(intervention, arm) {
  if (intervention.learning_rate !== undefined) return `lr ${intervention.learning_rate}`;
  return intervention.normalization === "none"
    ? `${SHORT[ownNorm(arm)]} off`
    : `${SHORT[intervention.normalization]} on`;
}

export class Switches {
  constructor(app) {
    this.app = app;
    this.node = el("div", { class: "bnviz-arms", role: "group", "aria-label": "Networks" });
    this.cards = [];
    this.asked = new Map();
  }

  toggle(arm) {
    const { app } = this;
    const state = app.state.arms?.[arm];
    if (!state) return;
    app.focusedArm = arm;
    const normalization = state.normalization === "none" ? ownNorm(app.meta.arms[arm]) : "none";
    this.ask(app.state.arms, arm, normalization);
    app.send({ op: "switch", arm, normalization });
  }

  /** A switch moves when it is pressed, so that pressing it twice goes there and back. */
  ask(arms, arm, normalization) {
    this.asked.set(arm, normalization);
    this.agree(arms);
    this.sync(arms);
  }

  /** Until the server has heard what was asked for, its answers are those of before. */
  agree(arms) {
    for (const [arm, normalization] of this.asked) {
      if (arms[arm].normalization === normalization) this.asked.delete(arm);
      else arms[arm].normalization = normalization;
    }
  }

  /** New arms: build the cards anew (only when a generation starts). */
  build(meta) {
    const names = JSON.stringify(meta.arms.map((arm) => [arm.name, ownNorm(arm)]));
    if (names === this.names) return;
    this.names = names;
    this.cards = meta.arms.map((arm, index) => this.card(meta, arm, index));
    this.node.dataset.count = meta.arms.length;
    this.node.replaceChildren(...this.cards.map((card) => card.node));
  }

  card(meta, arm, index) {
    const { button, state } = this.bigSwitch(arm, index);
    const accuracy = el("span", { class: "bnviz-big", "data-bnviz": `accuracy-readout-${index}` }, "–");
    const loss = el("span", { class: "bnviz-exact", "data-bnviz": `loss-readout-${index}` }, "–");
    const more = el("span", { class: "bnviz-exact", "data-bnviz": `accuracy-exact-${index}` });
    const rate = this.rateInput(arm, index);
    const chips = el("span", { class: "bnviz-chips", "data-bnviz": `interventions-${index}` });
    const node = el(
      "section",
      {
        class: "bnviz-arm",
        style: `--arm: var(--bnviz-arm-${index % 4})`,
        "data-bnviz": `arm-${index}`,
        "aria-label": arm.name,
      },
      button,
      el(
        "div",
        { class: "bnviz-arm-who" },
        el("div", { class: "bnviz-arm-name" }, swatch(meta, index), el("strong", {}, arm.name)),
        el(
          "label",
          { class: "bnviz-lr-label", title: "Learning rate: change it while the network trains" },
          "learning rate",
          rate,
        ),
      ),
      el(
        "div",
        { class: "bnviz-arm-numbers" },
        el("div", { class: "bnviz-arm-score" }, accuracy, el("small", {}, "test accuracy")),
        loss,
        more,
      ),
      chips,
    );
    return { node, button, state, accuracy, loss, more, chips, rate, arm };
  }

  refuseRate(rate, index) {
    this.app.say("A learning rate is a number from 0.00000001 to 10000; the one in force stays.", 8);
    rate.value = exact(this.app.state.arms?.[index]?.learning_rate ?? NaN);
  }

  rateInput(arm, index) {
    const rate = el("input", {
      class: "bnviz-lr",
      type: "number",
      min: "0",
      step: "any",
      "data-bnviz": `learning-rate-${index}`,
      "aria-label": `Learning rate of “${arm.name}”`,
      on: {
        change: () => {
          const value = Number(rate.value);
          if (value >= 1e-8 && value <= 1e4) this.app.send({ op: "learning_rate", arm: index, value });
          else this.refuseRate(rate, index);
        },
      },
    });
    return rate;
  }

  bigSwitch(arm, index) {
    const norm = NORM_NAMES[ownNorm(arm)];
    const state = el("span", { class: "bnviz-switch-state" }, "OFF");
    const button = el(
      "button",
      {
        type: "button",
        class: "bnviz-switch",
        role: "switch",
        "aria-checked": "false",
        "data-bnviz": `switch-${index}`,
        "aria-label": `${norm} in network “${arm.name}”`,
        title: `Turn ${norm.toLowerCase()} on or off while it trains (key B: the network last used)`,
        on: { click: () => this.app.toggle(index), focus: () => (this.app.focusedArm = index) },
      },
      el("span", { class: "bnviz-track", "aria-hidden": "true" }, el("span", { class: "bnviz-thumb" })),
      el("span", { class: "bnviz-switch-text" }, el("small", {}, norm), state),
    );
    return { button, state };
  }

  /** Switch positions and chips, from the server's word. */
  sync(arms) {
    arms.forEach((state, index) => {
      const card = this.cards[index];
      if (!card) return;
      const on = state.normalization !== "none";
      setAttribute(card.button, "aria-checked", on);
      setText(card.state, on ? "ON" : "OFF");
      card.node.classList.toggle("is-diverged", Boolean(state.diverged));
      this.syncChips(card, state);
    });
  }

  syncChips(card, state) {
    const key = JSON.stringify([state.interventions, state.diverged]);
    if (card.key === key) return;
    card.key = key;
    const recorded = state.interventions;
    const shown = recorded
      .slice(-3)
      .map((one) => el("span", { class: "bnviz-chip" }, `step ${one.step}: ${label(one, card.arm)}`));
    if (recorded.length > 3)
      shown.unshift(
        el(
          "span",
          { class: "bnviz-chip", title: recorded.map((one) => `step ${one.step}: ${label(one, card.arm)}`).join("\n") },
          `+${recorded.length - 3}`,
        ),
      );
    if (recorded.length) shown.push(this.forgetButton());
    if (state.diverged)
      shown.unshift(
        el(
          "span",
          { class: "bnviz-chip is-alarm" },
          `diverged at step ${state.diverged.step}, ${state.diverged.where}`,
        ),
      );
    card.chips.replaceChildren(...shown);
  }

  forgetButton() {
    return el(
      "button",
      {
        type: "button",
        class: "bnviz-link",
        "data-bnviz": "forget",
        title: "Rewind to step 0 without the recorded switches",
        on: { click: () => this.app.send({ op: "clear_interventions" }) },
      },
      "forget switches",
    );
  }

  /** The numbers at the shown step, exact to the last digit of a float32. */
  show({ store, shown, following, state }) {
    store.arms.forEach((history, index) => {
      const card = this.cards[index];
      const at = history.index(shown);
      if (!card || at < 0) return;
      const value = (name) => history.value(name, at);
      setText(card.accuracy, percent(value("test_accuracy")));
      setText(card.loss, `loss: test ${exact(value("test_loss"))} · train ${exact(value("train_loss"))}`);
      setText(card.more, `accuracy: test ${exact(value("test_accuracy"))} · train ${exact(value("train_accuracy"))}`);
      const rate = exact(following ? (state.arms?.[index]?.learning_rate ?? NaN) : value("learning_rate"));
      if (document.activeElement !== card.rate && card.rate.value !== rate) card.rate.value = rate;
    });
  }
}
