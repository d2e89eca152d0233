"""The command line: `python -m bnviz run | presets | bench`.

Standard output is the result alone, so that it can be piped; progress, the link and errors go to standard error. torch
is imported by the commands that train.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from typer.core import TyperGroup

from bnviz.experiment.config import MAX_STEP, NORMALIZATIONS, PLAIN_FIELDS, ExperimentConfig
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.presets import DEFAULT_PRESET, PRESETS
from bnviz.experiment.snapshot import (
    BINS,
    FIELDS,
    POINTS,
    QUANTILES,
    SHOWN_IMAGES,
    SURFACE_SIDE,
    TRACED_UNITS,
    UNIT_QUANTILES,
    Array,
    Field,
    Snapshot,
)
from bnviz.experiment.verdicts import verdicts
from bnviz.experiment.words import name_arms
from bnviz.sharing.link import DEFAULTS, Link, from_preset, from_text, parse, to_query

if TYPE_CHECKING:
    from bnviz.training.bench import Cost
    from bnviz.training.comparison import Comparison

DEFAULT_STEPS = 200
DEFAULT_SNAPSHOTS = 20
CELL = 22  # characters of a network in the table
ARM = re.compile(r"(.+)\.([A-Za-z_]+)=(.*)", re.DOTALL)


class Commands(TyperGroup):
    """Commands whose bad input is one line on standard error and exit code 2; without a command, the help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command; Ctrl-C exits with 130, a closed pipe with 1, both quietly."""
        try:
            code = super().main(*args, **{**options, "standalone_mode": False})
        except typer.TyperException as error:
            sys.exit(_complain(error.format_message(), error.exit_code))
        except ConfigError as error:
            sys.exit(_complain(str(error), 2))
        sys.exit(code or 0)


class CaptureByDefault(TyperGroup):
    """A group whose options alone mean its command `capture`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] == "--help" or not args[0].startswith("-"))
        return super().parse_args(ctx, args if named else ["capture", *args])


def _complain(message: str, code: int) -> int:
    typer.echo(f"bnviz: {' '.join(message.split())}", err=True)
    return code


