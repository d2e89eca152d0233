"""A with block around a training loop, in which every tenth step of a model is summarised and handed to a sink."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from bnviz.recorder import layers
from bnviz.recorder.batches import Batch, Capture
from bnviz.recorder.counted import Counted
from bnviz.recorder.harmless import harmless
from bnviz.recorder.hooks import Hooks
from bnviz.recorder.optimizers import STEPS
from bnviz.recorder.pauses import Pauses
from bnviz.recorder.room import Room
from bnviz.recorder.scalars import Scalars
from bnviz.recorder.sink import Sink
from bnviz.recorder.weights import Update

_WATCHED: WeakSet[nn.Module] = WeakSet()


class Recording:
    """Watches a model inside its with block; `steps` counts the optimizer's steps, skipped ones too.

    `sink` makes what takes the records, when the block is entered. `every` is how many steps lie between two records;
    it doubles whenever half of the sink's remaining room is used, so that a recording never outgrows it. With several
    optimizers the first one that moves a weight of the model counts; `optimizer` names another, best the last one of a
    loop's turn.
    """

    def __init__(
        self, model: nn.Module, sink: Callable[[], Sink], *, every: int = 10, optimizer: Optimizer | None = None
    ) -> None:
        if type(every) is not int or every < 1:
            raise ValueError(
                f"every must be a whole number from 1: the steps from one record to the next; got {every!r}"
            )
        self.every, self.steps = every, 0
        self._model: nn.Module | None = model
        self._make_sink, self._left = sink, 1.0
        self._counted = Counted(optimizer)
        self._hooks: Hooks | None = None
        self._silent: tuple[str, ...] = ()
        self._pending: Capture | None = None
        self._scalars = Scalars()
        self._scale, self._has_closure, self._said_nothing = 1.0, False, False

    @property
    def silent(self) -> tuple[str, ...]:
        """Names of the layers that have not fired at any captured step."""
        if self._hooks is None:
            return self._silent
        fired = self._hooks.fired
        return tuple(layer.name for index, layer in enumerate(self._hooks.layers) if index not in fired)

    # --- the block -------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._model is None:
            raise RuntimeError("a recording is entered once: call bnviz.record(...) again for another file")
        root, compiled = layers.unwrap(self._model)
        if root in _WATCHED:
            raise RuntimeError("this model is being recorded already: leave that with block before entering another")
        found, containers = layers.find(root)
        if not found:
            raise ValueError("there is no layer to record in this model: neither parameters nor activation modules")
        if compiled:
            layers.warn_compiled(stacklevel=3)
        self._model = None
        self._start, self._root = time.perf_counter(), root
        self._counted.watch(root.parameters)
        self._sink = self._make_sink()
        self._sink.header({"every": self.every, **layers.header(root, found)})
        room = Room()
        self._hooks, self._update = Hooks(root, found, containers, room), Update(found)
        self._batch = Batch([type(layer.module) for layer in found], room)
        self._lock = room.lock
        _WATCHED.add(root)
        STEPS.add(self)
        self._hooks.begin(capture=True)
        self._pauses = Pauses(self, self._lock)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        watching = self._hooks is not None
        self._let_go()
        if watching:
            self._pauses.stop()
            self._say_goodbye("finished" if kind is None else f"left by {kind.__name__}")

    @harmless
    def _say_goodbye(self, reason: str) -> None:
        self._pauses.check()
        self._part_with_pending()
        self._hand_over()
        self._sink.end({"steps": self.steps, "reason": reason, "silent": list(self._silent)})
        if self.steps == 0 and reason == "finished":
            self._warn("bnviz saw no step of an optimizer that holds a parameter of this model: nothing is recorded")

    def _let_go(self) -> None:
        """Take everything off the model and torch, and forget the model."""
        if self._hooks is None:
            return
        STEPS.remove(self)
        self._silent = self.silent
        self._hooks.switch.on = False
        self._hooks.detach()
        _WATCHED.discard(self._root)
        self._hooks = None
        self._counted.forget()
        del self._root, self._update

    def give_up(self, error: Exception) -> None:
        """End the recording with one warning; training goes on."""
        self._let_go()
        self._pauses.stop()
        with contextlib.suppress(Exception):  # what was captured before is as good as ever
            self._part_with_pending()
            self._hand_over()
        with contextlib.suppress(Exception):  # the file is closed in any case
            self._sink.end({"steps": self.steps, "reason": f"stopped by {type(error).__name__}: {error}"})
        self._warn(f"bnviz stopped recording; training goes on. {type(error).__name__}: {error}")

    @staticmethod
    def _warn(text: str) -> None:
        warnings.warn(text, RuntimeWarning, stacklevel=4)

    # --- what the loop says ----------------------------------------------------------------------

    def step(self, loss: float | Tensor | None = None, **scalars: float | Tensor) -> None:
        """Add the loss and other numbers to this step's record; before or after the optimizer's step, as you like.

        Costs nothing at steps that are not captured. Raises `TypeError` for what is no number.
        """
        given = scalars if loss is None else {"loss": loss, **scalars}
        made = None if self._pending is None else self._pending.single["scalars"]
        self._scalars.take(given, self.steps, self._captures(), made)

    # --- what optimizers say ---------------------------------------------------------------------

    def before_step(self, optimizer: Optimizer, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if self._captures() or self._counted.current() is not optimizer:  # else there is nothing to do, and soon done
            self._prepare(optimizer, (*args[1:], *kwargs.values()))

    @harmless
    def _prepare(self, optimizer: Optimizer, arguments: Sequence[Any]) -> None:
        if not self._counted.take(optimizer) or not self._captures():
            return
        self._has_closure = any(callable(argument) for argument in arguments)
        self._update.before()
        if not self._has_closure:  # read before the optimizer works on them; a closure's are not there yet
            scale = getattr(optimizer, "grad_scale", None)
            self._update.take_gradients(1.0 if scale is None else float(scale))

    @harmless
    def after_step(self, optimizer: Optimizer) -> None:
        counted = self._counted
        if counted.current() is not optimizer:
            counted.rival_steps += 1
            return
        skipped, counted.rival_steps = False, 0
        if self._captures():
            if self._has_closure:
                self._update.take_gradients()
            found = getattr(optimizer, "found_inf", None)
            skipped = found is not None and float(found) > 0
        self._finish(optimizer, skipped=skipped)

    @harmless
    def before_scaler(self, optimizer: Optimizer, scaler: GradScaler) -> None:
        if not self._counted.take(optimizer):
            return
        self._steps_before_scaler = self.steps
        if self._captures() and scaler.is_enabled():
            self._scale = scaler.get_scale()

    @harmless
    def after_scaler(self, optimizer: Optimizer) -> None:
        if self._counted.current() is not optimizer or self.steps != self._steps_before_scaler:
            return
        if self._captures():
            self._update.before()
            self._update.take_gradients()
        self._finish(optimizer, skipped=True)

    # --- a step's end ----------------------------------------------------------------------------

    def _captures(self) -> bool:
        return self._hooks is not None and self._hooks.switch.on

    def _finish(self, optimizer: Optimizer, *, skipped: bool) -> None:
        hooks = self._hooks
        if hooks is None:
            return
        with self._lock:
            self._pauses.check()
            if self._pending is not None:
                self._part_with_pending()
            captured = hooks.switch.on
            if captured:
                self._pending = self._capture(hooks, optimizer, skipped)
                self._scale = 1.0
            self.steps += 1
            if self._batch.waiting and self._batch.due:
                self._hand_over()
            captures = self.steps % self.every == 0
            if captured or captures:
                hooks.begin(captures)
            self._sink.tick()

    def _capture(self, hooks: Hooks, optimizer: Optimizer, skipped: bool) -> Capture:
        if not hooks.series and not self._said_nothing:
            self._said_nothing = True
            self._warn("bnviz saw no forward pass in train mode before this step. " + layers.COMPILED)
        rate = optimizer.param_groups[0].get("lr")
        single = {
            "step": self.steps,
            "time": round(time.perf_counter() - self._start, 3),
            "forwards": hooks.forwards,
            "skipped": skipped,
            "learning_rate": None if rate is None else float(rate),
            "scalars": self._scalars.pop(),
        }
        return Capture(single, hooks.gathered(), self._scale, self._update.after(), hooks.norms.take())

    def _part_with_pending(self) -> None:
        """The last captured step has the numbers that it will get: those of the next one are coming."""
        if self._pending is not None:
            self._batch.add(self._pending)
            self._pending = None

    def _hand_over(self) -> None:
        self._batch.hand_to(self._sink)
        if self._pending is None and not (self._hooks and self._hooks.series):
            self._batch.clear()
        if self._sink.left < self._left / 2:
            self.every, self._left = 2 * self.every, self._sink.left

    # --- what pauses say -------------------------------------------------------------------------

    def write_what_waits(self) -> None:
        """Hand over and write what waits, but for the step that may still get its scalars."""
        self._hand_over()
        self._sink.flush()

    def abandon(self) -> None:
        """Leave the model and the file alone: a forked child has the parent's, and the parent goes on."""
        if self._hooks is not None:
            self._let_go()
            self._pauses.forget()
            self._pending, self._batch.waiting, self._batch.made = None, [], []
