// Remembers, for this tab alone, under which token the server keeps what was measured here: a reload gets it back.

import { loadPlotly } from "./plotly.js";

const KEY = "bnviz-own";
const FIGURES_NEXT = 300; // milliseconds after the page stands
let asked = false;

/** Whoever reads the list opens a claim next: its figures are not to wait for their library. */
setTimeout(() => loadPlotly(new URL("plotly.min.js", import.meta.url).href).catch(() => {}), FIGURES_NEXT);

/** What the tab remembers; nothing where the browser keeps nothing for this page. */
function remembered() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function mount(component) {
  const { token } = component.data;
  if (!token) {
    const before = asked ? null : remembered();
    asked = true;
    if (before) component.setTriggerValue("token", before);
    return;
  }
  asked = false; // a later session of this tab may want it
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    asked = true; // a browser that keeps nothing: a reload forgets
  }
}
