// The cells of a figure by keyboard: Tab reaches it, arrow keys go from cell to cell, Enter picks the one that is marked.

import { el, setText } from "./dom.js";

const MOVES = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
// Written into the elements: a stylesheet would have to be awaited before the first figure is shown.
const UNSEEN =
  "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap";
const RING =
  "position: absolute; box-sizing: border-box; pointer-events: none; border: 3px dashed #000; box-shadow: 0 0 0 2px #fff, inset 0 0 0 2px #fff";
const HOW = "Arrow keys go from square to square, Enter picks one.";

export class Cells {
  constructor(figure) {
    this.figure = figure;
    this.place = null;
    this.said = el("div", { class: "bnviz-cell-said", style: UNSEEN, "aria-live": "polite" });
    this.mark = el("div", { class: "bnviz-cell-mark", style: RING, hidden: true, "aria-hidden": "true" });
    figure.root.style.position = "relative";
    figure.root.append(this.mark, this.said);
    figure.root.addEventListener("keydown", (event) => this.press(event));
    figure.root.addEventListener("focus", () => figure.root.matches(":focus-visible") && this.go([0, 0]));
    figure.root.addEventListener("blur", () => this.leave());
  }

  /** Whether there is anything to pick: then the figure is no picture but something to work with. */
  offer(picks) {
    const { root } = this.figure;
    root.setAttribute("role", picks ? "application" : "img");
    if (!picks) return;
    root.tabIndex = 0;
    root.setAttribute("aria-label", `${root.getAttribute("aria-label")} ${HOW}`);
  }

  get trace() {
    return this.figure.plot.data?.find(({ name }) => name === "cells");
  }

  press(event) {
    const move = MOVES[event.key];
    if (!this.trace || event.altKey || event.ctrlKey || event.metaKey || event.target !== this.figure.root) return;
    if (move) this.go(move);
    else if (event.key === "Enter" || event.key === " ") this.figure.pick(this.place ?? [0, 0]);
    else return;
    event.preventDefault();
  }

  /** Mark the cell that lies so many rows and columns from the marked one, and say what it holds. */
  go([up, right]) {
    const { trace } = this;
    if (!trace) return;
    const [rows, columns] = [trace.text.length, trace.text[0].length];
    const [row, column] = this.place ?? [0, 0];
    this.place = [Math.min(Math.max(row + up, 0), rows - 1), Math.min(Math.max(column + right, 0), columns - 1)];
    this.show();
    setText(this.said, trace.text[this.place[0]][this.place[1]].replaceAll("&lt;", "<").replaceAll("&amp;", "&"));
  }

  /** Draw the mark where the cell is now: the figure may have been drawn anew, or wider. */
  show() {
    const layout = this.figure.plot._fullLayout;
    const { trace, place } = this;
    if (!trace || !place || document.activeElement !== this.figure.root) return;
    const ends = (axis, edges, at) => [edges[at], edges[at + 1]].map((edge) => axis.d2p(edge) + axis._offset);
    const [left, right] = ends(layout.xaxis, trace.x, place[1]);
    const [bottom, top] = ends(layout.yaxis, trace.y, place[0]);
    Object.assign(this.mark.style, { left: `${left}px`, top: `${top}px` });
    Object.assign(this.mark.style, { width: `${right - left}px`, height: `${bottom - top}px` });
    this.mark.hidden = false;
    const centre = (axis, one, other) => axis.p2c((one + other) / 2 - axis._offset);
    const at = { xval: centre(layout.xaxis, left, right), yval: centre(layout.yaxis, bottom, top) };
    window.Plotly.Fx.hover(this.figure.plot, at, "xy");
  }

  leave() {
    this.mark.hidden = true;
    if (this.trace) window.Plotly.Fx.unhover(this.figure.plot);
  }
}
