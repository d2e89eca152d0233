"""Where a recording's records go: a file, or in tests a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Sink(Protocol):
    """Takes what a recording says; `left` is the share of what it can hold that is still free, from 1 down to 0."""

    @property
    def left(self) -> float: ...

    def header(self, values: Mapping[str, Any]) -> None:
        """Take what is said once, at the beginning."""

    def record(self, values: Mapping[str, Any]) -> None:
        """Take one captured step, where it is not one of those that were taken."""

    def tick(self) -> None:
        """Note that time has passed."""

    def flush(self) -> None:
        """Let nothing wait."""

    def end(self, values: Mapping[str, Any]) -> None:
        """Take what is said at the end; nothing follows."""
