// The layer as a graph: values flow to the right, gradients back. A node opens its whole table.

import { el, setAttribute, setText, svg } from "../dom.js";
import { brief } from "../format.js";
import { asTyped, setNumber } from "./fields.js";
import { EDGES, NODES, TALL, WIDE } from "./nodes.js";
import { column, onWidth, short } from "./pieces.js";

const NARROW = 640;
const BOX = 56;
const PITCH = { wide: 112, tall: 84 };

/** All samples of a channel in brief: the only number, or from … to. */
function range(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return values.length === 1 || low === high ? short(low) : `${short(low)} … ${short(high)}`;
}

const ofChannel = (kind, numbers, channel) => (kind === "row" ? [numbers[channel]] : column(numbers, channel));

export class Graph {
  constructor(app) {
    this.app = app;
    this.edges = EDGES.map(([from, to]) => ({ from, to, path: svg("path", { class: "anatomy-edge" }) }));
    this.boxes = Object.fromEntries(Object.keys(NODES).map((name) => [name, this.box(name)]));
    this.picture = svg(
      "svg",
      { class: "anatomy-graph", role: "group", "aria-label": "The layer as a graph of ten nodes" },
      svg(
        "defs",
        {},
        svg(
          "marker",
          {
            id: "anatomy-arrow",
            viewBox: "0 0 8 8",
            refX: 7,
            refY: 4,
            markerWidth: 9,
            markerHeight: 9,
            markerUnits: "userSpaceOnUse",
            orient: "auto",
          },
          svg("path", { d: "M0,.6L7.5,4L0,7.4z", class: "anatomy-edge-tip" }),
        ),
      ),
      ...this.edges.map(({ path }) => path),
      ...Object.values(this.boxes).map(({ node }) => node),
    );
    this.detail = new Detail();
    this.node = el("div", { class: "anatomy-graph-body" }, el("div", {}, this.picture), this.detail.node);
    this.unwatch = onWidth(this.picture, (width) => this.layOut(width));
  }

  box(name) {
    const { symbol, title } = NODES[name];
    const open = () => {
      this.chosen(name);
      this.app.post.change({ node: name });
    };
    const parts = {
      rect: svg("rect", { rx: 9, height: BOX }),
      symbol: svg("text", { class: "anatomy-node-symbol", y: 19 }, symbol),
      value: svg("text", { class: "anatomy-node-value", y: 35 }),
      gradient: svg("text", { class: "anatomy-node-gradient", y: 49 }),
    };
    const node = svg(
      "g",
      {
        class: "anatomy-node",
        role: "button",
        tabindex: 0,
        "data-bnviz": `node-${name}`,
        on: {
          click: open,
          keydown: (event) => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            open();
          },
        },
      },
      svg("title", {}, title),
      ...Object.values(parts),
    );
    return { node, ...parts };
  }

  layOut(width) {
    const tall = width < NARROW;
    const plan = tall ? TALL : WIDE;
    const pitch = tall ? PITCH.tall : PITCH.wide;
    const across = tall ? width * 0.54 : width / plan.columns;
    const wide = tall ? width * 0.46 : Math.min(150, across * 0.95);
    this.picture.setAttribute("height", (tall ? 5.5 : 1) * pitch + BOX + 8);
    const spots = Object.fromEntries(
      Object.entries(plan.at).map(([name, [x, y]]) => [name, { x: x * across + 1, y: y * pitch + 3 }]),
    );
    for (const [name, { x, y }] of Object.entries(spots)) {
      const { node, rect, symbol, value, gradient } = this.boxes[name];
      node.setAttribute("transform", `translate(${x},${y})`);
      rect.setAttribute("width", wide);
      for (const text of [symbol, value, gradient]) text.setAttribute("x", wide / 2);
    }
    for (const { from, to, path } of this.edges) path.setAttribute("d", curve(spots[from], spots[to], wide));
  }

  chosen(name) {
    for (const [one, { node }] of Object.entries(this.boxes)) setAttribute(node, "aria-pressed", one === name);
    for (const { from, to, path } of this.edges) {
      path.classList.toggle("is-in", to === name);
      path.classList.toggle("is-out", from === name);
    }
  }

  update(state, nodes) {
    for (const [name, { node, value, gradient }] of Object.entries(this.boxes)) {
      const { kind } = nodes[name];
      const texts = [nodes[name].value, nodes[name].gradient].map((all) => range(ofChannel(kind, all, state.channel)));
      setText(value, texts[0]);
      setText(gradient, `∂ ${texts[1]}`);
      setAttribute(node, "aria-label", `${NODES[name].title}: value ${texts[0]}, gradient ${texts[1]}`);
    }
    this.chosen(this.app.post.draft.node);
    this.detail.update(state, state.node, nodes[state.node]);
  }

  dispose() {
    this.unwatch();
  }
}

