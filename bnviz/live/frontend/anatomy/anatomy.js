// The anatomy page: `mount(component)` is called at every rerun; one root element keeps one app.

import { el } from "../dom.js";
import { App } from "./app.js";

const HERE = new URL(".", import.meta.url);
const SHEETS = ["../stage.css", "anatomy.css", "sections.css"];
const apps = new WeakMap();
const sheets = new Map();

/** A stylesheet once a page; resolves when it holds. */
function loadSheet(name) {
  const href = new URL(name, HERE).href;
  if (!sheets.has(href)) {
    sheets.set(
      href,
      new Promise((resolve) => {
        const link = el("link", { rel: "stylesheet", href });
        link.addEventListener("load", resolve);
        link.addEventListener("error", resolve);
        document.head.append(link);
      }),
    );
  }
  return sheets.get(href);
}

/** Mount the page, or give an existing one new data. Returns the cleanup function. */
export function mount(component) {
  const root = component.parentElement;
  let kept = apps.get(root);
  if (!kept) {
    const node = el("div", { class: "bnviz bnviz-anatomy", "data-bnviz": "anatomy", hidden: true });
    root.append(node);
    kept = { app: new App(node, new URL("..", HERE)), calls: 0 };
    apps.set(root, kept);
    Promise.all(SHEETS.map(loadSheet)).then(() => {
      node.hidden = false;
      kept.app.resized();
    });
  }
  kept.calls += 1;
  const call = kept.calls;
  kept.app.update(component);
  return () => {
    // A rerun may arrive while an earlier call's promise is pending: only the latest call may end the page.
    if (apps.get(root) !== kept || call !== kept.calls) return;
    apps.delete(root);
    kept.app.dispose();
  };
}

export default mount;
