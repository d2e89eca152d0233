"""What the anatomy page shows: one mini-batch in one batch-norm layer, and what the reader has turned.

As a configuration, it is the truth: the link, the inputs and every number on the page follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, NamedTuple, Self, get_args

import numpy as np

from bnviz.experiment.fields import ConfigError, checked_field, choice_field, one_of, real_field, whole_field
from bnviz.experiment.tables import LARGEST, Table, TableError, check_row, check_table

Section = Literal["forward", "backward", "modes", "axes", "scale", "mistakes", "code"]
Node = Literal["x", "mean", "centered", "variance", "std", "normalized", "gamma", "scaled", "beta", "output"]
Distribution = Literal["normal", "uniform", "skewed"]
Sharing = Literal["batch", "batch_dense", "layer", "instance", "group"]
Mistake = Literal["variance", "no_eps", "unbiased", "frozen"]
Framework = Literal["pytorch", "keras", "numpy"]
NODES: tuple[str, ...] = get_args(Node)
DISTRIBUTIONS: tuple[str, ...] = get_args(Distribution)
SHARINGS: tuple[str, ...] = get_args(Sharing)
MISTAKES: tuple[str, ...] = get_args(Mistake)
GROUPS = (1, 2, 3, 6)
STREAM_STEPS = 120
LARGEST_LOG_SCALE = 6.0


class Example(NamedTuple):
    """A mini-batch to start from, and what it is there to show."""

    title: str
    sentence: str
    batch: Table


EXAMPLES = {
    "plain": Example(
        "Six samples, three channels",
        "Three channels of different size and spread: look how alike they come out.",
        ((1, 20, -3), (2, 35, -1), (4, 30, -2), (3, 55, -2.5), (6, 40, 0), (2, 60, -0.5)),
    ),
    "outlier": Example(
        "One outlier",
        "One value of 50 among small ones takes the whole spread: the others are squeezed together.",
        ((1, 4), (2, 6), (1.5, 5), (2.5, 5.5), (50, 4.5), (0.5, 6.5), (2, 3.5), (1, 5)),
    ),
    "constant": Example(
        "A constant channel",
        "The second channel never varies: its variance is 0, and ε alone keeps the division defined.",
        ((1, 7), (3, 7), (2, 7), (5, 7)),
    ),
    "tiny": Example(
        "A tiny variance",
        "The second channel varies by a thousandth: ε is ten times its variance and keeps it far below variance 1.",
        ((-1, 4.999), (1, 5.001), (-1, 5.001), (1, 4.999)),
    ),
    "units": Example(
        "Different units",
        "Height in m, mass in g, age in years: after normalization the unit no longer matters.",
        ((1.62, 58000, 34), (1.81, 83000, 51), (1.75, 71000, 22), (1.58, 49000, 63), (1.9, 92000, 45)),
    ),
    "pair": Example(
        "Only two samples",
        "With two samples every normalized value is 1 or -1, whatever the data: almost no gradient passes.",
        ((1, 10, 0), (4, -10, 0.5)),
    ),
}  # fmt: skip
DEFAULT_EXAMPLE = "plain"


def _mixed(batch: Table) -> np.ndarray:
    """Whole numbers from -2 to 2 that follow no pattern of the batch."""
    rows, columns = np.indices((len(batch), len(batch[0])), dtype=float)
    mixed: np.ndarray = np.mod(rows * rows * (columns + 1) + 3 * rows + 2 * columns, 5.0) - 2.0
    return mixed


def _first(batch: Table) -> np.ndarray:
    gradient = np.zeros((len(batch), len(batch[0])))
    gradient[0] = 1
    return gradient


def _normalized(batch: Table) -> np.ndarray:
    x = np.array(batch)
    deviation = x.std(axis=0)
    normalized: np.ndarray = (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return np.where(np.abs(normalized) < 1e-15, 0.0, normalized)


UPSTREAMS: dict[str, tuple[str, Callable[[Table], np.ndarray]]] = {
    "mixed": ("some of each sign", _mixed),
    "one_sample": ("1 for the first sample only", _first),
    "ones": ("1 for every sample", lambda batch: np.ones((len(batch), len(batch[0])))),
    "normalized": ("like the normalized values", _normalized),
}
DEFAULT_UPSTREAM = "mixed"


def upstream_of(name: str, batch: Table) -> Table:
    """Return the upstream gradient [B, C] of a name in `UPSTREAMS` for a batch."""
    return check_table("upstream", (UPSTREAMS[name][1](batch) + 0.0).tolist())


def _row(name: str, value: Any) -> tuple[float, ...]:
    return check_row(name, value, 2 * LARGEST)  # room for the root of the largest variance plus the largest eps


def _chosen(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(name, f"{name} must be some of {', '.join(MISTAKES)}")
    chosen = {one_of(name, item, MISTAKES) for item in value}
    return tuple(item for item in MISTAKES if item in chosen)


def _groups(name: str, value: Any) -> int:
    if value not in GROUPS or isinstance(value, bool):
        raise ConfigError(name, f"{name} must divide the 6 channels: {', '.join(map(str, GROUPS))}; got {value!r:.40}")
    return int(value)


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """Everything that the anatomy page shows follows from this; invalid values raise `ConfigError` at once.

    batch and upstream are [B, C], gamma and beta [C]; the fields from `distribution` on belong to the stream of
    batches, which has one channel and `STREAM_STEPS` steps.
    """

    section: Section = choice_field("forward", get_args(Section), "what is looked at")
    batch: Table = checked_field(
        check_table("batch", EXAMPLES[DEFAULT_EXAMPLE].batch), check_table, "the mini-batch, a sample a row"
    )
    gamma: tuple[float, ...] = checked_field((1.0, 1.0, 1.0), _row, "scale of each channel after normalization")
    beta: tuple[float, ...] = checked_field((0.0, 0.0, 0.0), _row, "shift of each channel after normalization")
    eps: float = real_field(1e-5, 1e-12, 10, "added to the variance before the square root")
    upstream: Table = checked_field(
        upstream_of(DEFAULT_UPSTREAM, EXAMPLES[DEFAULT_EXAMPLE].batch), check_table, "the gradient of the loss by y"
    )
    channel: int = whole_field(0, 0, 7, "the channel that is looked at, from 0")
    node: Node = choice_field("x", get_args(Node), "the node of the graph that is looked at")
    distribution: Distribution = choice_field("normal", get_args(Distribution), "the shape of the stream's values")
    mean: float = real_field(2.0, -100, 100, "the stream's mean")
    std: float = real_field(1.5, 0.01, 100, "the stream's standard deviation")
    batch_size: int = whole_field(16, 1, 256, "samples in each of the stream's batches")
    momentum: float = real_field(0.1, 0, 1, "weight of the newest batch in the running statistics (PyTorch's way)")
    shift_step: int = whole_field(60, 0, STREAM_STEPS, "the step from which the stream is another; 120 is never")
    shifted_mean: float = real_field(5.0, -100, 100, "the stream's mean from that step on")
    shifted_std: float = real_field(3.0, 0.01, 100, "the stream's standard deviation from that step on")
    step: int = whole_field(10, 0, STREAM_STEPS - 1, "the step that is looked at")
    sample: float = real_field(2.0, -1000, 1000, "the one sample that goes through both modes")
    draw: int = whole_field(0, 0, 9999, "seed of the stream")
    norm: Sharing = choice_field("batch", get_args(Sharing), "which normalization's sharing is shown")
    groups: int = checked_field(2, _groups, "groups of channels of group normalization", choices=GROUPS)
    log_scale: float = real_field(0.0, -LARGEST_LOG_SCALE, LARGEST_LOG_SCALE, "the weights' scale a as a power of ten")
    mistakes: tuple[str, ...] = checked_field((), _chosen, "the wrong versions that are switched on")
    framework: Framework = choice_field("pytorch", get_args(Framework), "the library of the code")

    def __post_init__(self) -> None:
        for item in fields(self):
            object.__setattr__(self, item.name, item.metadata["check"](item.name, getattr(self, item.name)))
        columns = len(self.batch[0])
        for name in ("gamma", "beta"):
            if len(getattr(self, name)) != columns:
                raise ConfigError(
                    name, f"{name} must be {columns} numbers, one a channel; got {len(getattr(self, name))}"
                )
        if (len(self.upstream), len(self.upstream[0])) != (len(self.batch), columns):
            raise TableError(
                "upstream",
                f"upstream must have the batch's shape, {len(self.batch)} rows of {columns}; "
                f"got {len(self.upstream)} of {len(self.upstream[0])}",
            )
        if self.channel >= columns:
            raise ConfigError("channel", f"channel must be from 0 to {columns - 1}; got {self.channel}")

    @property
    def example(self) -> str | None:
        """The name of the example that the batch is, if it is one."""
        return next((name for name, example in EXAMPLES.items() if self.batch == example.batch), None)

    @property
    def upstream_name(self) -> str | None:
        """The name of the upstream gradient, if it is one of those offered."""
        return next((name for name in UPSTREAMS if self.upstream == upstream_of(name, self.batch)), None)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; raises `ConfigError`."""
        return replace(self, **changes)

    def with_batch(self, batch: Table) -> Self:
        """Return a copy with another batch; gamma, beta, upstream and channel are fitted to its shape.

        A named upstream gradient stays what its name says; new channels get gamma 1 and beta 0, new entries of the
        upstream gradient 0.
        """
        rows, columns = len(batch), len(batch[0])
        name = self.upstream_name
        return self.replace(
            batch=batch,
            gamma=_fitted(self.gamma, columns, 1.0),
            beta=_fitted(self.beta, columns, 0.0),
            upstream=upstream_of(name, batch) if name is not None else _fitted_table(self.upstream, rows, columns),
            channel=min(self.channel, columns - 1),
        )

    def with_example(self, name: str) -> Self:
        """Return a copy that starts from an example: gamma 1, beta 0, the default upstream gradient."""
        batch = EXAMPLES[one_of("example", name, tuple(EXAMPLES))].batch
        columns = len(batch[0])
        return self.replace(
            batch=batch,
            gamma=(1.0,) * columns,
            beta=(0.0,) * columns,
            upstream=upstream_of(DEFAULT_UPSTREAM, batch),
            channel=min(self.channel, columns - 1),
        )


def _fitted(row: Sequence[float], columns: int, filling: float) -> tuple[float, ...]:
    return (*row[:columns], *[filling] * (columns - len(row)))


def _fitted_table(table: Table, rows: int, columns: int) -> Table:
    kept = [_fitted(row, columns, 0.0) for row in table[:rows]]
    return (*kept, *[(0.0,) * columns] * (rows - len(kept)))


FIELDS = {item.name: item for item in fields(Anatomy)}
