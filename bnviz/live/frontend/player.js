// The player: play, pause, step, rewind, new init, speed, and the slider that scrubs every chart.

import { el, setAttribute, setText } from "./dom.js";
import { count, rate } from "./format.js";
import { icon } from "./icons.js";

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
    this.scrub = el("input", {
      class: "bnviz-scrub",
      type: "range",
      min: "0",
      max: "0",
      value: "0",
      step: "1",
      "data-bnviz": "scrub",
      "aria-label": "Shown step",
      title: "Scrub through the history (arrow keys; shift for ten)",
      on: { input: () => app.scrubTo(Number(this.scrub.value)) },
    });
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
    this.readout = el("output", { class: "bnviz-step", "data-bnviz": "step-readout" }, "0");
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
    this.stepsPerSecond = el("b", { "data-bnviz": "steps-per-second" }, "0");
    this.updatesPerSecond = el("b", { "data-bnviz": "updates-per-second" }, "0");
    this.thinned = el("span", { class: "bnviz-thinned", "data-bnviz": "thinned" });
  }

  build() {
    return el(
      "div",
      { class: "bnviz-player", role: "toolbar", "aria-label": "Player" },
      el("div", { class: "bnviz-buttons" }, this.play, this.step, this.rewind, this.reseed, this.speed),
      el(
        "div",
        { class: "bnviz-slider" },
        el("span", { class: "bnviz-step-box" }, el("small", {}, "step"), this.readout),
        this.scrub,
        this.live,
      ),
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
      this.write(this.until, state.until === null || state.until === undefined ? "" : String(state.until));
    if (document.activeElement !== this.speed && state.speed !== undefined) this.syncSpeed(state.speed);
  }

  syncSpeed(speed) {
    const value = String(speed ?? 0);
    if (![...this.speed.options].some((option) => option.value === value))
      this.speed.append(el("option", { value }, `${value} steps/s`));
    this.write(this.speed, value);
  }

  write(input, value) {
    if (input.value !== value) input.value = value;
  }

  /** The slider stands at the shown snapshot; its length is the history's. */
  show(history, index, shown, following) {
    const most = String(Math.max(0, history.length - 1));
    setAttribute(this.scrub, "max", most);
    this.write(this.scrub, String(Math.max(0, index)));
    setAttribute(this.scrub, "aria-valuetext", `step ${shown}`);
    this.scrub.style.setProperty("--fill", `${history.length > 1 ? (100 * index) / (history.length - 1) : 0}%`);
    setText(this.readout, count(shown));
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
