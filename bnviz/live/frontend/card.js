// A chart's card on the board: its caption with help and downloads, room to draw, a summary for screen readers.

import { CHARTS } from "./charts.js";
import { el } from "./dom.js";
import { helpButton } from "./help.js";

/** Charts on canvases of our own; the others are Plotly's, where one can zoom. */
const OURS = [
  "distribution",
  "layers",
  "picture",
  "units",
  "affine",
  "statistics",
  "gradient-depth",
  "gradient-shift",
  "landscape",
];

export function makeCard(app, id, span, kind) {
  const { title, tall, layered } = CHARTS[id];
  const { button, popup } = helpButton(app, id, title, !OURS.includes(id));
  const save = app.takeaway.forChart(id, title);
  const body = el("div", { class: "bnviz-body" });
  const tools = el("span", { class: "bnviz-options" });
  const summary = el("p", { class: "bnviz-hidden", id: `bnviz-summary-${id}`, "data-bnviz": `summary-${id}` });
  const layer = layered ? el("span", { class: "bnviz-of" }, el("bdi")) : null;
  const node = el(
    "figure",
    {
      class: `bnviz-card${tall ? " is-tall" : ""}`,
      style: `--span: ${span}`,
      "data-bnviz": `chart-${id}`,
      "data-chart": id,
      role: "group",
      "aria-label": title,
      "aria-describedby": summary.id,
    },
    el(
      "figcaption",
      {},
      el("span", { class: "bnviz-named" }, el("span", { class: "bnviz-title", title }, title), layer),
      tools,
      save.button,
      button,
    ),
    body,
    summary,
    popup,
    save.popup,
  );
  return { id, node, body, tools, summary, layer, kind, seen: true, chart: null };
}
