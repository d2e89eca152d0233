"""What readers type becomes checked numbers; what can't be one is refused in a sentence that says why."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor


def as_batch(caller: str, name: str, value: Any, like: Tensor | None = None) -> Tensor:
    """Return value as finite numbers [B, C] of float32 or float64 that nobody else can change; teach otherwise.

    With `like`, they get its shape, type and device.
    """
    x = _as_tensor(caller, name, value)
    if like is not None:
        x = x.to(like)
        if x.shape != like.shape:
            raise ValueError(f"{caller}: {name} must have the shape {list(like.shape)} of x; got {list(x.shape)}")
    if x.ndim != 2 or not x.numel():
        raise ValueError(f"{caller}: {name} must be [samples, channels]; got the shape {list(x.shape)}")
    if not x.isfinite().all():
        raise ValueError(f"{caller}: {name} must be finite: one NaN or infinity spoils its channel's mean for all")
    return x


def as_row(caller: str, name: str, value: Any, x: Tensor) -> Tensor:
    """Return value as one finite number for each channel of x [B, C], in its type; a single number serves all."""
    row = _as_tensor(caller, name, value).to(x)
    if row.ndim == 0:
        row = row.repeat(x.shape[1])
    if row.shape != x.shape[1:]:
        raise ValueError(
            f"{caller}: {name} must be a number, or one for each of the {x.shape[1]} channels; "
            f"got the shape {list(row.shape)}"
        )
    if not row.isfinite().all():
        raise ValueError(f"{caller}: {name} must be finite")
    return row


def as_eps(caller: str, eps: Any) -> float:
    """Return eps where it is a finite number above 0."""
    if not (isinstance(eps, int | float) and math.isfinite(eps) and eps > 0):
        raise ValueError(f"{caller}: eps must be above 0: a constant channel would be divided by 0; got {eps!r}")
    return float(eps)


def _as_tensor(caller: str, name: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        x = value.detach().clone()
    else:
        try:
            x = torch.from_numpy(np.array(value, order="C"))
        except (TypeError, ValueError):
            raise ValueError(f"{caller}: {name} must be a table of numbers, all rows equally long") from None
    if x.dtype in (torch.float32, torch.float64):
        return x
    if x.is_complex():
        raise ValueError(f"{caller}: {name} must be real numbers; got {x.dtype}")
    if x.is_floating_point():
        raise ValueError(f"{caller}: {name} must be float32 or float64: {x.dtype} can't hold a variance beside eps")
    return x.double()
