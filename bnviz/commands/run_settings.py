"""Which networks `bnviz run` is asked for: a lesson or a link, with fields changed for all or for one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from bnviz.experiment.config import PLAIN_FIELDS
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.presets import DEFAULT_PRESET, PRESETS
from bnviz.experiment.words import name_arms
from bnviz.sharing.link import Link, from_preset, from_text, parse

ARM = re.compile(r"(.+)\.([A-Za-z_]+)=(.*)", re.DOTALL)


def asked_link(preset: str | None, link: str | None) -> Link:
    """Return the lesson or the link that is asked for; without either the lab's first lesson."""
    if preset is not None and link is not None:
        raise ConfigError("preset", "give --preset or --link, not both: a link may say preset=NAME itself")
    if link is not None:
        return parse(link)
    name = DEFAULT_PRESET if preset is None else preset
    if name not in PRESETS:
        raise ConfigError("preset", f"--preset must be one of {', '.join(PRESETS)}; got {name!r:.60}")
    return from_preset(name)


def changed(link: Link, settings: Sequence[str], arm_settings: Sequence[str]) -> Link:
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
