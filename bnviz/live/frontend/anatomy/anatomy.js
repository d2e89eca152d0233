// The anatomy page.

import { mounter } from "../mount.js";
import { App } from "./app.js";

export const mount = mounter({
  name: "anatomy",
  classes: "bnviz bnviz-anatomy",
  styles: ["stage.css", "anatomy/anatomy.css", "anatomy/sections.css"],
  make: (node, assets) => new App(node, assets),
});
