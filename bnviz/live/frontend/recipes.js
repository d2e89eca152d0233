// What each Plotly chart shows: series, vertical axis, options, and its summary in words.

import { brief, percent } from "./format.js";
import { isModel, layerName, measured, weightName } from "./names.js";

export const arms = (app, make) => app.store.arms.flatMap((_, arm) => make(arm, app.meta.arms[arm].name));
export const scalar = (field) => (history, index) => history.columns[field].data[index];

export function sayAll(app, field, label, format) {
  return arms(app, (arm, name) => {
    const history = app.store.arms[arm];
    const index = history.index(app.shown);
    return [`${name}: ${label} ${format(history.value(field, index))} at step ${history.steps[index] ?? app.shown}.`];
  }).join(" ");
}

export const ACCURACY = {
  options: { test: true, train: false, "batch stats": false },
  series: (app, options) =>
    arms(app, (arm, name) =>
      [
        options.train && { arm, name: `${name}, train`, value: scalar("train_accuracy"), width: 1.2, opacity: 0.6 },
        options["batch stats"] && {
          arm,
          name: `${name}, test with batch statistics`,
          value: scalar("test_accuracy_train_mode"),
          width: 1.2,
          opacity: 0.85,
        },
        options.test && { arm, name: `${name}, test`, value: scalar("test_accuracy"), width: 2.2 },
      ].filter(Boolean),
    ),
  y: (_, app) => ({
    title: "accuracy (share right)",
    range: [0, 1.02],
    tickformat: ".0%",
    guide: app.meta.chance ? { value: app.meta.chance, text: "chance" } : null,
  }),
  summary: (app) => sayAll(app, "test_accuracy", "test accuracy", percent),
};

export const LOSS = {
  options: { test: true, train: true, batch: false, log: false },
  series: (app, options) =>
    arms(app, (arm, name) =>
      [
        options.batch && { arm, name: `${name}, this batch`, value: scalar("loss"), width: 1, opacity: 0.45 },
        options.train && { arm, name: `${name}, train`, value: scalar("train_loss"), width: 1.2, opacity: 0.6 },
        options.test && { arm, name: `${name}, test`, value: scalar("test_loss"), width: 2.2 },
      ].filter(Boolean),
    ),
  y: (options) => ({ title: "cross-entropy (nats)", log: options.log }),
  summary: (app) => sayAll(app, "test_loss", "test loss", brief),
};

/** A field (of the options) per layer: the chosen layer strong, the others faint while they are few. */
export function perLayer(field, { extra = {}, log = false } = {}) {
  return {
    options: { "other layers": false, ...extra },
    series: (app, options) =>
      arms(app, (arm, name) => {
        const history = app.store.arms[arm];
        const column = field(options);
        const { width } = history.columns[column];
        const chosen = Math.min(app.layer, width - 1);
        const value = (cell) => (row, index) => {
          const number = row.columns[column].data[index * width + cell];
          return log && !(number > 0) ? NaN : number;
        };
        const strong = { arm, name: `${name}, ${layerName(app.meta, chosen)}`, value: value(chosen), width: 2.2 };
        if (!options["other layers"] || app.layer >= history.layers) return app.layer < history.layers ? [strong] : [];
        const others = spread(width, Math.floor(16 / app.store.arms.length)).filter((cell) => cell !== chosen);
        return [
          ...others.map((cell) => ({
            arm,
            name: `${name}, ${weightName(app.meta, arm, cell)}`,
            value: value(cell),
            width: 1,
            opacity: 0.5,
          })),
          strong,
        ];
      }),
  };
}

function spread(total, most) {
  const every = Math.max(1, Math.ceil(total / Math.max(1, most)));
  return Array.from({ length: total }, (_, cell) => cell).filter((cell) => cell % every === 0 || cell === total - 1);
}

export const sayLayer = (field, label) => (app) =>
  arms(app, (arm, name) => {
    const history = app.store.arms[arm];
    const index = history.index(app.shown);
    return index < 0 || app.layer >= history.layers
      ? []
      : [`${name}: ${label} of ${layerName(app.meta, app.layer)} is ${brief(history.row(field, index)[app.layer])}.`];
  }).join(" ");

export const NOT_MEASURED = "Not measured at this layer: choose another one.";

/** A recorded model has no probe batch: what moves it is sampling too, and it says so. */
function driftTitle(sinceLast, meta) {
  if (isModel(meta))
    return sinceLast ? "drift since last record, training batches" : "drift since start, training batches";
  return sinceLast ? "drift since last snapshot" : "drift since step 0";
}

const DRIFT_FIELD = (options) => (options["since last"] ? "drift_last" : "drift_start");
export const DRIFT = {
  ...perLayer(DRIFT_FIELD, { extra: { "since last": false } }),
  hover: (history, index, options) => {
    const steps = history.intervals.data[index];
    return options["since last"] && steps > 0 ? ` over ${steps} ${steps === 1 ? "step" : "steps"}` : "";
  },
  y: (options, { meta }) => ({ title: driftTitle(options["since last"], meta) }),
  empty: (_, { meta }) => isModel(meta) && NOT_MEASURED,
  summary: (app) => sayLayer("drift_start", driftTitle(false, app.meta))(app),
};

const GRADIENT_FIELD = (options) => (options["dL/dW"] ? "gradient_weight" : "gradient_z");
export const GRADIENT_TIME = {
  ...perLayer(GRADIENT_FIELD, { extra: { "dL/dW": false }, log: true }),
  y: (options) => ({ title: options["dL/dW"] ? "‖dL/dW‖" : "‖dL/dz‖", log: true }),
  empty: (_, { meta }) => isModel(meta) && "Not recorded for this layer: choose a linear or convolutional one.",
  summary: sayLayer("gradient_z", "the gradient norm dL/dz"),
};

export const UPDATE_RATIO = {
  ...perLayer(() => "update_ratio", { log: true }),
  y: () => ({ title: "‖ΔW‖ / ‖W‖", log: true, guide: { value: 1e-3, text: "10⁻³" } }),
  empty: (_, { meta }) => isModel(meta) && "Not recorded for this layer: choose a linear or convolutional one.",
  summary: sayLayer("update_ratio", "the update:data ratio"),
};

const saturationField = (options) => (options.dead ? "dead" : "saturated");
export const SATURATION = {
  prepare: (app) => ({
    dead: isModel(app.meta)
      ? !measured(app.meta, "saturated")
      : app.meta.arms.every(({ config }) => !["sigmoid", "tanh"].includes(config.activation)),
  }),
  empty: (options, { meta }) => {
    if (isModel(meta)) return "Measured at activations: choose one of them.";
    return options.dead
      ? "Only ReLU units can die; here they cannot."
      : "Only sigmoid and tanh saturate; for ReLU see “dead”.";
  },
  ...perLayer(saturationField, { extra: { dead: false } }),
  y: (options) => ({
    title: options.dead ? "dead units (share)" : "saturated inputs (share)",
    range: [0, 1.02],
    tickformat: ".0%",
  }),
  summary: (app) => `${sayLayer("saturated", "the saturated share")(app)} ${sayLayer("dead", "the dead share")(app)}`,
};
