// The stage of recordings: the lab's charts, a player and cards of its own.

import { App } from "./app.js";
import { mounter } from "./mount.js";
import { Reels } from "./reels.js";
import { Tape } from "./tape.js";

const PARTS = { Player: Tape, Cards: Reels };

export const mount = mounter({
  name: "stage",
  classes: "bnviz is-recording",
  styles: ["stage.css", "recording.css"],
  make: (node, assets) => new App(node, assets, PARTS),
});
