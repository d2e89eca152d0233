// One batch of values with two rulers laid on it: normalising is reading the same place on another ruler.

import { roundStep, roundTicks } from "../axes.js";
import { el, svg } from "../dom.js";
import { asTyped } from "./fields.js";
import { fixed, onWidth, short } from "./pieces.js";

const HEIGHT = 218;
const EDGE = 14;
const ROWS = { values: 42, train: 118, eval: 194 };

export class Rulers {
  constructor() {
    this.picture = svg("svg", { class: "bnviz-rulers", height: HEIGHT, role: "img" });
    this.node = el("div", { class: "bnviz-rulers-host", "data-bnviz": "rulers" }, this.picture);
    this.stop = onWidth(this.node, (width) => {
      this.width = width;
      this.draw();
    });
  }

  /** `view`: {batch (without the sample), sample, range, train: {mean, std, output}, eval: {...}, step} */
  set(view) {
    this.view = view;
    this.draw();
  }

  place(value) {
    const [low, high] = this.view.range;
    return EDGE + ((value - low) / (high - low)) * (this.width - 2 * EDGE);
  }

  draw() {
    const { view, width } = this;
    if (!view || !width) return;
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.picture.setAttribute("width", width);
    this.picture.setAttribute(
      "aria-label",
      `At step ${view.step} x = ${asTyped(view.sample)} reads ${fixed(view.train.output)} on the ruler of its batch ` +
        `and ${fixed(view.eval.output)} on the ruler of the running statistics.`,
    );
    const x = Math.min(width - 3, Math.max(3, this.place(view.sample)));
    this.picture.replaceChildren(
      svg("line", { class: "bnviz-plumb", x1: x, x2: x, y1: ROWS.values - 12, y2: ROWS.eval + 4 }),
      ...this.values(),
      ...this.ruler(
        "train",
        width < 560 ? "Train: batch with x," : "Train: 0 is the mean of the batch with x in place of one value,",
        width,
      ),
      ...this.ruler("eval", width < 560 ? "Eval: running" : "Eval: 0 is the running mean,", width),
      this.diamond(x, ROWS.values),
      this.tag(x, ROWS.values - 24, `x = ${asTyped(view.sample)}`, "is-sample"),
      this.tag(x, ROWS.train - 15, fixed(view.train.output), "is-train"),
      this.tag(x, ROWS.eval - 15, fixed(view.eval.output), "is-eval"),
    );
  }

  /** The batch itself, on the axis of the values. */
  values() {
    const { batch, range } = this.view;
    const y = ROWS.values;
    const [low, high] = range;
    const parts = [svg("line", { class: "bnviz-rail", x1: 0, x2: this.width, y1: y, y2: y })];
    for (const at of roundTicks(low, high, this.width / 90)) {
      const x = this.place(at);
      if (x < 10 || x > this.width - 10) continue;
      parts.push(svg("text", { class: "bnviz-rail-text", x, y: y + 20, "text-anchor": "middle" }, short(at)));
    }
    batch.forEach((value) => {
      const clipped = value < low || value > high;
      const x = Math.min(this.width - 5, Math.max(5, this.place(value)));
      const shape = clipped
        ? svg("path", { class: "bnviz-dot is-far", d: triangle(x, y, value > high ? 1 : -1) })
        : svg("circle", { class: "bnviz-dot", cx: x, cy: y, r: batch.length > 100 ? 3.2 : 4.2 });
      shape.append(svg("title", {}, `a value of the batch: ${short(value)}`));
      parts.push(shape);
    });
    return parts;
  }

  ruler(mode, name, width) {
    const { mean, std } = this.view[mode];
    const y = ROWS[mode];
    const unit = (std / (this.view.range[1] - this.view.range[0])) * (width - 2 * EDGE);
    const words =
      width < 560
        ? `${name} mean ${short(mean)}, deviation ${short(std)}`
        : `${name} ${short(mean)}; one unit is the deviation, ${short(std)}`;
    const parts = [
      svg("text", { class: `bnviz-ruler-name is-${mode}`, x: 0, y: y - 32 }, words),
      svg("line", { class: `bnviz-ruler is-${mode}`, x1: 0, x2: width, y1: y, y2: y }),
    ];
    if (!(unit > 0) || !Number.isFinite(unit)) return parts;
    const step = Math.max(1, roundStep(46 / unit, 1));
    const zero = this.place(mean);
    const first = Math.ceil((4 - zero) / unit / step);
    const last = Math.floor((width - 4 - zero) / unit / step);
    for (let tick = first; tick <= last; tick += 1) {
      const x = zero + tick * step * unit;
      parts.push(
        svg("line", { class: `bnviz-ruler is-tick is-${mode}`, x1: x, x2: x, y1: y - (tick ? 5 : 9), y2: y + 3 }),
      );
      if (x > 9 && x < width - 9)
        parts.push(
          svg(
            "text",
            { class: `bnviz-rail-text${tick ? "" : " is-zero"}`, x, y: y + 16, "text-anchor": "middle" },
            short(tick * step),
          ),
        );
    }
    return parts;
  }

  diamond(x, y) {
    return svg("path", { class: "bnviz-sample", d: `M${x} ${y - 8}l8 8l-8 8l-8 -8z` });
  }

  /** A number on a ground of its own, kept inside the picture. */
  tag(x, y, text, kind) {
    const width = 14 + 7.2 * text.length;
    const left = Math.min(this.width - width - 1, Math.max(1, x - width / 2));
    return svg(
      "g",
      { class: `bnviz-tag ${kind}` },
      svg("rect", { x: left, y: y - 10, width, height: 20, rx: 5 }),
      svg("text", { x: left + width / 2, y: y + 4.5, "text-anchor": "middle" }, text),
    );
  }

  dispose() {
    this.stop();
  }
}

const triangle = (x, y, to) => `M${x + 4 * to} ${y}l${-8 * to} -5v10z`;
