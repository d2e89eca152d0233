"""`bnviz bench`: what watching, studies and live runs cost on this machine, in the lab and of one's own model."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol

import typer
from typer.core import TyperGroup

from bnviz.commands.bench_serve import serve
from bnviz.commands.options import AsJson

Rounds = Annotated[int, typer.Option(min=1, metavar="N", help="Blocks timed of each contestant; more are more exact.")]
RECORDER_DOCS = {
    "bare": "bare loop: nn.Sequential, SGD, tensor slices",
    "recorder_tenth": "bnviz.record, every=10",
    "recorder_step": "bnviz.record, every=1",
    "tensorboard_tenth": "TensorBoard add_histogram, every tenth step",
    "wandb_watch_tenth": "wandb.watch, log_freq=10, offline",
}
RECORDER_NETWORKS = {
    "mlp": "10 hidden layers x 100, BN, batch 64",
    "conv": "3 convolutions, BN, 28 x 28, batch 64",
}
OTHERS = {"tensorboard": "TensorBoard's histograms", "wandb": "wandb.watch"}  # package to what it would have measured


class Cost(Protocol):
    """What both benches say of one contestant."""

    @property
    def name(self) -> str: ...
    @property
    def microseconds(self) -> float: ...
    @property
    def ratio(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def target(self) -> float | None: ...


class CaptureByDefault(TyperGroup):
    """A group whose options alone mean its command `capture`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] == "--help" or not args[0].startswith("-"))
        return super().parse_args(ctx, args if named else ["capture", *args])


bench = typer.Typer(cls=CaptureByDefault, rich_markup_mode=None)


@bench.callback()
def introduce_bench() -> None:
    """Measure what watching and studies cost on this machine; `bench` alone is `bench capture`."""


@bench.command()
def capture(
    layers: Annotated[
        list[int] | None,
        typer.Option(min=1, max=30, metavar="N", help="Hidden layers; may be repeated. Without it 3, 10 and 30."),
    ] = None,
    rounds: Rounds = 20,
    as_json: AsJson = False,
) -> None:
    """CPU time of a training step, watched in several ways, as ratios to the bare PyTorch loop.

    Digits, N hidden layers x 100, batch normalization, batches of 64, one thread. The contestants take turns in
    random order; a ratio is of two blocks of one round, its median and quartiles are over the rounds. TensorBoard
    takes part where it is installed. Close other programs first: the targets are for an idle machine.

    \b
    Examples:
      python -m bnviz bench
      python -m bnviz bench --layers 10 --rounds 100
      python -m bnviz bench --json > cost.jsonl

    With --json: hidden_layers, name, microseconds (a step), ratio, low and high (quartiles), target (or null).
    """  # noqa: D301 - \b keeps the lines as they are
    from bnviz.training.bench import BLOCK, LAYERS, contestants, measure

    depths = layers or LAYERS
    with typer.progressbar(length=len(depths) * rounds, label="measuring", file=sys.stderr) as bar:
        tables = [(depth, measure(depth, rounds, finished=lambda: bar.update(1))) for depth in depths]
    docs = {name: contestant.doc for name, contestant in contestants().items()}
    for depth, costs in tables:
        title = f"{depth} hidden layer{'s' * (depth > 1)} x 100, BN, batch 64: {rounds} rounds of {BLOCK} steps"
        _tell(costs, title, docs, _not_measured(docs, ["tensorboard"]), as_json=as_json)


