// The stage before its run has come: what can't act is out of reach, and who waits for a place reads what to do meanwhile.

import { el } from "./dom.js";

const PAGES = { anatomy: "Anatomy", claims: "Claims", maps: "Maps", recordings: "Recordings" };

/** In a tab of its own, so that this page keeps its number. */
const link = ([name, title]) => el("a", { href: new URL(name, document.baseURI).href, target: "_blank" }, title);

export class Blank {
  constructor(app) {
    this.app = app;
    this.node = el("section", { class: "bnviz-blank", "data-bnviz": "waiting", hidden: true });
    app.root.append(this.node);
    this.cover(true);
  }

  /** Before the run is there, its controls can't act; of a run whose place was given up they ask for one again. */
  cover(blank) {
    this.app.root.classList.toggle("is-blank", blank);
    this.app.player.node.inert = blank;
    this.node.hidden = true;
  }

  /** News of the run's place to train. What a run without one has measured stays. */
  hear({ type, place, message }) {
    const blank = !this.app.meta && type !== "released";
    this.cover(blank);
    if (blank) this.show(place);
    this.app.say(message ?? "");
  }

  show(place) {
    this.node.replaceChildren(
      el("h3", {}, place ? `Number ${place} in the queue` : "It is your turn: the networks are being made …"),
      ...(place ? this.meanwhile() : []),
    );
    this.node.hidden = false;
  }

  meanwhile() {
    const pages = Object.entries(PAGES).flatMap((page, index) => [index ? ", " : "", link(page)]);
    return [
      el(
        "p",
        {},
        "Your networks come here as soon as a place is free. Until then you can go on changing their settings.",
      ),
      el("p", {}, "These pages need no place; each opens in a new tab: ", ...pages, "."),
      el(
        "p",
        {},
        "Leave this tab open, it keeps your number. Look in now and then: a place that nobody looks at is passed on.",
      ),
    ];
  }
}
