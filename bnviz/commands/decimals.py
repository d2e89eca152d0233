"""Arrays as JSON has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnviz.experiment.snapshot import Array


def decimals(value: Array) -> Any:
    """Numbers and nested lists; the shortest decimals that name the float32 exactly, None for NaN and infinities."""
    if value.dtype.kind != "f":
        return value.tolist()
    finite = np.isfinite(value)
    numbers = np.asarray(np.where(finite, value, 0).astype(np.float32).astype(str).astype(np.float64), object)
    numbers[~finite] = None
    return numbers.tolist()
