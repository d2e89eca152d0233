// Stands before Streamlit's own script on every page, and sets right what Streamlit gets wrong in a browser.

/** The pages lie side by side, so the app is where the open page lies; Streamlit would look for it below the page first. */
window.__streamlit = { BACKEND_BASE_URL: new URL(".", document.baseURI).href };

const linkOf = ({ target }) => target.closest?.('a[data-testid="stPageLink-NavLink"]');

/** Streamlit leaves the first page's address empty, which a browser takes for the open page. */
function complete(event) {
  const link = linkOf(event);
  const address = link?.getAttribute("href");
  if (address === "" || address?.startsWith("?")) link.setAttribute("href", `./${address}`);
}

/** Streamlit follows every click in the same tab; with one of these keys held it is the browser's. */
function leave(event) {
  if ((event.ctrlKey || event.metaKey || event.shiftKey) && linkOf(event)) event.stopPropagation();
}

for (const kind of ["pointerover", "pointerdown", "focusin"]) document.addEventListener(kind, complete, true);
document.addEventListener("click", leave, true);
