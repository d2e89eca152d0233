// Measuring on demand: what this page asked for and got, and a chart that has a button in place of a history.

import { marker } from "./axes.js";
import { CanvasChart } from "./canvas.js";
import { dashOf } from "./dashes.js";
import { el, setText } from "./dom.js";
import { count } from "./format.js";

const LEFT = 44;
const BOTTOM = 31;

/** What this page asked to be measured, and what came. Of another generation than the shown one nothing counts. */
export class Measurements {
  constructor(app) {
    this.app = app;
    this.results = {};
    this.asked = new Map();
  }

  ask(what) {
    this.asked.set(what, this.app.store?.generation);
    this.app.link?.send({ op: "measure", what });
    this.redraw(what);
  }

  take(message) {
    this.asked.delete(message.what);
    this.results[message.what] = message;
    this.redraw(message.what);
    this.app.board.summarize();
  }

  /** The server refused something, or is another connection: what was asked for may never come. */
  forget() {
    const kinds = [...this.asked.keys()];
    this.asked.clear();
    kinds.forEach((what) => this.redraw(what));
  }

  result(what) {
    const found = this.results[what];
    return found?.generation === this.app.store?.generation ? found : null;
  }

  isAsked(what) {
    return this.asked.has(what) && this.asked.get(what) === this.app.store?.generation;
  }

  redraw(what) {
    const chart = this.app.board.cards.get(what)?.chart;
    if (chart) this.app.redraw(chart);
  }
}

/** A canvas under a line that says at which step it was measured, above what there is to say; empty until asked. */
export class MeasuredChart extends CanvasChart {
  constructor(host, app, name) {
    super(host, app, name);
    this.name = name;
    this.note = el("span", { "data-bnviz": `measured-${name}`, "aria-live": "polite" });
    this.button = el("button", {
      type: "button",
      class: "bnviz-button is-quiet",
      "data-bnviz": `measure-${name}`,
      on: { click: () => !app.measurements.isAsked(name) && app.measurements.ask(name) },
    });
    this.line = el("div", { class: "bnviz-measured" }, this.note, this.button);
    this.words = el("div", { class: "bnviz-measured-words" });
    host.append(this.line, this.words);
  }

  /** Without a history there is no figure of the server's: a saved picture is drawn by this chart. */
  get onDemand() {
    return true;
  }

  /** What a saved picture says under its title. */
  get caption() {
    return when(this.result);
  }

  get result() {
    return this.app.measurements.result(this.name);
  }

  draw() {
    const { result } = this;
    const asked = this.app.measurements.isAsked(this.name);
    this.line.classList.toggle("is-empty", !result);
    setText(this.note, result ? when(result, this.app.state.step) : this.invitation);
    setText(
      this.button,
      asked
        ? "Measuring …"
        : result
          ? "Measure again"
          : `Measure at ${this.app.following ? "this" : "the newest"} step`,
    );
    this.button.setAttribute("aria-disabled", String(asked));
    const spoken = result && JSON.stringify([result.step, result.generation, this.app.theme.dark]);
    if (spoken !== this.spoken) {
      this.spoken = spoken;
      this.words.replaceChildren(...(result ? this.sentences(result) : []));
    }
    super.draw();
  }

  paint(ctx, width, height) {
    const { result } = this;
    this.x = null;
    if (!result) return;
    const top = this.line.offsetHeight + 6;
    const box = { x: LEFT, y: top, w: width - LEFT - 10, h: height - top - BOTTOM - this.words.offsetHeight };
    if (box.h > 20) this.paintResult(ctx, box, result);
  }

  /** A curve through the points that are finite, with the arm's dash, and its marker at each. */
  curve(ctx, arm, points, size) {
    ctx.strokeStyle = ctx.fillStyle = this.app.theme.arms[arm % 4];
    ctx.lineWidth = 2;
    ctx.setLineDash(dashOf(this.app.meta, arm));
    ctx.beginPath();
    let pen = false;
    for (const [x, y] of points) {
      if (!Number.isFinite(y)) pen = false;
      else if (pen) ctx.lineTo(x, y);
      else {
        ctx.moveTo(x, y);
        pen = true;
      }
    }
    ctx.stroke();
    ctx.setLineDash([]);
    for (const [x, y] of points) if (Number.isFinite(y)) marker(ctx, arm, x, y, size);
  }

  named(arm, text) {
    const name = el("b", { style: `color: var(--bnviz-arm-${arm % 4})` }, this.app.meta.arms[arm].name);
    return el("p", {}, name, ` ${text}`);
  }

  summary() {
    const { result } = this;
    if (!result) return "Not measured yet.";
    return `${when(result, this.app.state.step)}. ${result.arms
      .map((arm, index) => `${this.app.meta.arms[index].name}: ${arm.reason ?? this.inWords(arm)}.`)
      .join(" ")}`;
  }
}

/** The step in the page's numbers: the network after that step's update, or at step 0 before any. */
function when({ step }, now) {
  const shown = Math.max(0, step - 1);
  const measured = step === 0 ? "Measured at step 0" : `Measured after step ${count(shown)}`;
  return now > shown ? `${measured}; now at ${count(now)}` : measured;
}

/** What is null on the wire was not finite. */
export const numbers = (values) => values.map((value) => value ?? NaN);