app = typer.Typer(cls=Commands, rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
bench = typer.Typer(cls=CaptureByDefault, rich_markup_mode=None)
app.add_typer(bench, name="bench")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line, instead of a table.")]


@app.callback()
def introduce() -> None:
    """See what batch normalization does to a network while it trains.

    The lab in the browser starts with `streamlit run app.py`; these commands need no browser.
    """


# --- presets -----------------------------------------------------------------------------------------------------


@app.command()
def presets(as_json: AsJson = False) -> None:
    """List the lessons that `run --preset NAME` trains, with what to look for in each.

    With --json: name, title, look_for, arms (the names of the networks) and link.
    """
    for name, preset in PRESETS.items():
        if as_json:
            entry = {"name": name, "title": preset.title, "look_for": preset.look_for, "arms": preset.names}
            typer.echo(json.dumps(entry | {"link": "?" + to_query(from_preset(name))}))
        else:
            look_for = textwrap.fill(preset.look_for, 100, initial_indent=" " * 22, subsequent_indent=" " * 22)
            typer.echo(f"{name:22}{preset.title}\n{look_for}\n")


# --- run ---------------------------------------------------------------------------------------------------------


@app.command()
def run(
    *,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="A lesson by name; `bnviz presets` lists them.")
    ] = None,
    link: Annotated[
        str | None, typer.Option(metavar="QUERY", help="The lab's address, or what stands after its question mark.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Set a field of all networks; may be repeated."),
    ] = None,
    arm_settings: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            metavar="NAME.FIELD=VALUE",
            help="Set a field of one network, by its name or its number from 1; may be repeated, wins over --set.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MAX_STEP,
            metavar="N",
            help=f"Train N steps; the last snapshot is of step N. Without it the link's `until`, or {DEFAULT_STEPS}.",
        ),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Capture every Nth step, and the last. Without it, a 20th of the steps."),
    ] = None,
    as_json: AsJson = False,
    list_fields: Annotated[
        bool, typer.Option("--fields", help="Print what FIELD may be and what --json's names mean, and exit.")
    ] = False,
) -> None:
    """Train networks side by side without a browser: a lesson, the lab's link, or either with fields changed.

    Prints a table of loss and test accuracy, what the numbers say in the end, and the link that repeats the run:
    the same link gives the same numbers. Without --preset and --link it is the lab's first lesson.

    \b
    Examples:
      bnviz run --preset circles
      bnviz run --preset headline --set learning_rate=1 --steps 500
      bnviz run --preset headline --arm "with BN.normalization=layer" --arm 1.init=xavier
      bnviz run --link "http://localhost:8501/?preset=spirals&width=64" --json > run.jsonl
      bnviz run --preset learning-rate --every 1 --json | head -1

    With --json each line is a snapshot of one network: step, arm (the network's name), link (repeats the run),
    diverged (null, or step, layer and where of the first value that was not finite) and the measured quantities that
    --fields lists. Quantities that were not measured are absent; NaN and infinities are null.
    """  # noqa: D301 - \b keeps the lines as they are
    if list_fields:
        typer.echo(_fields_text())
        return
    asked = _changed(_asked(preset, link), settings or [], arm_settings or [])
    last = next(n for n in (steps, asked.until, DEFAULT_STEPS) if n is not None)
    asked = replace(asked, until=last)
    if not as_json:
        typer.echo(_description(asked))
    comparison = _train(asked, last, every or max(1, last // DEFAULT_SNAPSHOTS), as_json)
    address = "?" + to_query(asked)
    if as_json:
        typer.echo(f"the same numbers again: bnviz run --link '{address}'", err=True)
        return
    typer.echo(_verdicts_text(asked, comparison))
    typer.echo(f"\nThe same numbers again, here or after the lab's address:\n{address}")


def _asked(preset: str | None, link: str | None) -> Link:
    if preset is not None and link is not None:
        raise ConfigError("preset", "give --preset or --link, not both: a link may say preset=NAME itself")
    if link is not None:
        return parse(link)
    name = DEFAULT_PRESET if preset is None else preset
    if name not in PRESETS:
        raise ConfigError("preset", f"--preset must be one of {', '.join(PRESETS)}; got {name!r:.60}")
    return from_preset(name)


def _changed(link: Link, settings: Sequence[str], arm_settings: Sequence[str]) -> Link:
    """Return the link with fields set; all of an arm's at once, for a change may be valid only with another."""
    shared: dict[str, Any] = {}
    for text in settings:
        field, equals, value = text.partition("=")
        if not equals:
            raise ConfigError("set", f"--set takes FIELD=VALUE, such as width=64; got {text!r:.60}")
        shared[field] = _value("--set", field, value)
    changes = [dict(shared) for _ in link.arms]
    for text in arm_settings:
        match = ARM.fullmatch(text)
        if match is None:
            raise ConfigError("arm", f"--arm takes NAME.FIELD=VALUE, such as 2.width=64; got {text!r:.60}")
        name, field, value = match.groups()
        changes[_arm_index(link.names, name)][field] = _value("--arm", field, value)
    arms = tuple(arm.replace(**change) for arm, change in zip(link.arms, changes, strict=True))
    named_by_rule = link.names == name_arms(link.arms)
    return replace(link, arms=arms, names=name_arms(arms) if named_by_rule else link.names)


def _value(option: str, field: str, text: str) -> Any:
    if field not in PLAIN_FIELDS:
        near = get_close_matches(field, PLAIN_FIELDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"the fields are {', '.join(PLAIN_FIELDS)}"
        raise ConfigError(field, f"{option}: unknown field {field!r:.60}; {hint}")
    return from_text(field, text)


def _arm_index(names: Sequence[str], asked: str) -> int:
    """Return which network is meant: by its name, whatever its case, or else by its number from 1."""
    folded = [name.casefold() for name in names]
    numbers = [str(number) for number in range(1, len(names) + 1)]
    wanted = asked.strip().casefold()
    if folded.count(wanted) == 1:
        return folded.index(wanted)
    if wanted in numbers:
        return numbers.index(wanted)
    known = ", ".join(f"{number} or {name!r}" for number, name in zip(numbers, names, strict=True))
    raise ConfigError("arm", f"--arm: no single network {asked!r:.60}; there are {known}")


def _train(asked: Link, steps: int, every: int, as_json: bool) -> Comparison:
    """Train to the last step, printing each snapshot as soon as it is there."""
    from bnviz.training.comparison import Comparison

    comparison = Comparison(asked.arms, every=every)
    comparison.stop_at = steps
    link = "?" + to_query(asked)
    terminal = sys.stderr.isatty()
    with typer.progressbar(
        length=steps,
        label=f"training {len(asked.arms)} networks, {steps} steps",
        file=sys.stderr,
        update_min_steps=max(1, steps // (100 if terminal else 10)),
    ) as bar:
        for number, snapshots in _rows(comparison):
            if any(snapshots):
                if terminal and sys.stdout.isatty():
                    typer.echo("\r\033[K", err=True, nl=False)  # the row takes the bar's place
                for line in _json_lines(asked, link, snapshots) if as_json else [_row(snapshots)]:
                    typer.echo(line)
            bar.label = f"step {number} of {steps}"
            bar.update(1 if number else 0)
    return comparison


def _rows(comparison: Comparison) -> Iterator[tuple[int, list[Snapshot | None]]]:
    """Advance step by step; yield each step's number and what was captured of each arm."""
    seen: list[Snapshot | None] = [None] * len(comparison.histories)
    while comparison.advance(steps=1):
        newest = [history.last for history in comparison.histories]
        yield comparison.step - 1, [new if new is not old else None for new, old in zip(newest, seen, strict=True)]
        seen = newest


# --- what run prints ---------------------------------------------------------------------------------------------


def _json_lines(asked: Link, link: str, snapshots: Sequence[Snapshot | None]) -> Iterator[str]:
    for name, snapshot in zip(_labels(asked.names), snapshots, strict=True):
        if snapshot is not None:
            head = {"step": snapshot.step, "arm": name, "link": link}
            broken = asdict(snapshot.diverged) if snapshot.diverged else None
            values = {field: _plain(value) for field, value in snapshot.items()}
            yield json.dumps(head | {"diverged": broken} | values, allow_nan=False)


def _labels(names: Sequence[str]) -> list[str]:
    """The names, with their number where two are the same: a reader must be able to tell networks apart."""
    return list(names) if len(set(names)) == len(names) else [f"{n} {name}" for n, name in enumerate(names, 1)]


def _plain(value: Array) -> Any:
    """Numbers and nested lists; the shortest decimals that name the float32 exactly, None for NaN and infinities."""
    if value.dtype.kind != "f":
        return value.tolist()
    finite = np.isfinite(value)
    numbers = np.asarray(np.where(finite, value, 0).astype(np.float32).astype(str).astype(np.float64), object)
    numbers[~finite] = None
    return numbers.tolist()


def _description(asked: Link) -> str:
    """What is trained: the lesson, what the networks share and where they differ."""
    values = {name: [getattr(arm, name) for arm in asked.arms] for name in PLAIN_FIELDS}
    varied = [name for name, column in values.items() if len(set(column)) > 1]
    shared = [
        f"{name}={column[0]}"
        for name, column in values.items()
        if name not in varied and (name == "dataset" or column[0] != getattr(DEFAULTS, name))
    ]
    lines = [PRESETS[asked.preset].title] if asked.preset else []
    lines += [textwrap.fill(", ".join(shared), 100, subsequent_indent="  ")]
    for number, (name, arm) in enumerate(zip(asked.names, asked.arms, strict=True), 1):
        own = [f"{field}={getattr(arm, field)}" for field in varied]
        turned = [f"{i.knob}={i.normalization or i.learning_rate} from step {i.step}" for i in arm.interventions]
        lines.append(f"  {number} {name}: {', '.join(own + turned) or 'nothing of its own'}")
    head = "".join(f"  {f'{number} {name}':>{CELL}.{CELL}}" for number, name in enumerate(asked.names, 1))
    columns = f"  {'loss   test acc.':>{CELL}}" * len(asked.names)
    return "\n".join([*lines, "", f"{'':>8}{head}", f"{'step':>8}{columns}"])


def _row(snapshots: Sequence[Snapshot | None]) -> str:
    step = next(snapshot.step for snapshot in snapshots if snapshot is not None)
    return f"{step:>8}{''.join(f'  {_cell(snapshot):>{CELL}}' for snapshot in snapshots)}".rstrip()


def _cell(snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return ""
    if snapshot.diverged is not None:
        return "diverged"
    return f"{float(snapshot.loss):.4g} {float(snapshot.test_accuracy):>10.1%}"


def _verdicts_text(asked: Link, comparison: Comparison) -> str:
    found = verdicts(comparison.histories, comparison.chances)
    lines = [
        f"{'all' if verdict.arm is None else _labels(asked.names)[verdict.arm]}: {verdict.text}; {verdict.number}"
        for verdict in found
    ]
    return "\n" + "\n".join(lines)


def _fields_text() -> str:
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
    measured = [(name, ", ".join(field.axes) or "number", _meaning(field)) for name, field in FIELDS.items()]
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


# --- bench -------------------------------------------------------------------------------------------------------


@bench.callback()
def introduce_bench() -> None:
    """Measure what watching costs on this machine; `bench` alone is `bench capture`."""


@bench.command()
def capture(
    layers: Annotated[
        list[int] | None,
        typer.Option(min=1, max=30, metavar="N", help="Hidden layers; may be repeated. Without it 3, 10 and 30."),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, metavar="N", help="Blocks timed of each contestant; more are more exact.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """CPU time of a training step, watched in several ways, as ratios to the bare PyTorch loop.

    Digits, N hidden layers x 100, batch normalization, batches of 64, one thread. The contestants take turns in
    random order; a ratio is of two blocks of one round, its median and quartiles are over the rounds. TensorBoard
    takes part where it is installed. Close other programs first: the targets are for an idle machine.

    \b
    Examples:
      bnviz bench
      bnviz bench --layers 10 --rounds 100
      bnviz bench --json > cost.jsonl

    With --json: hidden_layers, name, microseconds (a step), ratio, low and high (quartiles), target (or null).
    """  # noqa: D301 - \b keeps the lines as they are
    from bnviz.training.bench import BLOCK, LAYERS, measure

    depths = layers or LAYERS
    with typer.progressbar(length=len(depths) * rounds, label="measuring", file=sys.stderr) as bar:
        tables = [(depth, measure(depth, rounds, finished=lambda: bar.update(1))) for depth in depths]
    for depth, costs in tables:
        if as_json:
            for cost in costs:
                typer.echo(json.dumps(asdict(cost)))
        else:
            typer.echo(f"{depth} hidden layer{'s' * (depth > 1)} x 100, BN, batch 64: {rounds} rounds of {BLOCK} steps")
            typer.echo("\n".join(_costs_table(costs)) + "\n")


def _costs_table(costs: Sequence[Cost]) -> Iterator[str]:
    from bnviz.training.bench import contestants

    known = contestants()
    yield f"  {'':50}{'us a step':>11}{'ratio':>8}{'quartiles':>16}{'target':>9}"
    for cost in costs:
        quartiles = f"{cost.low:.2f} to {cost.high:.2f}"
        target = f"{cost.target:.2f}" if cost.target else ""
        row = f"  {known[cost.name].doc:50}{cost.microseconds:11,.0f}{cost.ratio:8.2f}{quartiles:>16}{target:>9}"
        yield row.rstrip()
    if "tensorboard" not in known:
        yield "  TensorBoard's histograms: not measured, tensorboard is not installed"


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
