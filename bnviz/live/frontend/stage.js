// The live stage: `mount(component)` is called by the page at every rerun; one root element keeps one stage.

import { App } from "./app.js";
import { el } from "./dom.js";

const HERE = new URL(".", import.meta.url);
const stages = new WeakMap();
const sheets = new Map();

/** The stylesheet once a page; resolves when it holds, so that nothing is seen unstyled. */
function loadStyle() {
  const href = new URL("stage.css", HERE).href;
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

/** Mount the stage, or give an existing one new data. Returns the cleanup function. */
export function mount(component) {
  const root = component.parentElement;
  let stage = stages.get(root);
  if (!stage) {
    const node = el("div", { class: "bnviz", "data-bnviz": "stage", hidden: true });
    root.append(node);
    stage = { app: new App(node, HERE, component), calls: 0 };
    stages.set(root, stage);
    loadStyle().then(() => (node.hidden = false));
  }
  stage.calls += 1;
  const call = stage.calls;
  stage.app.update(component);
  return () => {
    // A rerun may arrive while an earlier call's promise is pending: only the latest call may end the stage.
    if (stages.get(root) !== stage || call !== stage.calls) return;
    stages.delete(root);
    stage.app.dispose();
  };
}

export default mount;
