"""`bnviz presets`: the lessons, by name."""

from __future__ import annotations

import json
import textwrap

import typer

from bnviz.commands.options import AsJson
from bnviz.experiment.presets import PRESETS
from bnviz.sharing.link import from_preset, to_query


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
