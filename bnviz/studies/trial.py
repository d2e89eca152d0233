"""A trial is one training and what is measured on it; equal trials give equal numbers, so none is run twice."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, Self

from bnviz.experiment.config import PLAIN_FIELDS, ExperimentConfig, Intervention
from bnviz.experiment.fields import ConfigError, real, whole

MEASURING_VERSION = 1  # one more whenever the same trial would give other numbers
MAX_STEPS = 20_000
MAX_LENGTH = 20_000


class TrialError(ConfigError):
    """A trial that can't be run; `field` names the part which is wrong, the text says what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One configuration trained for `steps` updates and looked at every `every` of them, always at 0 and at the end.

    `measures` are names in `bnviz.studies.measures.MEASURES`. With `reach` the training ends at the first look at
    which the test accuracy is at least that; a training that breaks ends there. All fields decide the numbers.
    """

    config: ExperimentConfig
    steps: int
    measures: tuple[str, ...]
    every: int = 5
    reach: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.config, ExperimentConfig):
            raise TrialError("config", f"config must be an ExperimentConfig; got {type(self.config).__name__}")
        if self.config.own_table is not None:
            raise TrialError(
                "dataset",
                f"studies measure the data sets that come along, and {self.config.data_name} is a table of your own: "
                "it trains in the lab and by bnviz run",
            )
        object.__setattr__(self, "steps", whole("steps", self.steps, 0, MAX_STEPS, ""))
        object.__setattr__(self, "every", whole("every", self.every, 1, MAX_STEPS, ""))
        if self.reach is not None:
            object.__setattr__(self, "reach", real("reach", self.reach, 0.0, 1.0, ": it is an accuracy"))
        object.__setattr__(self, "measures", _known(self.measures))

    @cached_property
    def key(self) -> str:
        """24 hexadecimal digits that stand for all that decides the numbers, the measuring code's version included."""
        content = json.dumps([MEASURING_VERSION, self._plain()], sort_keys=True, separators=(",", ":"))
        return sha256(content.encode()).hexdigest()[:24]

    @property
    def seed(self) -> int:
        """The seed of the initial weights and batches."""
        return self.config.seed

    def seeded(self, seed: int, *, splits: bool = False) -> Self:
        """Return the same trial with another seed; with `splits` the data are drawn and split by it too."""
        changes = {"seed": seed, "data_seed": seed} if splits else {"seed": seed}
        return replace(self, config=self.config.replace(**changes))

    def to_json(self) -> str:
        """Return one line of JSON from which `from_json` makes an equal trial."""
        return json.dumps(self._plain(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; raises `TrialError` for anything else."""
        if len(text) > MAX_LENGTH:
            raise TrialError("trial", f"a trial has at most {MAX_LENGTH} characters; got {len(text)}")
        try:
            plain = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise TrialError("trial", f"a trial is one line of JSON; can't read {text!r:.60}") from None
        _exactly("trial", plain, {item.name for item in fields(cls)})
        try:
            return cls(**{**plain, "config": _config(plain["config"]), "measures": _sequence(plain["measures"])})
        except TrialError:
            raise
        except ConfigError as error:
            raise TrialError(error.field, str(error)) from None

    def _arguments(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def _plain(self) -> dict[str, Any]:
        config = asdict(self.config)
        del config["table"]  # always empty here; a trial's key is older than that field
        return {**self._arguments(), "config": config, "measures": list(self.measures)}


def run_trial(trial: Trial) -> dict[str, float]:
    """Train and measure: a number for each of the trial's measures, NaN where there is none.

    On the same machine equal trials give equal numbers bit for bit; nothing global is read or changed but torch's
    number of threads, which is one.
    """
    from bnviz.studies.measures import measure

    return measure(trial)


def _known(measures: Any) -> tuple[str, ...]:
    from bnviz.studies.measures import MEASURES

    names = _sequence(measures)
    for name in names:
        if not isinstance(name, str) or name not in MEASURES:
            raise TrialError("measures", f"measures must be from {', '.join(MEASURES)}; got {name!r:.60}")
    if not names or len(set(names)) < len(names):
        raise TrialError("measures", f"measures must be one or more different names; got {measures!r:.80}")
    return names


def _sequence(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TrialError("measures", f"measures must be a list of names; got {value!r:.60}")
    return tuple(value)


def _config(plain: Any) -> ExperimentConfig:
    _exactly("config", plain, {*PLAIN_FIELDS, "interventions"})
    turns = plain["interventions"]
    if not isinstance(turns, list):
        raise TrialError("interventions", f"interventions must be a list; got {turns!r:.60}")
    for turn in turns:
        _exactly("interventions", turn, {item.name for item in fields(Intervention)})
    return ExperimentConfig(**{**plain, "interventions": tuple(Intervention(**turn) for turn in turns)})


def _exactly(name: str, plain: Any, names: set[str]) -> None:
    if not isinstance(plain, dict) or set(plain) != names:
        raise TrialError(name, f"{name} must have exactly the fields {', '.join(sorted(names))}; got {plain!r:.80}")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number")
