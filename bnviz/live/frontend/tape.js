// The player of a recording: nothing trains, the shown step moves through the records in this page.

import { el, setAttribute, setText } from "./dom.js";
import { count } from "./format.js";
import { icon } from "./icons.js";
import { thinnedFiles, thinnedInWords } from "./reels.js";
import { joinedInWords } from "./sharednames.js";
import { Slider } from "./slider.js";

/** Records a second. */
const PACES = [1, 3, 10, 30, 100];
const PACE = 10;

export class Tape {
  constructor(app) {
    this.app = app;
    this.playing = false;
    this.pace = PACE;
    this.makeButtons(app);
    this.makeInputs(app);
    this.node = this.build();
  }

  makeButtons(app) {
    const button = (name, picture, text, title, click, extra = "") =>
      el(
        "button",
        {
          type: "button",
          class: `bnviz-button ${extra}`,
          "data-bnviz": name,
          title,
          "aria-label": title,
          on: { click },
        },
        icon(picture),
        text ? el("span", {}, text) : null,
      );
    this.start = button("to-start", "rewind", "", "To the first record", () => app.scrubTo(0));
    this.previous = button("previous", "previous", "", "One record back (left arrow; shift: ten)", () =>
      app.scrubBy(-1),
    );
    this.play = button("play", "play", "Play", "Play or pause (space)", () => this.playPause(), "is-primary");
    this.play.removeAttribute("aria-label");
    this.next = button("next", "next", "", "One record on (right arrow; shift: ten)", () => app.scrubBy(1));
    this.end = button("to-end", "step", "", "To the last record", () => app.follow());
  }

  makeInputs(app) {
    this.paces = el(
      "select",
      {
        class: "bnviz-select",
        "data-bnviz": "pace",
        "aria-label": "Pace",
        title: "Records a second",
        on: { change: () => (this.pace = Number(this.paces.value)) },
      },
      ...PACES.map((pace) => el("option", { value: String(pace) }, `${pace} ${pace === 1 ? "record" : "records"}/s`)),
    );
    this.paces.value = String(PACE);
    this.slider = new Slider(app, "records");
    this.place = el("span", { class: "bnviz-thinned", "data-bnviz": "record-readout" });
  }

  build() {
    return el(
      "div",
      { class: "bnviz-player", role: "toolbar", "aria-label": "Player" },
      el("div", { class: "bnviz-buttons" }, this.play, this.start, this.previous, this.next, this.end),
      this.slider.node,
      el("div", { class: "bnviz-rates" }, this.place, this.paces),
    );
  }

  /** Where no verdicts are to be read. */
  hint(app) {
    if (app.state.verdicts?.length) return "";
    return (
      joinedInWords(app) ||
      "Play or scrub: all charts show the same step. Click a layer in a chart to follow it over time."
    );
  }

  get timeline() {
    return this.app.store?.timeline;
  }

  /** From the end it plays from the start again. */
  playPause() {
    const { app } = this;
    if (!this.playing && !(this.timeline?.length > 1)) return;
    this.playing = !this.playing;
    this.due = 0;
    if (this.playing && app.following) app.scrubTo(0);
    this.tell();
  }

  tell() {
    const { app } = this;
    app.state.playing = app.stats.playing = this.playing;
    if (!this.playing) app.frames.paused = true; // the summaries for screen readers are due
    this.sync();
    app.frames.readoutsDue = true;
    app.frames.schedule();
  }

  /** At each frame: on by as many records as are due; a slow page leaves some out, it doesn't fall behind. */
  advance(now) {
    if (!this.playing) return;
    const each = 1000 / this.pace;
    this.due ||= now + each;
    if (now < this.due) return;
    const records = Math.min(10, 1 + Math.floor((now - this.due) / each));
    this.due = now + each - ((now - this.due) % each);
    this.app.scrubBy(records);
    if (!this.app.following) return;
    this.playing = false;
    this.tell();
  }

  sync() {
    if (this.shownPlaying === this.playing) return;
    this.shownPlaying = this.playing;
    const text = this.playing ? "Pause" : "Play";
    this.play.replaceChildren(icon(text.toLowerCase()), el("span", {}, text));
    this.play.setAttribute("aria-pressed", String(this.playing));
  }

  /** The slider stands at the shown record; its length is the recording's. */
  show(timeline, index, shown) {
    const { length } = timeline;
    this.slider.show(length, index, shown);
    const thinned = thinnedFiles(this.app);
    const held = thinned.length ? ` shown (file: ${thinned.map(({ records }) => count(records)).join(" and ")})` : "";
    setText(this.place, length ? `record ${count(index + 1)} of ${count(length)}${held}` : "no records");
    setAttribute(this.place, "title", thinned.map(thinnedInWords).join(" "));
  }
}
