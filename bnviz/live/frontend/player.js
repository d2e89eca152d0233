// The player: play, pause, step, rewind, new init, speed, and the slider that scrubs every chart.

import { el, setAttribute, setText, write } from "./dom.js";
import { count, rate } from "./format.js";
import { icon } from "./icons.js";
import { Slider } from "./slider.js";

const SPEEDS = [
  [1, "1 step/s"],
  [3, "3 steps/s"],
  [10, "10 steps/s"],
  [30, "30 steps/s"],
  [100, "100 steps/s"],
  [300, "300 steps/s"],
  [0, "flat out"],
];

export class Player {
  constructor(app) {
    this.app = app;
    this.makeButtons(app);
    this.makeInputs(app);
    this.makeReadouts(app);
    this.node = this.build();
  }

  makeButtons(app) {
    const button = (name, text, title, click, extra = "") =>
      el(
        "button",
        { type: "button", class: `bnviz-button ${extra}`, "data-bnviz": name, title, on: { click } },
        icon(ICON_OF[name]),
        el("span", {}, text),
      );
    this.play = button("play", "Play", "Play or pause (space)", () => app.playPause(), "is-primary");
    this.step = button("step", "Step", "Train one single step", () => app.command({ op: "step", count: 1 }));
    this.rewind = button("rewind", "Rewind", "Back to step 0 with the same initial weights", () =>
      app.command({ op: "rewind" }),
    );
    this.reseed = button("new-init", "New init", "Back to step 0 with new random initial weights", () =>
      app.command({ op: "reseed" }),
    );
  }

  makeInputs(app) {
    this.speed = el(
      "select",
      {
        class: "bnviz-select",
        "data-bnviz": "speed",
        "aria-label": "Speed",
        title: "Speed, from slow motion to flat out",
        on: { change: () => app.send({ op: "speed", steps_per_second: Number(this.speed.value) }) },
      },
      ...SPEEDS.map(([value, text]) => el("option", { value: String(value) }, text)),
    );
    this.until = el("input", {
      class: "bnviz-until",
      type: "number",
      min: "0",
      step: "1",
      placeholder: "–",
      "data-bnviz": "until",
      "aria-label": "Pause at step",
      on: { change: () => this.changeUntil() },
    });
  }

  makeReadouts(app) {
    this.live = el(
      "button",
      {
        type: "button",
        class: "bnviz-live",
        "data-bnviz": "live",
        title: "Follow the newest step",
        on: { click: () => app.follow() },
      },
      "live",
    );
    this.slider = new Slider(app, "history", this.live);
    this.stepsPerSecond = el("b", { "data-bnviz": "steps-per-second" }, "0");
    this.updatesPerSecond = el("b", { "data-bnviz": "updates-per-second" }, "0");
    this.thinned = el("span", { class: "bnviz-thinned", "data-bnviz": "thinned" });
  }

  build() {
    return el(
      "div",
      { class: "bnviz-player", role: "toolbar", "aria-label": "Player" },
      el("div", { class: "bnviz-buttons" }, this.play, this.step, this.rewind, this.reseed, this.speed),
      this.slider.node,
      el(
        "div",
        { class: "bnviz-rates" },
        el("label", { class: "bnviz-until-label", title: "Pause exactly at this step" }, "pause at", this.until),
        el(
          "span",
          { class: "bnviz-rate", title: "Training steps a second" },
          this.stepsPerSecond,
          el("small", {}, " steps/s"),
        ),
        el(
          "span",
          { class: "bnviz-rate", title: "Updates of this page a second" },
          this.updatesPerSecond,
          el("small", {}, " updates/s"),
        ),
        this.thinned,
      ),
    );
  }

  /** Shown at once, before the server has heard of it. */
  playPause() {
    const { app } = this;
    const playing = !app.state.playing;
    if (playing) app.following = true;
    app.state.playing = playing;
    this.sync(app.state);
    app.send({ op: playing ? "play" : "pause" });
  }

  changeUntil() {
    const step = this.until.value === "" ? null : Number(this.until.value);
    const first = Math.max(0, this.app.state.step ?? 0);
    if (step === null || (Number.isInteger(step) && step >= first && step <= 1e7)) {
      this.app.setUntil(step);
      return;
    }
    this.app.say(`A step to pause at is a whole number from ${first} (now) to 10000000; rewind for an earlier one.`, 8);
    this.until.value = this.app.state.until ?? "";
  }

  /** From the server's state. */
  sync(state) {
    const playing = Boolean(state.playing);
    if (this.playing !== playing) {
      this.playing = playing;
      this.play.replaceChildren(icon(playing ? "pause" : "play"), el("span", {}, playing ? "Pause" : "Play"));
      this.play.setAttribute("aria-pressed", String(playing));
    }
    setText(this.stepsPerSecond, playing ? rate(state.steps_per_second ?? 0) : "0");
    if (document.activeElement !== this.until)
      write(this.until, state.until === null || state.until === undefined ? "" : String(state.until));
    if (document.activeElement !== this.speed && state.speed !== undefined) this.syncSpeed(state.speed);
  }

  syncSpeed(speed) {
    const value = String(speed ?? 0);
    if (![...this.speed.options].some((option) => option.value === value))
      this.speed.append(el("option", { value }, `${value} steps/s`));
    write(this.speed, value);
  }

  /** The slider stands at the shown snapshot; its length is the history's. */
  show(history, index, shown, following) {
    this.slider.show(history.length, index, shown);
    const every = this.app.store.thinned;
    const thinned = every > 1 ? `older steps thinned, 1 in ${every} kept` : "";
    setText(
      this.thinned,
      following ? thinned : `looking back; switches act at step ${count(this.app.store.lastStep + 1)}`,
    );
    this.live.classList.toggle("is-on", following);
    setAttribute(this.live, "aria-pressed", following);
  }
}

const ICON_OF = { play: "play", step: "step", rewind: "rewind", "new-init": "dice" };
