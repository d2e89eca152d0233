"""What a history's axes stand for: in an arm of the lab, or in a recording of somebody's own model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.snapshot import BINS, POINTS, histogram_edges, kept_channels, traced_units


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """The names along a history's axes; two histories of one layout can be drawn on the same axes.

    layers: along the axis layer, the input first: "1", "2", ... in the lab, a recorded model's own names elsewhere.
    weights: along the axis weight: in the lab the layers and "out", of a recorded model the layers.
    points: along the axis point: where the values of a distribution were taken.
    edges: of the histograms' bins, [point, layer, BINS + 1].
    norms: the layers that have a row in the channels' quantities, in the rows' order.
    channels: for each of them the kept channels' numbers.
    units: the traced units' numbers; none of a recorded model.
    scalars: what the training loop of a recorded model reported under names of its own.
    config: the lab's configuration; None of a recorded model.
    """

    layers: tuple[str, ...]
    weights: tuple[str, ...]
    points: tuple[str, ...]
    edges: npt.NDArray[np.float32]
    norms: tuple[int, ...]
    channels: tuple[tuple[int, ...], ...]
    units: tuple[int, ...] = ()
    scalars: tuple[str, ...] = ()
    config: ExperimentConfig | None = None

    def norm_row(self, layer: int) -> int | None:
        """Return the row of a layer in the channels' quantities, or None where it has none."""
        return self.norms.index(layer) if layer in self.norms else None

    def called(self, layer: int) -> str:
        """Return what a layer is called in a sentence: "layer 3" in the lab, elsewhere its own name."""
        name = self.layers[layer] if 0 <= layer < len(self.layers) else str(layer + 1)
        return f"layer {name}" if self.config is not None or name.isdigit() else name

    def called_weight(self, index: int) -> str:
        """Return the same along the axis weight; the lab's output layer is "output"."""
        return "output" if self.config is not None and index == len(self.layers) else self.called(index)


@lru_cache(maxsize=64)
def lab_layout(config: ExperimentConfig) -> Layout:
    """Return the layout of an arm of the lab."""
    layers = tuple(str(number) for number in range(1, config.hidden_layers + 1))
    edges = np.repeat(histogram_edges(config)[:, None], len(layers), axis=1)
    assert edges.shape == (len(POINTS), len(layers), BINS + 1)
    return Layout(
        layers=layers,
        weights=(*layers, "out"),
        points=POINTS,
        edges=edges,
        norms=tuple(range(len(layers))),
        channels=(tuple(kept_channels(config.width).tolist()),) * len(layers),
        units=tuple(traced_units(config.width).tolist()),
        config=config,
    )
