"""The hooks on a model's modules: there for captured steps alone, and copies of the model take none of them along."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext, suppress
from threading import local
from typing import Any

import torch
from torch import Tensor, float32, is_grad_enabled, nn
from torch.compiler import is_compiling
from torch.utils.hooks import RemovableHandle

from bnviz.recorder.batchnorms import BatchNorms
from bnviz.recorder.layers import ACTIVATION, BATCH_NORM, UNWEIGHTED, Watched
from bnviz.recorder.room import Room
from bnviz.recorder.sampling import Sampler, first_tensor
from bnviz.recorder.series import Series

is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor  # noqa: SLF001
current_graph_task_id = torch._C._current_graph_task_id  # noqa: SLF001 - no public name


class Switch:
    """What all hooks of a recording share: whether this step is captured, and whether compiled code holds them.

    Two plain attributes, so that torch.compile can trace past a hook that has nothing to do.
    """

    def __init__(self) -> None:
        self.on = False
        self.compiled = False


class Hook:
    """A hook that returns None; pickled or copied, it becomes one of the standard library's that does nothing.

    So a model that is saved inside the block can be loaded where there is no bnviz.
    """

    def __init__(self, switch: Switch, call: Callable[..., None]) -> None:
        self.switch = switch
        self.call = call
        self.apart = torch.compiler.disable(call, reason="bnviz records between the compiled parts")  # type: ignore[no-untyped-call]

    def __call__(self, *arguments: Any) -> None:
        if is_compiling():
            self.switch.compiled = True
            if self.switch.on:
                self.apart(*arguments)
        elif self.switch.on:
            self.call(*arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (nullcontext(), "__exit__")


class Forwards(local):
    """How deep in the model's modules this thread is, and how often each layer was called in this forward pass."""

    def __init__(self) -> None:
        self.depth = 0
        self.calls: dict[int, int] = {}


