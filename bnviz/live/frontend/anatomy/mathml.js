// Formulas in MathML, which every current browser sets, from small words: row("y =", frac("1", "B"), "Σ x_i").

const NAMESPACE = "http://www.w3.org/1998/Math/MathML";
const OPERATOR = /^[−+=·×Σ∂∑()≤≈≠…,|√/⟨⟩]+$/;
const NUMBER = /^−?[\d.,∞–]+(e[+−]?\d+)?$/;

export function m(tag, properties = {}, ...children) {
  const node = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(properties)) node.setAttribute(name, value);
  node.append(...children.flatMap((child) => (typeof child === "string" ? words(child) : [child])));
  return node;
}

const leaf = (tag, text, properties = {}) => {
  const node = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(properties)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
};

function word(text) {
  const [base, index] = text.split("_");
  if (index !== undefined) return m("msub", {}, word(base), word(index));
  const [low, high] = text.split("^");
  if (high !== undefined) return m("msup", {}, word(low), word(high));
  if (base.endsWith("\u0302")) return m("mover", { accent: "true" }, leaf("mi", base[0]), leaf("mo", "^"));
  const [mantissa, exponent] = base.split(/e\+?(?=[−\d])/);
  if (exponent && NUMBER.test(base)) return scientific(Number(mantissa.replace("−", "-")), exponent);
  if (NUMBER.test(base)) return leaf("mn", base);
  if (OPERATOR.test(base)) return leaf("mo", base, /[()|]/.test(base) ? { stretchy: "false" } : {});
  return leaf("mi", base, base.length > 1 ? { mathvariant: "normal" } : {});
}

/** 1e−5 as 10 to the −5, 3.2e−6 as 3.2 · 10 to the −6. */
function scientific(mantissa, exponent) {
  const power = m("msup", {}, leaf("mn", "10"), leaf("mn", exponent));
  return mantissa === 1 ? power : m("mrow", {}, leaf("mn", String(mantissa).replace("-", "−")), leaf("mo", "·"), power);
}

const words = (text) => text.split(" ").filter(Boolean).map(word);

export const row = (...children) => m("mrow", {}, ...children);
export const frac = (over, under) => m("mfrac", {}, row(over), row(under));
export const root = (inside) => m("msqrt", {}, inside);
export const square = (inside) => m("msup", {}, row("(", inside, ")"), "2");
/** A formula in a line of text, with fractions at full size. */
export const math = (...children) => m("math", { displaystyle: "true" }, ...children);
