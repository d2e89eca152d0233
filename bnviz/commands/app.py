"""The commands, put together: how they are named, and how bad input and rude ends are answered."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from bnviz.commands.bench import bench
from bnviz.commands.export import export
from bnviz.commands.open import open_files
from bnviz.commands.presets import presets
from bnviz.commands.recordings import describe
from bnviz.commands.run import run
from bnviz.commands.serve import serve
from bnviz.commands.study import study
from bnviz.experiment.fields import ConfigError
from bnviz.sharing.recording_schema import RecordingError
from bnviz.studies.errors import StudyError


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
        except (ConfigError, RecordingError, StudyError) as error:
            sys.exit(_complain(str(error), 2))
        sys.exit(code or 0)


def _complain(message: str, code: int) -> int:
    """Say it in one line; what a stranger's file says must not steer the terminal."""
    line = " ".join(message.split())
    typer.echo(f"bnviz: {''.join(sign if sign.isprintable() else '?' for sign in line)}", err=True)
    return code


app = typer.Typer(cls=Commands, rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def introduce() -> None:
    """See what batch normalization does to a network while it trains.

    The lab in the browser starts with `serve`, or with `streamlit run app.py`; the other commands need no browser.
    """


for command in (presets, run, describe, export, serve, study):
    app.command()(command)
app.command("open")(open_files)
app.add_typer(bench, name="bench")
