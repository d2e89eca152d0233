// A batch [N, C, H, W] as plates of small cubes, one plate a sample and channel; the cells of one group are lit.

import { el, svg } from "../dom.js";
import { onWidth } from "./pieces.js";

const NARROW = 620;
const LEAST_FOR_TEXT = 20;
const HEAD = 26;
/** How far a cube's faces keep from its neighbours', so that every cell is seen as one. */
const FILL = 0.9;

export class Cubes {
  /** `look(cell)` is called for the cell that is pointed at, or null when the pointer leaves; `pin(cell)` when chosen; `drawn(written)` tells whether the cells have room for text. */
  constructor({ look, pin, drawn }) {
    Object.assign(this, { look, pin, drawn, cells: [], stop: null, built: "" });
    this.picture = svg("svg", {
      class: "bnviz-cubes",
      role: "group",
      "aria-label": "The cells of the batch; arrow keys move",
    });
    this.node = el("div", { class: "bnviz-cubes-host", on: { pointerleave: () => look(null) } }, this.picture);
    this.node.addEventListener("pointerover", (event) => this.pointed(event, look));
    this.node.addEventListener("focusin", (event) => this.pointed(event, pin));
    this.node.addEventListener("click", (event) => this.pointed(event, pin));
    this.node.addEventListener("keydown", (event) => this.key(event));
    this.stop = onWidth(this.node, (width) => {
      this.width = width;
      this.build();
    });
  }

  /** `batch`: {shape, group}, `shown`: the texts on the cells, flat. */
  set(batch, shown) {
    Object.assign(this, { batch, shown });
    this.build();
  }

  pointed(event, then) {
    const cell = event.target.closest?.("[data-cell]");
    if (cell) then(Number(cell.dataset.cell));
  }

  build() {
    if (!this.batch || !this.width) return;
    const key = JSON.stringify([this.batch.shape, this.width]);
    if (key !== this.built) this.draw();
    this.built = key;
    this.cells.forEach(({ text, node, where }, cell) => {
      const value = this.shown[cell];
      if (text) text.textContent = value;
      node.setAttribute("aria-label", `${where}: ${value}`);
    });
    this.light();
  }

  draw() {
    const focused = this.cells.findIndex(({ node }) => node === document.activeElement);
    const plan = this.plan();
    const height = HEAD + plan.down * plan.rise + 4;
    this.cells = Array.from(this.batch.group, (_, cell) => this.cube(cell, plan));
    // Back to front within a plate; plates do not overlap.
    const order = [...this.cells.keys()].sort((a, b) => this.depth(a) - this.depth(b));
    this.picture.replaceChildren(...this.names(plan), ...order.map((cell) => this.cells[cell].node));
    this.drawn(plan.half >= LEAST_FOR_TEXT);
    this.picture.setAttribute("viewBox", `0 0 ${this.width} ${height}`);
    this.picture.setAttribute("width", this.width);
    this.picture.setAttribute("height", height);
    if (focused >= 0) this.cells[Math.min(focused, this.cells.length - 1)].node.focus({ preventScroll: true });
  }

  /** On a narrow page the channels go down and the samples across: the cells stay large enough to touch. */
  plan() {
    const [N, C, H, W] = this.batch.shape;
    const turned = this.width < NARROW;
    const [across, down] = turned ? [N, C] : [C, N];
    const gutter = turned ? 30 : 74;
    const pitch = (this.width - gutter) / across;
    const half = Math.min(H > 1 ? 30 : 36, (0.94 * pitch) / (H + W));
    const edge = half / 0.866;
    const thick = 0.45 * edge;
    return { turned, across, down, gutter, pitch, half, edge, thick, rise: (H + W) * (edge / 2) + thick + 16 };
  }

