"""See internal covariate shift and what batch normalization does to a network while it trains.

A configuration unfolds into snapshots; figures draw them; the page pulls more. Names are imported when they are first
used, so `import bnviz` costs nothing until a network is trained.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from torch.nn import Module
    from torch.optim import Optimizer

    from bnviz.experiment.config import ExperimentConfig, Intervention
    from bnviz.experiment.fields import ConfigError
    from bnviz.experiment.history import History
    from bnviz.experiment.presets import PRESETS
    from bnviz.experiment.snapshot import Snapshot
    from bnviz.recorder.recording import Recording
    from bnviz.training.anatomy.steps import batch_norm_steps
    from bnviz.training.comparison import Comparison
    from bnviz.training.unfold import unfold

__version__ = "0.1.0"
_HOMES = {
    "ConfigError": "bnviz.experiment.fields",
    "ExperimentConfig": "bnviz.experiment.config",
    "Intervention": "bnviz.experiment.config",
    "History": "bnviz.experiment.history",
    "PRESETS": "bnviz.experiment.presets",
    "Snapshot": "bnviz.experiment.snapshot",
    "Comparison": "bnviz.training.comparison",
    "batch_norm_steps": "bnviz.training.anatomy.steps",
    "unfold": "bnviz.training.unfold",
}
__all__ = [
    "PRESETS",
    "Comparison",
    "ConfigError",
    "ExperimentConfig",
    "History",
    "Intervention",
    "Snapshot",
    "batch_norm_steps",
    "record",
    "unfold",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bnviz' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def record(
    model: Module, path: str | Path, *, every: int = 10, optimizer: Optimizer | None = None, overwrite: bool = False
) -> Recording:
    """Watch your own model while it trains: `with bnviz.record(model, "run.bnviz") as recording:` around your loop.

    Every so many steps of its optimizer, what each layer gives, its gradients and its weights are summarised and
    appended to the file; `recording.step(loss=loss)` adds numbers of your own. Nothing that the model computes changes.
    With several optimizers, `optimizer` says whose steps count. Raises `FileExistsError` unless `overwrite`.
    """
    # Who watches and where it is written know nothing of each other; here they meet.
    from bnviz.recorder.recording import Recording
    from bnviz.sharing.recording_writer import RecordingWriter

    return Recording(model, lambda: RecordingWriter(path, overwrite=overwrite), every=every, optimizer=optimizer)
