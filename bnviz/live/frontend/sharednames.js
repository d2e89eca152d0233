// Two models side by side stand on one axis of layers, joined by name: which layers each has, and what they share.

import { line } from "./axes.js";
import { isModel } from "./names.js";

const LOOKED_AT = 48; // records, evenly spread: a layer that fires at all fires in one of them
const FEW = 0.25; // of the smaller model's layers

/** The layers of which an arm has values, as a set; the shared axis has those of both. */
function layersOf(history) {
  const found = new Set();
  const { L, H } = history.sizes;
  const stride = Math.max(1, Math.ceil(history.length / LOOKED_AT));
  for (let index = 0; index < history.length; index += stride) {
    const row = history.row("histogram", index);
    for (let layer = 0; layer < L; layer += 1)
      if (!found.has(layer) && row.subarray(layer * H, (layer + 1) * H).some(Boolean)) found.add(layer);
  }
  return found;
}

const known = new WeakMap();

/** Of two models: how many layers they share, the smaller's number, and where the second begins if they share none. */
export function joined({ meta, store }) {
  if (!isModel(meta) || store?.arms.length !== 2 || store.arms.some((history) => !history.length)) return null;
  const key = store.arms.map((history) => history.length).join();
  const before = known.get(store);
  if (before?.key === key) return before;
  const [first, second] = store.arms.map(layersOf);
  const shared = [...first].filter((layer) => second.has(layer)).length;
  const begins = first.size && second.size && Math.max(...first) < Math.min(...second) ? Math.min(...second) : null;
  const found = { key, shared, smaller: Math.min(first.size, second.size), begins };
  known.set(store, found);
  return found;
}

/** What to know before two different architectures are compared; empty where most names are shared. */
export function joinedInWords(app) {
  const found = joined(app);
  if (!found?.smaller || found.shared >= FEW * found.smaller) return "";
  if (!found.shared) return "These two share no layer names: their layers stand one after the other.";
  const names = found.shared === 1 ? "one layer name" : `${found.shared} layer names`;
  return `These two share only ${names}: most layers have values of one of them alone.`;
}

/** Where the second model's layers begin on the axis, if the two stand one after the other; null elsewhere. */
export const secondBegins = (app) => joined(app)?.begins ?? null;

/** What the axis of layers is called. */
export const depthWords = (app) =>
  secondBegins(app) === null ? "layer, input to output" : "layers of one, then of the other, each input to output";

/** A dashed line between the two models' layers; `place` gives the left edge of a layer, in pixels. */
export function paintBorder(ctx, app, box, place) {
  const begins = secondBegins(app);
  if (begins === null) return;
  const pixel = Math.round(place(begins)) + 0.5;
  if (pixel <= box.x || pixel >= box.x + box.w) return;
  ctx.strokeStyle = app.theme.muted;
  ctx.setLineDash([5, 4]);
  line(ctx, pixel, box.y, pixel, box.y + box.h);
  ctx.setLineDash([]);
}
