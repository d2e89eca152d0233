"""Exchanging normalization in the PyTorch script: folded, inserted or replaced, as the lab does it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from bnviz.experiment.config import BATCH_NORMALIZATIONS, ExperimentConfig
from bnviz.sharing.experiment_text import collection, filled, number

FOLD_BEFORE = '''\
@torch.no_grad()
def fold_batch_norm():
    """Take batch normalization out; the linear layers do its eval mode's work."""
    for block in model[:-1]:
        layer, norm = block.linear, block.norm.double()
        scale = $gamma / torch.sqrt(norm.running_var + norm.eps)
        layer.bias.copy_(scale * (layer.bias.double() - norm.running_mean)$plus_beta)
        layer.weight.copy_(scale[:, None] * layer.weight.double())
        block.norm = nn.Identity()$forget'''

FOLD_AFTER = '''\
@torch.no_grad()
def fold_batch_norm():
    """Take batch normalization out; the next linear layers do its eval mode's work."""
    following = [*(block.linear for block in model[1:-1]), model[-1]]
    for block, layer in zip(model[:-1], following, strict=True):
        norm, weight = block.norm.double(), layer.weight.double()
        scale = $gamma / torch.sqrt(norm.running_var + norm.eps)
        shift = ${beta}scale * norm.running_mean
        layer.bias.copy_(layer.bias.double() + weight @ shift)
        layer.weight.copy_(weight * scale)
        block.norm = nn.Identity()$forget'''

INSERT = '''\
@torch.no_grad()
def insert_batch_norm(x):
    """Put batch normalization in$promise."""
    for block in model[:-1]:
        x = $normalized
        variance, mean = torch.var_mean(x, dim=0, correction=0)
        norm = $norm
        block.norm = norm
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)$affine$activate'''

RENEW = '''\
def renew_optimizer():
    """Hand over today's parameters; those that are known keep their memory."""
    optimizer.param_groups[0]["params"] = list(model.parameters())$buffers'''

BUFFERS = """
    for parameter in model.parameters():
        zeros = torch.zeros_like(parameter)
        optimizer.state[parameter].setdefault("momentum_buffer", zeros)"""


FORGET = """
        for parameter in layer.parameters():
            optimizer.state.pop(parameter, None)"""

AFFINE = """
        norm.weight.copy_(torch.sqrt(variance + norm.eps))
        norm.bias.copy_(mean)"""


def constants(config: ExperimentConfig, kinds: Sequence[str]) -> dict[str, str]:
    """The settings of the normalizations that are not torch's defaults."""
    values = {}
    if config.norm_eps != 1e-5 and set(kinds) != {"none"}:
        values["EPS"] = number(config.norm_eps)
    if config.norm_momentum != 0.1 and set(kinds) & set(BATCH_NORMALIZATIONS):
        values["NORM_MOMENTUM"] = number(config.norm_momentum)
    return values


def norm(config: ExperimentConfig, kind: str) -> str:
    """The expression that makes a normalization layer; what is torch's default is left out."""
    if kind == "none":
        return "nn.Identity()"
    arguments = [str(config.width)] + ["eps=EPS"] * (config.norm_eps != 1e-5)
    if kind in BATCH_NORMALIZATIONS and config.norm_momentum != 0.1:
        arguments.append("momentum=NORM_MOMENTUM")
    if not config.norm_affine:
        arguments.append("elementwise_affine=False" if kind == "layer" else "affine=False")
    if kind == "group":
        arguments.insert(0, str(config.norm_groups))
    name = {"layer": "LayerNorm", "group": "GroupNorm"}.get(kind, "BatchNorm1d")
    return f"nn.{name}({', '.join(arguments)})"


def noise(kind: str) -> str:
    """The expression that makes what follows a normalization in a network that has noise at some time."""
    return "Noise(position)" if kind == "noisy_batch" else "nn.Identity()"


def functions(config: ExperimentConfig, kinds: Sequence[str]) -> list[str]:
    """The functions that the exchanges call; none where the normalization stays."""
    if len(kinds) == 1:
        return []
    changes = list(pairwise(kind in BATCH_NORMALIZATIONS for kind in kinds))
    return [
        _fold(config) if (True, False) in changes else "",
        _insert(config) if (False, True) in changes else "",
        filled(RENEW, buffers=BUFFERS if config.optimizer == "sgd" and config.momentum else ""),
    ]


def _fold(config: ExperimentConfig) -> str:
    remembers = config.optimizer == "adam" or config.momentum
    script, affine = (FOLD_BEFORE if config.norm_position == "before" else FOLD_AFTER), config.norm_affine
    return filled(
        script,
        gamma="norm.weight" if affine else "1",
        plus_beta=" + norm.bias" if affine else "",
        beta="norm.bias - " if affine else "-",
        forget=FORGET if remembers else "",
    )


def _insert(config: ExperimentConfig) -> str:
    before = config.norm_position == "before"
    return filled(
        INSERT,
        promise="; on the batch x the outputs stay" if config.norm_affine else "",
        normalized="block.linear(x)" if before else "block.activation(block.linear(x))",
        norm=norm(config, "batch"),
        affine=AFFINE if config.norm_affine else "",
        activate="\n        x = block.activation(x)" if before else "",
    )


def turns(config: ExperimentConfig, kinds: Sequence[tuple[int, str]]) -> list[str]:
    """The training loop's lines that exchange the normalization, the steps with equal exchanges together."""
    steps: dict[tuple[str, str], list[str]] = {}
    for (_, old), (step, new) in pairwise(kinds):
        steps.setdefault((old, new), []).append(str(step))
    lines = []
    for (old, new), at in steps.items():
        lines.append(f"    if step == {at[0]}:" if len(at) == 1 else collection("    if step in (", at, "):"))
        lines += [f"        {line}" for line in _exchange(config, old, new)]
    return lines


def _exchange(config: ExperimentConfig, old: str, new: str) -> list[str]:
    was, becomes = old in BATCH_NORMALIZATIONS, new in BATCH_NORMALIZATIONS
    lines = []
    if was and not becomes:
        lines.append("fold_batch_norm()")
    if becomes and not was:
        lines.append("insert_batch_norm(x)")
    if new in ("layer", "group") or (new == "none" and not was):
        lines += ["for block in model[:-1]:", f"    block.norm = {norm(config, new)}"]
    if new == "noisy_batch":
        lines += ["for position, block in enumerate(model[:-1]):", f"    block.noise = {noise(new)}"]
    if old == "noisy_batch":
        lines += ["for block in model[:-1]:", f"    block.noise = {noise(new)}"]
    return [*lines, "renew_optimizer()"]
