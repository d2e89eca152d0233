// What layers, weights and channels are called: numbers in the lab, the modules' own names in a recorded model.

import { count } from "./format.js";

const LONGEST_TICK = 16;

export const isModel = (meta) => meta?.kind === "model";

/** The arm whose axis holds every layer: the deepest one; recordings side by side share one axis. */
const deepest = ({ arms }) => arms.reduce((best, arm) => (arm.layers > best.layers ? arm : best));

/** "layer 3", or the module's own name. */
export function layerName(meta, layer) {
  const name = deepest(meta).layer_names[layer] ?? String(layer + 1);
  return isModel(meta) && !/^\d+$/.test(name) ? name : `layer ${name}`;
}

/** The same along the axis of weights; behind the lab's last hidden layer comes the output layer. */
export const weightName = (meta, arm, cell) => (cell >= meta.arms[arm].layers ? "output" : layerName(meta, cell));

/** For an axis: as many of a dotted name's last parts as fit, as that is where names differ. */
export function shortName(meta, layer) {
  const name = deepest(meta).layer_names[layer] ?? String(layer + 1);
  const parts = name.split(".");
  while (parts.length > 1 && parts.join(".").length > LONGEST_TICK) parts.shift();
  const short = parts.join(".");
  return short.length > LONGEST_TICK ? `${short.slice(0, LONGEST_TICK - 1)}…` : short;
}

/** A name for a sentence or a button: its last signs where it is long. */
export const endOf = (name, most = 40) => (name.length > most ? `…${name.slice(1 - most)}` : name);

export const layerNames = (meta) => deepest(meta).layer_names;

/** The edges of a layer's bins at a point: sent once where all layers have the same. */
export function edgesOf({ edges }, point, layer) {
  const rows = edges[point];
  return Array.isArray(rows[0]) ? rows[layer] : rows;
}

/** The number that one of a layer's kept channels has in the network. */
export const channelNumber = (arm, layer, index) => channelsOf(arm, layer)?.[index];

/** The numbers of all of a layer's channels that are kept. */
export const channelsOf = ({ channels, norms }, layer) =>
  Array.isArray(channels[0]) ? channels[norms.indexOf(layer)] : channels;

/** "16 of 32 channels", where a history keeps only some of a layer's; these are evenly spaced, the last among them. */
export function keptChannels(meta, arm, layer) {
  if (!meta.arms[arm].norms.includes(layer)) return "";
  const kept = channelsOf(meta.arms[arm], layer) ?? [];
  const all = kept.length ? kept[kept.length - 1] + 1 : 0;
  return all > kept.length ? `${count(kept.length)} of ${count(all)} channels` : "";
}

/** The normalization layers that come after a layer, then those before it. */
export function normsFrom(meta, layer) {
  const norms = [...new Set(meta.arms.flatMap((arm) => arm.norms))].sort((a, b) => a - b);
  return [...norms.filter((norm) => norm > layer), ...norms.filter((norm) => norm < layer)];
}

/** Whether a layer has γ, β and statistics in any network. */
export const isNorm = (meta, layer) => meta.arms.some((arm) => arm.norms.includes(layer));

/** Whether a quantity was measured at all; a live run measures all of them. */
export const measured = (meta, ...names) => !meta.measured || names.some((name) => meta.measured.includes(name));