class Hooks:
    """Watches a model's layers and gathers the step's series; `series` is keyed by layer and call.

    A layer's call is numbered within a forward pass: the outermost call of any container begins one. Passes without
    gradients or in eval mode don't count, nor does what activation checkpointing computes a second time.
    """

    def __init__(self, root: nn.Module, layers: list[Watched], containers: list[nn.Module], room: Room) -> None:
        self.root, self.layers = root, layers
        self.switch = Switch()
        self.norms = BatchNorms(layers)
        self.series: dict[tuple[int, int], Series] = {}
        self.forwards = 0
        self.fired: set[int] = set()
        self._containers = containers
        self._kinds = [layer.kind for layer in layers]
        self._channels_second = any(isinstance(layer.module, nn.Conv1d | nn.BatchNorm1d) for layer in layers)
        self._sampler, self._lock, self._here = Sampler(row=room.row), room.lock, Forwards()
        self._places: list[tuple[RemovableHandle, dict[int, Callable[..., Any]], Hook]] = []
        self._always: list[tuple[RemovableHandle, nn.Module]] = []
        self._attached = False
        self._before_backward: set[int] = set()
        self._any_in_backward = False
        self._broken: set[int] = set()
        self._lost_gradient = False
        self._enter = Hook(self.switch, self._go_in)
        self._leave = Hook(self.switch, self._go_out)
        self._watch = [Hook(self.switch, self._watcher(index)) for index in range(len(layers))]
        self._find_places()

    def begin(self, capture: bool) -> None:
        """Begin the next step; hooks are on the modules only where it is captured, unless compiled code has them."""
        self.switch.on = capture
        self.series, self.forwards, self._any_in_backward = {}, 0, False
        self._before_backward.clear()
        if capture:
            self._sampler.redraw()
            self.norms.clear()
            self._attach()
        elif not self.switch.compiled:
            self.detach()

    def gathered(self) -> list[Series]:
        """Return the step's series in the order of their calls; gradients that come later are not the step's.

        Where checkpointing ran layers for the first time in the backward pass, they came last layer first: such a step
        has the model's order.
        """
        keys = sorted(self.series) if self._any_in_backward else self.series
        found = [self.series[key] for key in keys]
        for one in found:
            one.squares = one.squares.copy()  # the hooks add to the list that they know
        return found

    def _attach(self) -> None:
        """Put the hooks on, into the dictionaries themselves: registering each anew would take ten times as long."""
        self._attached = True
        for handle, hooks, hook in self._places:
            hooks[handle.id] = hook
        for handle, module in self._always:
            module._forward_hooks_always_called[handle.id] = True  # noqa: SLF001

    def detach(self) -> None:
        """Take the hooks off; a module's dictionaries are as they were."""
        if not self._attached:
            return
        self._attached = False
        for handle, hooks, _ in self._places:
            hooks.pop(handle.id, None)
        for handle, module in self._always:
            module._forward_hooks_always_called.pop(handle.id, None)  # noqa: SLF001

    def _find_places(self) -> None:
        """Make each hook's handle: after a container's call even where it raises, so that its depth is right."""
        for module in self._containers:
            before, after = module._forward_pre_hooks, module._forward_hooks  # noqa: SLF001
            always = RemovableHandle(after, extra_dict=module._forward_hooks_always_called)  # noqa: SLF001
            self._places += [(RemovableHandle(before), before, self._enter), (always, after, self._leave)]
            self._always.append((always, module))
        for layer, hook in zip(self.layers, self._watch, strict=True):
            hooks = layer.module._forward_hooks  # noqa: SLF001
            self._places.append((RemovableHandle(hooks), hooks, hook))

    def _go_in(self, *_: Any) -> None:
        here = self._here
        if here.depth == 0:
            here.calls = {}
            self._count_forward()
        here.depth += 1

    def _go_out(self, *_: Any) -> None:
        self._here.depth = max(0, self._here.depth - 1)

    def _count_forward(self) -> None:
        if self._counts() and not _in_backward():
            with self._lock:
                self.forwards += 1

    def _counts(self) -> bool:
        return is_grad_enabled() and self.root.training

    def _watcher(self, index: int) -> Callable[..., None]:
        def watch(_module: nn.Module, inputs: Any, output: Any) -> None:
            if not is_grad_enabled() or not self.root.training or index in self._broken:
                return
            try:
                self._see(index, inputs, output)
            except Exception as error:  # noqa: BLE001 - whatever goes wrong here, training goes on
                self._give_up(index, error)

        return watch

    def _see(self, index: int, inputs: Any, output: Any) -> None:
        tensor = output if isinstance(output, Tensor) and output.dtype is float32 else first_tensor(output)
        in_backward = current_graph_task_id() != -1
        if tensor is None or is_wrapped(tensor) or self._is_second_time(index, in_backward):
            return  # what torch.func transforms has no values of its own yet
        here = self._here
        if here.depth == 0 and not in_backward:  # called by itself: a forward pass of its own
            here.calls = {}
            self._count_forward()
        self._any_in_backward = self._any_in_backward or in_backward
        call = here.calls[index] = here.calls.get(index, -1) + 1
        values, kind = tensor.detach(), self._kinds[index]
        with self._lock:
            self.fired.add(index)
            series = self.series.get((index, call))
            if series is None:
                series = self.series[index, call] = Series(index, call)
            series.add(values, self._sampler, self._unit_axis(values) if kind == ACTIVATION else None)
            if kind == BATCH_NORM and inputs and isinstance(inputs[0], Tensor):
                self.norms.add(index, inputs[0])
        if kind not in UNWEIGHTED and tensor.grad_fn is not None:  # a leaf keeps its hooks, and a parameter all of them
            series.watch_gradient(tensor, self._lose_gradient)

    def _is_second_time(self, index: int, in_backward: bool) -> bool:
        """Whether checkpointing computes anew what was seen already; a first pass without gradients wasn't."""
        if in_backward:
            return index in self._before_backward
        self._before_backward.add(index)
        return False

    def _unit_axis(self, values: Tensor) -> int:
        """Units are the channels of images and sequences of channels, and the features of anything else."""
        channels = values.ndim in (2, 4, 5) or (values.ndim == 3 and self._channels_second)
        return 1 if channels else -1

    def _give_up(self, index: int, error: Exception) -> None:
        first = not self._broken
        self._broken.add(index)
        if first:
            warnings.warn(
                f"bnviz can't record layer {self.layers[index].name!r} and leaves it alone from now on, as others that "
                f"fail; training goes on. {type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=4,
            )

    def _lose_gradient(self, index: int, error: Exception) -> None:
        if not self._lost_gradient:
            self._lost_gradient = True
            with suppress(Warning):  # even where warnings are errors: this is in somebody's backward pass
                warnings.warn(
                    f"bnviz can't measure the gradient that reaches layer {self.layers[index].name!r} and writes down "
                    f"none, there and wherever else it can't; training goes on. {type(error).__name__}: {error}",
                    RuntimeWarning,
                    stacklevel=2,
                )


def _in_backward() -> bool:
    return current_graph_task_id() != -1
