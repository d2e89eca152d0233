"""`bnviz bench serve`: how many live runs a server on this machine bears."""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from bnviz.commands.options import AsJson

if TYPE_CHECKING:
    from bnviz.live.bench import Load

Runs = Annotated[
    list[int] | None,
    typer.Option(min=1, max=200, metavar="N", help="Live runs at once; may be repeated. Without it 10, 20 and 30."),
]


def serve(
    runs: Runs = None,
    seconds: Annotated[float, typer.Option(min=1, max=120, metavar="S", help="How long each count is measured.")] = 15,
    url: Annotated[
        str | None, typer.Option(help="A server on this machine that runs already; without it one is started.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How many live runs a server bears: updates and steps a second that each gets, CPU, memory, health route.

    Pages without a browser open the lab's first lesson, play it, and ask for what is newer as browsers do. They use
    this machine's cores too, so a server of its own does better. Close other programs first.

    \b
    Examples:
      python -m bnviz bench serve
      python -m bnviz bench serve --runs 30 --seconds 60
      python -m bnviz bench serve --url http://127.0.0.1:8501 --runs 10

    With --json, an object a count: runs, seconds, updates and steps (a second; median over the runs), least_updates,
    least_steps, cpu and client_cpu (cores), memory (MiB), health and longest_health (ms), target (updates, or null).
    """  # noqa: D301 - \b keeps the lines as they are
    from bnviz.live import bench
    from bnviz.live.visitor import LoadError

    counts = runs or list(bench.COUNTS)
    try:
        with ExitStack() as stack:
            bar = stack.enter_context(typer.progressbar(length=len(counts), label="measuring", file=sys.stderr))
            address, process = (own(url), None) if url else stack.enter_context(bench.server(max(counts)))
            loads = bench.measure(address, process, counts, seconds, finished=lambda: bar.update(1))
    except LoadError as error:
        raise typer.BadParameter(str(error)) from None
    if as_json:
        typer.echo("\n".join(json.dumps(vars(load)) for load in loads))
    else:
        typer.echo("\n".join(table(loads)))


def own(url: str) -> str:
    """The address of a server on this machine; no other is put under load. Raises `BadParameter`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here or parts.scheme != "http" or port is None or parts.path.strip("/"):
        raise typer.BadParameter(f"--url must be of this machine, as in http://127.0.0.1:8501; got {url!r:.80}")
    return url.rstrip("/")


def table(loads: Sequence[Load]) -> Iterator[str]:
    """The lines for people."""
    yield f"live runs of the first lesson, {loads[0].seconds:.0f} s each; a second and run: median (least)"
    yield f"{'runs':>6}{'updates':>16}{'target':>8}{'steps':>18}{'CPU':>8}{'memory':>12}{'health, ms':>20}"
    for load in loads:
        updates = f"{load.updates:.1f} ({load.least_updates:.1f})"
        steps = f"{load.steps:.0f} ({load.least_steps:.0f})"
        health = f"{load.health:.0f}, longest {load.longest_health:.0f}"
        target = f"{load.target:.0f}" if load.target else ""
        cpu = "" if load.cpu is None else f"{load.cpu:.2f}"
        memory = "" if load.memory is None else f"{load.memory:.0f} MiB"
        yield f"{load.runs:>6}{updates:>16}{target:>8}{steps:>18}{cpu:>8}{memory:>12}{health:>20}"
    yield f"  CPU in cores; the pages of this bench took {max(load.client_cpu for load in loads):.2f} at most"
