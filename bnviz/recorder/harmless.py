"""Whatever goes wrong in a recording, somebody's training is worth more: it goes on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar


class GivesUp(Protocol):
    """What can end by itself."""

    def give_up(self, error: Exception) -> None:
        """End because of this error, and raise nothing."""


_Self = TypeVar("_Self", bound=GivesUp)
_P = ParamSpec("_P")


def harmless(method: Callable[Concatenate[_Self, _P], None]) -> Callable[Concatenate[_Self, _P], None]:
    """An exception in the method ends its object by `give_up` and goes no further."""

    @functools.wraps(method)
    def safe(self: _Self, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is
            self.give_up(error)

    return safe
