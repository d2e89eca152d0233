"""What one server process takes on at most: defaults, and the environment variables that go before them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from bnviz.experiment.fields import ConfigError
from bnviz.training.processes import cores

RUNS_A_CORE = 16
UNKNOWN_MIB = 1024
GRANTED = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # to a container, by its kernel
MOST_FILES = 65_536
MOST_MIB = 1_048_576


class LimitError(ConfigError):
    """A variable of the environment has a value that is not allowed; the text says what is."""


def half_the_memory() -> int:
    """Half of the MiB that this process may use, from 256 on: the other half is for pages, torch and recordings."""
    granted = []
    with suppress(ValueError, OSError, AttributeError):  # Windows does not say it here
        granted.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in GRANTED:
        with suppress(ValueError, OSError):  # "max": no limit
            granted.append(int(Path(path).read_text()))
    return min(max(256, min(granted) // 2**21), MOST_MIB) if granted else UNKNOWN_MIB


def one_a_core() -> int:
    """One a core, and one a half GiB: so much one takes that can't be forked, before it has trained anything."""
    return max(1, min(cores(), half_the_memory() // 256, 64))


def _limit(variable: str, default: int | Callable[[], int], low: int, high: int, doc: str) -> Any:
    metadata = {"variable": variable, "low": low, "high": high, "doc": doc}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Whole numbers, each checked; times in seconds."""

    runs: int = _limit(
        "BNVIZ_LIVE_RUNS", lambda: min(4096, RUNS_A_CORE * cores()), 1, 4096, "live runs that may train at once"
    )
    live_mib: int = _limit("BNVIZ_LIVE_MIB", half_the_memory, 64, MOST_MIB, "MiB that live runs may take in all")
    trainers: int = _limit(
        "BNVIZ_TRAINERS", one_a_core, 0, 64, "processes that train live runs; 0 has them trained by the server's own"
    )
    waiting: int = _limit("BNVIZ_WAITING", 500, 0, 10_000, "pages that may wait for a place to train")
    recordings: int = _limit("BNVIZ_RECORDINGS", 64, 1, 4096, "pages that may play recordings at once")
    recordings_mib: int = _limit("BNVIZ_RECORDINGS_MIB", 512, 64, 65_536, "MiB that these recordings may take in all")
    freed_after: int = _limit(
        "BNVIZ_FREED_AFTER", 120, 5, 86_400, "seconds that a lost page's run stays, and a hidden page's networks"
    )
    held_hidden: int = _limit("BNVIZ_HELD_HIDDEN", 60, 5, 86_400, "seconds that a hidden page keeps its place")
    held_paused: int = _limit("BNVIZ_HELD_PAUSED", 300, 5, 86_400, "seconds that a paused page keeps its place")

    def __post_init__(self) -> None:
        for item in fields(self):
            about, value = item.metadata, getattr(self, item.name)
            if isinstance(value, bool) or not isinstance(value, int) or not about["low"] <= value <= about["high"]:
                raise _wrong(about, value)


def read(environment: Mapping[str, str]) -> Limits:
    """Return the limits that variables set, the others' defaults; raises `LimitError` for the first that is wrong."""
    found = {}
    for item in fields(Limits):
        text = environment.get(item.metadata["variable"], "").strip()
        if text:
            if not (text.isascii() and text.isdecimal() and len(text) < 10):
                raise _wrong(item.metadata, text)
            found[item.name] = int(text)
    return Limits(**found)


@cache
def limits() -> Limits:
    """The limits of this process, read once from its environment."""
    return read(os.environ)


def allow_files() -> None:
    """As many open files as the system grants: a visitor takes up to eleven, and most shells begin with 1024 in all."""
    if sys.platform == "win32":
        return  # it has no such limit
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    granted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < granted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))


def _wrong(about: Mapping[str, Any], value: object) -> LimitError:
    allowed = f"a whole number from {about['low']} to {about['high']} ({about['doc']})"
    return LimitError(about["variable"], f"{about['variable']} must be {allowed}; got {value!r:.40}")
