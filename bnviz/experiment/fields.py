"""Fields that check themselves: a frozen dataclass made of them is validated once, and its metadata make the forms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, TypeVar

_T = TypeVar("_T")


class ConfigError(ValueError):
    """A configuration's field has a value that is not allowed; `field` names it, the text says what is."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field

    def __reduce__(self) -> tuple[type[ConfigError], tuple[str, str]]:
        return type(self), (self.field, str(self))  # it comes back from processes that train


def one_of(name: str, value: Any, allowed: Sequence[str], why: str = "") -> str:
    """Return the value if it is one of the allowed words; `why` says after them why there are no more."""
    if not isinstance(value, str) or value not in allowed:
        raise ConfigError(name, f"{name} must be one of {', '.join(allowed)}{why}; got {value!r:.80}")
    return value


def whole(name: str, value: Any, low: int, high: int, why: str) -> int:
    """Return the value as a whole number from low to high."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole and isinstance(value, float) and value.is_integer():
        value, is_whole = int(value), True
    if not is_whole:
        raise ConfigError(name, f"{name} must be a whole number from {low} to {high}; got {value!r:.80}")
    if not low <= value <= high:
        raise ConfigError(name, f"{name} must be from {low} to {high}{why}; got {value!r:.80}")
    return int(value)


def real(name: str, value: Any, low: float, high: float, why: str) -> float:
    """Return the value as a finite number from low to high."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(name, f"{name} must be a number from {low:g} to {high:g}; got {value!r:.80}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and low <= number <= high):
        raise ConfigError(name, f"{name} must be from {low:g} to {high:g}{why}; got {number!r:.80}")
    return number


def flag(name: str, value: Any) -> bool:
    """Return the value if it is true or false."""
    if not isinstance(value, bool):
        raise ConfigError(name, f"{name} must be true or false; got {value!r:.80}")
    return value


def choice_field(default: str, allowed: Sequence[str], doc: str) -> Any:
    """A field that holds one of the allowed words."""
    check = lambda name, value: one_of(name, value, allowed)  # noqa: E731
    return checked_field(default, check, doc, choices=tuple(allowed))


def whole_field(default: int, low: int, high: int, doc: str, why: str = "") -> Any:
    """A field that holds a whole number from low to high; `why` says what is wrong beyond."""
    return checked_field(default, lambda name, value: whole(name, value, low, high, why), doc, low=low, high=high)


def real_field(default: float, low: float, high: float, doc: str, why: str = "") -> Any:
    """A field that holds a number from low to high; `why` says what is wrong beyond."""
    return checked_field(default, lambda name, value: real(name, value, low, high, why), doc, low=low, high=high)


def flag_field(default: bool, doc: str) -> Any:
    """A field that is true or false."""
    return checked_field(default, flag, doc)


def checked_field(default: _T, check: Callable[[str, Any], Any], doc: str, **limits: Any) -> _T:
    """A field whose value is what `check(name, value)` makes of it; the metadata hold doc and limits."""
    metadata = {"check": check, "doc": doc, **limits}
    return field(default=default, metadata=metadata)