@bench.command()
def recorder(
    network: Annotated[
        Literal["mlp", "conv"] | None,
        typer.Option(help="10 hidden layers, or 3 convolutions on images of 28 x 28. Without it, one after the other."),
    ] = None,
    rounds: Rounds = 20,
    as_json: AsJson = False,
) -> None:
    """CPU time of a training step of one's own model inside `bnviz.record`, as ratios to the same loop without it.

    Batch normalization, batches of 64 of noise, one thread; the contestants take turns as in `bench capture`.
    TensorBoard and wandb take part where they are installed. Close other programs first: the targets are for an idle
    machine.

    \b
    Examples:
      python -m bnviz bench recorder
      python -m bnviz bench recorder --network mlp --rounds 100
      python -m bnviz bench recorder --json > cost.jsonl

    With --json: network, name, microseconds (a step), ratio, low and high (quartiles), target (or null).
    """  # noqa: D301 - \b keeps the lines as they are
    import bnviz
    from bnviz.recorder.bench import BLOCKS, contestants, measure

    networks = [network] if network else list(RECORDER_NETWORKS)
    with typer.progressbar(length=len(networks) * rounds, label="measuring", file=sys.stderr) as bar:
        tables = [(name, measure(name, bnviz.record, rounds, finished=lambda: bar.update(1))) for name in networks]
    missing = list(_not_measured(contestants(bnviz.record), list(OTHERS)))
    for name, costs in tables:
        title = f"{RECORDER_NETWORKS[name]}: {rounds} rounds of {BLOCKS[name]} steps"
        _tell(costs, title, RECORDER_DOCS, missing, as_json=as_json)
    if as_json and missing:
        typer.echo("\n".join(line.strip() for line in missing), err=True)


@bench.command()
def studies(
    runs: Annotated[int, typer.Option(min=1, metavar="N", help="Trainings in the study.")] = 200,
    steps: Annotated[int, typer.Option(min=1, max=20_000, metavar="N", help="Steps of each training.")] = 500,
    workers: Annotated[int | None, typer.Option(min=1, metavar="N", help="Processes. Without it, one a core.")] = None,
    as_json: AsJson = False,
) -> None:
    """How well a study of many short trainings uses all cores, and what a training costs beside itself.

    Digits, 10 hidden layers x 100, batch normalization; results are written as in `bnviz study`. Close other programs
    first: what they take of the cores is missing in CPU time over wall time.

    \b
    Examples:
      python -m bnviz bench studies
      python -m bnviz bench studies --runs 40 --steps 150

    With --json: runs, workers, startup (s, until all processes are ready, paid once), seconds (all), run_seconds (a
    training), busy (CPU time over wall time and workers), overhead (ms a training), busy_target, overhead_target.
    """  # noqa: D301 - \b keeps the lines as they are
    from bnviz.studies.bench import BUSY_TARGET, OVERHEAD_TARGET, measure

    with typer.progressbar(length=runs, label="measuring", file=sys.stderr) as bar:
        used = measure(runs, steps, workers, finished=lambda: bar.update(1))
    if as_json:
        typer.echo(json.dumps(vars(used) | {"busy_target": BUSY_TARGET, "overhead_target": OVERHEAD_TARGET}))
        return
    typer.echo(f"{used.runs} trainings of {steps} steps, {used.run_seconds:.2f} s each, {used.workers} processes")
    typer.echo(f"  {'start-up, paid once':40}{used.startup:8.1f} s")
    typer.echo(f"  {'all trainings':40}{used.seconds:8.1f} s")
    typer.echo(f"  {'CPU time over wall time and processes':40}{used.busy:8.1%}   target {BUSY_TARGET:.0%} or more")
    typer.echo(f"  {'overhead a training':40}{used.overhead:8.1f} ms  target below {OVERHEAD_TARGET:.0f} ms")


bench.command()(serve)


def _tell(costs: Sequence[Cost], title: str, docs: Mapping[str, str], missing: Iterable[str], *, as_json: bool) -> None:
    """Print one network's costs, as a table or a JSON object a line."""
    if as_json:
        for cost in costs:
            typer.echo(json.dumps(vars(cost)))
    else:
        typer.echo("\n".join([title, *_costs_table(costs, docs), *missing, ""]))


def _costs_table(costs: Sequence[Cost], docs: Mapping[str, str]) -> Iterator[str]:
    yield f"  {'':50}{'us a step':>11}{'ratio':>8}{'quartiles':>16}{'target':>9}"
    for cost in costs:
        quartiles = f"{cost.low:.2f} to {cost.high:.2f}"
        target = f"{cost.target:.2f}" if cost.target else ""
        row = f"  {docs[cost.name]:50}{cost.microseconds:11,.0f}{cost.ratio:8.2f}{quartiles:>16}{target:>9}"
        yield row.rstrip()


def _not_measured(contestants: Mapping[str, Any], packages: Sequence[str]) -> Iterator[str]:
    """A line for each package none of whose contestants could run."""
    for package in packages:
        if not any(name.startswith(package) for name in contestants):
            yield f"  {OTHERS[package]}: not measured, {package} is not installed"
