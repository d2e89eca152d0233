// Number lines: where a value lies, which ticks it gets, and when the line's ends may stay where they are.

import { roundStep } from "../axes.js";
import { minus } from "../format.js";
import { short } from "./pieces.js";

/** The share of a number line that a lane's samples must fill. */
const TOO_SMALL = 0.07;

/** Ends of a number line around the values, on round numbers; a line that is all but filled stays as it was. */
export function domainOf(values, before) {
  const finite = values.filter(Number.isFinite);
  if (!finite.length) return before ?? [-1, 1];
  let low = Math.min(...finite);
  let high = Math.max(...finite);
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (high - low <= size * 1e-9) [low, high] = size ? [low - size * 0.1, high + size * 0.1] : [-1, 1];
  const span = high - low;
  if (before && low >= before[0] && high <= before[1] && span > 0.55 * (before[1] - before[0])) return before;
  const step = roundStep(span, 6);
  return [Math.floor((low - span * 0.03) / step) * step, Math.ceil((high + span * 0.03) / step) * step];
}

const spread = (values) => Math.max(...values) - Math.min(...values);

/**
 * Lanes that follow each other share a number line, so that a shift looks like a shift and a squeeze like a squeeze;
 * only where a lane would shrink to a point on it does a new line begin. Returns [{first, last, domain}].
 */
export function linesOf(lanes, extras, before = []) {
  const groups = [];
  lanes.forEach((values, lane) => {
    const own = [...values, ...(extras[lane] ?? [])].filter(Number.isFinite);
    const group = groups.at(-1);
    const joint = group && [...group.all, ...own];
    const spans = group ? [...group.spans, spread(values)].filter((span) => span > 0) : [];
    if (group && !(Math.min(...spans) < TOO_SMALL * spread(joint))) {
      Object.assign(group, { last: lane, all: joint, spans });
    } else groups.push({ first: lane, last: lane, all: own, spans: [spread(values)] });
  });
  return groups.map(({ first, last, all }) => {
    const same = before.find((line) => line.first === first && line.last === last);
    return { first, last, domain: domainOf(all, same?.domain) };
  });
}

/** Writes values of a number line with as many decimals as tell neighbours on it apart. */
export function writer([low, high]) {
  const decimals = Math.max(0, 3 - Math.floor(Math.log10(high - low)));
  if (decimals > 7 || Math.max(Math.abs(low), Math.abs(high)) >= 1e6) return short;
  return (value) => (Number.isFinite(value) ? minus(String(Number(value.toFixed(decimals)))) : short(value));
}

export const place = ([low, high], left, right) => {
  const factor = (right - left) / (high - low);
  return (value) => left + (Math.min(Math.max(value, low), high) - low) * factor;
};

/** A sample's colour: one hue from light to dark, by the sample's number. */
export function sampleColour(row, rows) {
  const share = rows > 1 ? row / (rows - 1) : 0.5;
  return share < 0.5
    ? `color-mix(in oklab, var(--bnviz-arm-1) ${Math.round(62 + 76 * share)}%, var(--paper))`
    : `color-mix(in oklab, var(--bnviz-arm-1) ${Math.round(100 - 110 * (share - 0.5))}%, var(--ink))`;
}

const STACK = 8;

/** Equal samples are stacked, up to three high, so that none hides another. */
export function stacked(places) {
  const rise = places.map(() => 0);
  const order = places.map((_, row) => row).sort((a, b) => places[a] - places[b] || a - b);
  let level = 0;
  order.forEach((row, index) => {
    level = index && places[row] - places[order[index - 1]] < 5 ? (level + 1) % 3 : 0;
    rise[row] = level * STACK;
  });
  return rise;
}
