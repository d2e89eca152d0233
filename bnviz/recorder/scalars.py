"""The loss and other numbers that a loop gives for its steps, before or after the optimizer's step."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor


class Scalars:
    """Sorts numbers to their steps: `coming` are those of the step that is not made yet.

    What is first given before the first step of the optimizer belongs to the step to come, everything else to the step
    just made. Forward passes say nothing about it, as a GAN makes them in between.
    """

    def __init__(self) -> None:
        self.coming: dict[str, float] = {}
        self._is_early: dict[str, bool] = {}

    def take(self, given: dict[str, Any], steps: int, captures: bool, made: dict[str, float] | None) -> None:
        """Take in numbers after so many steps; `made` is the record of the step just made, if there is one.

        Raises `TypeError` for what is no number. A tensor is read only where its number is kept.
        """
        for name, value in given.items():
            is_one = value.numel() == 1 if isinstance(value, Tensor) else isinstance(value, int | float | np.number)
            if not is_one:
                raise TypeError(f"{name} must be one number or a tensor that holds one; got {type(value).__name__}")
            is_early = self._is_early.setdefault(name, steps == 0)
            target = (self.coming if captures else None) if is_early else made
            if target is not None:
                target[name] = float(value.detach() if isinstance(value, Tensor) else value)

    def pop(self) -> dict[str, float]:
        """Return the coming step's numbers, now that it is made."""
        coming, self.coming = self.coming, {}
        return coming
