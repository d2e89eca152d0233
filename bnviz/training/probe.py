"""Watch a network's modules through forward hooks, and leave none behind."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


class Probe:
    """Keeps the watched modules' outputs, by index, of the pass in its `with` block; changes nothing they compute.

    Where `gradients` says so, an output also retains the gradient of the loss. The hooks are there only inside the
    block: a module with a hook takes torch's slow path at every call (5 % of a training step), so a probe that is
    entered for captured steps alone costs the others nothing. It can be entered again and again, not twice at once.
    """

    def __init__(self, modules: Sequence[nn.Module], gradients: Sequence[bool]) -> None:
        self._watched = list(zip(modules, gradients, strict=True))
        self._handles: list[RemovableHandle] = []
        self.outputs: dict[int, Tensor] = {}

    @staticmethod
    def _hook(outputs: dict[int, Tensor], index: int, keep_gradient: bool) -> Any:
        def watch(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            if keep_gradient and output.requires_grad:
                output.retain_grad()
            outputs[index] = output

        return watch

    def __enter__(self) -> Self:
        if self._handles:
            raise RuntimeError("this probe is watching already: leave its with block before entering it again")
        self.outputs = {}
        self._handles = [
            module.register_forward_hook(self._hook(self.outputs, index, keep))
            for index, (module, keep) in enumerate(self._watched)
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
