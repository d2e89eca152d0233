// The players' icons.

import { svg } from "./dom.js";

const PATHS = {
  play: "M3 1.5v11l9.5-5.5z",
  pause: "M3 1.5h3v11H3zM8 1.5h3v11H8z",
  next: "M4 1.5v11L10.5 7z",
  previous: "M10 1.5v11L3.5 7z",
  step: "M2.5 1.5v11L9 7zM10 1.5h2v11h-2z",
  rewind: "M2 1.5h2v11H2zM12 1.5v11L5 7z",
  dice: "M2.5 1h9A1.5 1.5 0 0 1 13 2.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 1 11.5v-9A1.5 1.5 0 0 1 2.5 1zM4.2 3.2a1.1 1.1 0 1 0 0 2.2 1.1 1.1 0 0 0 0-2.2zM9.8 8.6a1.1 1.1 0 1 0 0 2.2 1.1 1.1 0 0 0 0-2.2zM7 5.9a1.1 1.1 0 1 0 0 2.2 1.1 1.1 0 0 0 0-2.2z",
};

export const icon = (name) =>
  svg("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, svg("path", { d: PATHS[name], "fill-rule": "evenodd" }));
