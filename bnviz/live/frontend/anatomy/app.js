// What the parts of the anatomy page share: the state, the edits on their way, the sections and what lies beside them.

import { el, setText } from "../dom.js";
import { loadPlotly } from "../plotly.js";
import { readTheme } from "../theme.js";
import { Bench } from "./bench.js";
import { Post } from "./post.js";
import { Problems } from "./problems.js";
import { Tabs } from "./tabs.js";

/** The sections: a tab, the sentence under it, and where its class is. `static bench = true` there: the inputs beside it. */
export const SECTIONS = [
  {
    name: "forward",
    title: "Forward",
    question:
      "Each channel is shifted by its batch mean, squeezed by its deviation, then stretched by γ and moved by β. Change a number: all of them answer, because they share the mean.",
    load: () => import("./forward.js").then((module) => module.ForwardSection),
  },
  {
    name: "backward",
    title: "Backward",
    question:
      "The gradient that reaches a sample comes three ways: straight, through the mean and through the variance. The last two tie the samples together.",
    load: () => import("./backward.js").then((module) => module.BackwardSection),
  },
  {
    name: "modes",
    title: "Train and eval",
    question:
      "In training the layer uses the batch it sees; in evaluation, running averages of earlier ones. Turn the momentum and move the data: the two can disagree.",
    load: () => import("./modes.js").then((module) => module.ModesSection),
  },
  {
    name: "axes",
    title: "Which axes",
    question:
      "All norms subtract a mean and divide by a deviation. They differ in whose: pick a cell and see which cells it shares them with.",
    load: () => import("./axes.js").then((module) => module.AxesSection),
  },
  {
    name: "scale",
    title: "Scale",
    question:
      "Make the weights before the layer a times larger: the output stays the same, and the gradient becomes a times smaller.",
    load: () => import("./scale.js").then((module) => module.ScaleSection),
  },
  {
    name: "mistakes",
    title: "Wrong versions",
    question: "Four ways to get it wrong, beside the right one. Switch one on and see which number gives it away.",
    load: () => import("./mistakes.js").then((module) => module.MistakesSection),
  },
  {
    name: "code",
    title: "As code",
    question: "The numbers you typed, as a script that runs on its own and prints the same results.",
    load: () => import("./code.js").then((module) => module.CodeSection),
  },
];

export class App {
  constructor(root, assets) {
    Object.assign(this, { root, assets, state: {}, result: {}, problems: [], examples: [], upstreams: [], width: 0 });
    this.sections = new Map();
    this.shown = null;
    this.looked = 0;
    this.theme = readTheme(root);
    this.post = new Post(
      (edit) => this.component.setStateValue("edit", edit),
      (times) => setText(this.notice, times > 1 ? "Still waiting for the app; asking again …" : ""),
    );
    this.tabs = new Tabs(this, SECTIONS);
    this.headline = el("p", { class: "anatomy-headline", "data-bnviz": "question" });
    this.notice = el("p", { class: "anatomy-notice", role: "status" });
    this.alerts = new Problems(this);
    this.bench = new Bench(this);
    this.body = el("div", { class: "anatomy-body", id: "anatomy-panel", role: "tabpanel", tabindex: "-1" });
    root.append(this.tabs.node, this.alerts.node, this.headline, this.notice, this.body);
    this.listen();
  }

