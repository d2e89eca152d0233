// A box to choose one of many by name: type to filter, arrows to move, Enter to take, Escape to leave it as it was.

import { el, setAttribute } from "./dom.js";

const MOST_SHOWN = 200;
let boxes = 0;

export class Combobox {
  /** `choose(index)` is called when the reader has chosen; `name` is its data-bnviz. */
  constructor({ name, label, title, choose }) {
    boxes += 1;
    this.id = `bnviz-combobox-${boxes}`;
    this.choose = choose;
    this.names = [];
    this.value = -1;
    this.matches = [];
    this.active = -1;
    this.input = el("input", {
      class: "bnviz-select bnviz-combobox-input",
      type: "text",
      role: "combobox",
      autocomplete: "off",
      spellcheck: "false",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.id,
      "aria-label": label,
      "data-bnviz": name,
      title,
      on: {
        focus: () => this.open(),
        click: () => this.open(),
        input: () => this.filter(this.input.value),
        keydown: (event) => this.key(event),
        blur: () => this.leave(),
      },
    });
    this.list = el("ul", {
      class: "bnviz-combobox-list",
      id: this.id,
      role: "listbox",
      "aria-label": label,
      hidden: true,
      "data-bnviz": `${name}-list`,
      on: { pointerdown: (event) => this.press(event) },
    });
    this.node = el("span", { class: "bnviz-combobox" }, this.input, this.list);
  }

  /** The names to choose from. */
  offer(names) {
    this.names = names;
    this.lower = names.map((name) => name.toLowerCase());
  }

  /** The chosen one, as it stands in the box while nobody types. */
  set(index) {
    if (index === this.value && this.input.value === this.names[index]) return;
    this.value = index;
    if (this.list.hidden) this.input.value = this.names[index] ?? "";
  }

  open() {
    if (!this.list.hidden) return;
    this.input.select();
    this.filter("");
    this.mark(this.matches.indexOf(this.value));
  }

  /** All words typed must occur; those that begin with the text come first. */
  filter(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.lower.flatMap((name, index) => (words.every((word) => name.includes(word)) ? [index] : []));
    const first = words[0] ?? "";
    this.matches = first
      ? [
          ...found.filter((at) => this.lower[at].startsWith(first)),
          ...found.filter((at) => !this.lower[at].startsWith(first)),
        ]
      : found;
    const from = words.length
      ? 0
      : Math.max(0, Math.min(this.value - MOST_SHOWN / 2, this.matches.length - MOST_SHOWN));
    this.matches = this.matches.slice(from, from + MOST_SHOWN);
    this.draw(found.length - this.matches.length);
    this.mark(words.length && this.matches.length ? 0 : -1);
  }

  draw(left) {
    const options = this.matches.map((index, position) =>
      el(
        "li",
        { role: "option", id: `${this.id}-${position}`, "aria-selected": String(index === this.value) },
        this.names[index],
      ),
    );
    if (!this.matches.length) options.push(el("li", { class: "is-note" }, "no layer of that name"));
    if (left > 0) options.push(el("li", { class: "is-note" }, `${left} more: type to narrow`));
    this.list.replaceChildren(...options);
    this.list.hidden = false;
    setAttribute(this.input, "aria-expanded", "true");
  }

  mark(position) {
    this.list.children[this.active]?.classList.remove("is-active");
    this.active = position;
    const node = position < 0 ? null : this.list.children[position];
    node?.classList.add("is-active");
    node?.scrollIntoView({ block: "nearest" });
    if (node) this.input.setAttribute("aria-activedescendant", node.id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const { key } = event;
    if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      if (this.list.hidden) this.open();
      else this.step(key === "ArrowDown" ? 1 : -1);
    } else if (key === "Enter" && !this.list.hidden) {
      event.preventDefault();
      if (this.active >= 0) this.take(this.active);
    } else if (key === "Escape" && !this.list.hidden) {
      event.preventDefault();
      this.close();
      this.input.select();
    }
  }

  step(distance) {
    const { length } = this.matches;
    if (length) this.mark((this.active + distance + length) % length);
  }

  /** Before the box loses its focus to the list. */
  press(event) {
    event.preventDefault();
    const position = [...this.list.children].indexOf(event.target.closest("[role=option]"));
    if (position >= 0) this.take(position);
  }

  take(position) {
    const index = this.matches[position];
    this.value = index;
    this.close();
    this.input.blur();
    this.choose(index);
  }

  close() {
    this.list.hidden = true;
    this.active = -1;
    setAttribute(this.input, "aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.input.value = this.names[this.value] ?? "";
  }

  leave() {
    if (!this.list.hidden) this.close();
  }
}
