"""Which of a model's modules are watched, and what is said about each of them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules import activation, batchnorm, conv, instancenorm, normalization
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.parameter import is_lazy

BATCH_NORM = "batch_norm"
ACTIVATION = "activation"
KINDS: dict[str, tuple[type[nn.Module], ...]] = {
    "linear": (nn.Linear, nn.Bilinear),
    "conv": (conv._ConvNd,),  # noqa: SLF001 - what all convolutions have in common
    BATCH_NORM: (batchnorm._BatchNorm,),  # noqa: SLF001 - and all batch norms, lazy and synchronised ones too
    "norm": (
        instancenorm._InstanceNorm,  # noqa: SLF001
        normalization.LayerNorm,
        normalization.GroupNorm,
        normalization.RMSNorm,
        normalization.LocalResponseNorm,
    ),
    "attention": (nn.MultiheadAttention,),
    "recurrent": (nn.RNNBase, nn.RNNCellBase),
    "embedding": (nn.Embedding, nn.EmbeddingBag),
    ACTIVATION: tuple(getattr(activation, name) for name in activation.__all__ if name != "MultiheadAttention"),
}
UNWEIGHTED = frozenset({BATCH_NORM, "norm", ACTIVATION})  # gradients and updates are measured of all other kinds
COMPILED = (
    "What torch.compile or torch.jit compiled before runs without hooks, so bnviz sees nothing of it: enter "
    "bnviz.record(model, ...) first, and compile inside its with block."
)


@dataclass(frozen=True)
class Watched:
    """A module that is watched: its own name in the model, the module, and the kind that it is of."""

    name: str
    module: nn.Module
    kind: str

    def weights(self) -> list[nn.Parameter]:
        """The parameters that gradient and update are measured of: matrices and kernels.

        Asked anew at every captured step: lazy parameters come late, and some loops exchange them.
        """
        if self.kind in UNWEIGHTED:
            return []
        module = self.module
        if module._modules:  # noqa: SLF001 - the public ways take ten times as long
            own: list[Any] = list(module.parameters())
        else:
            own = list(module._parameters.values())  # noqa: SLF001
        return [p for p in own if p is not None and not is_lazy(p) and p.ndim >= 2]


def unwrap(model: nn.Module) -> tuple[nn.Module, bool]:
    """Return the user's own module inside DataParallel and `torch.compile`, and whether something was compiled."""
    compiled = False
    while True:
        if isinstance(model, DataParallel | DistributedDataParallel):
            model = model.module
        elif isinstance(original := getattr(model, "_orig_mod", None), nn.Module):
            model, compiled = original, True
        else:
            break
    inside = any(_is_compiled(module) for module in model.modules())
    return model, compiled or inside


def _is_compiled(module: nn.Module) -> bool:
    if isinstance(module, torch.jit.ScriptModule) or hasattr(module, "_orig_mod"):
        return True
    return getattr(module, "_compiled_call_impl", None) is not None


def find(model: nn.Module) -> tuple[list[Watched], list[nn.Module]]:
    """Return the layers that are watched, in the model's order, and the containers around them."""
    layers: list[Watched] = []
    containers: list[nn.Module] = []
    within: set[nn.Module] = set()
    for name, module in model.named_modules():
        if module in within:
            continue
        kind = _kind(module)
        if kind is not None:
            layers.append(Watched(_plain(name), module, kind))
            within.update(module.modules())
        elif next(module.children(), None) is not None:
            containers.append(module)
    return layers, containers


def _kind(module: nn.Module) -> str | None:
    for kind, classes in KINDS.items():
        if isinstance(module, classes):
            return kind
    has_children = next(module.children(), None) is not None
    has_parameters = next(module.parameters(recurse=False), None) is not None
    return "other" if has_parameters and not has_children else None


def _plain(name: str) -> str:
    """The module's own name, without what wrappers inside the model add."""
    return name.replace("_orig_mod.", "").removesuffix("._orig_mod") or "(model)"


def descriptions(layers: list[Watched]) -> list[dict[str, Any]]:
    """Return what a recording's header says of each layer; see `docs/recording-format.md`."""
    owners: dict[int, str] = {}
    found = []
    for layer in layers:
        parameters = list(layer.module.parameters())
        owner = next((owners[id(p)] for p in parameters if id(p) in owners), None)
        for parameter in parameters:
            owners.setdefault(id(parameter), layer.name)
        found.append(
            {
                "name": layer.name,
                "module": type(layer.module).__name__,
                "kind": layer.kind,
                "frozen": bool(parameters) and not any(p.requires_grad for p in parameters),
                "channels": getattr(layer.module, "num_features", None) or None,
                "tied_to": owner,
            }
        )
    return found


def header(model: nn.Module, layers: list[Watched]) -> dict[str, Any]:
    """Return what a recording says once about a model; its number of parameters is None while some are lazy."""
    parameters = list(model.parameters())
    return {
        "kind": "model",
        "model": type(model).__name__,
        "parameters": None if any(is_lazy(p) for p in parameters) else sum(p.numel() for p in parameters),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "layers": descriptions(layers),
    }


def warn_compiled(stacklevel: int) -> None:
    """Warn that what was compiled before runs without hooks."""
    warnings.warn(f"This model holds compiled modules. {COMPILED}", RuntimeWarning, stacklevel=stacklevel + 1)
