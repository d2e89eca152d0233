// How arms are told apart without colours: by the dashes of their lines, on canvas, in Plotly and in swatches.

import { svg } from "./dom.js";
import { isModel } from "./names.js";

const PATTERNS = { dash: [6, 3], solid: [], dot: [2, 3], dashdot: [8, 3, 2, 3] };
/** In the lab the network with batch norm stands second and is solid; of recorded models, and of one alone, the first is. */
const LAB = ["dash", "solid", "dot", "dashdot"];
const FIRST_SOLID = ["solid", "dash", "dot", "dashdot"];

/** An arm's dash as Plotly names it. */
export const dashName = (meta, arm) => (isModel(meta) || meta.arms.length === 1 ? FIRST_SOLID : LAB)[arm % 4];

/** The same as a canvas takes it. */
export const dashOf = (meta, arm) => PATTERNS[dashName(meta, arm)];

/** A stroke sample in an arm's colour and dash, so that colour is never the only cue. */
export function swatch(meta, arm) {
  const dash = { "stroke-dasharray": dashOf(meta, arm).join(" "), style: `stroke: var(--bnviz-arm-${arm % 4})` };
  return svg(
    "svg",
    { class: "bnviz-swatch", viewBox: "0 0 30 8", "aria-hidden": "true" },
    svg("line", { x1: 1, x2: 29, y1: 4, y2: 4, "stroke-width": 3, ...dash }),
  );
}
