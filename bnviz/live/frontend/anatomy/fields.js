// One number in a text field, and numbers that are highlighted when they change.

import { el, setAttribute, setText } from "../dom.js";
import { brief } from "../format.js";

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

/** The beginning of a number, such as "-" or "1e": nobody means that yet. */
export const unfinished = (text) => /^\s*[-+−]?(\d*\.?\d*e[-+−]?|\.?)\s*$/i.test(text);

/**
 * A text field for one number. `get()` is its last good value, `send(text)` tells of a new one, `pending()` is true
 * while what was typed is not taken over. Arrow keys change it by `step` where there is one; Escape puts it back.
 */
export function numberField(properties, { get, send, pending, revert, step, keys }) {
  const field = el("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    spellcheck: "false",
    ...properties,
  });
  let touched = false;
  const typed = (text) => {
    touched = true;
    send(text);
  };
  field.addEventListener("input", () => {
    touched = true;
    if (!unfinished(field.value)) send(field.value);
  });
  field.addEventListener("focus", () => {
    touched = pending();
    if (!touched) field.value = plain(get(), 15);
    field.select();
  });
  field.addEventListener("blur", () => {
    if (touched && unfinished(field.value)) send(field.value);
    touched = false;
    if (!pending()) show();
  });
  field.addEventListener("keydown", (event) => {
    if (keys?.(event, field)) return event.preventDefault();
    if (event.key === "Escape") {
      touched = false;
      revert();
      field.value = plain(get(), 15);
      field.select();
    }
    const direction = step && { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!direction || !Number.isFinite(Number(field.value))) return;
    event.preventDefault();
    field.value = plain(step(Number(field.value), direction));
    typed(field.value);
  });
  const show = () => {
    const text = plain(get());
    if (field.value !== text) field.value = text;
  };
  /** After an answer: what is being typed stays; a change from elsewhere is shown. */
  const update = (message) => {
    if (message) setAttribute(field, "aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    field.title = message ?? plain(get(), 15);
    const editing = document.activeElement === field && touched;
    if (!editing && !pending()) show();
    else if (editing && !pending() && !unfinished(field.value) && Number(field.value) !== get()) show();
  };
  return { node: field, update, show };
}
