"""What `bnviz run --fields` prints: everything that can be set, and everything that is measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from bnviz.experiment.config import NORMALIZATIONS, PLAIN_FIELDS, ExperimentConfig
from bnviz.experiment.snapshot import (
    BINS,
    FIELDS,
    POINTS,
    QUANTILES,
    SHOWN_IMAGES,
    SURFACE_SIDE,
    TRACED_UNITS,
    UNIT_QUANTILES,
    Field,
)


def fields_text() -> str:
    """The tables that FIELD=VALUE and --json speak of."""
    settings = [
        (item.name, f"{_text(item.default)} ({_allowed(item.metadata)})", item.metadata["doc"])
        for item in fields(ExperimentConfig)
        if item.name in PLAIN_FIELDS
    ]
    own = [
        ("step", "number", "updates made before this snapshot"),
        ("arm", "text", "the network's name"),
        ("link", "text", "the query that repeats the run"),
        ("diverged", "object", "null; or step, layer (from 0) and where of the first value that was not finite"),
    ]
    measured = [
        (name, ", ".join(field.axes) or "number", _meaning(field))
        for name, field in FIELDS.items()
        if not field.recorded
    ]
    axes = [
        ("point", "values", ", ".join(POINTS)),
        ("layer", "from 0", "the hidden layers, counted from the input"),
        ("weight", "from 0", "the hidden layers and the output layer"),
        ("quantile", "percent", ", ".join(map(str, QUANTILES))),
        ("unit_quantile", "percent", ", ".join(map(str, UNIT_QUANTILES))),
        ("cell", "counts", f"underflow, {BINS} bins, overflow, non-finite"),
        ("unit", "from 0", f"{TRACED_UNITS} units spread over a layer"),
        ("channel", "from 0", "all units of a layer"),
        ("row, column", "grid", f"{SURFACE_SIDE} x {SURFACE_SIDE} points of the plane"),
        ("image", "from 0", f"the first {SHOWN_IMAGES} images of the test split"),
        ("normalization", "index", ", ".join(f"{index} {name}" for index, name in enumerate(NORMALIZATIONS))),
    ]
    return "\n".join([
        "FIELD of --set and --arm, its default and (what is allowed):", *_columns(settings), "",
        "Names in each line of --json, their axes and meaning:", *_columns([*own, *measured]), "",
        "The axes, and what numbers stand for:", *_columns(axes),
    ])  # fmt: skip


def _meaning(field: Field) -> str:
    notes = [field.unit] if field.unit else []
    notes += ["where it applies"] if field.sparse else []
    return f"{field.doc} [{', '.join(notes)}]" if notes else field.doc


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _allowed(limits: Any) -> str:
    if "choices" in limits:
        return ", ".join(limits["choices"])
    if "low" not in limits:
        return "true, false"
    return " to ".join(
        str(limit) if isinstance(limit, int) else f"{limit:g}" for limit in (limits["low"], limits["high"])
    )


def _columns(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Lines of three columns, the first two as wide as they need to be."""
    first, second = (max(len(row[column]) for row in rows) + 2 for column in (0, 1))
    for name, kind, text in rows:
        yield f"  {name:{first}}{kind:{second}}{text}".rstrip()
