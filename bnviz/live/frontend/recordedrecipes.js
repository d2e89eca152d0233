// The lines that only recordings of somebody's own model have.

import { brief } from "./format.js";
import { arms, perLayer, sayAll, sayLayer, scalar } from "./recipes.js";

export const REPORTED_LOSS = {
  options: { log: false },
  sparse: true,
  series: (app) => arms(app, (arm, name) => [{ arm, name: `${name}, loss`, value: scalar("loss"), width: 2 }]),
  y: (options) => ({ title: "loss, as the loop reported it", log: options.log }),
  empty: () => "The training loop reported no loss: recording.step(loss=…) does.",
  summary: (app) => sayAll(app, "loss", "loss", brief),
};

const cell = (app, name) => app.meta.arms[0].scalars.indexOf(name);

/** Numbers that the loop gave under names of its own, some only now and then: their points are joined. */
export const REPORTED = {
  options: { log: false },
  sparse: true,
  choices: (app) => ({
    label: "Which number",
    many: true,
    values: app.meta.arms[0].scalars,
    chosen: app.meta.arms[0].scalars[0],
  }),
  series: (app, { chosen }) =>
    arms(app, (arm, name) => {
      const { width } = app.store.arms[arm].columns.scalar;
      const value = (history, index) => history.columns.scalar.data[index * width + cell(app, chosen)];
      return [{ arm, name: `${name}, ${chosen}`, value, width: 2 }];
    }),
  y: ({ chosen, log }) => ({ title: chosen, log }),
  empty: ({ chosen }) => `No number was reported as ${chosen}.`,
  summary: (app) =>
    arms(app, (arm, name) => {
      const history = app.store.arms[arm];
      const index = history.index(app.shown);
      if (index < 0) return [];
      const row = history.row("scalar", index);
      return [`${name}: ${app.meta.arms[0].scalars.map((one, at) => `${one} ${brief(row[at])}`).join(", ")}.`];
    }).join(" "),
};

export const WEIGHT_NORM = {
  ...perLayer(() => "weight_norm"),
  y: () => ({ title: "‖W‖" }),
  empty: () => "Not recorded for this layer: choose a linear or convolutional one.",
  summary: sayLayer("weight_norm", "the norm of the weights"),
};

const share = (field, title, empty, said) => ({
  ...perLayer(() => field),
  y: () => ({ title, range: [0, 1.02], tickformat: ".0%" }),
  empty: () => empty,
  summary: sayLayer(field, said),
});

export const ZEROS = share(
  "zeros",
  "exact zeros (share)",
  "Counted at activations: choose one of them.",
  "the share of exact zeros",
);
export const NONFINITE = share(
  "nonfinite",
  "NaN or infinite (share)",
  "No data of this layer.",
  "the share of values that are not finite",
);
