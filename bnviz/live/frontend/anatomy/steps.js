// The four steps of the forward pass as cards: name, key number, formula, the formula with the real numbers, a picture.

import { el } from "../dom.js";
import { brief } from "../format.js";
import { asTyped, setNumber } from "./fields.js";
import { frac, m, math, root, row, square } from "./mathml.js";
import { Strip } from "./strip.js";

/** A number inside a formula; a negative one in brackets where it follows an operator. */
const term = (value, write = brief) => (value < 0 ? `( ${write(value)} )` : write(value));

/** "2 + 4.5 + … + 1": the first ones and the last. */
function sum(values, write, most) {
  const shown = values.length > most + 1 ? values.slice(0, most) : values.slice(0, -1);
  const parts = shown.flatMap((value) => [write(value), "+"]);
  if (shown.length < values.length - 1) parts.push("… +");
  return row(...parts, write(values.at(-1)));
}

/** How many terms a line has room for: few where numbers are long. */
const fitting = (values, most, write = brief) =>
  values.slice(0, most).some((value) => write(value).length > 4) ? 1 : most;

/** The square of a number, as a formula. */
const squared = (value) => m("msup", {}, row(term(value)), "2");

export const STEPS = [
  {
    name: "mean",
    title: "Batch mean",
    symbol: "μ",
    strip: { lanes: ["x"], marks: [{ lane: 0, kind: "mean" }], label: "The samples on a number line, with their mean" },
    formula: () => math("μ =", frac("1", "B"), "Σ x_i"),
    filled: (now) =>
      math(
        "μ =",
        frac(
          sum(now.x, (value) => term(value, now.asTyped), fitting(now.x, 3, now.asTyped)),
          String(now.rows),
        ),
        "=",
        now.write(now.mean),
      ),
    note: () => "The point where the samples balance. It belongs to the batch, not to one sample.",
    value: (now) => now.mean,
    format: (now) => now.write,
    picture: (now) => ({ values: [now.x], at: [now.mean], texts: [`μ = ${now.write(now.mean)}`] }),
  },
  {
    name: "variance",
    title: "Biased variance",
    symbol: "v",
    strip: {
      lanes: ["x"],
      bars: true,
      marks: [
        { lane: 0, kind: "mean", label: "μ", tall: true },
        { lane: 0, kind: "deviation", label: "μ − √v" },
        { lane: 0, kind: "deviation", label: "μ + √v" },
      ],
      label: "Each sample’s deviation from the mean, as a bar",
    },
    formula: () => math("v =", frac("1", "B"), "Σ", square(row("x_i − μ"))),
    filled: (now) =>
      math(
        "v =",
        frac(
          sum(now.centered, (value) => squared(value), fitting(now.centered, 2)),
          String(now.rows),
        ),
        "=",
        brief(now.variance),
      ),
    note: (now) =>
      `Each bar squared, then averaged over B = ${now.rows}. Not divided by B − 1: that is kept for the running variance.`,
    value: (now) => now.variance,
    picture: (now) => {
      const deviation = Math.sqrt(now.variance);
      const ends = deviation > 0 ? [now.mean - deviation, now.mean + deviation] : [null, null];
      return { values: [now.x], at: [now.mean, ...ends] };
    },
  },
  {
    name: "normalized",
    title: "Normalised",
    symbol: "x̂",
    strip: {
      lanes: ["x", "x − μ", "x̂"],
      marks: [
        { lane: 2, kind: "bound", label: "−√(B−1)" },
        { lane: 2, kind: "bound", label: "√(B−1)" },
      ],
      label: "Where each sample goes: shifted by the mean, then divided by the deviation",
    },
    formula: () => math("x̂_i =", frac("x_i − μ", root("v + ε"))),
    filled: (now) =>
      math(
        `x̂_${now.row + 1} =`,
        frac(
          `${now.asTyped(now.x[now.row])} − ${term(now.mean, now.write)}`,
          root(`${brief(now.variance)} + ${asTyped(now.eps)}`),
        ),
        "=",
        brief(now.normalized[now.row]),
      ),
    extra: (now) =>
      math(
        "var",
        "( x̂ ) =",
        frac("v", "v + ε"),
        "=",
        frac(brief(now.variance), brief(now.variance + now.eps)),
        "=",
        near(now.shrink),
      ),
    note: shrinkNote,
    value: (now) => now.normalized[now.row],
    picture: (now) => ({
      values: [now.x, now.centered, now.normalized],
      at: [-now.bound, now.bound],
      extras: [[], [], [-now.bound, now.bound]],
    }),
  },
  {
    name: "output",
    title: "Scaled and shifted",
    symbol: "y",
    strip: { lanes: ["x̂", "γ x̂", "y"], label: "Where each sample goes: stretched by γ, then moved by β" },
    formula: () => math("y_i = γ x̂_i + β"),
    filled: (now) =>
      math(
        `y_${now.row + 1} = ${term(now.gamma, asTyped)} ·`,
        term(now.normalized[now.row]),
        `+ ${term(now.beta, now.outputAsTyped)} =`,
        now.writeOutput(now.output[now.row]),
      ),
    note: ({ outputMean, outputVariance, beta, gamma }) =>
      `The output has mean ${brief(settled(outputMean, beta, gamma))}, which is β, and variance ${brief(outputVariance)}, which is γ² · v / (v + ε): γ and β set its scale and place, whatever those of the input were.`,
    value: (now) => now.output[now.row],
    format: (now) => now.writeOutput,
    picture: (now) => ({ values: [now.normalized, now.scaled, now.output] }),
  },
];

