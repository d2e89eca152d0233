// The line above the stage that says what went wrong, in plain words.

import { el, setText } from "./dom.js";

/** By the state of the socket; nothing to say when it is open. */
export const NOTICES = {
  reconnecting: "The connection to the app was lost; trying again …",
  replaced: "This run is now shown in another window. Reload to take it back.",
};

export class Notice {
  constructor() {
    this.node = el("div", { class: "bnviz-message", role: "alert", "data-bnviz": "message", hidden: true });
  }

  /** Show a sentence, for some seconds or until the next one; an empty one hides the line. */
  say(text, seconds = 0) {
    clearTimeout(this.timer);
    this.node.hidden = !text;
    setText(this.node, text);
    if (seconds) this.timer = setTimeout(() => this.say(""), 1000 * seconds);
  }
}
