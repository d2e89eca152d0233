// Small parts that several sections share: numbers as text, key figures, titled parts.

import { el, setText } from "../dom.js";
import { minus, significant } from "../format.js";

/** A channel of a table [B][C]. */
export const column = (table, channel) => table.map((row) => row[channel]);

/** Three significant digits and the whole part, where room is scarce; a true minus sign. */
export function short(value, digits = 3) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-4 || size >= 1e6)
      ? value.toExponential(1).replace(".0e", "e")
      : significant(value, digits);
  return minus(text).replace("e+", "e");
}

/** Always so many decimals, so that a number that is turned does not jump about. */
export const fixed = (value, digits = 2) =>
  !Number.isFinite(value) || (Math.abs(value) >= 1e5 && digits > 0)
    ? short(value)
    : (Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value)
        .toFixed(Math.abs(value) >= 1000 ? Math.min(digits, 1) : digits)
        .replace("-", "−");

/** A key figure: a name, a big number, and what it means. */
export function figure(name, label) {
  const value = el("b", { class: "bnviz-figure-value", "data-bnviz": `number-${name}` });
  const note = el("span", { class: "bnviz-figure-note" });
  const node = el("div", { class: "bnviz-figure" }, el("span", { class: "bnviz-figure-label" }, label), value, note);
  return {
    node,
    set(text, explained = "") {
      setText(value, text);
      setText(note, explained);
    },
  };
}

/** A titled part of a section. */
export function part(title, ...children) {
  const head = title ? [el("h3", { class: "bnviz-part-title" }, title)] : [];
  return el("section", { class: "bnviz-part" }, ...head, ...children);
}

/** Call `then(width)` whenever the node's width in CSS pixels changes. */
export function onWidth(node, then) {
  let last = 0;
  const observer = new ResizeObserver(() => {
    const width = Math.round(node.clientWidth);
    if (!width || width === last) return;
    last = width;
    then(width);
  });
  observer.observe(node);
  return () => observer.disconnect();
}
