"""The command line: `python -m bnviz run | presets | describe | bench`."""

from __future__ import annotations

from bnviz.commands.app import app


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
