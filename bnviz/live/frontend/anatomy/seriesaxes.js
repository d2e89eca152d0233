// Ranges, ticks and marks of the line charts.

import { roundStep, roundTicks } from "../axes.js";
import { minus, power } from "../format.js";
import { short } from "./pieces.js";

/** A logarithmic axis with its powers of ten written out; `floor`: the power on which smaller values lie. */
export function decades(values, floor) {
  const logs = values.filter((value) => value > 0).map(Math.log10);
  const low = floor ?? Math.floor(Math.min(...logs, 0));
  const high = Math.ceil(Math.max(...logs, low + 1));
  const every = Math.ceil((high - low) / 6);
  const ticks = [];
  for (let at = Math.ceil(low / every) * every; at <= high; at += every) ticks.push(at);
  const air = 0.03 * (high - low);
  return {
    type: "log",
    range: [low - air, high + air],
    tickvals: ticks.map((at) => 10 ** at),
    ticktext: ticks.map((at) => (at === floor ? `≤${power(at)}` : at ? power(at) : "1")),
  };
}

/** A linear axis with its ticks written out, so that there is room for the longest. */
export function linear([low, high], wanted) {
  const step = roundStep(high - low, wanted);
  const ticks = roundTicks(low, high, wanted);
  const digits = Math.min(20, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const plain = step >= 1e-5 && high < 1e6 && low > -1e6;
  const text = (at) => (plain ? minus(at.toFixed(digits)) : short(at));
  return { range: [low, high], tickvals: ticks, ticktext: ticks.map(text) };
}

/** The horizontal axis: its range, its ticks if they are given, and what stands above the values that are pointed at. */
export const horizontal = ({ range, ticks, hover = "%{x}" }, width) => ({
  range,
  showgrid: false,
  showline: true,
  unifiedhovertitle: { text: hover },
  ...(ticks ?? { nticks: width < 340 ? 5 : 8 }),
});

/** All values, unless a few are so far out that nothing else would be seen. */
export function extent(values) {
  if (!values.length) return [0, 1];
  const all = [...values].sort((a, b) => a - b);
  const share = (q) => all[Math.round(q * (all.length - 1))];
  const usual = share(0.98) - share(0.02) || Math.abs(share(0.5)) || 1;
  const low = Math.max(all[0], share(0.02) - usual);
  const high = Math.min(all.at(-1), share(0.98) + usual);
  const air = 0.07 * (high - low || usual);
  return [low - air, high + air];
}

/** An upright line with its name, on the side where there is room. */
export function vertical({ x, text }, theme, [low, high]) {
  const late = x > low + 0.75 * (high - low);
  return {
    type: "line",
    x0: x,
    x1: x,
    y0: 0,
    y1: 1,
    yref: "paper",
    layer: "below",
    line: { color: theme.muted, width: 1, dash: "dot" },
    label: {
      text,
      textposition: "end",
      textangle: 0,
      font: { size: 11, color: theme.muted },
      xanchor: late ? "right" : "left",
      yanchor: "top",
    },
  };
}
