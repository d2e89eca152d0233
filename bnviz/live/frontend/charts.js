// The charts of the stage, in order: id, title, width in twelfths, and what makes it.

import { Affine } from "./channels.js";
import { GradientDepth } from "./depth.js";
import { Digits } from "./digits.js";
import { Distribution, Units } from "./distribution.js";
import { Histograms } from "./histograms.js";
import { LineChart } from "./lines.js";
import { isModel, measured } from "./names.js";
import { GradientShift, Landscape } from "./ondemand.js";
import { ACCURACY, DRIFT, GRADIENT_TIME, LOSS, SATURATION, UPDATE_RATIO } from "./recipes.js";
import { NONFINITE, REPORTED, REPORTED_LOSS, WEIGHT_NORM, ZEROS } from "./recordedrecipes.js";
import { Statistics } from "./statistics.js";
import { Surface } from "./surface.js";

const canvas = (Chart) => (host, app, id) => new Chart(host, app, id);
const lines = (recipe) => (host, app, id) => new LineChart(host, app, id, recipe);
/** The same chart of a live run and of a recorded model, each in its own words. */
const either = (live, recorded) => (host, app, id) => new LineChart(host, app, id, isModel(app.meta) ? recorded : live);
const needs =
  (...names) =>
  (meta) =>
    measured(meta, ...names);
/** What no live run measures. */
const recorded = (name) => (meta) => isModel(meta) && measured(meta, name);
const picture = (host, app, id) => (app.meta.points ? new Surface(host, app, id) : new Digits(host, app, id));

export const CHARTS = {
  distribution: { title: "Distribution over time", span: 5, tall: true, make: canvas(Distribution), layered: true },
  layers: { title: "All layers at this step", span: 4, tall: true, make: canvas(Histograms) },
  picture: {
    title: "What the networks see",
    span: 3,
    tall: true,
    make: picture,
    needs: (meta) => Boolean(meta.points || meta.images) && measured(meta, "surface", "predictions"),
  },
  accuracy: { title: "Accuracy", span: 3, make: lines(ACCURACY), needs: needs("test_accuracy") },
  loss: { title: "Loss", span: 3, make: either(LOSS, REPORTED_LOSS), needs: needs("loss", "test_loss") },
  reported: {
    title: "Reported numbers",
    span: 3,
    make: lines(REPORTED),
    needs: (meta) => meta.arms[0].scalars.length > 0,
  },
  drift: { title: "Drift", span: 3, make: lines(DRIFT), layered: true, needs: needs("drift_start") },
  "gradient-depth": {
    title: "Gradient over depth",
    span: 3,
    make: canvas(GradientDepth),
    needs: needs("gradient_z", "gradient_weight"),
  },
  units: {
    title: "Three single units",
    span: 5,
    tall: true,
    make: canvas(Units),
    layered: true,
    needs: needs("unit_percentiles"),
  },
  affine: {
    title: "γ and β per channel",
    span: 4,
    tall: true,
    make: canvas(Affine),
    layered: true,
    needs: needs("gamma", "beta"),
  },
  "gradient-time": {
    title: "Gradient",
    span: 3,
    make: lines(GRADIENT_TIME),
    layered: true,
    needs: needs("gradient_z", "gradient_weight"),
  },
  statistics: {
    title: "Batch vs running",
    span: 4,
    make: canvas(Statistics),
    layered: true,
    needs: needs("running_mean", "running_variance"),
  },
  "update-ratio": {
    title: "Update : data",
    span: 3,
    make: lines(UPDATE_RATIO),
    layered: true,
    needs: needs("update_ratio"),
  },
  saturation: {
    title: "Saturated, dead",
    span: 3,
    make: lines(SATURATION),
    layered: true,
    needs: needs("saturated", "dead"),
  },
  "gradient-shift": {
    title: "Gradient shift",
    span: 6,
    tall: true,
    make: canvas(GradientShift),
    needs: (meta) => !meta.recorded,
  },
  landscape: {
    title: "Loss along the gradient",
    span: 6,
    tall: true,
    make: canvas(Landscape),
    needs: (meta) => !meta.recorded,
  },
  "weight-norm": { title: "Weights", span: 3, make: lines(WEIGHT_NORM), layered: true, needs: recorded("weight_norm") },
  zeros: { title: "Exact zeros", span: 3, make: lines(ZEROS), layered: true, needs: recorded("zeros") },
  nonfinite: { title: "Not finite", span: 3, make: lines(NONFINITE), layered: true, needs: recorded("nonfinite") },
};

/** The story on one screen. */
export const DEFAULT_CHARTS = ["distribution", "layers", "picture", "accuracy", "loss", "drift", "gradient-depth"];

/** Of a model, the first four small ones that it has; its first layer to look at is a norm if it has one. */
const SMALL = ["loss", "reported", "gradient-depth"];
const MORE = ["update-ratio", "gradient-time", "drift"];

export function defaults(meta) {
  if (!isModel(meta)) return DEFAULT_CHARTS;
  const has = available(meta);
  const small = [...SMALL, meta.arms[0].norms.length ? "statistics" : "saturation", ...MORE];
  return ["distribution", "layers", ...small.filter((id) => has.includes(id)).slice(0, 4)];
}

/** The charts that this history has. */
export const available = (meta) => Object.keys(CHARTS).filter((id) => CHARTS[id].needs?.(meta) ?? true);
