"""How steps are noticed: through every optimizer's own hooks, and through GradScaler, which leaves some of them out."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle


class StepWatcher(Protocol):
    """What a recording wants to know of optimizers; it sorts out itself which of them are its model's."""

    def before_step(self, optimizer: Optimizer, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """The optimizer is about to change the weights; the others are what its `step` was called with, itself too."""

    def after_step(self, optimizer: Optimizer) -> None:
        """The optimizer has changed the weights."""

    def before_scaler(self, optimizer: Optimizer, scaler: GradScaler) -> None:
        """A scaler is about to unscale the gradients, and to make or skip the step."""

    def after_scaler(self, optimizer: Optimizer) -> None:
        """The scaler has made the step or skipped it."""


class Steps:
    """Tells all watchers of all optimizers' steps; while nobody watches, torch is as if this had never been.

    A skipped step never reaches the optimizer, so `GradScaler.step` itself is wrapped meanwhile.
    """

    def __init__(self) -> None:
        self.watchers: tuple[StepWatcher, ...] = ()  # replaced, never changed: one may leave while all are told
        self._handles: list[RemovableHandle] = []
        self._original: Any = None
        self._wrapped: Any = None

    def add(self, watcher: StepWatcher) -> None:
        """Tell this one too."""
        if not self.watchers:
            self._install()
        self.watchers = (*self.watchers, watcher)

    def remove(self, watcher: StepWatcher) -> None:
        """Tell this one no more."""
        if watcher in self.watchers:
            self.watchers = tuple(other for other in self.watchers if other is not watcher)
            if not self.watchers:
                self._uninstall()

    def _install(self) -> None:
        self._handles = [
            register_optimizer_step_pre_hook(self._before),
            register_optimizer_step_post_hook(self._after),
        ]
        self._original = original = GradScaler.step

        @functools.wraps(original)
        def step(scaler: GradScaler, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
            for watcher in self.watchers:
                watcher.before_scaler(optimizer, scaler)
            result = original(scaler, optimizer, *args, **kwargs)
            for watcher in self.watchers:
                watcher.after_scaler(optimizer)
            return result

        self._wrapped = step
        GradScaler.step = step  # type: ignore[assignment,method-assign]

    def _uninstall(self) -> None:
        for handle in self._handles:
            handle.remove()
        if GradScaler.step is self._wrapped:  # else somebody wrapped it again: without watchers ours only passes on
            GradScaler.step = self._original  # type: ignore[method-assign]
        self._handles, self._original, self._wrapped = [], None, None

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        for watcher in self.watchers:
            watcher.before_step(optimizer, args, kwargs)

    def _after(self, optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
        for watcher in self.watchers:
            watcher.after_step(optimizer)


STEPS = Steps()
