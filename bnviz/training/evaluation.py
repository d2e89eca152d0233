"""What a network can do now, measured on fixed samples without touching it: accuracy, drift, decision surface."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bnviz.experiment.config import BATCH_NORMALIZATIONS, NORMALIZATIONS, ExperimentConfig
from bnviz.experiment.snapshot import SHOWN_IMAGES, SURFACE_SIDE, UNIT_QUANTILES, Array, traced_units
from bnviz.experiment.verdicts import Chance
from bnviz.training.datasets import Data
from bnviz.training.networks import Network, Signals
from bnviz.training.randomness import generator
from bnviz.training.statistics import percentiles, wasserstein

EVALUATED = 512
PROBE_SAMPLES = 128
PROBE_UNITS = 64


def bounds(data: Data) -> tuple[float, float, float, float]:
    """Return the frame (x low, x high, y low, y high) of the first two features: all samples and a tenth around."""
    points = torch.cat([data.train_x, data.test_x])[:, :2]
    low, high = points.min(0).values, points.max(0).values
    margin = 0.1 * (high - low)
    (x0, y0), (x1, y1) = (low - margin).tolist(), (high + margin).tolist()
    return x0, x1, y0, y1


def chance(data: Data) -> Chance:
    """Return what guessing reaches on the evaluated test samples."""
    return Chance(data.chance, min(EVALUATED, len(data.test_y)))


class Evaluation:
    """Evaluates one arm on samples fixed at the start: up to 512 of each split, and a probe batch of up to 128.

    The probe batch's values use the statistics of the probe batch itself, so that drift is never an artefact of
    running statistics that have not been learnt. Only the parameters move it, except behind noisy BN, whose noise is
    new at each step: there most of the drift is that noise.
    """

    def __init__(self, config: ExperimentConfig, data: Data) -> None:
        self.config = config
        self._train_x, self._train_y = data.train_x[:EVALUATED], data.train_y[:EVALUATED]
        test_x, self._test_y = data.test_x[:EVALUATED], data.test_y[:EVALUATED]
        self._both, self._both_y = torch.cat([self._train_x, test_x]), torch.cat([self._train_y, self._test_y])
        self._probe_x = data.train_x[:PROBE_SAMPLES]
        self._has_images = data.images is not None
        self._units = np.unique(np.linspace(0, config.width - 1, min(config.width, PROBE_UNITS)).round().astype(int))
        self._traced = traced_units(config.width)
        self._start: Array | None = None
        self._last: Array | None = None
        self._bounds = bounds(data)
        self._grid = _grid(self._bounds) if config.planar else None
        count = len(self._test_y)
        self._batches = -(-count // config.batch_size)
        self._wrapped_x = test_x[torch.arange(self._batches * config.batch_size) % count]

    def points(self) -> dict[str, list[float]]:
        """Return the shown samples of planar data and the picture's frame: x, y, label, bounds."""
        x, y = self._train_x.T.tolist()
        return {"x": x, "y": y, "label": self._train_y.tolist(), "bounds": list(self._bounds)}

    @np.errstate(invalid="ignore", over="ignore")
    def measure(self, network: Network, step: int, normalization: str, *, surface: bool = True) -> dict[str, Array]:
        """Return the evaluated quantities of a snapshot by name; only `drift_last` depends on earlier calls."""
        noise = generator(self.config.seed, "evaluation", step)
        _, logits = network.observe(self._both, "running", noise)
        losses = F.cross_entropy(logits, self._both_y, reduction="none")
        right = _right(logits, self._both_y)
        split = len(self._train_x)
        test, accuracy = logits[split:], right[split:].mean().numpy()
        values = {
            "train_loss": losses[:split].mean().numpy(),
            "train_accuracy": right[:split].mean().numpy(),
            "test_loss": losses[split:].mean().numpy(),
            "test_accuracy": accuracy,
            "test_accuracy_train_mode": self._train_mode_accuracy(network, normalization, accuracy, noise),
            "normalization": np.asarray(NORMALIZATIONS.index(normalization), np.uint8),
        }
        values |= self._drift(network, step)
        if self._has_images:
            certainty, predicted = torch.softmax(test[:SHOWN_IMAGES], 1).max(1)
            values |= {"predictions": predicted.to(torch.uint8).numpy(), "confidences": certainty.numpy()}
        if self._grid is not None and surface:
            values["surface"] = self._surface(network, noise)
        return values

    def _train_mode_accuracy(
        self, network: Network, normalization: str, eval_accuracy: Array, noise: torch.Generator
    ) -> Array:
        if normalization not in BATCH_NORMALIZATIONS and not self.config.dropout:
            return eval_accuracy
        _, logits = network.observe(self._wrapped_x, "batch", noise, batches=self._batches, dropout=True)
        return _right(logits[: len(self._test_y)], self._test_y).mean().numpy()

    def _drift(self, network: Network, step: int) -> dict[str, Array]:
        signals, _ = network.observe(self._probe_x, "batch", generator(self.config.seed, "probe", step))
        ordered = self._ordered_probe(signals)
        traced = percentiles(
            _columns([s.activation_input.numpy()[:, self._traced] for s in signals]), UNIT_QUANTILES
        ).reshape(len(signals), len(self._traced), len(UNIT_QUANTILES))
        start = self._start if self._start is not None else ordered
        last = self._last if self._last is not None else ordered
        self._start, self._last = start, ordered
        return {
            "drift_last": wasserstein(ordered, last).mean(1),
            "drift_start": wasserstein(ordered, start).mean(1),
            "unit_percentiles": traced,
            "dead": self._dead(signals),
        }

    def _ordered_probe(self, signals: list[Signals]) -> Array:
        """The probe batch's activation inputs [layers, units, samples], sorted along the samples."""
        values = np.stack([s.activation_input.numpy()[:, self._units].T for s in signals])
        values.sort(axis=2)
        return values

    def _dead(self, signals: list[Signals]) -> Array:
        if self.config.activation != "relu":
            return np.full(len(signals), np.nan, np.float32)
        return np.array([(s.activated.amax(0) == 0).float().mean().item() for s in signals], np.float32)

    def _surface(self, network: Network, noise: torch.Generator) -> Array:
        assert self._grid is not None
        _, logits = network.observe(self._grid, "running", noise)
        certainty, predicted = torch.softmax(logits, 1).nan_to_num().max(1)
        code = (predicted * 64 + (certainty * 63).round().long()).to(torch.uint8)
        return code.numpy().reshape(SURFACE_SIDE, SURFACE_SIDE)


def _right(logits: Tensor, labels: Tensor) -> Tensor:
    """1 for each right answer [samples]; a sample without finite logits counts as wrong, and all of them as nothing."""
    right = (logits.argmax(1) == labels).float()
    finite = logits.isfinite().all(1)
    if finite.all():
        return right
    return right * finite if finite.any() else right * torch.nan


def _columns(tables: list[Array]) -> Array:
    stacked = np.stack([table.T for table in tables])
    return np.sort(stacked.reshape(-1, stacked.shape[-1]), axis=1)


def _grid(frame: tuple[float, float, float, float]) -> Tensor:
    x0, x1, y0, y1 = frame
    x, y = torch.linspace(x0, x1, SURFACE_SIDE), torch.linspace(y0, y1, SURFACE_SIDE)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns.ravel(), rows.ravel()], 1)
