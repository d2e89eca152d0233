"""The environment variables that bnviz reads, and what is said at the start of one that it does not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches

from bnviz.live.limits import Limits
from bnviz.sharing.recordings_link import FILES_VARIABLE
from bnviz.studies.executor import CLUSTER_VARIABLE
from bnviz.studies.service import WORKERS_VARIABLE

PREFIX = "BNVIZ_"
SETTINGS = (
    *(item.metadata["variable"] for item in fields(Limits)),
    "BNVIZ_MAX_CONNECTIONS",  # an option's of `bnviz serve`
    WORKERS_VARIABLE,
    CLUSTER_VARIABLE,
)
OURS = (FILES_VARIABLE, "BNVIZ_NGINX")  # set by `bnviz open`, and for the trial of several replicas


def unknown(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each variable that looks like a setting and is none, with those that are.

    No error: Kubernetes gives every container `BNVIZ_SERVICE_HOST` and more where a service is called bnviz.
    """
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name not in SETTINGS + OURS:
            near = get_close_matches(name.upper().removeprefix(PREFIX), _short(SETTINGS), n=1, cutoff=0.5)
            meant = f"; did you mean {PREFIX}{near[0]}?" if near else "."
            known = ", ".join(sorted(SETTINGS))
            yield f"{name:.60} is not a setting of bnviz and changes nothing{meant} Settings are {known}"


def _short(names: tuple[str, ...]) -> list[str]:
    """The names without what all have in common, which would make any two of them alike."""
    return [name.removeprefix(PREFIX) for name in names]
