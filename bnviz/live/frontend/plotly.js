// What all Plotly charts share: loading the library once, the layout, thinning.

import { FEW_POWERS } from "./axes.js";
import { el } from "./dom.js";

const MOST_POINTS = 400;
let library = null;

/** Load plotly.min.js once for the page. */
export function loadPlotly(url) {
  library ??= new Promise((resolve, reject) => {
    const script = el("script", { src: url, async: true });
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => {
      library = null;
      reject(new Error("plotly.min.js could not be loaded"));
    });
    document.head.append(script);
  });
  return library;
}

const COARSE = window.matchMedia?.("(pointer: coarse)").matches ?? false;
export const CONFIG = {
  displayModeBar: false,
  responsive: false,
  scrollZoom: false,
  doubleClick: false,
  showTips: false,
};

/** At most MOST_POINTS indices, evenly spread, the last always among them. */
export function thinned(length) {
  const stride = Math.max(1, Math.ceil(length / MOST_POINTS));
  const picked = [];
  for (let index = 0; index < length; index += stride) picked.push(index);
  if (length && picked[picked.length - 1] !== length - 1) picked.push(length - 1);
  return picked;
}

export function guide(line, theme) {
  if (!line) return [];
  return [
    {
      type: "line",
      xref: "paper",
      x0: 0,
      x1: 1,
      y0: line.value,
      y1: line.value,
      line: { color: theme.muted, width: 1, dash: "dot" },
      label: { text: line.text, textposition: "end", font: { size: 10, color: theme.muted }, yanchor: "bottom" },
    },
  ];
}

export const escape = (text) => text.replace(/[<>&%{}]/g, " ");

/** The layout of a chart over steps, in the page's theme. */
export function plotLayout({ app, width, height }, { y, xRange, yRange, shapes }) {
  const { theme, store } = app;
  const small = { size: 10.5, color: theme.muted };
  const axis = { linecolor: theme.axis, gridcolor: theme.grid, zeroline: false, tickfont: small, ticks: "" };
  return {
    width,
    height,
    margin: { l: 44, r: 8, t: 6, b: 33 },
    showlegend: false,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: theme.font, color: theme.ink, size: 11 },
    uirevision: store.generation,
    hovermode: "x unified",
    hoverdistance: 40,
    dragmode: COARSE ? false : "zoom",
    hoverlabel: { bgcolor: theme.paper, bordercolor: theme.axis, font: { size: 11.5, color: theme.ink } },
    xaxis: {
      ...axis,
      ...STEP_AXIS,
      range: xRange,
      title: { text: "training step", font: small, standoff: 4 },
      nticks: width < 320 ? 5 : 8,
    },
    yaxis: {
      ...axis,
      range: yRange,
      nticks: 6,
      exponentformat: "power",
      ...(y.log ? logAxis(yRange) : { type: "linear", tickformat: y.tickformat ?? "~g" }),
    },
    shapes,
  };
}

const STEP_AXIS = {
  tickformat: "~s",
  hoverformat: "d",
  unifiedhovertitle: { text: "step %{x:d}" },
  showgrid: false,
  showline: true,
};
const MOST_POWERS = 7; // labels of whole powers on one axis

/** Whole powers; 2 and 5 between them too where few are in sight, any digit where even those are not. */
function logAxis([low, high]) {
  const powers = Math.floor(high + 1e-9) - Math.ceil(low - 1e-9) + 1;
  const few = high - low < 0.6 ? "D1" : "D2";
  return { type: "log", dtick: powers < FEW_POWERS ? few : Math.ceil(powers / MOST_POWERS) };
}
