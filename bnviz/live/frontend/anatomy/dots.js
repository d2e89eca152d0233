// Rows of dots on one axis: the same samples under several versions, a row each, or two versions in one row.

import { roundTicks } from "../axes.js";
import { el, svg } from "../dom.js";
import { onWidth, short } from "./pieces.js";

const LETTER = 6.3;
const AXIS = 22;
/** With more samples than this the marks are smaller. */
const FEW = 14;

/** Filled dot, ring, diamond: told apart without colour. A ring around a dot: both agree. */
const SHAPES = {
  right: (x, y, size) => svg("circle", { cx: x, cy: y, r: 4 * size }),
  wrong: (x, y, size) => svg("circle", { cx: x, cy: y, r: 6.5 * size, "stroke-width": 2 * size }),
  eval: (x, y, size) =>
    svg("path", {
      d: `M${x} ${y - 6 * size}l${6 * size} ${6 * size}l${-6 * size} ${6 * size}l${-6 * size} ${-6 * size}z`,
    }),
};

export class DotRows {
  /** `height` of a row; `links` joins a sample's dots from row to row. */
  constructor({ name, height = 28, links = false }) {
    Object.assign(this, { height, links });
    this.picture = svg("svg", { class: "bnviz-rows", role: "img" });
    this.node = el("div", { class: "bnviz-rows-host", "data-bnviz": `rows-${name}` }, this.picture);
    this.stop = onWidth(this.node, (width) => {
      this.width = width;
      this.draw();
    });
  }

  /** `view`: {label, range, axis, rows: [{name, note, sets: [{kind, values}]}]} */
  set(view) {
    this.view = view;
    this.draw();
  }

  draw() {
    const { view, width } = this;
    if (!view || !width) return;
    const room = (texts) => Math.max(0, ...texts.map((text) => text?.length ?? 0)) * LETTER;
    this.left = room(view.rows.map(({ name }) => name)) + 16;
    this.right = Math.max(room(view.rows.map(({ note }) => note)), 4) + 12;
    this.size = view.rows[0].sets[0].values.length > FEW ? 0.62 : 1;
    const bottom = view.rows.length * this.height;
    this.picture.setAttribute("viewBox", `0 0 ${width} ${bottom + AXIS + (view.axis ? 14 : 0)}`);
    this.picture.setAttribute("width", width);
    this.picture.setAttribute("height", bottom + AXIS + (view.axis ? 14 : 0));
    this.picture.setAttribute("aria-label", view.label);
    this.picture.replaceChildren(
      ...this.axis(bottom),
      ...(this.links ? this.joints() : []),
      ...view.rows.flatMap((row, index) => this.row(row, this.height * (index + 0.5))),
    );
  }

  place(value) {
    const [low, high] = this.view.range;
    const x = this.left + ((value - low) / (high - low)) * (this.width - this.left - this.right);
    return Math.min(this.width - this.right + 4, Math.max(this.left - 4, x));
  }

  axis(bottom) {
    const { range, axis } = this.view;
    const parts = roundTicks(...range, (this.width - this.left - this.right) / 48).flatMap((at) => {
      const x = this.place(at);
      return [
        svg("line", { class: `bnviz-rows-grid${at ? "" : " is-zero"}`, x1: x, x2: x, y1: 3, y2: bottom }),
        svg("text", { class: "bnviz-rail-text", x, y: bottom + 15, "text-anchor": "middle" }, short(at)),
      ];
    });
    const middle = (this.left + this.width - this.right) / 2;
    if (axis)
      parts.push(svg("text", { class: "bnviz-rail-text", x: middle, y: bottom + 31, "text-anchor": "middle" }, axis));
    return parts;
  }

  row({ name, note, sets }, y) {
    return [
      svg("line", { class: "bnviz-rail", x1: this.left, x2: this.width - this.right, y1: y, y2: y }),
      svg("text", { class: "bnviz-row-name", x: 0, y: y + 4 }, name),
      ...sets.flatMap(({ kind, values }) =>
        values.map((value, sample) => this.dot(kind, value, sample, values.length, y)),
      ),
      note ? svg("text", { class: "bnviz-row-note", x: this.width, y: y + 4, "text-anchor": "end" }, note) : null,
    ].filter(Boolean);
  }

  dot(kind, value, sample, samples, y) {
    const [low, high] = this.view.range;
    const x = this.place(value);
    const lost = !Number.isFinite(value);
    const beyond = value > high ? 1 : value < low ? -1 : 0;
    // A value that is no number has no place: such samples stand side by side over the whole width.
    const aside = this.left + ((sample + 0.5) / samples) * (this.width - this.left - this.right);
    const mark = lost
      ? svg("path", { d: `M${aside - 5} ${y - 5}l10 10m0 -10l-10 10` })
      : beyond
        ? svg("path", { d: `M${x + 6 * beyond} ${y}l${-11 * beyond} -6v12z` })
        : SHAPES[kind](x, y, this.size);
    mark.setAttribute("class", `bnviz-mark is-${kind}${lost ? " is-lost" : ""}`);
    mark.dataset.sample = sample;
    mark.append(svg("title", {}, `sample ${sample + 1}: ${short(value)}`));
    return mark;
  }

  inside(value) {
    const [low, high] = this.view.range;
    return value >= low && value <= high;
  }

  joints() {
    const { rows } = this.view;
    return rows
      .slice(1)
      .flatMap((row, index) => {
        const before = rows[index].sets[0].values;
        return row.sets[0].values.map((value, sample) =>
          this.inside(value) && this.inside(before[sample])
            ? svg("line", {
                class: "bnviz-joint",
                "data-sample": sample,
                x1: this.place(before[sample]),
                x2: this.place(value),
                y1: this.height * (index + 0.5),
                y2: this.height * (index + 1.5),
              })
            : null,
        );
      })
      .filter(Boolean);
  }

  dispose() {
    this.stop();
  }
}

/** The range of some values with air around; never empty. */
export function rangeOf(values, least = 0) {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite, Infinity);
  const high = Math.max(...finite, -Infinity);
  if (!finite.length) return [-1, 1];
  const half = Math.max((high - low) / 2, least, 1e-9 * Math.max(1, Math.abs(low)));
  const middle = (low + high) / 2;
  return [middle - 1.12 * half, middle + 1.12 * half];
}
