// One number in a text field, and numbers that are highlighted when they change.

import { el, setAttribute, setText } from "../dom.js";
import { brief, minus } from "../format.js";

const HIGHLIGHT = 900;
const timers = new WeakMap();
const written = new WeakMap();

/** Mark a node as changed for a moment. */
export function flash(node) {
  node.classList.add("is-changed");
  clearTimeout(timers.get(node));
  timers.set(
    node,
    setTimeout(() => node.classList.remove("is-changed"), HIGHLIGHT),
  );
}

/** Write a number; one that differs from the last one written there is highlighted. */
export function setNumber(node, value, format = brief) {
  const text = format(value);
  const before = written.get(node);
  written.set(node, text);
  setText(node, text);
  if (before !== undefined && before !== text) flash(node);
}

/** A number as one types it: at most `digits` significant digits, an ASCII minus. */
export function plain(value, digits = 6) {
  return typeof value === "number" ? String(Number(value.toPrecision(digits))) : String(value ?? "");
}

/** A number that somebody typed, in a sentence or a formula. */
export const asTyped = (value) => minus(plain(value));

/** What a text says as a number; NaN for none. */
export const numberOf = (text) => (String(text).trim() ? Number(String(text).replace("−", "-")) : NaN);

/** The beginning of a number, such as "-" or "1e": nobody means that yet. */
const unfinished = (text) => /^\s*[-+−]?(\d*\.?\d*e[-+−]?|\.?)\s*$/i.test(text);

export class NumberField {
  /**
   * `get()` is the last good value, `typed()` what was typed and is not taken over, else undefined; `send(text)` tells
   * of a new one, `revert()` takes it back. Arrow keys change it by `step(value, direction)`, where there is one.
   */
  constructor(properties, { digits = 6, ...source }) {
    Object.assign(this, source, { digits, touched: false });
    const on = {
      input: () => this.input(),
      focus: () => this.focus(),
      blur: () => this.blur(),
      keydown: (event) => this.key(event),
    };
    const kind = { type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false" };
    this.node = el("input", { ...kind, ...properties, on });
  }

  /** The last good value with all its digits. */
  get whole() {
    return plain(this.get(), 15);
  }

  input() {
    this.touched = true;
    if (!unfinished(this.node.value)) this.send(this.node.value);
  }

  focus() {
    this.touched = this.typed() !== undefined;
    this.node.value = plain(this.typed() ?? this.get(), 15);
    this.node.select();
  }

  /** What is in the middle of being written here, if anything: another field in its place can go on with it. */
  get writing() {
    const { value, selectionStart, selectionEnd } = this.node;
    return this.touched ? { value, selectionStart, selectionEnd } : null;
  }

  goOn(writing) {
    this.node.focus();
    if (!writing) return;
    this.touched = true;
    Object.assign(this.node, writing);
  }

  blur() {
    if (this.touched && unfinished(this.node.value)) this.send(this.node.value);
    this.touched = false;
    this.show();
  }

  key(event) {
    if (this.keys?.(event)) return event.preventDefault();
    if (event.key === "Escape") return this.putBack();
    const direction = this.step && { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const value = numberOf(this.node.value);
    if (!direction || !Number.isFinite(value)) return;
    event.preventDefault();
    this.node.value = plain(this.step(value, direction));
    this.input();
  }

  putBack() {
    this.touched = false;
    if (this.typed() !== undefined) this.revert();
    this.node.value = this.whole;
    this.node.select();
  }

  show() {
    const text = plain(this.typed() ?? this.get(), this.digits);
    if (this.node.value !== text) this.node.value = text;
  }

  /** After an answer: what is being typed stays; a change from elsewhere is shown. */
  update(message) {
    const { node } = this;
    if (message) setAttribute(node, "aria-invalid", "true");
    else node.removeAttribute("aria-invalid");
    node.title = message ?? this.whole;
    const editing = document.activeElement === node && this.touched;
    const own = this.typed() !== undefined || unfinished(node.value) || numberOf(node.value) === this.get();
    if (!editing || !own) this.show();
  }
}
