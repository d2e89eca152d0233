// Remembers, for this tab alone, under which token the server keeps what was measured here: a reload gets it back.

const KEY = "bnviz-own";
let asked = false;

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
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    asked = true; // a browser that keeps nothing: a reload forgets
  }
}
