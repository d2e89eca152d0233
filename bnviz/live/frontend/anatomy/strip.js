// Samples as dots on number lines, one line a stage, joined by threads that show where each sample goes.

import { roundTicks } from "../axes.js";
import { svg } from "../dom.js";
import { asTyped } from "./fields.js";
import { onWidth, short } from "./pieces.js";
import { linesOf, place, sampleColour, stacked, writer } from "./scales.js";

const LANE = 54;
const TOP = 34;
const BOTTOM = 28;
const LEFT = 58;
const RIGHT = 20;
const BARS = 130;
const GLIDE = 180;
/** More samples than that jump: drawing them at every frame would hold up the next edit. */
const MOST_GLIDING = 16;
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

export class Strip {
  /**
   * `lanes`: the lines' names, from above; `marks`: [{lane, kind, label}] upright lines at values; `bars`: bars from
   * the first mark to each sample, below the last line.
   */
  constructor({ lanes, marks = [], bars = false, label }) {
    Object.assign(this, { lanes, marks, bars, rows: 0, width: 0, looked: null });
    this.ticks = svg("g", { class: "anatomy-ticks" });
    this.under = svg("g");
    this.threads = svg("g");
    this.dots = svg("g");
    this.over = svg("g", { class: "anatomy-over" });
    this.node = svg(
      "svg",
      { class: "anatomy-strip", role: "img", "aria-label": label },
      this.ticks,
      this.under,
      this.threads,
      this.dots,
      this.over,
    );
    this.unwatch = onWidth(this.node, (width) => {
      this.width = width;
      if (this.values) this.draw(1);
    });
  }