  /** What the columns and rows of plates are. */
  names({ turned, across, down, gutter, pitch, rise }) {
    const text = (where, words) => svg("text", { class: "bnviz-rail-text", ...where }, words);
    const column = (i) => (!turned ? `channel ${i}` : pitch < 60 ? `n = ${i}` : `sample ${i}`);
    return [
      ...Array.from({ length: across }, (_, i) =>
        text({ x: gutter + (i + 0.5) * pitch, y: 14, "text-anchor": "middle" }, column(i + 1)),
      ),
      ...Array.from({ length: down }, (_, j) =>
        text({ x: 0, y: HEAD + (j + 0.5) * rise + 4 }, turned ? `ch ${j + 1}` : `sample ${j + 1}`),
      ),
    ];
  }

  depth(cell) {
    const [, , h, w] = this.indices(cell);
    return h + w;
  }

  indices(cell) {
    const [, C, H, W] = this.batch.shape;
    return [Math.floor(cell / (C * H * W)), Math.floor(cell / (H * W)) % C, Math.floor(cell / W) % H, cell % W];
  }

  /** One cell: a top and two sides, each of its own shade. */
  cube(cell, plan) {
    const [, , H, W] = this.batch.shape;
    const [n, c, h, w] = this.indices(cell);
    const { turned, gutter, pitch, half, edge, rise } = plan;
    const [column, row] = turned ? [n, c] : [c, n];
    const x = gutter + (column + 0.5) * pitch + (w - h + (H - W) / 2) * half;
    const y = HEAD + row * rise + 8 + (w + h + 1) * (edge / 2);
    const text =
      half >= LEAST_FOR_TEXT ? svg("text", { class: "bnviz-cube-text", x, y: y + 4, "text-anchor": "middle" }) : null;
    const name = { "data-cell": cell, "data-bnviz": `cell3-${n}-${c}-${h}-${w}` };
    const node = svg("g", { class: "bnviz-cube", role: "button", tabindex: -1, ...name }, ...faces(x, y, plan), text);
    return { node, text, where: `sample ${n + 1}, channel ${c + 1}${H > 1 ? `, row ${h + 1}, column ${w + 1}` : ""}` };
  }

  /** Light the group of a cell; one cell is the tab stop. */
  light(cell = this.lit) {
    this.lit = cell;
    if (!this.cells.length || !(cell in this.cells)) return;
    const { group } = this.batch;
    this.cells.forEach(({ node }, other) => {
      node.classList.toggle("is-lit", group[other] === group[cell]);
      node.classList.toggle("is-self", other === cell);
    });
  }

  stopAt(cell) {
    this.cells.forEach(({ node }, other) => node.setAttribute("tabindex", other === cell ? 0 : -1));
  }

  /** Left and right along the columns, on into the next channel; up and down along the rows, on into the next sample. */
  key(event) {
    const at = Number(event.target.closest?.("[data-cell]")?.dataset.cell);
    if (!Number.isInteger(at)) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return this.pin(at);
    }
    const move = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (!move) return;
    event.preventDefault();
    const [N, C, H, W] = this.batch.shape;
    const [n, c, h, w] = this.indices(at);
    const across = Math.min(C * W - 1, Math.max(0, c * W + w + move[1]));
    const down = Math.min(N * H - 1, Math.max(0, n * H + h + move[0]));
    const next = ((Math.floor(down / H) * C + Math.floor(across / W)) * H + (down % H)) * W + (across % W);
    this.cells[next].node.focus({ preventScroll: false });
  }

  dispose() {
    this.stop();
  }
}

function faces(x, y, { half, edge, thick }) {
  const a = half * FILL;
  const b = (edge / 2) * FILL;
  const face = (name, ...corners) =>
    svg("polygon", {
      class: `bnviz-face is-${name}`,
      points: corners.map(([right, down]) => `${(x + right).toFixed(1)},${(y + down).toFixed(1)}`).join(" "),
    });
  return [
    face("left", [-a, 0], [0, b], [0, b + thick], [-a, thick]),
    face("right", [a, 0], [0, b], [0, b + thick], [a, thick]),
    face("top", [0, -b], [a, 0], [0, b], [-a, 0]),
  ];
}
