// Small parts that several sections share: SVG, numbers as text, key figures, strokes for legends.

import { el, setText } from "../dom.js";

const NAMESPACE = "http://www.w3.org/2000/svg";

/** svg("circle", {cx: 1, on: {click}}, child): as el(), for SVG. */
export function svg(tag, properties = {}, ...children) {
  const node = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Three significant digits, for labels inside pictures; a true minus sign. */
export function short(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-4 || size >= 1e6)
      ? value.toExponential(1).replace(".0e", "e")
      : String(+value.toPrecision(3));
  return text.replace(/-/g, "−").replace("e+", "e");
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

/** A line sample for a legend: `dash` as in SVG. */
export function stroke(className, dash = "", width = 2) {
  return svg(
    "svg",
    { class: `bnviz-stroke ${className}`, viewBox: "0 0 26 8", "aria-hidden": "true" },
    svg("line", { x1: 1, x2: 25, y1: 4, y2: 4, "stroke-width": width, "stroke-dasharray": dash || null }),
  );
}

/** A titled part of a section. */
export function part(title, ...children) {
  const head = title ? [el("h3", { class: "bnviz-part-title" }, title)] : [];
  return el("section", { class: "bnviz-part" }, ...head, ...children);
}

/** A round step that divides `span` into about `wanted` parts. */
export function roundStep(span, wanted) {
  const raw = span / Math.max(1, wanted);
  const ten = 10 ** Math.floor(Math.log10(raw));
  return ten * ([1, 2, 5].find((factor) => factor * ten >= raw) ?? 10);
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
