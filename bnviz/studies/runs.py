"""A trial that was run, and what a measure of it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bnviz.experiment.snapshot import Snapshot

if TYPE_CHECKING:
    from bnviz.studies.trial import Trial
    from bnviz.training.unfold import Training

Floats = npt.NDArray[np.float64]


@dataclass
class Run:
    """A trial that was run: the snapshots of its looks, and the training as it stands at the end."""

    trial: Trial
    training: Training
    snapshots: list[Snapshot] = field(default_factory=list)
    watched: dict[str, list[Any]] = field(default_factory=dict)

    def path(self, name: str) -> Floats:
        """One of the snapshot's quantities over the looks [looks, ...]."""
        return np.array([snapshot.values[name] for snapshot in self.snapshots], np.float64)

    @cached_property
    def accuracies(self) -> Floats:
        """Test accuracy at the looks, eval mode; a network that answers nothing finite is worth a guess."""
        values = self.path("test_accuracy")
        return np.where(np.isfinite(values), values, self.training.data.chance)

    @property
    def broke(self) -> bool:
        """Whether the loss was not finite any more."""
        return self.training.diverged is not None


class Measure(NamedTuple):
    """A number a run: what it means, its unit, how to read it, and what in `WATCHES` must be watched for it."""

    doc: str
    unit: str
    read: Callable[[Run], float]
    watch: str = ""
