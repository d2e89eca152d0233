// Every chart and symbol in plain language: what it is, its unit or formula, what to look for. Opened by button or keyboard.

import { el, setText } from "./dom.js";
import { MODEL_TEXTS } from "./modelhelp.js";
import { isModel } from "./names.js";
import { pointFormula } from "./points.js";

/** id: [what it is, unit or formula, what to look for]; a function where it depends on the generation's meta */
const TEXTS = {
  distribution: [
    "The values that flow through the chosen layer, at every snapshot so far. The line is the median; the bands hold the middle 50, 70 and 90 % of all values (percentiles 25–75, 15–85, 5–95).",
    pointFormula,
    "Internal covariate shift, as Ioffe and Szegedy meant it, is this picture wandering: bands that move and widen while the layers below learn. Batch norm fixes each unit's mean and deviation over the batch before γ and β; the bands after norm may still widen as γ grows, and move as β does.",
  ],
  layers: [
    "One histogram per hidden layer and network at the shown step, turned on its side; all share the vertical axis. Each is scaled to its own peak.",
    "Length is density, or its square root (“√ height”), which shows the tails. Triangles in a network's colour: values beyond the axis. A red cross: values that are not finite.",
    "Thinner from layer to layer: the signal vanishes. Piled up at both ends after a sigmoid or tanh: saturation. Elsewhere than at step 0: shift. Click a layer to follow it over time.",
  ],
  picture: [
    "What each network makes of the data at the shown step: for two-dimensional data the class it would predict everywhere, for digits its answer to 12 fixed test images.",
    "Strength of colour is the network's confidence (softmax probability). ✓ is right, ✗ is wrong.",
    "A map in one flat colour, or the same answer everywhere, is a network that does not tell the classes apart (yet).",
  ],
  accuracy: [
    "The share of fixed samples (up to 512) that are classified right.",
    "“test”: unseen samples, evaluation mode (batch norm uses its running statistics). “train”: training samples. “batch stats”: the same test samples in train mode, so batch norm uses each batch's own statistics.",
    "Which network leaves the chance line first. A gap between “test” and “batch stats”: the running statistics and each batch's own differ, because they are not learnt yet or small batches are noisy. Dropout, where there is any, acts in train mode too.",
  ],
  loss: [
    "Cross-entropy: how surprised the network is by the right answer; 0 is perfect.",
    "−ln p(right class), averaged, in nats. Guessing among ten classes gives ln 10 = 2.30. “batch”: the batch of this training step.",
    "Falling is learning. Flat at the guessing value is stuck. A training loss that shoots up, or a line that ends: divergence. A test loss that rises while the training loss falls: overfitting.",
  ],
  drift: [
    "How far the inputs of the chosen layer's activation have moved, measured on a fixed probe batch, so that only the parameters can move them, and behind noisy BN its noise, which is new at each step.",
    "Wasserstein-1 distance between a unit's values now and at step 0 (or at the last snapshot), averaged over units, in the values' own scale. “since last” grows with the number of steps between the two snapshots, which depends on the speed; hover tells it.",
    "One of two meanings of internal covariate shift: the move of a layer's inputs (Ioffe and Szegedy 2015). The other, which the chart “Gradient shift” measures, is the change of a layer's gradient when the layers below step first (Santurkar et al. 2018). Less drift does not by itself mean faster training.",
  ],
  "gradient-depth": [
    "How strong the learning signal is in each layer at the shown step.",
    "‖dL/dz‖: norm of the loss's gradient at a linear layer's output. ‖dL/dW‖: at its weights. Log scale. At step 0 the dotted line, where there is one, is the theory for wide layers and large batches: a factor √f a layer.",
    "Falling towards the input: gradients vanish. Rising towards the input: they explode; in deep ReLU networks batch norm itself does that at the start, ×1.21 a layer for large batches and more for small ones. Weight gradients can look level while dL/dz vanishes.",
  ],
  "gradient-time": [
    "The chosen layer's gradient norm over training.",
    "‖dL/dz‖ or ‖dL/dW‖, log scale.",
    "Almost nothing while the loss is still high: the layer hardly learns. At a small loss it is merely the end of learning. Steep growth often comes before divergence.",
  ],
  units: [
    "Three single units of the chosen layer (solid, dashed, dotted) on the fixed probe batch.",
    "15th, 50th (thick) and 85th percentile of the unit's activation input, as in Fig. 1 of Ioffe and Szegedy (2015).",
    "In the headline lesson the paths wander without batch norm and settle early with it. Other settings may look otherwise.",
  ],
  affine: [
    "The learnt scale γ and shift β of the chosen layer's normalization, one thin line a channel.",
    "y = γ x̂ + β, where x̂ is the normalised value. Both are learnt by gradient descent. In a new network γ starts at 1 and β at 0; when batch norm is switched on in mid-run they start at the batch's √(σ² + ε) and μ, so that the function stays as it is.",
    "With them the network can undo the normalization. Lines that fan out: the channels take scales and shifts of their own.",
  ],
  statistics: [
    "For each channel of the chosen layer: the mean and variance, over this batch, of what the norm is given, against the running ones that evaluation uses.",
    "running ← (1 − m) · running + m · batch, with the batch's unbiased variance v · B / (B − 1), which is what is drawn; the norm itself divides by √(v + ε). On the diagonal they agree. The shape of a mark tells the network.",
    "Marks off the diagonal: evaluation will use other numbers than training did. Small batches scatter widely.",
  ],
  "update-ratio": [
    "How large a step is, compared with the weights it changes.",
    "‖W_new − W‖ / ‖W‖, log scale.",
    "About 10⁻³ (dotted) is a common rule of thumb. Far above: the learning rate may be too high; far below: it may be too low.",
  ],
  saturation: [
    "How much of the chosen layer passes hardly any gradient.",
    "Saturated: share of inputs where the slope is under 5 % of its steepest (sigmoid, tanh). Dead: share of units at 0 for every probe sample (ReLU).",
    "A saturated input passes under 5 % of the gradient that the steepest one does; a dead unit passes none of the probe batch's. The curve is empty where the activation cannot do this.",
  ],
  "gradient-shift": [
    "How much each layer's gradient changes when the layers below it take their step first: one of two meanings of internal covariate shift (Santurkar et al. 2018, Definition 2.1). The other is the drift of a layer's inputs. Measured on a copy when you ask for it; the training does not notice.",
    "G: gradient of the batch's loss with respect to the layer's weights. G′: the same after one step W − lr · G of everything the layers below learn, on the same batch in train mode. Relative L2 is ‖G − G′‖ / ‖G‖. Layer 1 has none below: 0, and cosine 1, by construction.",
    "Near 0 (cosine near 1): the layer's step is right whatever the layers below do. Batch norm does not always make it smaller. In the headline lesson it is several times larger with batch norm in the first hundred steps, while batch norm learns faster; in the lesson “Where BN changes nothing much” it is smaller.",
  ],
  landscape: [
    "The loss of the next batch on the straight line along its gradient, at the start (0) and from half to four times the learning rate away (Santurkar et al. 2018, Fig. 4). Measured on a copy when you ask for it; the training does not notice.",
    "L(W − m · lr · ∇L(W)), train mode, all parameters together. The band is the range from m = 0.5 to 4. In words below: the largest ‖∇L there − ∇L(W)‖ over the distance moved, which the paper calls effective β-smoothness; smaller is smoother.",
    "A narrow band means that the step's length hardly matters. At the usual learning rate of 0.1 it is often much narrower with batch norm after some steps; not at initialisation, and not at every learning rate. A curve that turns up shows a step that goes too far.",
  ],
};

