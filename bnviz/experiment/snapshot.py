"""The immutable summary of one captured step of one arm: numbers and small arrays, never raw activations.

`FIELDS` is the one table of what is measured. The history's columns, the live stream's records, the
command line's JSON and the documentation are all made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bnviz.experiment.config import ExperimentConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Array = npt.NDArray[Any]

POINTS = ("before_norm", "after_norm", "after_activation")
QUANTILES = (5, 15, 25, 50, 75, 85, 95)
UNIT_QUANTILES = (15, 50, 85)
BINS = 48
CELLS = BINS + 3  # underflow, the bins, overflow, non-finite
TRACED_UNITS = 3
SURFACE_SIDE = 32
SHOWN_IMAGES = 12


@dataclass(frozen=True)
class Field:
    """What one measured quantity is: its shape in named axes, its unit and its meaning.

    Axes: point (before_norm, after_norm, after_activation), layer (hidden layers), weight (hidden layers and the
    output layer), quantile, cell (underflow, bins, overflow, non-finite), unit, unit_quantile, channel, row, column,
    image, scalar. Of a recorded model, `Layout` names them. `detail` fields hold a number a channel, and of a recorded
    model have rows for its batch-norm layers alone; `sparse` fields are not in every snapshot; `recorded` ones are of
    recorded models alone.
    """

    name: str
    axes: tuple[str, ...]
    doc: str
    dtype: str = "float32"
    unit: str = ""
    detail: bool = False
    sparse: bool = False
    recorded: bool = False


_PROBED = "activation inputs on the fixed probe batch"
_LAYERS = ("point", "layer")
_CHANNELS = ("layer", "channel")
_TABLE = (
    Field("loss", (), "cross-entropy of this step's training batch, train mode", unit="nats"),
    Field("train_loss", (), "cross-entropy of a fixed part of the training split, eval mode", unit="nats"),
    Field("train_accuracy", (), "accuracy on that part, eval mode", unit="share"),
    Field("test_loss", (), "cross-entropy of the test split, eval mode", unit="nats"),
    Field("test_accuracy", (), "accuracy on the test split, eval mode (running statistics)", unit="share"),
    Field("test_accuracy_train_mode", (), "the same in train mode (batches of batch_size)", unit="share"),
    Field("learning_rate", (), "the learning rate in force"),
    Field("normalization", (), "index into NORMALIZATIONS of the normalization in force", "uint8"),
    Field("percentiles", (*_LAYERS, "quantile"), "percentiles 5, 15, 25, 50, 75, 85, 95 of the values"),
    Field("mean", _LAYERS, "mean of the values"),
    Field("deviation", _LAYERS, "standard deviation of the values (divided by their number)"),
    Field("histogram", (*_LAYERS, "cell"), "counts of values: underflow, bins, overflow, non-finite", "uint32"),
    Field("saturated", ("layer",), "share of activation inputs with a slope under 5 % of the largest", unit="share"),
    Field("dead", ("layer",), "share of units that are 0 for every sample of the probe batch", unit="share"),
    Field("gradient_z", ("weight",), "norm of dL/dz, z the linear layer's output over the batch"),
    Field("gradient_weight", ("weight",), "norm of dL/dW"),
    Field("update_ratio", ("weight",), "norm of the weight's update over the norm of the weight"),
    Field("drift_last", ("layer",), f"Wasserstein-1 distance of {_PROBED} to the last snapshot, mean over units"),
    Field("drift_start", ("layer",), f"Wasserstein-1 distance of {_PROBED} to step 0, mean over units"),
    Field("unit_percentiles", ("layer", "unit", "unit_quantile"), f"percentiles 15, 50, 85 of single units' {_PROBED}"),
    Field("gamma", _CHANNELS, "learnt scale of the normalization", detail=True),
    Field("beta", _CHANNELS, "learnt shift of the normalization", detail=True),
    Field("batch_mean", _CHANNELS, "mean of this batch before the normalization", detail=True),
    Field("batch_variance", _CHANNELS, "biased variance of this batch before the normalization", detail=True),
    Field("running_mean", _CHANNELS, "mean used in eval mode", detail=True),
    Field("running_variance", _CHANNELS, "variance used in eval mode", detail=True),
    Field("surface", ("row", "column"), "planar data: 64 * class + round(63 * probability)", "uint8", sparse=True),
    Field("predictions", ("image",), "digits: predicted class of the shown test images", "uint8", sparse=True),
    Field("confidences", ("image",), "digits: the probability given to that class", sparse=True),
    Field("scalar", ("scalar",), "numbers that the training loop gave under names of its own", recorded=True),
    Field("zeros", ("layer",), "activations: exact zeros among all values of the output", unit="share", recorded=True),
    Field("nonfinite", ("layer",), "NaN and infinities among all values of the output", unit="share", recorded=True),
    Field("weight_norm", ("weight",), "norm of the weights before the update", recorded=True),
    Field("skipped", (), "1 where a GradScaler left the update out", "uint8", recorded=True),
)
FIELDS: Mapping[str, Field] = MappingProxyType({item.name: item for item in _TABLE})


@dataclass(frozen=True)
class Divergence:
    """Where a training broke: at which step the loss was not finite, and the first layer with a non-finite value.

    `layer` counts hidden layers from 0; the output layer is `hidden_layers`. Of a recorded model it counts along the
    axis layer; behind its end it is the loss alone.
    """

    step: int
    layer: int
    where: str


@dataclass(frozen=True)
class Snapshot:
    """One captured step of one arm; `values` maps the names of `FIELDS` to arrays (absent: not measured).

    `config` holds the interventions up to this step, so `snapshot.config` unfolds into this very history; of somebody's
    own model there is none.
    Values can be read as attributes: `snapshot.test_accuracy`, `snapshot.percentiles[2, 0]`.
    """

    step: int
    config: ExperimentConfig | None
    values: Mapping[str, Array]
    diverged: Divergence | None = None

    def __getattr__(self, name: str) -> Array:
        if name.startswith("__") or name not in FIELDS:
            raise AttributeError(name)
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(f"{name} was not measured at step {self.step}: {FIELDS[name].doc}") from None

    def items(self) -> Iterator[tuple[str, Array]]:
        """Yield the measured quantities in the order of `FIELDS`."""
        for name in FIELDS:
            if name in self.values:
                yield name, self.values[name]


def kept_channels(width: int, limit: int = 32) -> npt.NDArray[np.intp]:
    """Return the indices of the at most `limit` channels that a history keeps, evenly spaced over the width."""
    return np.unique(np.linspace(0, width - 1, min(width, limit)).round().astype(np.intp))


def traced_units(width: int) -> npt.NDArray[np.intp]:
    """Return the indices of the `TRACED_UNITS` units whose percentiles are followed one by one (repeated if narrow)."""
    return np.linspace(0, width - 1, TRACED_UNITS + 2).round().astype(np.intp)[1:-1]


def histogram_edges(config: ExperimentConfig) -> npt.NDArray[np.float32]:
    """Return the fixed bin edges [3, BINS + 1] of the three points; they depend only on the activation."""
    low, high = {
        "relu": (-1.0, 7.0), "leaky_relu": (-1.0, 7.0), "gelu": (-1.0, 7.0), "linear": (-6.0, 6.0),
        "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0),
    }[config.activation]  # fmt: skip
    ranges = ((-6.0, 6.0), (-6.0, 6.0), (low, high))
    return np.stack([np.linspace(a, b, BINS + 1, dtype=np.float32) for a, b in ranges])
