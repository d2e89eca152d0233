"""One batch through one batch normalization layer, as a script to copy: PyTorch, Keras or NumPy.

The script holds the numbers themselves, needs nothing of ours, and prints what goes forward and what comes back. All
three name the same things the same way, so their results compare. Only numbers enter the text: no name, no code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from string import Template

FRAMEWORKS = {"pytorch": "PyTorch", "keras": "Keras 3", "numpy": "NumPy"}
ARRAYS = {"pytorch": "torch.tensor", "keras": "keras.ops.array", "numpy": "np.array"}
WIDTH = 88  # ruff's own default

DATA = Template("""\
# One row a sample, one column a channel (a feature).
$x
$gamma
$beta
eps = $eps
# The gradient of the loss with respect to y, as the next layer hands it back.
$dy""")

RESULTS = """\
results = {
    "y": y,
    "dx": dx,
    "dgamma": dgamma,
    "dbeta": dbeta,
    "running_mean": running_mean,
    "running_var": running_var,
}
"""

PYTORCH = Template("""\
\"""Batch normalization of one batch, forward and backward, in PyTorch.\"""

import torch
from torch import nn

torch.set_default_dtype(torch.float64)

$data

layer = nn.BatchNorm1d(x.shape[1], eps=eps, momentum=0.1)
with torch.no_grad():
    layer.weight.copy_(gamma)
    layer.bias.copy_(beta)

layer.train()  # by this batch; after layer.eval() by the running statistics
y = layer(x.requires_grad_())

y.backward(dy)
dx, dgamma, dbeta = x.grad, layer.weight.grad, layer.bias.grad

# After this one batch: 0.9 of the start values 0 and 1, and 0.1 of the batch's.
running_mean = layer.running_mean
running_var = layer.running_var  # of the unbiased variance (divided by B - 1)

${results}for name, value in results.items():
    print(name, value.detach().numpy(), sep="\\n")
""")

KERAS = Template("""\
\"""Batch normalization of one batch, forward and backward, in Keras 3.\"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # before Keras is imported

import keras
import torch

$data

# Keras's momentum is the part that stays: 0.9 is PyTorch's 0.1. The defaults differ:
# momentum 0.99 and epsilon 1e-3 in Keras, 0.1 and 1e-5 in PyTorch.
layer = keras.layers.BatchNormalization(momentum=0.9, epsilon=eps)
layer.build(x.shape)
layer.gamma.assign(gamma)
layer.beta.assign(beta)

# On torch this layer computes in float32, even with dtype="float64", and its variance
# is mean(x^2) - mean(x)^2: a mean far above the spread costs it digits, or all of them.
#
# requires_grad_ and autograd are torch's: Keras leaves gradients to its backend.
y = layer(x.requires_grad_(), training=True)
dx, dgamma, dbeta = torch.autograd.grad(y, [x, layer.gamma.value, layer.beta.value], dy)

# After this one batch: 0.9 of the start values 0 and 1, and 0.1 of the batch's.
running_mean = layer.moving_mean
running_var = layer.moving_variance  # of the biased variance (by B); PyTorch: by B - 1

${results}for name, value in results.items():
    print(name, keras.ops.convert_to_numpy(value), sep="\\n")
""")

NUMPY = Template("""\
\"""Batch normalization of one batch, forward and backward, in NumPy.\"""

import numpy as np

$data

# Forward: each channel by its own mean and variance over the batch.
mean = x.mean(axis=0)
std = np.sqrt(x.var(axis=0) + eps)  # of the biased variance (divided by B)
xhat = (x - mean) / std
y = gamma * xhat + beta

# Backward: mean and std depend on x too, which takes the last two terms off dx.
B = len(x)
dbeta = dy.sum(axis=0)
dgamma = (dy * xhat).sum(axis=0)
dx = gamma / (B * std) * (B * dy - dbeta - xhat * dgamma)

# After this one batch: 0.9 of the start values 0 and 1, and 0.1 of the batch's.
running_mean = 0.9 * 0 + 0.1 * mean
running_var = 0.9 * 1 + 0.1 * x.var(axis=0, ddof=1)  # unbiased: divided by B - 1

${results}for name, value in results.items():
    print(name, value, sep="\\n")
""")

SCRIPTS = {"pytorch": PYTORCH, "keras": KERAS, "numpy": NUMPY}


def layer_code(
    framework: str,
    *,
    batch: Sequence[Sequence[float]],
    gamma: Sequence[float],
    beta: Sequence[float],
    eps: float,
    upstream: Sequence[Sequence[float]],
) -> str:
    """Return a script that runs as it stands and leaves y, dx, dgamma, dbeta, running_mean and running_var.

    `batch` and `upstream` (dL/dy) are B >= 2 rows of C numbers, `gamma` and `beta` C numbers, eps is above 0. Every
    number reads back as exactly itself. Lines are as ruff lays them out, within 88 characters. Anything else than
    finite numbers of these shapes raises a ValueError.
    """
    if framework not in FRAMEWORKS:
        raise ValueError(f"framework must be one of {', '.join(FRAMEWORKS)}; got {framework!r:.60}")
    rows, columns = _shape(batch)
    if rows < 2:
        raise ValueError(f"batch must have at least 2 rows: one sample has no batch variance; got {rows}")
    if _shape(upstream) != (rows, columns):
        raise ValueError(f"upstream must have the batch's shape, {rows} rows of {columns}")
    if len(gamma) != columns or len(beta) != columns:
        raise ValueError(f"gamma and beta must have one number a channel, {columns}; got {len(gamma)} and {len(beta)}")
    small = _number("eps", eps)
    if float(eps) <= 0:
        raise ValueError(f"eps must be above 0; got {small}")
    array = ARRAYS[framework]
    data = DATA.substitute(
        x=_table("x", array, batch),
        gamma=_row("gamma", array, gamma),
        beta=_row("beta", array, beta),
        eps=small,
        dy=_table("dy", array, upstream, field="upstream"),
    )
    return SCRIPTS[framework].substitute(data=data, results=RESULTS)


def _shape(rows: Sequence[Sequence[float]]) -> tuple[int, int]:
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"rows must hold equally many numbers, at least one; got {sorted(lengths)}")
    return len(rows), lengths.pop()


def _table(name: str, array: str, rows: Sequence[Sequence[float]], *, field: str = "batch") -> str:
    """A row a line; where one is too wide, all in equal pieces, for ruff alone would give each number a line."""
    table = [[_number(field, value) for value in row] for row in rows]
    columns = len(table[0])
    for pieces in range(1, columns + 1):
        length = math.ceil(columns / pieces)
        parts = [[", ".join(row[at : at + length]) for at in range(0, columns, length)] for row in table]
        lines = ["        [" + f",\n{' ' * 9}".join(part) + "]," for part in parts]
        if max(len(line) for line in "\n".join(lines).splitlines()) <= WIDTH:
            break
    return "\n".join([f"{name} = {array}(", "    [", *lines, "    ]", ")  # fmt: skip" if pieces > 1 else ")"])


def _row(name: str, array: str, values: Sequence[float]) -> str:
    numbers = [_number(name, value) for value in values]
    line = f"{name} = {array}([{', '.join(numbers)}])"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name} = {array}(", "    [", *(f"        {number}," for number in numbers), "    ]", ")"])


def _number(field: str, value: object) -> str:
    """The shortest text that reads back as the same float64; exponents as one writes them, 1e-5 and not 1e-05."""
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{field} must be a finite number, or hold such; got {value!r:.60}")
    return repr(number).replace("e+", "e").replace("e-0", "e-")
