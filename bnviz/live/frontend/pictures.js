// Pictures of charts to keep, drawn off-screen in light colours: PNG at twice the size, or SVG.

import { CHARTS } from "./charts.js";
import { dashOf } from "./dashes.js";
import { el } from "./dom.js";
import { loadPlotly } from "./plotly.js";
import { readTheme } from "./theme.js";
import { clip } from "./timepanels.js";

const SCALE = 2;
const LIGHT = "--st-background-color: #ffffff; --st-text-color: #31333f";
const FONT = "system-ui, sans-serif";
const HEAD = 82;
const LINE = 16;
const PAD = 16;

/** A figure of the server's as a picture; a zoom of the reader's is kept. */
export async function savePicture(app, chart, { data, layout }, format) {
  const Plotly = await loadPlotly(new URL("plotly.min.js", app.assets).href);
  const shown = chart.zoomed ? chart.plot?._fullLayout : null;
  if (shown) for (const axis of ["xaxis", "yaxis"]) layout[axis] = { ...layout[axis], range: [...shown[axis].range] };
  const { width, height } = layout;
  const config = { staticPlot: true, showSendToCloud: false, plotlyServerURL: "" };
  const image = { format, width, height, scale: format === "png" ? SCALE : 1, imageDataOnly: true };
  const text = await Plotly.toImage({ data, layout, config }, image);
  return format === "svg"
    ? new Blob([text], { type: "image/svg+xml" })
    : new Blob([bytes(text)], { type: "image/png" });
}

/** What the page alone can draw (the data, what was measured on demand): anew at a size of its own, under its title. */
export async function saveCanvas(app, id, shown, format) {
  const size = app.meta.points || id !== "picture" ? { width: 760, height: 420 } : { width: 520, height: 276 };
  const { canvas, width, height } = draw(app, id, shown, size);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return format === "png" ? blob : inSvg(await dataUrl(blob), CHARTS[id].title, width, height);
}

function draw(app, id, shown, { width, height }) {
  const host = el("div", { style: `position: fixed; left: -9999px; width: ${width}px; height: ${height}px; ${LIGHT}` });
  app.root.append(host);
  const light = Object.assign(Object.create(app), { theme: { ...readTheme(host), font: FONT } });
  const chart = CHARTS[id].make(host, light, id);
  const words = [...(shown.words?.children ?? [])].map((line) => line.textContent);
  const full = { width: width + 2 * PAD, height: HEAD + height + LINE * words.length + PAD };
  const canvas = el("canvas", { width: full.width * SCALE, height: full.height * SCALE });
  try {
    for (const node of host.children) if (node !== chart.canvas) node.hidden = true; // buttons are no part of it
    Object.assign(chart, { width, height, ratio: SCALE, options: shown.options, choices: shown.choices });
    const ctx = canvas.getContext("2d");
    ctx.setTransform(SCALE, 0, 0, SCALE, 0, 0);
    ctx.fillStyle = "#ffffff";
    ctx.fillRect(0, 0, full.width, full.height);
    const caption = chart.caption ?? `step ${app.shown.toLocaleString("en")}`;
    writeHead(ctx, CHARTS[id].title, caption, light.theme);
    if (id !== "picture" || app.meta.images) writeNames(ctx, app.meta, light.theme);
    words.forEach((line, index) => ctx.fillText(clip(ctx, line, width), PAD, HEAD + height + LINE * (index + 1)));
    ctx.translate(PAD, HEAD);
    chart.paint(ctx, width, height);
  } finally {
    chart.dispose();
    host.remove();
  }
  return { canvas, ...full };
}

function writeHead(ctx, title, caption, theme) {
  ctx.textBaseline = "alphabetic";
  ctx.fillStyle = theme.ink;
  ctx.font = `17px ${FONT}`;
  ctx.fillText(title, PAD, 28);
  ctx.fillStyle = theme.muted;
  ctx.font = `11px ${FONT}`;
  ctx.fillText(caption, PAD, 46);
}

/** Whose the colours are, each with a sample of its dash. */
function writeNames(ctx, meta, theme) {
  ctx.save();
  ctx.lineWidth = 2.5;
  let x = PAD;
  for (const [arm, { name }] of meta.arms.entries()) {
    const words = clip(ctx, name, 150);
    ctx.fillStyle = ctx.strokeStyle = theme.arms[arm % 4];
    ctx.setLineDash(dashOf(meta, arm));
    ctx.beginPath();
    ctx.moveTo(x, 62.5);
    ctx.lineTo(x + 21, 62.5);
    ctx.stroke();
    ctx.fillText(words, x + 26, 66);
    x += 44 + ctx.measureText(words).width;
  }
  ctx.restore();
}

function inSvg(href, title, width, height) {
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><title>${title.replace(/[<>&]/g, " ")}</title><image width="${width}" height="${height}" href="${href}"/></svg>`;
  return new Blob([text], { type: "image/svg+xml" });
}

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

const dataUrl = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
