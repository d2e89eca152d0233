// Small helpers that build and move elements. No state.

/** Create an element: el("button", {class: "x", "data-bnviz": "play", on: {click}}, "text", child). */
export const el = (tag, properties, ...children) => furnish(document.createElement(tag), properties, children);

const NAMESPACE = "http://www.w3.org/2000/svg";

/** svg("circle", {cx: 1, on: {click}}, child): as el(), for SVG. */
export const svg = (tag, properties, ...children) =>
  furnish(document.createElementNS(NAMESPACE, tag), properties, children);

function furnish(node, properties = {}, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else if (name in PROPERTIES) node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const PROPERTIES = { value: 1, checked: 1, disabled: 1, hidden: 1 };

/** Write text only when it differs: a text node is not touched sixty times a second for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  const text = String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

/** Give an input its value only when it differs: a caret stays where it is. */
export function write(input, value) {
  if (input.value !== value) input.value = value;
}
