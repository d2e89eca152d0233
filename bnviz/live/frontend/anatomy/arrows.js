// dx of each sample as three arrows, head to tail: straight, through the mean, through the variance.

import { roundTicks } from "../axes.js";
import { svg } from "../dom.js";
import { onWidth, short } from "./pieces.js";
import { domainOf, place } from "./scales.js";

export const WAYS = [
  { name: "direct", title: "straight" },
  { name: "through_mean", title: "through the mean" },
  { name: "through_variance", title: "through the variance" },
];
const LEFT = 34;
const RIGHT = 64;
const TOP = 22;
const LEVEL = 8;

/** An arrow from x1 to x2 at height y, as a path; a short one is all head. */
function arrow(x1, x2, y) {
  const way = Math.sign(x2 - x1) || 1;
  const head = Math.min(6, Math.abs(x2 - x1));
  return { shaft: `M${x1},${y}H${x2 - way * head}`, head: `M${x2},${y}l${-way * head},-3.6v7.2z` };
}

/** A sample of a way's arrow, for the legend. */
export function waySample({ name }) {
  const { shaft, head } = arrow(1, 33, 6);
  return svg(
    "svg",
    { class: `anatomy-way is-${name}`, viewBox: "0 0 36 12", width: 36, height: 12, "aria-hidden": "true" },
    svg("path", { class: "anatomy-shaft", d: shaft }),
    svg("path", { class: "anatomy-tip", d: head }),
  );
}

export class Arrows {
  constructor() {
    this.axis = svg("g", { class: "anatomy-ticks" });
    this.rows = svg("g");
    this.node = svg(
      "svg",
      { class: "anatomy-strip", role: "img", "aria-label": "The gradient of each sample as the sum of three arrows" },
      this.axis,
      this.rows,
    );
    this.unwatch = onWidth(this.node, (width) => {
      this.width = width;
      if (this.terms) this.draw();
    });
  }

  /** `terms`: {direct, through_mean, through_variance}, each [B]; `dx`: [B] */
  update(terms, dx) {
    if (dx.length !== this.dx?.length) this.domain = undefined;
    Object.assign(this, { terms, dx });
    const reach = dx.flatMap((_, row) => {
      const first = terms.direct[row];
      const second = first + terms.through_mean[row];
      return [first, second, second + terms.through_variance[row]];
    });
    this.domain = domainOf([0, ...reach], this.domain);
    if (this.width) this.draw();
  }

  draw() {
    const { dx, terms, width } = this;
    const pitch = dx.length > 12 ? 32 : 38;
    const bottom = TOP + dx.length * pitch;
    this.node.setAttribute("height", bottom + 4);
    const x = place(this.domain, LEFT + 8, width - RIGHT - 8);
    const ticks = roundTicks(...this.domain, (width - LEFT - RIGHT) / 80);
    this.axis.replaceChildren(
      ...ticks.flatMap((tick) => [
        svg("line", {
          class: tick ? "anatomy-grid" : "anatomy-zero",
          x1: x(tick),
          x2: x(tick),
          y1: TOP - 4,
          y2: bottom,
        }),
        svg("text", { class: "anatomy-tick", x: x(tick), y: 12 }, short(tick)),
      ]),
      svg("text", { class: "anatomy-tick", x: width - RIGHT / 2 + 6, y: 12 }, "dx"),
    );
    this.rows.replaceChildren(...dx.map((value, row) => this.row(value, row, terms, x, TOP + row * pitch + 7)));
  }

  row(value, row, terms, x, top) {
    let at = 0;
    const parts = WAYS.map(({ name, title }, level) => {
      const from = at;
      at += terms[name][row];
      const y = top + level * LEVEL;
      const { shaft, head } = arrow(x(from), x(at), y);
      const seen = Math.abs(x(at) - x(from)) > 0.4;
      return svg(
        "g",
        { class: `anatomy-way is-${name}` },
        svg("title", {}, `sample ${row + 1}, ${title}: ${short(terms[name][row])}`),
        seen ? svg("path", { class: "anatomy-shaft", d: shaft }) : null,
        seen
          ? svg("path", { class: "anatomy-tip", d: head })
          : svg("circle", { class: "anatomy-tip", cx: x(at), cy: y, r: 1.8 }),
        level < 2 ? svg("path", { class: "anatomy-joint", d: `M${x(at)},${y}v${LEVEL}` }) : null,
      );
    });
    return svg(
      "g",
      { class: "anatomy-arrows", "data-sample": row },
      svg("rect", { class: "anatomy-hit", x: 0, y: top - 7, width: this.width, height: 3 * LEVEL + 8 }),
      svg("text", { class: "anatomy-sample", x: 4, y: top + LEVEL + 4 }, String(row + 1)),
      ...parts,
      svg("path", { class: "anatomy-end", d: `M${x(at)},${top - 4}V${top + 2 * LEVEL + 5}` }),
      svg(
        "text",
        { class: "anatomy-dx", x: this.width - 4, y: top + LEVEL + 4, "data-bnviz": `number-dx-${row}` },
        short(value),
      ),
    );
  }

  dispose() {
    this.unwatch();
  }
}
