"""Whose steps are a recording's: one optimizer counts, and where nobody says which, the model's own is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from weakref import ref

from torch import nn
from torch.optim import Optimizer

TAKEOVER = 20  # steps of another optimizer alone, after which it is the one that counts

Parameters = Callable[[], Iterable[nn.Parameter]]


class Counted:
    """The optimizer whose steps count; `current` returns it, or None while there is none.

    That is the one that was named; else the first that moves one of the parameters, until another has made `TAKEOVER`
    steps without it. Doesn't hold the optimizer, and `watch`ed parameters until it may `forget`.
    """

    def __init__(self, named: Optimizer | None) -> None:
        self.current: Callable[[], Optimizer | None] = _nobody if named is None else ref(named)
        self.rival_steps = 0
        self._is_named = named is not None
        self._parameters: Parameters = _none

    def watch(self, parameters: Parameters) -> None:
        """Say whose parameters they are that an optimizer must move to count; asked anew each time."""
        self._parameters = parameters

    def take(self, optimizer: Optimizer) -> bool:
        """Return whether this optimizer counts, from now on perhaps."""
        current = self.current()
        if optimizer is current:
            self.rival_steps = 0
            return True
        if current is not None and (self._is_named or self.rival_steps < TAKEOVER):
            return False
        own = {id(parameter) for parameter in self._parameters()}
        if any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
            self.current, self._is_named, self.rival_steps = ref(optimizer), False, 0
            return True
        return False

    def forget(self) -> None:
        """Let nobody count any more."""
        self.current, self._parameters = _nobody, _none


def _none() -> Iterable[nn.Parameter]:
    return ()


def _nobody() -> None:
    return None
