// The nodes of the layer's graph: what each is called, how its value and its gradient are computed;
// `typed`: which of the two somebody typed.

import { frac, math, root, row, square } from "./mathml.js";

export const NODES = {
  x: {
    symbol: "x",
    title: "the input",
    typed: "value",
    value: () => "The mini-batch, as you typed it.",
    gradient: () => math("∂ x_i =", row("∂ ( x − μ )_i"), "+", frac("∂ μ", "B")),
    note: "Two ways lead back here: straight, and through the mean, which all samples share.",
  },
  mean: {
    symbol: "μ",
    title: "the batch mean",
    value: () => math("μ =", frac("1", "B"), "Σ x_i"),
    gradient: () => math("∂ μ = −", "Σ ∂ ( x − μ )_i"),
    note: "It was subtracted from every sample, so it hears from every sample, with a minus.",
  },
  centered: {
    symbol: "x − μ",
    title: "shifted by the mean",
    value: () => math("( x − μ )_i = x_i − μ"),
    gradient: () => math("∂ ( x − μ )_i =", frac("∂ x̂_i", "s"), "+", frac("2 ( x_i − μ )", "B"), "∂ v"),
    note: "Straight from x̂, and through the variance.",
  },
  variance: {
    symbol: "v",
    title: "the biased variance",
    value: () => math("v =", frac("1", "B"), "Σ", square(row("x_i − μ"))),
    gradient: () => math("∂ v =", frac("∂ s", "2 s")),
    note: "The slope of a root.",
  },
  std: {
    symbol: "s",
    title: "the deviation",
    value: () => math("s =", root("v + ε")),
    gradient: () => math("∂ s = −", "Σ", frac("∂ x̂_i · ( x_i − μ )", "s^2")),
    note: "Every sample was divided by it, so it hears from every sample.",
  },
  normalized: {
    symbol: "x̂",
    title: "normalised",
    value: () => math("x̂_i =", frac("x_i − μ", "s")),
    gradient: () => math("∂ x̂_i = γ · ∂ y_i"),
    note: "γ scales what comes back as it scaled what went out.",
  },
  gamma: {
    symbol: "γ",
    title: "scale, learnt",
    typed: "value",
    value: () => "A parameter: the layer learns it.",
    gradient: () => math("∂ γ = Σ ∂ y_i · x̂_i"),
    note: "One for each channel: it hears from all samples.",
  },
  scaled: {
    symbol: "γ x̂",
    title: "scaled",
    value: () => math("( γ x̂ )_i = γ · x̂_i"),
    gradient: () => math("∂ ( γ x̂ )_i = ∂ y_i"),
    note: "A sum passes its gradient on as it is.",
  },
  beta: {
    symbol: "β",
    title: "shift, learnt",
    typed: "value",
    value: () => "A parameter: the layer learns it.",
    gradient: () => math("∂ β = Σ ∂ y_i"),
    note: "One for each channel: it was added to all samples, so it hears from all.",
  },
  output: {
    symbol: "y",
    title: "the output",
    typed: "gradient",
    value: () => math("y_i = γ x̂_i + β"),
    gradient: () => "It comes from the layers above.",
    note: "This is the gradient that you choose in the table dL/dy.",
  },
};

export const EDGES = [
  ["x", "mean"],
  ["x", "centered"],
  ["mean", "centered"],
  ["centered", "variance"],
  ["variance", "std"],
  ["std", "normalized"],
  ["centered", "normalized"],
  ["normalized", "scaled"],
  ["gamma", "scaled"],
  ["scaled", "output"],
  ["beta", "output"],
];

/** Where the nodes stand, in columns and rows of a grid: lying where there is room, else upright. */
export const WIDE = {
  columns: 6.3,
  rows: 2,
  at: {
    x: [0, 0],
    mean: [0.66, 1],
    centered: [1.32, 0],
    variance: [1.72, 1],
    std: [2.78, 1],
    normalized: [3.18, 0],
    gamma: [4.24, 1],
    scaled: [4.24, 0],
    beta: [5.3, 1],
    output: [5.3, 0],
  },
};
export const TALL = {
  columns: 2,
  rows: 7,
  at: {
    x: [0, 0],
    mean: [1, 0.5],
    centered: [0, 1],
    variance: [1, 1.75],
    std: [1, 2.75],
    normalized: [0, 3],
    gamma: [1, 3.75],
    scaled: [0, 4.25],
    beta: [1, 4.85],
    output: [0, 5.5],
  },
};
