// The live stage.

import { App } from "./app.js";
import { mounter } from "./mount.js";

export const mount = mounter({
  name: "stage",
  classes: "bnviz",
  styles: ["stage.css"],
  make: (node, assets) => new App(node, assets),
});
