"""The lab's whole state as a query string that reads well.

`?preset=circles`, or the fields that differ from the defaults, a comma between arms that differ:
`?activation=sigmoid&learning_rate=0.5&normalization=none,layer`; without normalization it is `none,batch`.
Turned knobs are `turns=2@120:batch,1@300:0.01` (arm, step, value), the view is `layer`, `charts` and `until`.
Links are never unpickled or evaluated: only known names are read, and every value passes the configuration's checks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import parse_qsl, urlencode

from bnviz.experiment.config import MAX_STEP, PLAIN_FIELDS, ExperimentConfig, Intervention
from bnviz.experiment.presets import DEFAULT_PRESET, PRESETS
from bnviz.experiment.words import name_arms
from bnviz.sharing.query import MAX_LENGTH, LinkError, single_values

MIN_ARMS, MAX_ARMS = 2, 4
CHARTS = (
    "distribution", "layers", "picture", "accuracy", "loss", "drift", "gradient-depth", "units", "affine",
    "gradient-time", "statistics", "update-ratio", "saturation", "gradient-shift", "landscape",
)  # fmt: skip
VIEW_KEYS = ("layer", "charts", "until")
FIELDS = (*PLAIN_FIELDS, "table")  # with a value an arm
KEYS = ("preset", *FIELDS, "names", "turns", *VIEW_KEYS)
DEFAULTS = ExperimentConfig()
TURN = re.compile(r"([1-4])@(\d{1,8}):([a-z_]{1,20}|[0-9][0-9.e+-]{0,23})")
NAME = re.compile(r"[^,\x00-\x1f<>&]{1,40}")


@dataclass(frozen=True, kw_only=True)
class Link:
    """What a link says: the arms and their names, and what the reader looked at; None is the page's own choice."""

    arms: tuple[ExperimentConfig, ...]
    names: tuple[str, ...]
    layer: int | None = None
    charts: tuple[str, ...] | None = None
    until: int | None = None

    @property
    def shown_layer(self) -> int:
        """The hidden layer to look at, from 0; the last one that all arms have unless the link says another."""
        last = min(arm.hidden_layers for arm in self.arms) - 1
        return last if self.layer is None else min(self.layer, last)

    @property
    def preset(self) -> str | None:
        """The name of the preset that these arms are, apart from turned knobs and the seed."""
        bare = tuple(arm.replace(interventions=(), seed=0) for arm in self.arms)
        for name, preset in PRESETS.items():
            if preset.arms == bare and preset.names == self.names:
                return name
        return None


def from_preset(name: str) -> Link:
    """Return a preset as a link."""
    return Link(arms=PRESETS[name].arms, names=PRESETS[name].names)


def encode(link: Link) -> dict[str, str]:
    """Return the query parameters that `decode` reads back into the same link."""
    query: dict[str, str] = {}
    base: Sequence[ExperimentConfig] = [DEFAULTS] * len(link.arms)
    if (preset := link.preset) is not None:
        query["preset"] = preset
        base = PRESETS[preset].arms
    for name in FIELDS:
        values = [getattr(arm, name) for arm in link.arms]
        if values != [getattr(arm, name) for arm in base] or (name == "normalization" and preset is None):
            texts = [_to_text(value) for value in values]
            query[name] = texts[0] if len(set(texts)) == 1 else ",".join(texts)
    counted = any("," in text for text in query.values())
    if preset is None and (link.names != name_arms(link.arms) or not counted):
        query["names"] = ",".join(link.names)
    turns = [
        f"{number}@{i.step}:{i.normalization or _to_text(i.learning_rate)}"
        for number, arm in enumerate(link.arms, 1)
        for i in arm.interventions
    ]
    view = {"turns": ",".join(turns), "layer": link.layer, "until": link.until}
    query |= {key: str(value) for key, value in view.items() if value not in (None, "")}
    if link.charts is not None:
        query["charts"] = ",".join(link.charts)
    return query


def to_query(link: Link) -> str:
    """Return the link's query string, without the question mark."""
    return urlencode(encode(link), safe=",@:")


def parse(query: str) -> Link:
    """Read a query string, with or without what stands before its question mark; raises `LinkError`."""
    if len(query) > MAX_LENGTH:
        raise LinkError("link", f"a link has at most {MAX_LENGTH} characters; got {len(query)}")
    text = query.rpartition("?")[2]
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=100)
    except ValueError:
        raise LinkError("link", "a link is a query such as preset=circles&width=64; this one can't be read") from None
    grouped: dict[str, list[str]] = {}
    for key, value in pairs:
        grouped.setdefault(key, []).append(value)
    return decode(grouped)


