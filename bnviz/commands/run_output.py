"""What `bnviz run` prints: a table and verdicts for people, a JSON object a line and snapshot for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from bnviz.commands.decimals import decimals
from bnviz.experiment.config import PLAIN_FIELDS
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.snapshot import Snapshot
from bnviz.experiment.verdicts import verdicts
from bnviz.sharing.link import DEFAULTS, Link

if TYPE_CHECKING:
    from bnviz.training.comparison import Comparison

CELL = 22  # characters of a network in the table


def json_lines(asked: Link, link: str, snapshots: Sequence[Snapshot | None]) -> Iterator[str]:
    """An object a network that was captured; `link` repeats the run."""
    for name, snapshot in zip(_labels(asked.names), snapshots, strict=True):
        if snapshot is not None:
            head = {"step": snapshot.step, "arm": name, "link": link}
            broken = asdict(snapshot.diverged) if snapshot.diverged else None
            values = {field: decimals(value) for field, value in snapshot.items()}
            yield json.dumps(head | {"diverged": broken} | values, allow_nan=False)


def _labels(names: Sequence[str]) -> list[str]:
    """The names, with their number where two are the same: a reader must be able to tell networks apart."""
    return list(names) if len(set(names)) == len(names) else [f"{n} {name}" for n, name in enumerate(names, 1)]


def description(asked: Link) -> str:
    """What is trained: the lesson, what the networks share and where they differ."""
    values = {name: [getattr(arm, name) for arm in asked.arms] for name in PLAIN_FIELDS}
    varied = [name for name, column in values.items() if len(set(column)) > 1]
    shared = [
        f"{name}={asked.arms[0].data_name if name == 'dataset' else column[0]}"
        for name, column in values.items()
        if name not in varied and (name == "dataset" or column[0] != getattr(DEFAULTS, name))
    ]
    lines = [PRESETS[asked.preset].title] if asked.preset else []
    lines += [textwrap.fill(", ".join(shared), 100, subsequent_indent="  ")]
    for number, (name, arm) in enumerate(zip(asked.names, asked.arms, strict=True), 1):
        own = [f"{field}={arm.data_name if field == 'dataset' else getattr(arm, field)}" for field in varied]
        turned = [f"{i.knob}={i.normalization or i.learning_rate} from step {i.step}" for i in arm.interventions]
        lines.append(f"  {number} {name}: {', '.join(own + turned) or 'nothing of its own'}")
    head = "".join(f"  {f'{number} {name}':>{CELL}.{CELL}}" for number, name in enumerate(asked.names, 1))
    columns = f"  {'loss   test acc.':>{CELL}}" * len(asked.names)
    return "\n".join([*lines, "", f"{'':>8}{head}", f"{'step':>8}{columns}"])


def row(snapshots: Sequence[Snapshot | None]) -> str:
    """The table's row of one step; nothing below a network that was not captured."""
    step = next(snapshot.step for snapshot in snapshots if snapshot is not None)
    return f"{step:>8}{''.join(f'  {_cell(snapshot):>{CELL}}' for snapshot in snapshots)}".rstrip()


def _cell(snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return ""
    if snapshot.diverged is not None:
        return "diverged"
    return f"{float(snapshot.loss):.4g} {float(snapshot.test_accuracy):>10.1%}"


def verdicts_text(asked: Link, comparison: Comparison) -> str:
    """What the numbers say in the end, a line a network."""
    found = verdicts(comparison.histories, comparison.chances)
    lines = [
        f"{'all' if verdict.arm is None else _labels(asked.names)[verdict.arm]}: {verdict.text}; {verdict.number}"
        for verdict in found
    ]
    return "\n" + "\n".join(lines)