/** The small toggles in the captions. */
export const OPTION_HELP = {
  test: "Unseen samples, evaluation mode: batch norm uses its running statistics",
  train: "Up to 512 training samples, evaluation mode",
  "batch stats": "The same test samples in train mode: batch norm uses each batch’s own statistics",
  batch: "The loss of this step’s training batch",
  log: "Logarithmic vertical axis",
  "√ height":
    "On: a bar is as long as the square root of the density, so that thin tails are seen. Off: as the density",
  "dL/dz": "Gradient of the loss with respect to z, the output of a layer’s linear part",
  "dL/dW": "Gradient of the loss with respect to a layer’s weights",
  "other layers": "The other layers too, as thin lines",
  "since last": "Drift since the last snapshot instead of since step 0; hover tells how many steps that is",
  "relative L2": "How far the gradient moves, as a share of its own length",
  cosine: "Cosine of the angle between the gradient before and after; 1 is the same direction",
  dead: "The share of dead units (ReLU) instead of saturated inputs (sigmoid, tanh)",
};

const PARTS = ["", "Formula and unit", "What to look for"];
const ZOOM =
  "Drag across the plot to zoom; double-click to see all again. Rare extremes are cut off, so that the rest can be read; hover still tells them.";

const textsOf = (id, meta) => (isModel(meta) && MODEL_TEXTS[id]) || TEXTS[id];

/** The ? button of a chart and its pop-up. */
export function helpButton(app, id, title, zoomable) {
  const texts = PARTS.map(() => el("span"));
  const popup = el(
    "div",
    { class: "bnviz-help", popover: "auto", role: "dialog", "aria-label": `About: ${title}` },
    el("h4", {}, title),
    ...texts.map((text, part) => el("p", {}, PARTS[part] ? el("strong", {}, `${PARTS[part]}. `) : null, text)),
    zoomable ? el("p", { class: "bnviz-help-hint" }, ZOOM) : null,
  );
  const write = () =>
    textsOf(id, app.meta).forEach((text, part) =>
      setText(texts[part], typeof text === "function" ? text(app.meta) : text),
    );
  write();
  popup.addEventListener("beforetoggle", write);
  const button = el(
    "button",
    {
      type: "button",
      class: "bnviz-query",
      "aria-label": `What does “${title}” show?`,
      title: "What is this?",
      "data-bnviz": `help-${id}`,
    },
    "?",
  );
  button.addEventListener("click", () => popup.togglePopover?.());
  popup.addEventListener("toggle", (event) => {
    button.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState === "open") placeBeside(popup, button);
  });
  return { button, popup };
}

/** Put a pop-up under its button, inside the window. */
export function placeBeside(popup, button) {
  const box = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popup;
  const left = Math.min(Math.max(8, box.right - width), window.innerWidth - width - 8);
  const below = box.bottom + 6;
  const top = below + height > window.innerHeight - 8 ? Math.max(8, box.top - height - 6) : below;
  Object.assign(popup.style, { left: `${left}px`, top: `${top}px` });
}
