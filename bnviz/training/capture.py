"""From one watched training step to the numbers of a snapshot."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.snapshot import QUANTILES, Array, histogram_edges
from bnviz.training.networks import ACTIVATIONS, Network
from bnviz.training.normalization import BatchNorm, channel_moments
from bnviz.training.probe import Probe
from bnviz.training.statistics import histograms, moments, outside, percentiles

MAX_VALUES = 16_384
SMALLEST, LARGEST = 1e-28, 1e36  # squares in between are exact enough in float32
# Slope under 5 % of its largest: tanh'(z) = 1 - tanh(z)^2 < .05; sigmoid(z) = (1 + tanh(z / 2)) / 2.
SATURATION = {"tanh": math.atanh(math.sqrt(0.95)), "sigmoid": 2 * math.atanh(math.sqrt(0.95))}


class Capture:
    """Measures one network's training steps; made anew when a normalization is exchanged.

    Distributions are of all values of a layer, or of the batch's first rows where these are more than 16,384: rows
    are drawn at random, so the part is an unbiased sample. All layers' values are copied into one stack of rows
    (before the normalization, after it where there is one, after the activation), which one sort puts in order.
    """

    def __init__(self, network: Network, config: ExperimentConfig) -> None:
        blocks = network.hidden()
        self.config, self.layers = config, len(blocks)
        self.weights = [layer.weight for layer in network.linears()]
        self.norms = [block.norm for block in blocks if block.norm is not None]
        watched: list[nn.Module] = [*network.linears(), *self.norms]
        self.probe = Probe(watched, [i <= self.layers for i in range(len(watched))])
        self._activation = ACTIVATIONS[config.activation]().forward
        self._allocate()

    def _allocate(self) -> None:
        config, layers = self.config, self.layers
        self._watched = layers + len(self.norms)
        self._stack = torch.empty(self._watched + layers, config.batch_size, config.width)
        rows = min(config.batch_size, max(1, MAX_VALUES // config.width))
        self._values = self._stack.numpy().reshape(len(self._stack), -1)[:, : rows * config.width]
        self._scratch = np.empty_like(self._values)
        self._old = [torch.empty_like(weight) for weight in self.weights]
        number = np.arange(layers)
        self._before, self._after, self._activated = number, number + len(self.norms), number + self._watched
        if config.norm_position == "after" and not self.norms:
            self._after = self._activated  # what a norm in that place would have been given
        self._rows = np.stack([self._before, self._after, self._activated])
        edges = histogram_edges(config)
        self._edges = np.concatenate([np.repeat(edges[:1], self._watched, 0), np.repeat(edges[2:], layers, 0)])

    def before_update(self) -> None:
        """Remember the weights, to measure how far the update moves them."""
        torch._foreach_copy_(self._old, [weight.detach() for weight in self.weights])

    @torch.no_grad()
    @np.errstate(invalid="ignore", over="ignore", divide="ignore")
    def collect(self) -> dict[str, Array]:
        """Return the captured step's quantities, after backward and the update; forgets the pass."""
        outputs = [self.probe.outputs[index] for index in range(len(self.probe.outputs))]
        self.probe.outputs = {}
        z, normalized = outputs[: self.layers + 1], outputs[self.layers + 1 :]
        return self._gradients(z) | self._distributions([*z[:-1], *normalized])

    def _gradients(self, z: list[Tensor]) -> dict[str, Array]:
        moved = torch._foreach_sub(self._old, self.weights)
        gradients = [weight.grad for weight in self.weights]
        return {
            "gradient_z": _norms([tensor.grad for tensor in z]),
            "gradient_weight": _norms(gradients),
            "update_ratio": _norms(moved) / _norms(self._old),
        }

    def _distributions(self, tensors: list[Tensor]) -> dict[str, Array]:
        stack, values, rows = self._stack, self._values, self._rows
        torch.stack(tensors, out=stack[: self._watched])
        batch = self._batch_moments()
        values[: self._watched].sort(axis=1)
        activation_input = self._after if self.config.norm_position == "before" else self._before
        self._activate(activation_input)
        mean, deviation = moments(values, self._scratch)
        return {
            "percentiles": percentiles(values, QUANTILES)[rows],
            "histogram": histograms(values, self._edges)[rows],
            "mean": mean[rows],
            "deviation": deviation[rows],
            "saturated": self._saturated(values[activation_input[0] : activation_input[-1] + 1]),
            **batch,
        }

    def _batch_moments(self) -> dict[str, Array]:
        """The batch statistics of what is (or would be) normalised: z, or the activation's output."""
        source = self._stack[: self.layers]
        if self.config.norm_position == "after":
            source = self._activation(source)
        mean, variance = (moment[:, 0].numpy() for moment in channel_moments(source))
        return {"batch_mean": mean, "batch_variance": variance}

    def _activate(self, source: Array) -> None:
        """The activation of sorted values, in order: those of a monotone one are, which saves a sort."""
        ordered = self._values[source[0] : source[-1] + 1]
        target = self._values[self._watched :]
        if self.config.activation == "relu":
            np.maximum(ordered, 0, out=target)
            return
        target[:] = self._activation(torch.from_numpy(ordered)).numpy()
        if self.config.activation == "gelu":
            target.sort(axis=1)

    def _saturated(self, ordered: Array) -> Array:
        limit = SATURATION.get(self.config.activation)
        if limit is None:
            return np.full(self.layers, np.nan, np.float32)
        return outside(ordered, -limit, limit)

    @torch.no_grad()
    def parameters(self) -> dict[str, Array]:
        """Return the normalizations' gamma, beta and running statistics [layers, channels], where there are any."""
        columns: dict[str, list[Tensor]] = {}
        for norm in self.norms:
            if norm.weight is not None and norm.bias is not None:
                columns.setdefault("gamma", []).append(norm.weight)
                columns.setdefault("beta", []).append(norm.bias)
            if isinstance(norm, BatchNorm):
                columns.setdefault("running_mean", []).append(norm.running_mean)
                columns.setdefault("running_variance", []).append(norm.running_var)
        if not columns:
            return {}
        joined: Array = torch.cat([tensor for tensors in columns.values() for tensor in tensors]).numpy()
        return dict(zip(columns, joined.reshape(len(columns), self.layers, -1), strict=True))


def _norms(tensors: Sequence[Tensor | None]) -> Array:
    """The Euclidean norms [tensors]; half the time of torch's own call a tensor."""
    flat = [tensor.detach().numpy().ravel() for tensor in tensors if tensor is not None]
    squares = np.array([values @ values for values in flat], np.float64)
    for index in np.flatnonzero(~((squares > SMALLEST) & (squares < LARGEST))):  # float32 may have lost digits
        squares[index] = np.square(flat[index], dtype=np.float64).sum()
    return np.sqrt(squares).astype(np.float32)
