// The three points of a hidden layer where values are taken, in words that fit where the networks' norms stand.

import { isModel } from "./names.js";

const BEFORE = ["before norm", "after norm", "after activation"];
const AFTER = ["before activation", "after norm", "after activation"];
const MIXED = ["before norm and activation", "after norm", "after activation"];

const LINEAR = "z = Wx + b";
const BATCH = (value) =>
  `for batch norm γ (${value} − μ) / √(σ² + ε) + β, with μ and σ² of each unit over this batch; without a norm it is ${value}`;

/** "before" or "after" the activation where all networks agree, else "mixed". */
function position({ arms }) {
  const [first, ...others] = new Set(arms.map(({ config }) => config.norm_position));
  return others.length ? "mixed" : first;
}

/** The points' names, by their number on the wire. */
export const pointNames = (meta) =>
  isModel(meta) ? meta.arms[0].point_names : { before: BEFORE, after: AFTER, mixed: MIXED }[position(meta)];

/** Their numbers in the order in which a value passes them. */
export function pointOrder(meta) {
  if (isModel(meta)) return pointNames(meta).map((_, point) => point);
  return position(meta) === "after" ? [0, 2, 1] : [0, 1, 2];
}

/** The name of the chosen one, for axes and summaries. */
export const pointLabel = ({ meta, point }) =>
  isModel(meta) ? `value of the layer’s ${pointNames(meta)[point] ?? "output"}` : `value ${pointNames(meta)[point]}`;

/** How each value is made. */
export function pointFormula(meta) {
  if (isModel(meta))
    return "What the module gives, in train mode: at most 1,024 of its values at each record (older recordings: 2,048), drawn at random from all of them. Plain numbers without a unit.";
  const text = {
    before: `Before norm: ${LINEAR}. After norm: N(z); ${BATCH("z")}. After activation: φ of that.`,
    after: `Before activation: ${LINEAR}. After activation: φ(z). After norm: N(φ(z)); ${BATCH("φ(z)")}.`,
    mixed:
      `The networks differ in the order: ${LINEAR}, then N(z), then φ of that; or z, then φ(z), then N(φ(z)). ` +
      "N is the norm, for batch norm γ (x − μ) / √(σ² + ε) + β, with μ and σ² of each unit over this batch; without a norm it changes nothing.",
  }[position(meta)];
  return `${text} All are plain numbers without a unit.`;
}
