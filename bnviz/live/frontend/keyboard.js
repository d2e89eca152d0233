// Keys: space plays and pauses, arrows scrub (shift: ten), B switches batch norm. Never while somebody types.

const TYPES = "input:not([type=range]), textarea, select, [contenteditable=''], [contenteditable=true]";
const ACTS =
  "button, a, summary, [role=button], [role=switch], [role=tab], [role=checkbox], [role=radio], [role=option], [role=menuitem]";
const MOVES =
  "[role=slider], [role=listbox], [role=combobox], [role=radiogroup], [role=tablist], [role=tab], [role=menu], input[type=range], input[type=radio]";

/** Listen on the document until the returned function is called. */
export function listenToKeys(root, app) {
  const handle = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const { target } = event;
    if (
      !(target instanceof Element) ||
      target.closest(TYPES) ||
      document.querySelector("[role=dialog][aria-modal=true]")
    )
      return;
    const action = actionOf(event, target, root, app);
    if (!action) return;
    event.preventDefault();
    action();
  };
  // A button clicked by pointer gives its focus back: the space bar then plays, and does not press it again.
  root.addEventListener("click", (event) => event.detail > 0 && event.target.closest("button")?.blur());
  document.addEventListener("keydown", handle);
  return () => document.removeEventListener("keydown", handle);
}

function actionOf(event, target, root, app) {
  const distance = event.shiftKey ? 10 : 1;
  if (event.key === " " && !event.repeat) return target.closest(ACTS) ? null : () => app.playPause();
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    const foreign = target.closest(MOVES) && !root.contains(target);
    return foreign ? null : () => app.scrubBy(event.key === "ArrowLeft" ? -distance : distance);
  }
  if (event.key.toLowerCase() === "b" && !event.shiftKey && !event.repeat) return () => app.toggle(app.focusedArm);
  return null;
}