  listen() {
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.root);
    this.scheme = window.matchMedia("(prefers-color-scheme: dark)");
    this.repaint = () => setTimeout(() => this.readTheme(), 60);
    this.scheme.addEventListener("change", this.repaint);
    const point = (event) => {
      const sample = event.target.closest?.("[data-sample]");
      if (sample) this.look(Number(sample.dataset.sample));
    };
    for (const kind of ["pointerover", "pointerdown", "focusin"]) this.root.addEventListener(kind, point);
  }

  // What comes from Python

  /** New data: never rebuilds what stands. */
  update(component) {
    this.component = component;
    this.readTheme();
    const { data } = component;
    if (!data) return;
    this.examples = data.examples ?? this.examples;
    this.upstreams = data.upstreams ?? this.upstreams;
    this.problems = data.problems ?? [];
    this.result = revive(data.result ?? {});
    this.post.answered({ serial: data.serial, state: data.state, problems: this.problems });
    this.state = data.state;
    if (!this.post.flight) setText(this.notice, "");
    this.looked = Math.min(this.looked, this.state.batch.length - 1);
    this.show(this.draft.section);
    this.alerts.update(this.problems);
    this.bench.update(this.state, this.result, this.problems);
    this.refresh();
    this.mark();
  }

  /** Give the shown section its numbers, once they are there. */
  refresh() {
    const section = this.sections.get(this.shown);
    const ready = section && this.result[this.shown] !== undefined;
    this.body.classList.toggle("is-waiting", !ready);
    if (ready) section.update(this.state, this.result, this.problems);
  }

  // What goes there

  get draft() {
    return this.post.draft;
  }

  /** Merge into the draft and send; at most one edit is in flight, and the newest wins. */
  change(values) {
    this.post.change(values);
  }

  /** A one-shot: example, upstream_example, paste or undo. */
  command(name, value) {
    this.post.command(name, value);
  }

  /** Put the last good value of a key back. */
  revert(key) {
    this.post.revert(key);
  }

  pending(key) {
    return this.post.pending(key);
  }

  // Sections

  choose(name) {
    this.show(name);
    this.change({ section: name });
  }

  show(name) {
    if (name === this.shown) return;
    this.shown = name;
    const entry = SECTIONS.find((section) => section.name === name);
    this.tabs.update(name);
    setText(this.headline, entry.question);
    const section = this.sections.get(name);
    if (section) this.place(section);
    else this.load(entry);
  }

  load(entry) {
    this.body.classList.add("is-waiting");
    entry.load().then(
      (Section) => {
        if (!this.sections.has(entry.name)) this.sections.set(entry.name, new Section(this));
        if (this.shown !== entry.name) return;
        this.place(this.sections.get(entry.name));
        this.refresh();
        this.mark();
      },
      (error) => setText(this.notice, `This section could not be loaded (${error.message}). Reload the page.`),
    );
  }

  place(section) {
    const beside = section.constructor.bench === true;
    this.body.classList.toggle("has-bench", beside);
    this.body.dataset.section = this.shown;
    this.body.setAttribute("aria-labelledby", `anatomy-tab-${this.shown}`);
    this.body.replaceChildren(...(beside ? [this.bench.node] : []), section.node);
    this.body.classList.toggle("is-waiting", this.result[this.shown] === undefined);
  }

  // What is looked at

  /** The sample under the pointer or in focus: marked wherever it is drawn. */
  look(row) {
    if (row === this.looked || !(row < this.state.batch?.length)) return;
    this.looked = row;
    this.sections.get(this.shown)?.look?.(row);
    this.mark();
  }

  mark() {
    for (const node of this.root.querySelectorAll("[data-sample]")) {
      node.classList.toggle("is-looked", Number(node.dataset.sample) === this.looked);
    }
  }

  /** The library for line charts: loaded when a section first asks for it. */
  get plotly() {
    return loadPlotly(new URL("plotly.min.js", this.assets).href);
  }

  readTheme() {
    const theme = readTheme(this.root);
    const changed = JSON.stringify(theme) !== JSON.stringify(this.theme);
    this.theme = theme;
    if (changed) for (const section of this.sections.values()) section.theme?.();
  }

  /** Another width: the shown section may want another layout (`resize()`, if it has one). */
  resized() {
    const width = Math.round(this.root.getBoundingClientRect().width);
    if (!width || width === this.width) return;
    this.width = width;
    this.tabs.reveal(this.shown);
    this.sections.get(this.shown)?.resize?.();
  }

  dispose() {
    this.post.dispose();
    this.observer.disconnect();
    this.scheme.removeEventListener("change", this.repaint);
    for (const section of this.sections.values()) section.dispose?.();
    this.root.remove();
  }
}

const NOT_FINITE = { nan: NaN, inf: Infinity, "-inf": -Infinity };

/** JSON knows no NaN and no infinity: they come as words. */
function revive(value) {
  if (typeof value === "string") return value in NOT_FINITE ? NOT_FINITE[value] : value;
  if (Array.isArray(value)) return value.map(revive);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revive(inner)]));
  }
  return value;
}
