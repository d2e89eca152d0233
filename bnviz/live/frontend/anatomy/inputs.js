// Inputs that send what is typed at once and never overwrite what is being typed.

import { el, setAttribute } from "../dom.js";
import { brief } from "../format.js";
import { numberField, plain } from "./fields.js";

export { flash, plain, setNumber } from "./fields.js";

let ids = 0;

/** What Python says about a key (and an index in it), if anything. */
export function problemOf(problems, key, index) {
  return problems.find(
    (problem) => problem.field === key && (index === undefined || (problem.column ?? index) === index),
  )?.message;
}

/**
 * A slider with a number field. `index`: the place in a list such as gamma, a number or a function that tells it.
 * `log`: the slider turns the exponent; `low`, `high` and `step` are then exponents too.
 */
export function slider(app, { key, label, low, high, step, log = false, unit = "", format, index, help, name = key }) {
  const id = `anatomy-input-${(ids += 1)}`;
  const at = () => (typeof index === "function" ? index() : index);
  const get = () => (index === undefined ? app.state[key] : app.state[key]?.[at()]) ?? 0;
  const send = (value) =>
    app.change({ [key]: index === undefined ? value : app.draft[key].map((old, i) => (i === at() ? value : old)) });
  const place = (value) => (log ? Math.log10(Math.max(value, 1e-300)) : value);
  const range = el("input", {
    type: "range",
    class: "bnviz-scrub",
    min: low,
    max: high,
    step,
    id,
    "data-bnviz": `slider-${name}`,
  });
  const fill = (value) => {
    const share = Math.min(1, Math.max(0, (place(value) - low) / (high - low)));
    range.style.setProperty("--fill", `${(100 * share).toFixed(1)}%`);
  };
  const turn = (value) => {
    fill(value);
    range.value = place(value);
  };
  const field = numberField(
    { class: "anatomy-number", "data-bnviz": `field-${name}`, "aria-label": `${label}, as a number` },
    {
      get,
      send: (text) => {
        if (Number.isFinite(Number(text))) turn(Number(text));
        send(text);
      },
      pending: () => app.pending(key),
      revert: () => app.revert(key),
      step: (value, direction) => (log ? value * 10 ** (direction * step) : value + direction * step),
    },
  );
  range.addEventListener("input", () => {
    const value = Number((log ? 10 ** Number(range.value) : Number(range.value)).toPrecision(log ? 2 : 10));
    field.node.value = plain(value);
    fill(value);
    send(value);
  });
  const whose = el("span", { class: "anatomy-of" });
  const caption = el("label", { for: id }, label, whose);
  const node = el(
    "div",
    { class: "anatomy-slider", title: help, "data-key": key },
    caption,
    range,
    field.node,
    unit || null,
  );
  const update = (state, problems = []) => {
    field.update(problemOf(problems, key, at()));
    setAttribute(range, "aria-valuetext", format ? format(get()) : brief(get()));
    if (app.pending(key)) return;
    turn(get());
  };
  return { node, update, whose };
}

/** Segmented buttons: one of a few. Arrow keys move. */
export function choice(app, { key, label, options, hideLabel = false }) {
  const pick = (value) => {
    show(value);
    app.change({ [key]: value });
  };
  const buttons = options.map(({ value, label: text, title }, index) =>
    el(
      "button",
      {
        type: "button",
        role: "radio",
        title,
        "data-bnviz": `choice-${key}-${value}`,
        on: {
          click: () => pick(value),
          keydown: (event) => {
            const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
            if (!move) return;
            event.preventDefault();
            const next = (index + move + options.length) % options.length;
            pick(options[next].value);
            buttons[next].focus();
          },
        },
      },
      text,
    ),
  );
  const show = (chosen) => {
    const known = options.some((option) => option.value === chosen);
    options.forEach(({ value }, index) => {
      setAttribute(buttons[index], "aria-checked", value === chosen);
      setAttribute(buttons[index], "tabindex", value === chosen || (!known && index === 0) ? 0 : -1);
    });
  };
  const group = el("div", { class: "anatomy-choice", role: "radiogroup", "aria-label": label }, ...buttons);
  const node = hideLabel
    ? group
    : el("div", { class: "anatomy-field" }, el("span", { class: "anatomy-label" }, label), group);
  return { node, update: () => show(app.draft[key]) };
}

/** A native select; without `key`, `run(value)` is called instead. */
export function select(app, { key, label, options, run, name = key }) {
  const field = el("select", {
    class: "bnviz-select",
    "data-bnviz": name,
    "aria-label": label,
    on: { change: () => (run ? run(field.value) : app.change({ [key]: field.value })) },
  });
  const fill = (list) =>
    field.replaceChildren(...list.map(({ value, label: text, title }) => el("option", { value, title }, text)));
  fill(options);
  const node = el("label", { class: "anatomy-field" }, el("span", { class: "anatomy-label" }, label), field);
  return { node, field, fill, update: () => key && (field.value = app.draft[key]) };
}

/** A checkbox; with `value`, whether the list under `key` has it. */
export function toggle(app, { key, label, value, title }) {
  const box = el("input", {
    type: "checkbox",
    "data-bnviz": value === undefined ? `toggle-${key}` : `toggle-${value}`,
    on: {
      change: () => {
        if (value === undefined) return app.change({ [key]: box.checked });
        const others = app.draft[key].filter((one) => one !== value);
        app.change({ [key]: box.checked ? [...others, value] : others });
      },
    },
  });
  const node = el("label", { class: "anatomy-toggle", title }, box, el("span", {}, label));
  const update = () => {
    const now = app.draft[key];
    box.checked = value === undefined ? Boolean(now) : Boolean(now?.includes(value));
  };
  return { node, update };
}

/** A button that does something. */
export function action(app, { label, run, title, name, quiet = false }) {
  const node = el(
    "button",
    {
      type: "button",
      class: quiet ? "anatomy-action is-quiet" : "anatomy-action",
      title,
      "data-bnviz": name,
      on: { click: run },
    },
    label,
  );
  return { node, update: () => {} };
}