def decode(query: Mapping[str, str | Sequence[str]]) -> Link:
    """Read query parameters; raises `LinkError` that names the part which is wrong and what is allowed."""
    single = single_values(query, KEYS)
    base = _base(single)
    table = {name: single[name].split(",") for name in FIELDS if name in single}
    if base is None and not any(len(values) > 2 for values in table.values()):
        table.setdefault("normalization", ["none", "batch"])
    count = _count(base, table, single)
    arms = [_arm(base, table, index, count) for index in range(count)]
    for number, intervention in _turns(single.get("turns", "")):
        if number > count:
            raise LinkError("turns", f"turns names network {number}, but the link has {count}")
        known = arms[number - 1].interventions
        arms[number - 1] = arms[number - 1].replace(interventions=(*known, intervention))
    return Link(
        arms=tuple(arms),
        names=_names(single, arms),
        layer=_whole(single, "layer", 29),
        charts=_charts(single),
        until=_whole(single, "until", MAX_STEP),
    )


def _base(single: Mapping[str, str]) -> Link | None:
    if "preset" not in single:
        own = any(key in single for key in (*FIELDS, "names"))
        return None if own else from_preset(DEFAULT_PRESET)
    name = single["preset"]
    if name not in PRESETS:
        raise LinkError("preset", f"preset must be one of {', '.join(PRESETS)}; got {name!r:.60}")
    return from_preset(name)


def _count(base: Link | None, table: Mapping[str, Sequence[str]], single: Mapping[str, str]) -> int:
    counts = {len(values) for values in table.values() if len(values) > 1}
    if base is not None:
        counts.add(len(base.arms))
    if len(counts) > 1:
        raise LinkError("link", f"the link gives values for different numbers of networks: {sorted(counts)}")
    named = single.get("names", "").count(",") + 1 if "names" in single else 1
    count = counts.pop() if counts else named
    if not MIN_ARMS <= count <= MAX_ARMS:
        raise LinkError(
            "link",
            f"a link compares {MIN_ARMS} to {MAX_ARMS} networks, as in normalization=none,batch; this one has {count}",
        )
    return count


def _arm(base: Link | None, table: Mapping[str, Sequence[str]], index: int, count: int) -> ExperimentConfig:
    config = base.arms[index] if base is not None else DEFAULTS
    changes = {name: from_text(name, values[index if len(values) == count else 0]) for name, values in table.items()}
    return config.replace(**changes)


def _names(single: Mapping[str, str], arms: Sequence[ExperimentConfig]) -> tuple[str, ...]:
    if "names" in single:
        names = tuple(single["names"].split(","))
        if len(names) != len(arms) or not all(NAME.fullmatch(name) for name in names):
            raise LinkError("names", f"names must be {len(arms)} names of 1 to 40 characters, a comma between them")
        return names
    return name_arms(arms)


def _turns(text: str) -> list[tuple[int, Intervention]]:
    found = []
    for part in text.split(",") if text else ():
        match = TURN.fullmatch(part)
        if match is None:
            raise LinkError("turns", f"turns is a list such as 2@120:batch,1@300:0.01; can't read {part!r:.60}")
        number, step, value = int(match[1]), int(match[2]), match[3]
        if value[0].isdigit():
            found.append((number, Intervention(step=step, learning_rate=from_text("learning_rate", value))))
        else:
            found.append((number, Intervention(step=step, normalization=value)))  # type: ignore[arg-type]
    return found


def _charts(single: Mapping[str, str]) -> tuple[str, ...] | None:
    if "charts" not in single:
        return None
    names = tuple(dict.fromkeys(single["charts"].split(","))) if single["charts"] else ()
    for name in names:
        if name not in CHARTS:
            raise LinkError("charts", f"charts must be from {', '.join(CHARTS)}; got {name!r:.60}")
    return names


def _whole(single: Mapping[str, str], key: str, high: int) -> int | None:
    if key not in single:
        return None
    text = single[key]
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= high):
        raise LinkError(key, f"{key} must be a whole number from 0 to {high}; got {text!r:.60}")
    return int(text)


def from_text(name: str, text: str) -> Any:
    """Read a field's value as it stands in a link or on the command line; raises `ConfigError`."""
    default = getattr(DEFAULTS, name)
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise LinkError(name, f"{name} must be true or false; got {text!r:.60}")
        return text == "true"
    if isinstance(default, int | float):
        kind = "a whole number" if isinstance(default, int) else "a number"
        plain = len(text) <= 40 and text.isascii() and "_" not in text and text == text.strip()
        try:
            return (int(text) if isinstance(default, int) else float(text)) if plain else float("")
        except ValueError:
            field = next(item for item in fields(ExperimentConfig) if item.name == name)
            low, high = field.metadata["low"], field.metadata["high"]
            hint = ": write decimals with a point, as in 0.1" if re.fullmatch(r"-?\d+,\d+", text) else ""
            raise LinkError(name, f"{name} must be {kind} from {low:g} to {high:g}; got {text!r:.60}{hint}") from None
    return text


def _to_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)
