// A table of numbers, every cell an input: typing, arrow keys, Enter, pasting of a block. Samples down, channels across.

import { el, setAttribute, setText } from "../dom.js";
import { NumberField, asTyped, flash } from "./fields.js";
import { short } from "./pieces.js";

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** More than one number: it is meant for the table, not for the cell. */
const isBlock = (text) => /[\t\n]/.test(text.trim()) || text.trim().split(/[\s,;]+/).length > 1;

export class Table {
  /** `field`: batch or upstream; `prefix`: of the cells' data-bnviz; `footers`: [{name, label, title, typed}] rows below. */
  constructor(app, { field, prefix, label, footers = [] }) {
    Object.assign(this, { app, field, prefix, label, footers, cells: [], heads: [], footCells: [] });
    this.head = el("thead");
    this.body = el("tbody");
    this.foot = el("tfoot");
    this.node = el(
      "div",
      { class: "anatomy-table", tabindex: "-1", on: { paste: (event) => this.paste(event) } },
      el("table", { "aria-label": label }, this.head, this.body, this.foot),
    );
  }

  /** New rows and columns are built; what stays the same keeps its inputs, and the focus. */
  build(rows, columns) {
    const focused = this.cells.flat().find(({ node }) => node === document.activeElement);
    const writing = focused?.writing;
    this.buildHead(columns);
    this.cells = Array.from({ length: rows }, (_, r) => Array.from({ length: columns }, (_, c) => this.cell(r, c)));
    this.body.replaceChildren(
      ...this.cells.map((cells, r) =>
        el(
          "tr",
          { "data-sample": r },
          el("th", { scope: "row", title: `Sample ${r + 1}` }, String(r + 1)),
          ...cells.map((cell) => el("td", {}, cell.node)),
        ),
      ),
    );
    this.footCells = this.footers.map(() => Array.from({ length: columns }, () => el("td")));
    this.foot.replaceChildren(
      ...this.footers.map(({ name, label, title }, index) =>
        el("tr", { class: `is-${name}` }, el("th", { scope: "row", title }, label), ...this.footCells[index]),
      ),
    );
    if (focused) this.cells[Math.min(focused.row, rows - 1)][Math.min(focused.column, columns - 1)].goOn(writing);
  }

  buildHead(columns) {
    this.heads = Array.from({ length: columns }, (_, channel) =>
      el(
        "button",
        {
          type: "button",
          "data-bnviz": `${this.prefix}-head-${channel}`,
          "aria-label": `ch ${channel + 1}: look at this channel`,
          title: "Look at this channel",
          on: { click: () => this.app.lookAt(channel) },
        },
        `ch ${channel + 1}`,
      ),
    );
    const corner = el("th", { scope: "col" }, el("span", { class: "bnviz-hidden" }, "sample"));
    this.head.replaceChildren(el("tr", {}, corner, ...this.heads.map((head) => el("th", { scope: "col" }, head))));
  }

  cell(row, column) {
    const { app, field } = this;
    const place = [row, column];
    const properties = {
      class: "anatomy-cell",
      "data-bnviz": `${this.prefix}-${row}-${column}`,
      "aria-label": `${this.label}: sample ${row + 1}, channel ${column + 1}`,
    };
    const cell = new NumberField(properties, {
      get: () => app.state[field][row]?.[column],
      typed: () => app.post.typed(field, place),
      send: (text) => app.post.type(field, text, place),
      revert: () => app.post.revert(field, place),
      keys: (event) => this.key(event, cell.node, row, column),
    });
    return Object.assign(cell, { row, column });
  }

  key(event, input, row, column) {
    let move = MOVES[event.key];
    if (event.key === "Enter") move = [event.shiftKey ? -1 : 1, 0];
    if (!move || event.altKey || event.ctrlKey || event.metaKey) return false;
    const all = input.selectionStart === 0 && input.selectionEnd === input.value.length;
    if (event.key === "ArrowLeft" && !all && input.selectionEnd > 0) return false;
    if (event.key === "ArrowRight" && !all && input.selectionStart < input.value.length) return false;
    if (event.shiftKey && event.key !== "Enter") return false;
    const next = this.cells[row + move[0]]?.[column + move[1]];
    if (!next) return event.key === "Enter" || move[0] !== 0;
    next.node.focus();
    return true;
  }

  paste(event) {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (!isBlock(text)) return;
    event.preventDefault();
    this.app.post.command("paste", { field: this.field, text });
  }

  update(state, problems) {
    const rows = state[this.field];
    if (rows.length !== this.cells.length || rows[0].length !== this.heads.length) {
      this.build(rows.length, rows[0].length);
      this.values = rows;
    }
    const bad = problems.filter((problem) => problem.field === this.field);
    this.cells.forEach((cells, r) =>
      cells.forEach((cell, c) => {
        const problem = bad.find(({ row, column }) => row === r && column === c);
        // What was typed in this very cell explains it, or it is not about this cell.
        cell.update(cell.typed() === undefined ? undefined : problem?.message);
        if (rows[r][c] !== this.values[r]?.[c] && document.activeElement !== cell.node) flash(cell.node);
        cell.node.closest("td").classList.toggle("is-channel", c === state.channel);
      }),
    );
    this.values = rows;
    this.heads.forEach((head, c) => {
      setAttribute(head, "aria-pressed", c === state.channel);
      head.closest("th").classList.toggle("is-channel", c === state.channel);
    });
  }

  /** Footer rows: {name: [C]}; what is not known is not shown. */
  setFooters(values, channel) {
    this.footers.forEach(({ name, typed }, index) => {
      const row = this.footCells[index];
      row[0].parentElement.hidden = !values[name];
      row.forEach((cell, c) => {
        if (!values[name]) return;
        const text = (typed ? asTyped : short)(values[name][c]);
        if (cell.textContent && cell.textContent !== text) flash(cell);
        setText(cell, text);
        cell.title = String(values[name][c]);
        cell.classList.toggle("is-channel", c === channel);
      });
    });
  }
}
