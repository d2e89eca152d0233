// The sections' tabs: one row that scrolls within itself where it has no room.

import { el, setAttribute } from "../dom.js";
import { onWidth } from "./pieces.js";

const MOVES = { ArrowRight: 1, ArrowLeft: -1 };

export class Tabs {
  constructor(app, sections) {
    this.app = app;
    this.names = sections.map((section) => section.name);
    this.buttons = sections.map(({ name, title }) =>
      el(
        "button",
        {
          type: "button",
          role: "tab",
          class: "anatomy-tab",
          id: `anatomy-tab-${name}`,
          "aria-controls": "anatomy-panel",
          "data-bnviz": `tab-${name}`,
          on: { click: () => app.choose(name), keydown: (event) => this.key(event, name) },
        },
        title,
      ),
    );
    this.node = el("div", { class: "anatomy-tabs", role: "tablist", "aria-label": "Sections" }, ...this.buttons);
    this.stop = onWidth(this.node, () => this.reveal());
  }

  key(event, name) {
    const last = this.names.length - 1;
    const at = this.names.indexOf(name);
    const to = { Home: 0, End: last }[event.key] ?? (event.key in MOVES ? at + MOVES[event.key] : null);
    if (to === null) return;
    event.preventDefault();
    const next = (to + last + 1) % (last + 1);
    this.app.choose(this.names[next]);
    this.buttons[next].focus({ preventScroll: true });
  }

  update(name) {
    this.names.forEach((one, index) => {
      setAttribute(this.buttons[index], "aria-selected", one === name);
      setAttribute(this.buttons[index], "tabindex", one === name ? 0 : -1);
    });
    this.chosen = this.buttons[this.names.indexOf(name)];
    requestAnimationFrame(() => this.reveal());
  }

  /** Scroll the row to the chosen tab; only the row itself may move, never the page. */
  reveal() {
    const { chosen } = this;
    if (!chosen) return;
    this.node.scrollLeft = chosen.offsetLeft - this.node.offsetLeft - (this.node.clientWidth - chosen.offsetWidth) / 2;
  }

  dispose() {
    this.stop();
  }
}