  /** `values`: a list of B numbers a lane; `at`: a number (or null) a mark; `extras`: what a lane must have room for too. */
  update({ values, at = [], extras = [], texts = [] }) {
    const rows = values[0].length;
    const same = rows === this.rows && this.values;
    this.from = same ? this.current() : null;
    Object.assign(this, { values, at, texts, lines: linesOf(values, extras, same ? this.lines : []) });
    if (!same) this.build(rows);
    cancelAnimationFrame(this.frame);
    if (!this.from || still.matches || rows > MOST_GLIDING || !this.width) return this.draw(1);
    const start = performance.now();
    const step = (now) => {
      const share = Math.min(1, Math.max(0, (now - start) / GLIDE));
      this.draw(share);
      if (share < 1) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  /** What is drawn now, as the start of the next glide. */
  current() {
    return { values: this.drawn?.values ?? this.values, at: this.drawn?.at ?? this.at };
  }

  build(rows) {
    this.rows = rows;
    this.looked = null;
    const samples = Array.from({ length: rows }, (_, row) => row);
    const colour = (row) => `--sample: ${sampleColour(row, rows)}`;
    const each = (make) => this.lanes.map((_, lane) => samples.map((row) => make(row, lane)));
    this.dot = each((row) =>
      svg("circle", { class: "anatomy-dot", r: 5.5, style: colour(row), "data-sample": row }, svg("title")),
    );
    this.thread = each((row, lane) =>
      lane ? svg("line", { class: "anatomy-thread", style: colour(row), "data-sample": row }) : null,
    );
    this.tag = this.lanes.map(() => svg("text", { class: "anatomy-tag" }));
    this.bar = this.bars
      ? samples.map((row) =>
          svg("rect", { class: "anatomy-bar", height: this.pitch - 1.5, style: colour(row), "data-sample": row }),
        )
      : [];
    this.mark = this.marks.map(({ kind }) => svg("line", { class: `anatomy-mark is-${kind}` }));
    this.markText = this.marks.map(({ kind }) => svg("text", { class: `anatomy-mark-text is-${kind}` }));
    this.threads.replaceChildren(...this.thread.flat().filter(Boolean));
    this.dots.replaceChildren(...this.dot.flat());
    this.under.replaceChildren(...this.mark, ...this.bar);
    this.over.replaceChildren(...this.markText, ...this.tag);
  }

  /** From bar to bar. */
  get pitch() {
    return Math.min(7, BARS / this.rows);
  }

  get height() {
    return TOP + (this.lanes.length - 1) * LANE + (this.bars ? this.rows * this.pitch + 8 : 0) + BOTTOM;
  }

  draw(share) {
    if (!this.width || !this.values) return;
    const ease = 1 - (1 - share) ** 3;
    const mix = (from, to) => (Number.isFinite(from) && Number.isFinite(to) ? from + (to - from) * ease : to);
    const values = this.values.map((list, lane) =>
      list.map((value, row) => mix(this.from?.values[lane]?.[row], value)),
    );
    const at = this.at.map((value, index) => (value === null ? null : mix(this.from?.at[index], value)));
    this.drawn = { values, at };
    this.node.setAttribute("height", this.height);
    this.x = this.lanes.map((_, lane) => place(this.line(lane).domain, LEFT, this.width - RIGHT));
    this.rise = this.values.map((list, lane) => stacked(list.map(this.x[lane])));
    this.drawTicks();
    values.forEach((list, lane) => list.forEach((value, row) => this.drawSample(value, row, lane, values)));
    this.drawMarks(at);
    this.bar.forEach((bar, row) => {
      const [zero, end] = [this.x[0](at[0]), this.x[0](values[0][row])];
      attributes(bar, { x: Math.min(zero, end), width: Math.max(1, Math.abs(end - zero)), y: this.barY(row) });
    });
    if (this.looked !== null) this.look(this.looked);
  }

  line(lane) {
    return this.lines.find(({ last }) => lane <= last);
  }

  y(lane) {
    return TOP + lane * LANE;
  }

  dotY(lane, row) {
    return this.y(lane) - this.rise[lane][row];
  }

  barY(row) {
    return this.y(this.lanes.length - 1) + 13 + row * this.pitch;
  }

  drawTicks() {
    const key = JSON.stringify([this.lines, this.width, this.rows]);
    if (key === this.tickKey) return;
    this.tickKey = key;
    const last = this.lanes.length - 1;
    const bottom = this.height - BOTTOM + 6;
    const nodes = [];
    this.lanes.forEach((name, lane) => {
      const y = this.y(lane);
      nodes.push(svg("text", { class: "anatomy-lane", x: 0, y: y + 4 }, name));
      nodes.push(svg("line", { class: "anatomy-axis", x1: LEFT - 8, x2: this.width - RIGHT + 8, y1: y, y2: y }));
      const line = this.line(lane);
      const labelled = lane === line.last;
      const write = writer(line.domain);
      if (lane && lane === line.first) {
        const zoom = spread(this.line(lane - 1).domain) / spread(line.domain);
        const times = zoom >= 1 ? `${short(zoom, 2)}×` : `1/${short(1 / zoom, 2)}×`;
        if (times !== "1×")
          nodes.push(svg("text", { x: 0, y: y + 19 }, "zoom"), svg("text", { x: 0, y: y + 32 }, times));
      }
      for (const tick of roundTicks(...line.domain, this.width / 80)) {
        const x = this.x[lane](tick);
        const foot = lane === last && this.bars ? bottom : y + 4;
        nodes.push(svg("line", { class: "anatomy-axis", x1: x, x2: x, y1: y - 3, y2: foot }));
        if (labelled) nodes.push(svg("text", { class: "anatomy-tick", x, y: foot + 13 }, write(tick)));
      }
    });
    this.ticks.replaceChildren(...nodes);
  }

  drawSample(value, row, lane, values) {
    const finite = Number.isFinite(value);
    const x = finite ? this.x[lane](value) : -99;
    attributes(this.dot[lane][row], { cx: x, cy: this.dotY(lane, row) });
    this.dot[lane][row].firstChild.textContent = `sample ${row + 1}: ${asTyped(this.values[lane][row])}`;
    if (!lane) return;
    const above = values[lane - 1][row];
    const x1 = finite && Number.isFinite(above) ? this.x[lane - 1](above) : x;
    attributes(this.thread[lane][row], { x1, y1: this.dotY(lane - 1, row), x2: x, y2: this.dotY(lane, row) });
  }

  drawMarks(at) {
    this.marks.forEach(({ lane, kind, label, tall }, index) => {
      const value = at[index];
      const [low, high] = this.line(lane).domain;
      const seen = Number.isFinite(value) && value >= low && value <= high;
      this.mark[index].style.display = this.markText[index].style.display = seen ? "" : "none";
      if (!seen) return;
      const x = this.x[lane](value);
      const y = this.y(lane);
      attributes(this.mark[index], {
        x1: x,
        x2: x,
        y1: y - (kind === "mean" ? 20 : 15),
        y2: tall ? this.height - BOTTOM : y + 15,
      });
      const anchor = x < LEFT + 40 ? "start" : x > this.width - 60 ? "end" : "middle";
      const up = kind === "bound" ? 30 : kind === "mean" ? -23 : -17;
      attributes(this.markText[index], { x, y: y + up, "text-anchor": anchor });
      this.markText[index].textContent = this.texts[index] ?? label;
    });
  }

  /** The sample that is looked at carries its value on every line. */
  look(row) {
    // The last one lies on top.
    if (row !== this.looked) {
      this.threads.append(...this.thread.map((all) => all[row]).filter(Boolean));
      this.dots.append(...this.dot.map((all) => all[row]));
    }
    this.looked = row;
    if (!this.drawn) return;
    this.tag.forEach((tag, lane) => {
      const value = this.drawn.values[lane][row];
      if (!Number.isFinite(value) || this.bars || this.lanes.length === 1) return tag.replaceChildren();
      const x = this.x[lane](value);
      const left = x > this.width - 70;
      attributes(tag, {
        x: left ? x - 10 : x + 10,
        y: this.dotY(lane, row) - 9,
        "text-anchor": left ? "end" : "start",
      });
      tag.textContent = writer(this.line(lane).domain)(this.values[lane][row]);
    });
  }

  dispose() {
    cancelAnimationFrame(this.frame);
    this.unwatch();
  }
}

const spread = ([low, high]) => high - low;

function attributes(node, values) {
  for (const [name, value] of Object.entries(values)) {
    node.setAttribute(name, typeof value === "number" ? Math.round(value * 10) / 10 : value);
  }
}
