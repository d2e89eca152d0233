// The charts in plain language where they show a recording of somebody's own model: other batches, other words.

const GRADIENTS =
  "‖dL/dz‖: norm of the loss's gradient with respect to the layer's output, over the step's batches. ‖dL/dW‖: with respect to its weights, as the optimizer was given it. Log scale.";

/** id: [what it is, unit or formula, what to look for] */
export const MODEL_TEXTS = {
  distribution: [
    "The chosen layer's output at every record. The line is the median; the bands hold the middle 50, 70 and 90 % of the values (percentiles 25–75, 15–85, 5–95).",
    "Up to 1,024 of the output's values in train mode (older recordings: 2,048), drawn at random from all of them. Plain numbers without a unit. Triangles: rare values beyond the axis.",
    "Bands that collapse, widen or wander. The values are of training batches, not of a fixed one: some trembling is the sampling's.",
  ],
  layers: [
    "One histogram per layer's output at the shown step, turned on its side; all share the vertical axis. Each is scaled to its own peak. Of many layers those around the chosen one are drawn.",
    "Length is density, or its square root (“√ height”), which shows the tails. Triangles in a recording's colour: values beyond the axis. A red cross: values that are not finite.",
    "Thinner from layer to layer: the signal vanishes. A spike at 0 after a ReLU: units that are silent. Click a layer to follow it over time.",
  ],
  loss: [
    "The loss as the training loop reported it.",
    "What was given as recording.step(loss=…): of single training batches, in the loop's own unit.",
    "Falling is learning. A line that ends or shoots up: divergence.",
  ],
  reported: [
    "The numbers that the training loop reported under names of its own.",
    "As given in recording.step(name=…). Points are joined where a number was not given at every record.",
    "Set beside the other charts: what moved in the layers when a number here turned?",
  ],
  drift: [
    "How far the chosen layer's output has moved since the first record (or the last one).",
    "Wasserstein-1 distance between two records' distributions, estimated from their stored histograms (percentiles shape the tails alone), in the values' own scale.",
    "Values are of different training batches: sampling moves this curve too, and only what rises far above its trembling is the parameters'. The lab measures drift on a fixed batch instead.",
  ],
  "gradient-depth": [
    "How strong the learning signal is in each layer with weights at the shown step; the vertical line is the chosen layer.",
    GRADIENTS,
    "Falling towards the input: gradients vanish. Rising towards the input: they explode. Exactly 0 (a mark at the bottom): a layer that no longer learns.",
  ],
  "gradient-time": [
    "The chosen layer's gradient norm over training.",
    GRADIENTS,
    "Almost nothing while the loss is still high: the layer hardly learns. Steep growth often comes before divergence.",
  ],
  affine: [
    "The learnt scale γ and shift β of the chosen batch-norm layer, one thin line a channel (16 of a wide layer).",
    "y = γ x̂ + β, where x̂ is the normalised value. Both are learnt by gradient descent; by default γ starts at 1 and β at 0.",
    "Lines that fan out: the channels take scales and shifts of their own. γ near 0: a channel that is switched off.",
  ],
  statistics: [
    "For each channel of the chosen batch-norm layer: mean and variance of its input in this step's batch, against the running ones that evaluation uses.",
    "running ← (1 − m) · running + m · batch. The batch variance is drawn biased, as the layer divides by it; the running one takes the unbiased, v · n / (n − 1), which for convolutions and large batches is nearly the same.",
    "Marks off the diagonal: evaluation uses other numbers than training did. Small batches scatter widely.",
  ],
  "update-ratio": [
    "How large a step of the chosen layer is, compared with the weights it changes.",
    "‖W_new − W‖ / ‖W‖, log scale; of large weights, of 16,384 at random.",
    "About 10⁻³ (dotted) is a common rule of thumb. Far above: the learning rate may be too high; far below: it may be too low.",
  ],
  saturation: [
    "How much of the chosen activation passes hardly any gradient.",
    "Saturated: share of values where the slope is under 5 % of its steepest (sigmoid, tanh). Dead: share of units that are 0 for every sample of the step.",
    "A unit that is dead on one batch may live on the next; one that stays dead learns nothing any more.",
  ],
  "weight-norm": [
    "How large the chosen layer's weights are.",
    "Norm of the weights before the update.",
    "Before a normalization the scale of weights has no effect on the output, but divides the gradient: growing weights slow such a layer down.",
  ],
  zeros: [
    "The share of exact zeros in the chosen activation's output.",
    "Zeros over all values of the step.",
    "About half is usual for a ReLU. Near 100 %: the layer is dying.",
  ],
  nonfinite: [
    "The share of NaN and infinite values in the chosen layer's output.",
    "Values that are not finite over all values of the step.",
    "Anything above 0 is an alarm: find the first layer where it starts.",
  ],
};
