// How a page's component is mounted: its stylesheets once a page, one app a root element, called at every rerun.

import { el } from "./dom.js";

const HERE = new URL(".", import.meta.url);
const sheets = new Map();

/** A stylesheet once a page, in the order of the calls; resolves when it holds, so that nothing is seen unstyled. */
function loadSheet(name) {
  if (!sheets.has(name)) {
    const link = el("link", { rel: "stylesheet", href: new URL(name, HERE).href });
    const loaded = new Promise((resolve) => {
      link.addEventListener("load", resolve);
      link.addEventListener("error", resolve);
    });
    sheets.set(name, loaded);
    document.head.append(link);
  }
  return sheets.get(name);
}

/**
 * The `mount(component)` of a page: makes its app, or gives an existing one new data; returns the cleanup function.
 * `make(node, assets, component)` makes an app: {update(component), dispose()}; `styles`: its stylesheets.
 */
export function mounter({ name, classes, styles, make }) {
  const apps = new WeakMap();
  return (component) => {
    const root = component.parentElement;
    let kept = apps.get(root);
    if (!kept) {
      const node = el("div", { class: classes, "data-bnviz": name, hidden: true });
      root.append(node);
      kept = { app: make(node, HERE, component), calls: 0 };
      apps.set(root, kept);
      Promise.all(styles.map(loadSheet)).then(() => (node.hidden = false));
    }
    kept.calls += 1;
    const call = kept.calls;
    kept.app.update(component);
    return () => {
      // A rerun may arrive while an earlier call's promise is pending: only the latest call may end the app.
      if (apps.get(root) !== kept || call !== kept.calls) return;
      apps.delete(root);
      kept.app.dispose();
    };
  };
}
