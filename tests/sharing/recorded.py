"""Recordings made of samples that a test knows: what the recorder's own summary makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from bnviz.recorder.series import Series
from bnviz.recorder.summary import columns
from bnviz.sharing.recording import RecordingFile, read_recording
from bnviz.sharing.recording_writer import RecordingWriter

Samples = Mapping[tuple[int, int], np.ndarray]  # (layer, call): values


def layer(name: str, kind: str = "linear", channels: int | None = None) -> dict[str, Any]:
    return {"name": name, "module": kind.title(), "kind": kind, "channels": channels}


def summarised(samples: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The columns that the recorder makes of these samples, a series each."""
    series = [Series(place, 0) for place in range(len(samples))]
    for one, values in zip(series, samples, strict=True):
        one.sample, one.count = np.array(values, np.float32), len(values)
    return columns(series, [nn.Identity] * len(series), 1.0)


def record(step: int, samples: Samples, layers: Sequence[Mapping[str, Any]], **others: Any) -> dict[str, Any]:
    """A record of samples; `others` are more columns and single values."""
    keys = sorted(samples)
    values = [np.asarray(samples[key], np.float32) for key in keys]
    norms = sum(one["kind"] == "batch_norm" for one in layers)
    found: dict[str, Any] = {
        **summarised(values),
        "step": step, "time": float(step), "forwards": 1, "skipped": False, "learning_rate": 0.1,
        "scalars": {"loss": 1 / (step + 1)},
        "layer": np.array([key[0] for key in keys], int), "call": np.array([key[1] for key in keys], int),
        "count": np.array([100 * len(one) for one in values], int),
        "sampled": np.array([len(one) for one in values], int),
        "nonfinite": np.array([np.count_nonzero(~np.isfinite(one)) for one in values], int),
        "zeros": np.array([100 * np.count_nonzero(one == 0) for one in values], float),
        **{
            name: np.arange(len(layers), dtype=float) + step
            for name in ("weight_norm", "gradient_weight", "update_ratio")
        },
        **{
            name: np.full((norms, 16), step + place, float)
            for place, name in enumerate(("gamma", "beta", "batch_mean", "batch_variance"))
        },
        "gradient_output": np.arange(len(keys), dtype=float) + 1,
    }  # fmt: skip
    return found | others


def write(path: Path, layers: Sequence[Mapping[str, Any]], records: Sequence[Mapping[str, Any]]) -> Path:
    writer = RecordingWriter(path, overwrite=True)
    writer.header({"kind": "model", "every": 1, "model": "Net", "parameters": 7, "layers": list(layers)})
    for one in records:
        writer.record(one)
    writer.end({"steps": 100, "reason": "finished"})
    return path


def made(path: Path, layers: Sequence[Mapping[str, Any]], records: Sequence[Mapping[str, Any]]) -> RecordingFile:
    return read_recording(write(path, layers, records))
