// What the charts of channels share: which layers they can compare, and what is said of the others.

import { el } from "./dom.js";
import { endOf, isModel, isNorm, layerName, normsFrom } from "./names.js";

export const LEFT = 38;

/** Channels come for a layer that all networks have. */
export function tooDeep(chart, ctx) {
  const { store, layer } = chart.app;
  const common = store.commonLayer(layer);
  chart.rows = chart.panels = undefined;
  if (isModel(chart.app.meta)) return offerNorm(chart, ctx);
  if (common === layer) return false;
  chart.say(ctx, `Channels are compared in layers that all networks have: 1 to ${common + 1}.`);
  return true;
}

/** Where the chosen layer is no normalization layer: say so, and have the next one at hand. Whether it was so. */
function offerNorm(chart, ctx) {
  const { meta, layer } = chart.app;
  const [next] = normsFrom(meta, layer);
  const needed = !isNorm(meta, layer) && next !== undefined;
  chart.offer ??= chart.host.appendChild(el("button", { type: "button", class: "bnviz-button is-quiet bnviz-offer" }));
  chart.offer.hidden = !needed;
  if (!needed) return false;
  chart.offer.textContent = `Show ${endOf(layerName(meta, next), 32)}`;
  chart.offer.title = layerName(meta, next);
  chart.offer.onclick = () => chart.app.setLayer(next);
  const names = normsFrom(meta, layer)
    .slice(0, 3)
    .map((norm) => endOf(layerName(meta, norm)));
  chart.say(ctx, `${endOf(layerName(meta, layer))} is no batch-norm layer: choose one, such as ${names.join(", ")}.`, {
    x: 0,
    y: 0,
    w: chart.width,
    h: chart.height - 50,
  });
  return true;
}
