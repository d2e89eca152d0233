"""What a page does with the stream, written anew from the wire's description: decode a message, keep what came."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

DTYPES = {
    "step": "<u4",
    "normalization": "u1",
    "histogram": "<u2",
    "surface": "u1",
    "predictions": "u1",
    "skipped": "u1",
}
SHAPES = {
    "percentiles": "PLQ", "mean": "PL", "deviation": "PL", "histogram": "PLH", "saturated": "L", "dead": "L",
    "gradient_z": "K", "gradient_weight": "K", "update_ratio": "K", "drift_last": "L", "drift_start": "L",
    "unit_percentiles": "LU3", "surface": "SS", "predictions": "I", "confidences": "I",
    "scalar": "N", "zeros": "L", "nonfinite": "L", "weight_norm": "K",
}  # fmt: skip
DETAIL = ("gamma", "beta", "batch_mean", "batch_variance", "running_mean", "running_variance")


def sizes(layers: int, channels: int) -> dict[str, int]:
    """What the letters of a shape stand for, for one arm of the lab."""
    letters = {"P": 3, "Q": 7, "H": 51, "U": 3, "3": 3, "S": 32, "I": 12, "N": 2}
    return letters | {"L": layers, "K": layers + 1, "C": channels}


def sizes_of(arm: dict[str, Any]) -> dict[str, int]:
    """The same as an arm's meta says it, of a recorded model too."""
    own = {"P": len(arm["point_names"]), "K": len(arm["weights"]), "N": len(arm["scalars"]), "U": len(arm["units"])}
    return sizes(arm["layers"], arm["channel_count"]) | own


def decode(message: bytes, arms: list[dict[str, int]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the header and, an arm, its `fields`, `sparse` and `detail` arrays; every byte must be accounted for."""
    length = int.from_bytes(message[:4], "little")
    assert (4 + length) % 4 == 0, "typed arrays need an aligned start"
    header = json.loads(message[4 : 4 + length].decode(), parse_constant=_not_json)
    at = 4 + length
    decoded = []

    def take(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        nonlocal at
        values = np.frombuffer(message, dtype, int(np.prod(shape)), at).reshape(shape)
        at += -(-values.nbytes // 4) * 4
        return values

    for entry, size in zip(header["arms"], arms, strict=True):
        arm: dict[str, Any] = {"fields": {}, "sparse": {}, "detail": {}}
        for name in entry["fields"]:
            axes = tuple(size[letter] for letter in SHAPES.get(name, ""))
            if name in entry["sparse"]:
                positions = entry["sparse"][name]
                arm["sparse"][name] = positions, take(DTYPES.get(name, "<f4"), (len(positions), *axes))
            else:
                arm["fields"][name] = take(DTYPES.get(name, "<f4"), (entry["count"], *axes))
        for name in entry["layer"]["fields"]:
            arm["detail"][name] = take("<f4", (entry["layer"]["count"], size["C"]))
        decoded.append(arm)
    assert at == len(message), f"{len(message) - at} bytes are left over"
    return header, decoded


def _not_json(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON: a browser can't parse it")


@dataclass
class Page:
    """A page's store: the rows of every arm by snapshot id, and where it asks on."""

    arms: list[dict[str, int]]
    layer: int = 0
    rows: list[dict[int, dict[str, np.ndarray]]] = field(default_factory=list)
    detail: list[dict[int, dict[str, np.ndarray]]] = field(default_factory=list)
    cursor: int = -1
    layer_cursor: int = -1

    def __post_init__(self) -> None:
        self.rows = [{} for _ in self.arms]
        self.detail = [{} for _ in self.arms]

    def look_at(self, layer: int) -> None:
        """Ask for another layer's channels, from the start."""
        self.layer, self.layer_cursor, self.detail = layer, -1, [{} for _ in self.arms]

    def question(self) -> dict[str, int]:
        return {"cursor": self.cursor, "layer": self.layer, "layer_cursor": self.layer_cursor}

    def take(self, message: bytes) -> dict[str, Any]:
        """Keep what is new; ids and steps that came before must not come again, nor out of order."""
        header, decoded = decode(message, self.arms)
        for number, (entry, arm) in enumerate(zip(header["arms"], decoded, strict=True)):
            assert entry["count"] == len(entry["ids"]) <= 256
            for row, identity in enumerate(entry["ids"]):
                assert self.cursor < identity <= entry["cursor"], "came already, or beyond the answer's own cursor"
                self.rows[number][identity] = {name: values[row] for name, values in arm["fields"].items()}
            for name, (positions, values) in arm["sparse"].items():
                for position, value in zip(positions, values, strict=True):
                    self.rows[number][entry["ids"][position]][name] = value
            assert entry["layer"]["layer"] == self.layer
            for row, step in enumerate(entry["layer"]["steps"]):
                assert step not in self.detail[number]
                self.detail[number][step] = {name: values[row] for name, values in arm["detail"].items()}
        self.cursor = max(self.cursor, *(entry["cursor"] for entry in header["arms"]))
        self.layer_cursor = max(self.layer_cursor, *(entry["layer"]["cursor"] for entry in header["arms"]))
        return header
