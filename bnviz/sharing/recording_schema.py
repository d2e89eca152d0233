"""What a recording's lines may say: one table of quantities, and bounds that no line exceeds.

The writer's text, the reader's checks and `docs/recording-format.md` all follow this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bnviz.experiment.snapshot import CELLS, QUANTILES

FORMAT = "bnviz-recording"
VERSION = 1
KINDS = ("model", "lab")

MAX_PLAIN = 256 * 2**20  # bytes of text in one file
MAX_MEMBER = 8 * 2**20  # bytes of text in one gzip member
MAX_MEMBERS = 200_000
MAX_LINE = 4 * 2**20
MAX_DEPTH = 6
MAX_RECORDS = 100_000
MAX_LINES = MAX_RECORDS + 100  # the header, the end, and what a later version may say besides
MAX_STEP = 2**32 - 1  # what a page is sent, and what a history can be asked for
MAX_LAYERS = 5_000
MAX_SERIES = 10_000
MAX_SCALARS = 64
CHANNELS = 16  # of a batch-norm layer are kept, evenly spaced (`experiment.snapshot.kept_channels`)
MAX_TEXT = 400
MAX_COUNT = 2**53
MAX_NUMBER = 3.4028235e38


class RecordingError(ValueError):
    """A file that can't be opened as a recording; the text says why, and what would help."""


@dataclass(frozen=True)
class Column:
    """What one quantity of a record is: its axes, its meaning, and the little-endian type of its numbers.

    Axes: series (a layer's calls that fired at this step), layer (all layers of the header), norm (its batch-norm
    layers), channel (`CHANNELS`, NaN behind a layer's last), quantile, cell (underflow, bins, overflow, non-finite),
    end (low, high). NaN is no data, or what was not finite.
    """

    name: str
    axes: tuple[str, ...]
    doc: str
    dtype: str = "<f4"


SINGLE = ("step", "time", "forwards", "skipped", "learning_rate", "scalars")
SIZES: Mapping[str, int] = MappingProxyType({"quantile": len(QUANTILES), "cell": CELLS, "end": 2, "channel": CHANNELS})
_SERIES, _LAYER, _CHANNELS = ("series",), ("layer",), ("norm", "channel")
_TABLE = (
    Column("layer", _SERIES, "index into the header's layers", "<u4"),
    Column("call", _SERIES, "0 for the first call within a forward pass, 1 for the second", "<u4"),
    Column("count", _SERIES, "values of the layer's output in this step", "<u8"),
    Column("sampled", _SERIES, "how many of them the distribution is made of; drawn at random", "<u4"),
    Column("nonfinite", _SERIES, "NaN and infinities among all of them", "<u8"),
    Column("zeros", _SERIES, "activations: exact zeros among all of them", "<f8"),
    Column("mean", _SERIES, "mean of the sampled finite values"),
    Column("deviation", _SERIES, "standard deviation of the sampled finite values (divided by their number)"),
    Column("percentiles", (*_SERIES, "quantile"), "percentiles 5, 15, 25, 50, 75, 85, 95 of the sampled finite values"),
    Column("range", (*_SERIES, "end"), "where the histogram's equal bins begin and end"),
    Column("histogram", (*_SERIES, "cell"), "sampled values: underflow, bins, overflow, non-finite", "<u4"),
    Column("saturated", _SERIES, "sigmoid, tanh: share of values where the slope is under 5 % of the largest"),
    Column("dead", _SERIES, "activations: share of units that are 0 for every sample of this step"),
    Column("gradient_output", _SERIES, "norm of the loss's gradient with respect to the output"),
    Column("weight_norm", _LAYER, "norm of the weights before the update"),
    Column("gradient_weight", _LAYER, "norm of the weights' gradient that the update was given"),
    Column("update_ratio", _LAYER, "norm of the weights' update over the norm of the weights"),
    Column("gamma", _CHANNELS, "learnt scale"),
    Column("beta", _CHANNELS, "learnt shift"),
    Column("batch_mean", _CHANNELS, "mean of the layer's input in this step's batch"),
    Column("batch_variance", _CHANNELS, "biased variance of the layer's input in this step's batch"),
    Column("running_mean", _CHANNELS, "mean used in eval mode"),
    Column("running_variance", _CHANNELS, "variance used in eval mode"),
)
COLUMNS: Mapping[str, Column] = MappingProxyType({column.name: column for column in _TABLE})
