// The small toggles in a chart's caption: options that are on or off, or one choice of a few.

import { el } from "./dom.js";
import { OPTION_HELP } from "./help.js";

/** A list to choose from, where there are too many for buttons. */
function list(chart, draw) {
  const { label, values, chosen } = chart.choices;
  const node = el(
    "select",
    {
      class: "bnviz-choice",
      "aria-label": label,
      title: label,
      on: {
        change: () => {
          chart.choices.chosen = node.value;
          draw();
        },
      },
    },
    ...values.map((value) => el("option", { value }, value)),
  );
  node.value = chosen;
  return node;
}

/** Buttons for `chart.options` {name: on} or `chart.choices` {values, chosen}; `draw` is called after a change. */
export function toggles(chart, draw) {
  if (chart.choices?.many)
    return [list(chart, draw), ...(chart.options ? toggles({ options: chart.options }, draw) : [])];
  const names = chart.choices ? chart.choices.values : Object.keys(chart.options);
  const isOn = (name) => (chart.choices ? chart.choices.chosen === name : chart.options[name]);
  const turn = (name) => {
    if (chart.choices) chart.choices.chosen = name;
    else chart.options[name] = !chart.options[name];
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(isOn(names[index]))));
    draw();
  };
  const buttons = names.map((name) =>
    el(
      "button",
      {
        type: "button",
        class: "bnviz-toggle",
        title: OPTION_HELP[name],
        "aria-pressed": String(isOn(name)),
        on: { click: () => turn(name) },
      },
      name,
    ),
  );
  return buttons;
}
