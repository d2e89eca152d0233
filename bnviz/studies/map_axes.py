"""What a map is asked over: its two axes and its arms, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bnviz.experiment.config import PLAIN_FIELDS
from bnviz.experiment.fields import ConfigError

MAX_ARMS = 4
SMALLEST, LARGEST = 1e-100, 1e100  # on a logarithmic axis
Arm = tuple[str, Mapping[str, Any]]  # a name, and the fields in which it differs


class Axis(NamedTuple):
    """A field and the values it takes along one side of the map."""

    field: str
    values: tuple[Any, ...]

    @property
    def logarithmic(self) -> bool:
        """Whether the values are numbers that span more than a factor of ten, none so extreme that an edge is not."""
        numbers = [v for v in self.values if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(numbers) < len(self.values):
            return False
        # A cell's edge lies beyond its value, by half the logarithm's way to the next: below 1e300 with these limits.
        return min(numbers) >= SMALLEST and max(numbers) <= LARGEST and max(numbers) > 10 * min(numbers)


def axis_of(side: str, axis: tuple[str, Sequence[Any]]) -> Axis:
    """Return an axis of a map; raises `ConfigError` where the field or its values can't be one."""
    field, values = axis[0], tuple(axis[1])
    if field not in PLAIN_FIELDS or field == "seed":
        allowed = ", ".join(name for name in PLAIN_FIELDS if name != "seed")
        raise ConfigError(side, f"{side} must be a field of a configuration: {allowed}; got {field!r:.60}")
    if not all(isinstance(value, str | int | float) for value in values):
        raise ConfigError(side, f"{side} needs plain values, words or numbers; got {_listed(values)}")
    if not all(math.isfinite(value) for value in values if isinstance(value, float)):
        raise ConfigError(side, f"{side} needs finite values of {field}, no inf and no nan; got {_listed(values)}")
    if len(values) < 2 or len(set(values)) < len(values):
        raise ConfigError(side, f"{side} needs two or more different values of {field}; got {_listed(values)}")
    return Axis(field, values)


def _listed(values: Sequence[Any]) -> str:
    """Values as they are written in an error: with commas between them, or that there are none."""
    text = ", ".join(map(str, values))
    return f"{text:.80}" if text else "none"


def distinct_arms(arms: Sequence[Arm], taken: set[str]) -> tuple[Arm, ...]:
    """The arms without what the axes decide, equal ones once."""
    kept: dict[tuple[tuple[str, Any], ...], Arm] = {}
    for name, changes in arms:
        own = {field: value for field, value in changes.items() if field not in taken}
        kept.setdefault(tuple(sorted(own.items())), (name if own else "all", own))
    if not 1 <= len(kept) <= MAX_ARMS:
        raise ConfigError("arms", f"a map has one to {MAX_ARMS} different arms; got {len(kept)}")
    return tuple(kept.values())