/** From box to box: from side to side where they lie beside each other, else from foot to head. */
function curve(from, to, wide) {
  const middle = (spot) => spot.x + wide / 2;
  if (Math.abs(from.y - to.y) < BOX / 2) {
    const [start, end] = from.x < to.x ? [from.x + wide, to.x] : [from.x, to.x + wide];
    return `M${start},${from.y + BOX / 2}L${end},${to.y + BOX / 2}`;
  }
  const down = to.y > from.y;
  const overlap = Math.abs(from.x - to.x) < wide;
  const y1 = down ? from.y + BOX : from.y;
  const y2 = down ? to.y : to.y + BOX;
  if (overlap && Math.abs(from.y - to.y) >= BOX) {
    const lean = (middle(to) - middle(from)) * 0.25;
    const [x1, x2] = [middle(from) + lean, middle(to) - lean];
    return `M${x1},${y1}C${x1},${(y1 + y2) / 2} ${x2},${(y1 + y2) / 2} ${x2},${y2}`;
  }
  const right = to.x > from.x;
  const [x1, x2] = right ? [from.x + wide, to.x] : [from.x, to.x + wide];
  const bend = (x1 + x2) / 2;
  return `M${x1},${from.y + BOX / 2}C${bend},${from.y + BOX / 2} ${bend},${to.y + BOX / 2} ${x2},${to.y + BOX / 2}`;
}

/** The chosen node: its rules, and all numbers of its value and its gradient. */
class Detail {
  constructor() {
    this.title = el("h3");
    this.value = el("p", { class: "anatomy-formula" });
    this.gradient = el("p", { class: "anatomy-formula" });
    this.note = el("p", { class: "anatomy-note" });
    this.tables = { value: this.table("value"), gradient: this.table("gradient") };
    this.node = el(
      "section",
      { class: "anatomy-detail", "data-bnviz": "node-detail", "aria-label": "The chosen node" },
      this.title,
      el("div", { class: "anatomy-detail-half" }, el("h4", {}, "Value"), this.value, this.tables.value.node),
      el(
        "div",
        { class: "anatomy-detail-half" },
        el("h4", {}, "Gradient ∂ = dL/d…"),
        this.gradient,
        this.tables.gradient.node,
      ),
      this.note,
    );
  }

  table(name) {
    const body = el("tbody");
    const table = el("table", { "aria-label": `The node’s ${name}`, "data-bnviz": `node-${name}-table` }, body);
    const node = el("div", { class: "anatomy-table is-plain" }, table);
    return { node, body, cells: [] };
  }

  update(state, name, { value, gradient, kind }) {
    const { symbol, title, note, typed } = NODES[name];
    if (name !== this.name) {
      this.name = name;
      this.title.replaceChildren(el("span", { class: "anatomy-symbol" }, symbol), ` ${title}`);
      this.value.replaceChildren(NODES[name].value());
      this.gradient.replaceChildren(NODES[name].gradient());
      setText(this.note, note);
      this.shape = null;
    }
    const rows = (numbers) => (kind === "row" ? [numbers] : numbers);
    const write = (part) => (part === typed ? asTyped : brief);
    this.fill(this.tables.value, rows(value), kind, state.channel, write("value"));
    this.fill(this.tables.gradient, rows(gradient), kind, state.channel, write("gradient"));
  }

  fill(table, rows, kind, channel, write) {
    const shape = `${kind} ${rows.length} ${rows[0].length} ${this.name}`;
    if (table.shape !== shape) {
      table.shape = shape;
      table.cells = rows.map((row) => row.map(() => el("td")));
      table.body.replaceChildren(
        ...table.cells.map((cells, r) =>
          el(
            "tr",
            kind === "row" ? {} : { "data-sample": r },
            el("th", { scope: "row" }, kind === "row" ? "" : String(r + 1)),
            ...cells,
          ),
        ),
      );
    }
    rows.forEach((row, r) =>
      row.forEach((number, c) => {
        setNumber(table.cells[r][c], number, write);
        table.cells[r][c].classList.toggle("is-channel", c === channel);
      }),
    );
  }
}
