// The charts of the stage, in order: id, title, width in twelfths, and what makes it.

import { Affine, Statistics } from "./channels.js";
import { GradientDepth } from "./depth.js";
import { Digits } from "./digits.js";
import { Distribution, Units } from "./distribution.js";
import { Histograms } from "./histograms.js";
import { LineChart } from "./lines.js";
import { ACCURACY, DRIFT, GRADIENT_TIME, LOSS, SATURATION, UPDATE_RATIO } from "./recipes.js";
import { Surface } from "./surface.js";

const canvas = (Chart) => (host, app, id) => new Chart(host, app, id);
const lines = (recipe) => (host, app, id) => new LineChart(host, app, id, recipe);
const picture = (host, app, id) => (app.meta.points ? new Surface(host, app, id) : new Digits(host, app, id));

export const CHARTS = {
  distribution: { title: "Distribution over time", span: 5, tall: true, make: canvas(Distribution), layered: true },
  layers: { title: "All layers at this step", span: 4, tall: true, make: canvas(Histograms) },
  picture: {
    title: "What the networks see",
    span: 3,
    tall: true,
    make: picture,
    needs: (meta) => Boolean(meta.points || meta.images),
  },
  accuracy: { title: "Accuracy", span: 3, make: lines(ACCURACY) },
  loss: { title: "Loss", span: 3, make: lines(LOSS) },
  drift: { title: "Drift", span: 3, make: lines(DRIFT), layered: true },
  "gradient-depth": { title: "Gradient over depth", span: 3, make: canvas(GradientDepth) },
  units: { title: "Three single units", span: 5, tall: true, make: canvas(Units), layered: true },
  affine: { title: "γ and β per channel", span: 4, tall: true, make: canvas(Affine), layered: true },
  "gradient-time": { title: "Gradient", span: 3, make: lines(GRADIENT_TIME), layered: true },
  statistics: { title: "Batch vs running", span: 4, make: canvas(Statistics), layered: true },
  "update-ratio": { title: "Update : data", span: 3, make: lines(UPDATE_RATIO), layered: true },
  saturation: { title: "Saturated, dead", span: 3, make: lines(SATURATION), layered: true },
};

/** The story on one screen. */
export const DEFAULT_CHARTS = ["distribution", "layers", "picture", "accuracy", "loss", "drift", "gradient-depth"];

/** The charts that this data set has. */
export const available = (meta) => Object.keys(CHARTS).filter((id) => CHARTS[id].needs?.(meta) ?? true);
