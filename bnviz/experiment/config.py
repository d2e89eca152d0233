"""One network's whole experiment as one frozen, validated value.

Two equal configurations unfold into equal histories, so a link, a recording, a cache entry, a test
and a lesson are all the same thing: a configuration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, get_args

from bnviz.experiment.fields import (
    ConfigError,
    checked_field,
    choice_field,
    flag_field,
    one_of,
    real,
    real_field,
    whole,
    whole_field,
)
from bnviz.experiment.own_table import MIN_RAREST, TableRef, check_table, table_ref

Bundled = Literal["digits", "breast_cancer", "wine", "moons", "circles", "spirals", "xor", "clusters"]
Dataset = Bundled | Literal["table"]
Activation = Literal["relu", "leaky_relu", "tanh", "sigmoid", "gelu", "linear"]
Normalization = Literal["none", "batch", "layer", "group", "noisy_batch"]
Position = Literal["before", "after"]
Init = Literal["he", "xavier", "lecun", "pytorch", "normal"]
Optimizer = Literal["sgd", "adam"]

DATASETS: tuple[str, ...] = get_args(Bundled)
OWN_TABLE = "table"  # somebody's own; the field `table` says which
REAL_SIZES = {"digits": 1797, "breast_cancer": 569, "wine": 178}
TABLES = ("breast_cancer", "wine")  # every column has a unit of its own
GENERATED_SIZE = 1000
TEST_SHARE = 0.25
PLANAR_DATASETS = ("moons", "circles", "spirals", "xor", "clusters")
NORMALIZATIONS: tuple[str, ...] = get_args(Normalization)
BATCH_NORMALIZATIONS = ("batch", "noisy_batch")
MAX_INTERVENTIONS = 64
MAX_STEP = 10_000_000
MAX_WORK = 2.1e9
MAX_PLANE_CLASSES = 4  # the picture of the plane holds no more in a byte


def _dataset(name: str, value: Any) -> str:
    return value if value == OWN_TABLE else one_of(name, value, DATASETS)


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """One knob turned just before the update number `step` + 1, that is on the parameters after `step` updates.

    Exactly one of `normalization` and `learning_rate` is given. `step=None` means "at the next step";
    `unfold` fills it in when the intervention is sent.
    """

    step: int | None = None
    normalization: Normalization | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        if (self.normalization is None) == (self.learning_rate is None):
            raise ConfigError(
                "interventions", "an intervention turns exactly one knob: give normalization or learning_rate"
            )
        if self.step is not None:
            object.__setattr__(self, "step", whole("interventions.step", self.step, 0, MAX_STEP, ""))
        if self.normalization is not None:
            one_of("interventions.normalization", self.normalization, NORMALIZATIONS)
        if self.learning_rate is not None:
            rate = real("interventions.learning_rate", self.learning_rate, 1e-8, 1e4, "")
            object.__setattr__(self, "learning_rate", rate)

    @property
    def knob(self) -> str:
        """The name of the configuration's field that this intervention turns."""
        return "normalization" if self.normalization is not None else "learning_rate"


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """One network's whole experiment; invalid values raise `ConfigError` at once.

    Every field's metadata holds `doc` (what it means), `choices` or `low` and `high`: forms, links and
    the command line are made from this table.
    """

    dataset: Dataset = checked_field("digits", _dataset, "the data to classify", choices=DATASETS)
    samples: int = whole_field(
        0, 0, 4000, "number of samples; 0 means all of a real data set and 1000 of a generated one",
    )  # fmt: skip
    noise: float = real_field(
        0.0, 0.0, 2.0, "generated data: noise of the generator; real data: deviation added to the standardised inputs"
    )
    data_seed: int = whole_field(0, 0, 2**31 - 1, "seed of the data's generation and of its train/test split")
    hidden_layers: int = whole_field(
        3, 1, 30, "number of hidden layers", ": deeper networks are too slow to watch live"
    )
    width: int = whole_field(
        100, 2, 512, "units in each hidden layer", ": one unit can't be normalised over a layer, more are too slow"
    )
    activation: Activation = choice_field("relu", get_args(Activation), "the nonlinearity of the hidden layers")
    normalization: Normalization = choice_field("none", NORMALIZATIONS, "what normalises each hidden layer")
    norm_position: Position = choice_field("before", get_args(Position), "normalise before or after the activation")
    norm_momentum: float = real_field(
        0.1, 0.0, 1.0, "weight of the newest batch in the running statistics (PyTorch's convention; Keras writes 1 - m)"
    )
    norm_eps: float = real_field(
        1e-5, 1e-12, 1.0, "added to the variance before the square root", ": 0 would divide by 0 for a constant channel"
    )
    norm_affine: bool = flag_field(True, "learn a scale gamma and a shift beta after normalising")
    norm_groups: int = whole_field(
        4, 1, 256, "number of channel groups of group normalization; must divide width into two channels or more"
    )
    init: Init = choice_field("he", get_args(Init), "the rule that draws the initial weights; biases start at 0")
    init_std: float = real_field(
        0.1, 1e-6, 10.0, "standard deviation of the initial weights where init is normal", ": 0 would leave units equal"
    )
    optimizer: Optimizer = choice_field("sgd", get_args(Optimizer), "the rule that updates the parameters")
    momentum: float = real_field(0.0, 0.0, 0.999, "momentum of sgd; adam has its own", ": 1 and more never forgets")
    learning_rate: float = real_field(0.1, 1e-8, 1e4, "the step size of the optimizer")
    weight_decay: float = real_field(0.0, 0.0, 1.0, "the L2 penalty's weight, on all parameters")
    dropout: float = real_field(0.0, 0.0, 0.95, "share of hidden activations dropped in training", ": 1 would drop all")
    batch_size: int = whole_field(64, 2, 1024, "samples in a training batch", ": one sample has no batch variance")
    seed: int = whole_field(0, 0, 2**31 - 1, "seed of initial weights, batch order, dropout and noise")
    interventions: tuple[Intervention, ...] = ()
    table: str = checked_field("", check_table, "the table that is meant where dataset is table; empty elsewhere")

    def __post_init__(self) -> None:
        for item in fields(self):
            if "check" in item.metadata:
                value = item.metadata["check"](item.name, getattr(self, item.name))
                object.__setattr__(self, item.name, value)
        object.__setattr__(self, "interventions", _ordered(self.interventions))
        self._check_table()
        if 0 < self.samples < 40:
            raise ConfigError("samples", f"samples must be 0 (the data set's own size) or from 40; got {self.samples}")
        if self.batch_size > self.training_samples:
            raise ConfigError(
                "batch_size",
                f"batch_size must be at most {self.training_samples}, the training split of {self.data_name} "
                f"with samples={self.samples}: batches are drawn without replacement; got {self.batch_size}",
            )
        normalizations = {self.normalization} | {i.normalization for i in self.interventions}
        if "group" in normalizations and (self.width % self.norm_groups or self.width < 2 * self.norm_groups):
            raise ConfigError(
                "norm_groups",
                f"norm_groups must divide width ({self.width}) into groups of two channels or more: "
                f"one channel alone is its own mean and would become 0; got {self.norm_groups}",
            )
        if (work := self.hidden_layers * self.width**2 * self.batch_size) > MAX_WORK:
            raise ConfigError(
                "batch_size",
                f"hidden_layers * width^2 * batch_size must be at most {MAX_WORK:.2g}: a step would take longer than a "
                f"second to watch; got {work:.2g}",
            )

    def _check_table(self) -> None:
        """A table of one's own is named exactly where it is used, and each class of a part of it can be split."""
        if self.dataset != OWN_TABLE:
            object.__setattr__(self, "table", "")
            return
        if not self.table:
            raise ConfigError(
                "table", "dataset=table needs a table: drop its file into the lab, or python -m bnviz run --table"
            )
        ref = table_ref(self.table)
        least = -(-MIN_RAREST * ref.rows // ref.rarest)
        if 0 < self.samples < ref.rows and not least <= self.samples <= ref.rows - ref.classes:
            raise ConfigError(
                "samples",
                f"samples must be 0 (all {ref.rows} rows of {ref.name}) or from {least} to {ref.rows - ref.classes}, "
                f"so that every class can be split; got {self.samples}",
            )

    @property
    def own_table(self) -> TableRef | None:
        """Which table of somebody's own is meant; None with a data set that comes along."""
        return table_ref(self.table) if self.table else None

    @property
    def data_name(self) -> str:
        """The data set's name, or that of the table's file."""
        return self.dataset if self.own_table is None else self.own_table.name

    @property
    def real_size(self) -> int | None:
        """How many samples the data set has; None of data that are generated."""
        return REAL_SIZES.get(self.dataset) if self.own_table is None else self.own_table.rows

    @property
    def planar(self) -> bool:
        """Whether the samples are points of a plane whose classes can be drawn."""
        ref = self.own_table
        if ref is None:
            return self.dataset in PLANAR_DATASETS
        return ref.features == 2 and ref.classes <= MAX_PLANE_CLASSES

    @property
    def columnwise(self) -> bool:
        """Whether the features have units of their own, so that each is standardised by itself."""
        return self.dataset in TABLES or self.own_table is not None

    @property
    def total_samples(self) -> int:
        """How many samples the data set has after `samples` is applied."""
        size = self.real_size
        if size is None:
            return self.samples or GENERATED_SIZE
        return min(self.samples or size, size)

    @property
    def training_samples(self) -> int:
        """How many of them the training split holds (the rest, a quarter rounded up, is the test split)."""
        return self.total_samples - math.ceil(TEST_SHARE * self.total_samples)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; raises `ConfigError` for unknown names and bad values."""
        for name in changes:
            if name not in FIELD_NAMES:
                raise ConfigError(name, f"unknown field {name!r:.80}; the fields are {', '.join(FIELD_NAMES)}")
        return replace(self, **changes)

    def with_intervention(self, intervention: Intervention) -> Self:
        """Return a copy with the intervention recorded; what was planned for the same knob from then on is dropped."""
        step = intervention.step if intervention.step is not None else 0
        kept = (i for i in self.interventions if i.knob != intervention.knob or (i.step or 0) < step)
        return self.replace(interventions=(*kept, intervention))


def _ordered(interventions: Any) -> tuple[Intervention, ...]:
    items = tuple(interventions) if isinstance(interventions, tuple | list) else None
    if items is None or not all(isinstance(item, Intervention) for item in items):
        raise ConfigError("interventions", "interventions must be a tuple of Intervention")
    if len(items) > MAX_INTERVENTIONS:
        raise ConfigError(
            "interventions", f"at most {MAX_INTERVENTIONS} interventions are kept in a configuration; got {len(items)}"
        )
    if any(item.step is None for item in items):
        raise ConfigError("interventions", "an intervention in a configuration needs its step; got None")
    by_key = {(item.step or 0, item.knob): item for item in items}
    return tuple(by_key[key] for key in sorted(by_key))


FIELD_NAMES: tuple[str, ...] = tuple(item.name for item in fields(ExperimentConfig))
PLAIN_FIELDS = tuple(name for name in FIELD_NAMES if name not in ("interventions", "table"))
