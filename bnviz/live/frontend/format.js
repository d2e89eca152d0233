// Numbers as text: exact for readouts, short for ticks.

const SUBSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** The shortest decimal that a float32 reads back from exactly. */
export function exact(value) {
  if (value === undefined || Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "infinite" : "minus infinite";
  for (let digits = 1; digits <= 9; digits += 1) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === Math.fround(value)) return tidy(Number(text));
  }
  return tidy(value);
}

function tidy(number) {
  const magnitude = Math.abs(number);
  return magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e9) ? number.toExponential() : String(number);
}

/** So many significant digits, but never fewer than stand before the point. */
export const significant = (value, digits) =>
  String(Math.abs(value) >= 10 ** digits ? Math.round(value) : Number(value.toPrecision(digits)));

/** Four significant digits, for tooltips and summaries. */
export function brief(value) {
  if (value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e6)) return minus(value.toExponential(2));
  return minus(significant(value, 4));
}

export const minus = (text) => text.replace(/-/g, "−");

export function percent(share, digits = 1) {
  return Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : "–";
}

/** Tick labels: 1500 as 1.5k, 0.001 as 0.001, 1e-7 as 1e−7. */
export function tick(value) {
  const magnitude = Math.abs(value);
  if (magnitude === 0) return "0";
  if (magnitude >= 1e6) return minus(value.toExponential(0).replace("+", ""));
  if (magnitude >= 1000) return minus(`${Number((value / 1000).toPrecision(3))}k`);
  if (magnitude < 1e-3) return minus(value.toExponential(0));
  return minus(String(Number(value.toPrecision(3))));
}

/** A power of ten as 10⁻³. */
export function power(exponent) {
  const digits = String(Math.abs(exponent))
    .split("")
    .map((digit) => SUBSCRIPT[Number(digit)])
    .join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** Rates: three digits are enough. */
export function rate(value) {
  if (!Number.isFinite(value)) return "0";
  return value >= 100 ? String(Math.round(value)) : value >= 10 ? value.toFixed(0) : value.toFixed(1);
}

export const count = (number) => Math.round(number).toLocaleString("en-US").replace(/,/g, "\u2009");
