"""What each section of the anatomy page shows, as plain lists for the browser."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from bnviz.experiment.anatomy import FIELDS, NODES, Anatomy
from bnviz.sharing.layer_code import layer_code
from bnviz.training.anatomy import axes, mistakes, modes, scale, steps


def result(anatomy: Anatomy) -> dict[str, Any]:
    """Return what the shown section needs, computed from the anatomy alone."""
    done = steps.batch_norm_steps(anatomy.batch, anatomy.gamma, anatomy.beta, anatomy.eps)
    shared = {
        "rows": len(anatomy.batch),
        "columns": len(anatomy.batch[0]),
        "normalized_bound": math.sqrt(len(anatomy.batch) - 1),
        "mean": done.mean,
        "variance": done.variance,
        "example": anatomy.example,
        "upstream": anatomy.upstream_name,
    }
    return {"section": anatomy.section, "shared": shared, anatomy.section: SECTIONS[anatomy.section](anatomy, done)}


def _forward(anatomy: Anatomy, done: steps.ForwardSteps) -> dict[str, Any]:
    gamma, beta = steps.undoing(anatomy.batch, anatomy.eps)
    return {
        **_fields(done),
        "shrink": done.variance / (done.variance + done.eps),
        "output_mean": done.output.mean(0),
        "output_variance": done.output.var(0, correction=0),
        "undo": {"gamma": gamma, "beta": beta},
        "is_undone": anatomy.gamma == tuple(gamma.tolist()) and anatomy.beta == tuple(beta.tolist()),
        "input_distance": (done.output - done.x).abs().max(),
        "layer_difference": steps.layer_difference(done),
        "torch_difference": steps.torch_difference(done),
    }


def _backward(anatomy: Anatomy, done: steps.ForwardSteps) -> dict[str, Any]:
    back = done.backward(anatomy.upstream)
    nodes = {
        name: {
            "value": done.node(name),
            "gradient": back.node(name),
            "kind": "row" if done.node(name).ndim == 1 else "table",
        }
        for name in NODES
    }
    return {
        "nodes": nodes,
        **{name: getattr(back, name) for name in ("direct", "through_mean", "through_variance", "dx")},
        **{name: getattr(back, name) for name in ("dgamma", "dbeta", "sum_dx", "dot", "dot_exact", "dx_size")},
        "autograd": steps.autograd_difference(done, anatomy.upstream),
    }


def _modes(anatomy: Anatomy, _done: steps.ForwardSteps) -> Any:
    names = [item.name for item in fields(modes.Stream) if item.name in FIELDS]
    stream = modes.Stream(**{name: getattr(anatomy, name) for name in names})
    return modes.run_modes(stream, anatomy.sample, anatomy.step)


def _axes(anatomy: Anatomy, _done: steps.ForwardSteps) -> Any:
    return axes.share_axes(anatomy.norm, anatomy.groups)


def _scale(anatomy: Anatomy, _done: steps.ForwardSteps) -> Any:
    return scale.scale_study(anatomy.batch, anatomy.upstream, anatomy.eps, anatomy.log_scale, anatomy.channel)


def _mistakes(anatomy: Anatomy, _done: steps.ForwardSteps) -> dict[str, Any]:
    layer = (anatomy.batch, anatomy.gamma, anatomy.beta, anatomy.eps)
    right, right_eval = mistakes.right(*layer)
    versions = {name: wrong(*layer) for name, wrong in mistakes.MISTAKES.items()}
    return {"right": right, "right_eval": right_eval, "versions": versions}


KERAS_NOTE = (
    "Keras computes this layer in float32 on its torch backend, and its variance as a difference of two squares: "
    "expect six digits, fewer where a channel's mean is far above its spread. Its running variance is the biased one."
)


def _code(anatomy: Anatomy, done: steps.ForwardSteps) -> dict[str, Any]:
    back = done.backward(anatomy.upstream)
    layer = steps.make_layer(done)
    layer(done.x)  # one batch in train mode is what the script's running statistics have seen
    is_keras = anatomy.framework == "keras"
    momentum = layer.momentum
    numbers = {
        "y": done.output,
        "dx": back.dx,
        "dgamma": back.dgamma,
        "dbeta": back.dbeta,
        "running_mean": layer.running_mean,
        "running_var": (1 - momentum) + momentum * done.variance if is_keras else layer.running_var,
    }
    names = ("batch", "gamma", "beta", "eps", "upstream")
    text = layer_code(anatomy.framework, **{name: getattr(anatomy, name) for name in names})
    return {
        "framework": anatomy.framework,
        "text": text,
        "numbers": numbers,
        "note": KERAS_NOTE if is_keras else None,
    }


SECTIONS: dict[str, Callable[[Anatomy, steps.ForwardSteps], Any]] = {
    "forward": _forward,
    "backward": _backward,
    "modes": _modes,
    "axes": _axes,
    "scale": _scale,
    "mistakes": _mistakes,
    "code": _code,
}


def _fields(value: Any) -> dict[str, Any]:
    return {item.name: getattr(value, item.name) for item in fields(value)}


def as_json(value: Any) -> Any:
    """Return dataclasses, tensors, arrays and tuples as JSON has them; numbers that are not finite as words."""
    if is_dataclass(value):
        return as_json(_fields(value))
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if hasattr(value, "tolist"):
        return as_json(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