/** Nothing but rounding beside numbers of that size counts as 0. */
const settled = (value, ...sizes) => (Math.abs(value) < 1e-13 * Math.max(...sizes.map(Math.abs)) ? 0 : value);

/** Close to one, the digits that tell it from one. */
function near(value) {
  const gap = 1 - value;
  return gap > 0 && gap < 1e-3 ? `1 − ${brief(gap)}` : brief(value);
}

function shrinkNote({ shrink, eps, variance }) {
  if (variance === 0)
    return "v is 0, as all samples are equal: nothing is left of them but β. Only ε keeps 0 / 0 away.";
  if (shrink > 0.999)
    return "Not exactly 1, because ε was added under the root; here v is so much larger that it hardly matters.";
  const much = variance < eps ? "larger than v itself" : "not small beside v";
  return `Not 1, because ε was added under the root, and here ε is ${much}: the values stay smaller than “unit variance” promises.`;
}

export class Step {
  constructor(recipe, number) {
    this.recipe = recipe;
    this.value = el("b", { class: "anatomy-key", "data-bnviz": `number-${recipe.name}` });
    this.whose = el("span", { class: "anatomy-of" });
    this.filled = el("p", { class: "anatomy-formula is-filled" });
    this.extra = el("p", { class: "anatomy-formula is-filled", hidden: !recipe.extra });
    this.note = el("p", { class: "anatomy-note" });
    this.strip = new Strip(recipe.strip);
    this.node = el(
      "section",
      { class: "anatomy-step", "data-bnviz": `step-${recipe.name}`, "aria-label": recipe.title },
      el(
        "div",
        { class: "anatomy-step-text" },
        el(
          "h3",
          {},
          el("span", { class: "anatomy-badge", "aria-hidden": "true" }, String(number)),
          recipe.title,
          el("span", { class: "anatomy-result" }, this.whose, " = ", this.value),
        ),
        el("p", { class: "anatomy-formula" }, recipe.formula()),
        this.filled,
        this.extra,
        this.note,
      ),
      el("div", { class: "anatomy-picture" }, this.strip.node),
    );
  }

  update(now) {
    const { recipe } = this;
    this.write(now);
    this.strip.update(recipe.picture(now));
    this.strip.look(now.row);
  }

  /** The words and formulas; those about one sample follow the one that is looked at. */
  write(now) {
    const { recipe } = this;
    const one = recipe.name === "normalized" || recipe.name === "output";
    this.whose.textContent = one ? `${recipe.symbol} of sample ${now.row + 1}` : recipe.symbol;
    setNumber(this.value, recipe.value(now), recipe.format?.(now));
    this.filled.replaceChildren(recipe.filled(now));
    if (recipe.extra) this.extra.replaceChildren(recipe.extra(now));
    this.note.textContent = recipe.note(now);
  }

  dispose() {
    this.strip.dispose();
  }
}
