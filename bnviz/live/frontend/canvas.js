// A canvas that keeps its size, its device pixels and its reader's pointer; draws only when it is asked and seen.

import { el } from "./dom.js";

const TOUCH_STAYS = 2500;

export class CanvasChart {
  /** Subclasses give `paint(ctx, box)` and, for tooltips, `describe(x, y)` -> {title, rows: [[label, value]]} or null. */
  constructor(host, app, name) {
    this.app = app;
    this.host = host;
    this.canvas = el("canvas", { class: "bnviz-canvas", "data-bnviz": `canvas-${name}`, "aria-hidden": "true" });
    this.ctx = this.canvas.getContext("2d");
    this.pointer = null;
    this.dirty = true;
    host.append(this.canvas);
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(host);
    this.listen();
  }

  listen() {
    const follow = (event) => {
      clearTimeout(this.lifted);
      const box = this.canvas.getBoundingClientRect();
      this.pointer = { x: event.clientX - box.left, y: event.clientY - box.top };
      this.app.redraw(this);
    };
    this.canvas.addEventListener("pointermove", follow);
    this.canvas.addEventListener("pointerdown", follow);
    const leave = (event) => {
      clearTimeout(this.lifted);
      if (event?.pointerType === "touch") {
        this.lifted = setTimeout(leave, TOUCH_STAYS); // a lifted finger leaves the numbers to be read
        return;
      }
      this.pointer = null;
      this.app.tip.hide(this);
      this.app.redraw(this);
    };
    this.canvas.addEventListener("pointerleave", leave);
    this.canvas.addEventListener("pointercancel", leave);
  }

  resize() {
    const width = this.host.clientWidth;
    const height = this.host.clientHeight;
    const ratio = Math.min(window.devicePixelRatio || 1, 3);
    if (width === this.width && height === this.height && ratio === this.ratio) return;
    Object.assign(this, { width, height, ratio });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    if (width && height && this.app.store) this.draw();
  }

  draw() {
    this.dirty = false;
    if (!this.width || !this.height) return;
    if (this.ratio !== Math.min(window.devicePixelRatio || 1, 3)) this.resize();
    const { ctx } = this;
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ctx.clearRect(0, 0, this.width, this.height);
    ctx.setLineDash([]);
    ctx.globalAlpha = 1;
    this.paint(ctx, this.width, this.height);
    if (this.pointer) this.app.tip.show(this, this.describe?.(this.pointer.x, this.pointer.y), this.pointer);
  }

  /** A quiet sentence in the middle, where there is nothing to draw and a reason why. */
  say(ctx, text, box = { x: 0, y: 0, w: this.width, h: this.height }) {
    const { theme } = this.app;
    ctx.fillStyle = theme.muted;
    ctx.font = `12px ${theme.font}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    const words = text.split(" ");
    const lines = [""];
    for (const word of words) {
      const longer = `${lines[lines.length - 1]} ${word}`.trim();
      if (ctx.measureText(longer).width > box.w - 16 && lines[lines.length - 1]) lines.push(word);
      else lines[lines.length - 1] = longer;
    }
    lines.forEach((part, index) =>
      ctx.fillText(part, box.x + box.w / 2, box.y + box.h / 2 + (index - (lines.length - 1) / 2) * 15),
    );
  }

  dispose() {
    this.resizer.disconnect();
    clearTimeout(this.lifted);
    this.app.tip.hide(this);
  }
}

/** One tooltip for all charts, beside the pointer. */
export class Tip {
  constructor(root) {
    this.root = root;
    this.node = el("div", { class: "bnviz-tip", role: "presentation", hidden: true });
    root.append(this.node);
    this.owner = null;
  }

  show(owner, content, pointer) {
    if (!content) {
      this.hide(owner);
      return;
    }
    this.owner = owner;
    const rows = content.rows.map(([label, value, colour]) => {
      const name = el("span", { class: "bnviz-tip-name" }, label);
      if (colour) name.style.color = colour;
      return el("div", { class: "bnviz-tip-row" }, name, el("span", { class: "bnviz-tip-value" }, value));
    });
    this.node.replaceChildren(el("div", { class: "bnviz-tip-title" }, content.title), ...rows);
    this.node.hidden = false;
    this.place(owner.canvas.getBoundingClientRect(), pointer);
  }

  place(box, pointer) {
    const x = box.left + pointer.x;
    const y = box.top + pointer.y;
    const { offsetWidth: width, offsetHeight: height } = this.node;
    const left = x + 14 + width > window.innerWidth - 4 ? x - width - 14 : x + 14;
    const top = Math.min(Math.max(y - height / 2, 4), window.innerHeight - height - 4);
    this.node.style.transform = `translate(${Math.round(Math.max(4, left))}px, ${Math.round(top)}px)`;
  }

  hide(owner) {
    if (owner && owner !== this.owner) return;
    this.owner = null;
    this.node.hidden = true;
  }
}
