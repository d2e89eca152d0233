// What the parts of the anatomy page share: the state, the edits on their way, the sections and what lies beside them.

import { el, setText } from "../dom.js";
import { loadPlotly } from "../plotly.js";
import { readTheme } from "../theme.js";
import { Bench } from "./bench.js";
import { Post } from "./post.js";
import { Problems } from "./problems.js";
import { Tabs } from "./tabs.js";

/** The sections: a tab, the sentence under it, and where its class is. `static bench = true` there: the inputs beside it. */
const SECTIONS = [
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
      "In training the layer uses the batch it sees; in evaluation, running averages of the batches so far. Turn the momentum and move the data: the two can disagree.",
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
    Object.assign(this, { root, assets, state: {}, result: {}, problems: [], examples: [], upstreams: [] });
    Object.assign(this, { fields: {}, limits: {} });
    this.sections = new Map();
    this.shown = null;
    this.looked = 0;
    this.theme = readTheme(root);
    this.post = new Post(
      (edit) => this.component.setStateValue("edit", edit),
      (times) => setText(this.late, times ? "Waiting for the app: the numbers are old, what you typed is kept …" : ""),
    );
    this.tabs = new Tabs(this, SECTIONS);
    this.headline = el("p", { class: "anatomy-headline", "data-bnviz": "question" });
    const line = () => el("p", { class: "anatomy-notice", role: "status" });
    [this.late, this.unloaded, this.undrawn] = [line(), line(), line()];
    this.alerts = new Problems(this);
    this.bench = new Bench(this);
    this.body = el("div", { class: "anatomy-body", id: "anatomy-panel", role: "tabpanel", tabindex: "-1" });
    const notices = [this.late, this.unloaded, this.undrawn];
    root.append(this.tabs.node, this.alerts.node, this.headline, ...notices, this.body);
    this.listen();
  }

  listen() {
    this.scheme = window.matchMedia("(prefers-color-scheme: dark)");
    this.repaint = () => setTimeout(() => this.readTheme(), 60);
    this.scheme.addEventListener("change", this.repaint);
    const point = (event) => {
      const sample = event.target.closest?.("[data-sample]");
      if (sample) this.look(Number(sample.dataset.sample));
    };
    for (const kind of ["pointerover", "pointerdown", "focusin"]) this.root.addEventListener(kind, point);
    this.leave = (event) => event.target.closest?.("a[href]:not([target=_blank])") && this.post.pause();
    document.addEventListener("click", this.leave, true);
  }

  // What comes from Python

  /** New data: never rebuilds what stands. */
  update(component) {
    this.component = component;
    this.readTheme();
    const { data } = component;
    if (!data) return;
    const { examples, upstreams, fields, limits, serial, state, problems = [] } = data;
    Object.assign(this, { examples, upstreams, fields, limits, state });
    // What an edit before this page's own was refused for is not to be seen here any more.
    this.problems = problems.filter(({ field }) => field === "link" || serial >= this.post.first);
    this.result = revive(data.result ?? {});
    this.post.answered({ serial, state, problems: this.problems });
    if (!this.post.flight) setText(this.late, "");
    this.looked = Math.min(this.looked, this.state.batch.length - 1);
    this.show(this.post.draft.section);
    this.alerts.update(this.problems);
    this.bench.update(this.state, this.result, this.problems);
    this.refresh();
    this.mark();
  }

  /** Whether the shown section's numbers are there. */
  get ready() {
    return this.result[this.shown] !== undefined;
  }

  /** Give the shown section its numbers, once they are there. */
  refresh() {
    const section = this.sections.get(this.shown);
    this.body.classList.toggle("is-waiting", !(section && this.ready));
    if (section && this.ready) section.update(this.state, this.result, this.problems);
  }

  // What goes there: see also Post

  /** Another channel: what was refused for the last one would be shown as the new one's. */
  lookAt(channel) {
    for (const { field } of this.problems) if (field === "gamma" || field === "beta") this.post.revert(field);
    this.post.change({ channel });
  }

  // Sections

  choose(name) {
    if (name === this.failed) this.shown = null;
    this.show(name);
    this.post.change({ section: name });
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
    this.failed = null;
    setText(this.unloaded, "");
    entry.load().then(
      (Section) => {
        if (!this.sections.has(entry.name)) this.sections.set(entry.name, new Section(this));
        if (this.shown !== entry.name) return;
        this.place(this.sections.get(entry.name));
        this.refresh();
        this.mark();
      },
      () => {
        this.failed = entry.name;
        setText(this.unloaded, `“${entry.title}” could not be loaded. Choose it again.`);
      },
    );
  }

  place(section) {
    const beside = section.constructor.bench === true;
    this.body.classList.toggle("has-bench", beside);
    this.body.dataset.section = this.shown;
    this.body.setAttribute("aria-labelledby", `anatomy-tab-${this.shown}`);
    this.body.replaceChildren(...(beside ? [this.bench.node] : []), section.node);
    this.body.classList.toggle("is-waiting", !this.ready);
  }

  // What is looked at

  /** The sample under the pointer or in focus: marked wherever it is drawn. */
  look(row) {
    if (row === this.looked || !(row < this.state.batch?.length)) return;
    this.looked = row;
    if (this.ready) this.sections.get(this.shown)?.look?.(row);
    this.mark();
  }

  mark() {
    for (const node of this.root.querySelectorAll("[data-sample]")) {
      node.classList.toggle("is-looked", Number(node.dataset.sample) === this.looked);
    }
  }

  /** The library for line charts: loaded when a section first asks for it. */
  get plotly() {
    this.library ??= loadPlotly(new URL("plotly.min.js", this.assets).href).catch((error) =>
      setText(this.undrawn, `The line charts can't be drawn: ${error.message}. Reload the page.`),
    );
    return this.library;
  }

  readTheme() {
    const theme = readTheme(this.root);
    const changed = JSON.stringify(theme) !== JSON.stringify(this.theme);
    this.theme = theme;
    if (changed) for (const section of this.sections.values()) section.theme?.();
  }

  dispose() {
    this.post.dispose();
    this.tabs.dispose();
    this.scheme.removeEventListener("change", this.repaint);
    document.removeEventListener("click", this.leave, true);
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
