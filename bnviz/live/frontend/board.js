// The board of charts: toolbar (layer, values, which charts), cards, who is in sight, summaries for screen readers.

import { makeCard } from "./card.js";
import { CHARTS, available, defaults } from "./charts.js";
import { Combobox } from "./combobox.js";
import { el, setAttribute, setText } from "./dom.js";
import { placeBeside } from "./help.js";
import { isModel, layerName, layerNames } from "./names.js";
import { pointNames, pointOrder } from "./points.js";
import { toggles } from "./toggles.js";

/** A model has no picture beside its two tall charts. */
const SPANS_MODEL = { distribution: 6, layers: 6, statistics: 3 };
/** With a decision surface to show, the three tall charts share the row evenly. */
const SPANS_2D = { distribution: 4, layers: 4, picture: 4 };

export class Board {
  constructor(app) {
    this.app = app;
    this.cards = new Map();
    this.toolbar = this.buildToolbar();
    this.grid = el("div", { class: "bnviz-grid" });
    this.sight = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "80px" });
  }

  buildToolbar() {
    this.layer = el("select", {
      class: "bnviz-select",
      "data-bnviz": "layer",
      "aria-label": "Layer",
      title: "The hidden layer that the charts marked “layer” show; 1 is next to the input",
      on: { change: () => this.app.setLayer(Number(this.layer.value)) },
    });
    this.point = el("select", {
      class: "bnviz-select",
      "data-bnviz": "point",
      "aria-label": "Values",
      title:
        "Where a value is taken: the linear part’s output z = Wx + b, the norm’s output, or the activation’s output",
      on: { change: () => this.app.setPoint(Number(this.point.value)) },
    });
    this.search = new Combobox({
      name: "layer-search",
      label: "Layer",
      title: "The layer that the charts marked with its name show: type a part of its name",
      choose: (layer) => this.app.setLayer(layer),
    });
    this.layerField = el("label", { class: "bnviz-field" }, "Layer", this.layer, this.search.node);
    this.pointField = el("label", { class: "bnviz-field" }, "Values", this.point);
    const menuButton = this.buildMenu();
    return el(
      "div",
      { class: "bnviz-tools", role: "toolbar", "aria-label": "What the charts show" },
      this.layerField,
      this.pointField,
      menuButton,
      this.menu,
      this.app.takeaway.button,
      this.app.takeaway.menu,
    );
  }

  buildMenu() {
    this.menu = el("div", {
      class: "bnviz-menu",
      popover: "auto",
      role: "dialog",
      "aria-label": "Choose charts",
      "data-bnviz": "charts-list",
    });
    const button = el(
      "button",
      {
        type: "button",
        class: "bnviz-button is-quiet",
        "data-bnviz": "charts-menu",
        "aria-haspopup": "dialog",
        on: { click: () => this.menu.togglePopover?.() },
      },
      "Charts ▾",
    );
    this.menu.addEventListener("toggle", (event) => event.newState === "open" && placeBeside(this.menu, button));
    return button;
  }

  /** The charts of a generation: cards are kept, only what the meta forbids goes away. */
  build(meta, chosen) {
    this.clearForeign(meta);
    this.buildLayers(meta);
    const names = pointNames(meta);
    this.point.replaceChildren(
      ...pointOrder(meta).map((point) => el("option", { value: String(point) }, names[point])),
    );
    this.kind = meta.points ? "points" : meta.images ? "images" : "none";
    const wanted = available(meta);
    const picture = this.cards.get("picture");
    if (picture && picture.kind !== this.kind) this.remove("picture");
    for (const [id, card] of this.cards) card.node.style.setProperty("--span", this.span(id));
    this.menu.replaceChildren(el("h4", {}, "Charts"), ...wanted.map((id) => this.menuItem(id)), this.resetItem());
    this.choose(chosen);
  }

  /** Another kind of history draws charts of the same name in its own way: none may stay. */
  clearForeign(meta) {
    const kind = JSON.stringify([meta.kind, meta.measured, meta.arms[0].scalars]);
    if (this.drawn && this.drawn !== kind) for (const id of [...this.cards.keys()]) this.remove(id);
    this.drawn = kind;
  }

  /** The lab's few layers to select, a model's many to search by name. */
  buildLayers(meta) {
    const { layers } = this.app;
    const searched = isModel(meta);
    this.layer.hidden = searched;
    this.search.node.hidden = !searched;
    this.pointField.hidden = searched; // one point only
    if (searched) this.search.offer(layerNames(meta));
    else if (this.layer.options.length !== layers)
      this.layer.replaceChildren(
        ...Array.from({ length: layers }, (_, layer) =>
          el("option", { value: String(layer) }, `${layer + 1} of ${layers}`),
        ),
      );
  }

  menuItem(id) {
    const box = el("input", {
      type: "checkbox",
      "data-bnviz": `show-${id}`,
      on: { change: () => this.app.setCharts(this.ticked()) },
    });
    box.dataset.chart = id;
    return el("label", { class: "bnviz-menu-item" }, box, CHARTS[id].title);
  }

  resetItem() {
    return el(
      "button",
      {
        type: "button",
        class: "bnviz-link",
        "data-bnviz": "charts-default",
        on: { click: () => this.app.setCharts(null) },
      },
      "the story on one screen",
    );
  }

  ticked() {
    return [...this.menu.querySelectorAll("input:checked")].map((box) => box.dataset.chart);
  }

  choose(chosen) {
    const possible = available(this.app.meta);
    const ids = (chosen ?? defaults(this.app.meta)).filter((id) => possible.includes(id));
    for (const id of [...this.cards.keys()]) if (!ids.includes(id)) this.remove(id);
    for (const id of Object.keys(CHARTS)) if (ids.includes(id)) this.place(id);
    for (const box of this.menu.querySelectorAll("input")) box.checked = ids.includes(box.dataset.chart);
  }

  /** Cards stand in the order of CHARTS; one that is there is not touched. */
  place(id) {
    if (this.cards.has(id)) return;
    const card = makeCard(this.app, id, this.span(id), this.kind);
    this.cards.set(id, card);
    const order = Object.keys(CHARTS);
    const next = [...this.grid.children].find((node) => order.indexOf(node.dataset.chart) > order.indexOf(id));
    this.grid.insertBefore(card.node, next ?? null);
    card.chart = CHARTS[id].make(card.body, this.app, id);
    if (card.chart.options) this.app.lesson.settle(id, card.chart.options);
    if (card.chart.options || card.chart.choices)
      card.tools.append(...toggles(card.chart, () => this.app.redraw(card.chart, true)));
    this.sight.observe(card.node);
  }

  span(id) {
    const own = isModel(this.app.meta) ? SPANS_MODEL : this.kind === "points" ? SPANS_2D : {};
    return own[id] ?? CHARTS[id].span;
  }

  seen(entries) {
    for (const entry of entries) {
      const card = this.cards.get(entry.target.dataset.chart);
      if (!card) continue;
      card.seen = entry.isIntersecting;
      if (card.seen && card.chart?.dirty) this.app.redraw(card.chart);
    }
  }

  remove(id) {
    const card = this.cards.get(id);
    this.sight.unobserve(card.node);
    card.chart?.dispose();
    card.node.remove();
    this.cards.delete(id);
  }

  /** The selectors and the "layer n" in the captions. */
  sync() {
    const { app } = this;
    if (this.layer.value !== String(app.layer)) this.layer.value = String(app.layer);
    if (this.point.value !== String(app.point)) this.point.value = String(app.point);
    if (isModel(app.meta)) this.search.set(app.layer);
    for (const { layer } of this.cards.values()) if (layer) this.nameLayer(layer);
  }

  nameLayer(node) {
    const name = layerName(this.app.meta, this.app.layer);
    setText(node.firstChild, name);
    setAttribute(node, "title", name);
  }

  summarize() {
    for (const card of this.cards.values()) setText(card.summary, card.chart.summary?.() ?? "");
  }

  dispose() {
    for (const id of [...this.cards.keys()]) this.remove(id);
    this.sight.disconnect();
  }
}
