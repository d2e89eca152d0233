"""The anatomy page's whole state as a query string that reads well: `?section=backward&example=outlier&eps=0.1`.

Only what differs from the defaults is written. A batch of one's own is `batch=1,2;3,4`, a sample between semicolons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bnviz.experiment.anatomy import EXAMPLES, FIELDS, UPSTREAMS, Anatomy, upstream_of
from bnviz.experiment.fields import ConfigError, one_of
from bnviz.experiment.tables import number, parse_table, short, to_text
from bnviz.sharing.query import LinkError, single_values

KEYS = ("example", *FIELDS)
PLAIN = tuple(name for name in FIELDS if name not in ("batch", "gamma", "beta", "upstream"))


def encode_anatomy(anatomy: Anatomy) -> dict[str, str]:
    """Return the query parameters that `decode_anatomy` reads back into the same anatomy."""
    query: dict[str, str] = {}
    if anatomy.example is None:
        query["batch"] = to_text(anatomy.batch)
    elif anatomy.batch != Anatomy().batch:
        query["example"] = anatomy.example
    base = Anatomy().with_batch(anatomy.batch)
    for name in ("gamma", "beta"):
        if getattr(anatomy, name) != getattr(base, name):
            query[name] = to_text([getattr(anatomy, name)])
    if anatomy.upstream != base.upstream:
        query["upstream"] = anatomy.upstream_name or to_text(anatomy.upstream)
    for name in PLAIN:
        value = getattr(anatomy, name)
        if value != FIELDS[name].default:
            query[name] = ",".join(value) if name == "mistakes" else short(value) if _is_real(name) else str(value)
    return query


def decode_anatomy(query: Mapping[str, str | Sequence[str]]) -> Anatomy:
    """Return the anatomy that a query names; raises `ConfigError` (mostly `LinkError`) on anything else."""
    single = single_values(query, KEYS)
    if "example" in single and "batch" in single:
        raise LinkError("example", "the link names an example and a batch of its own; give one of them")
    base = Anatomy()
    if "example" in single:
        base = base.with_batch(EXAMPLES[one_of("example", single["example"], tuple(EXAMPLES))].batch)
    if "batch" in single:
        base = base.with_batch(parse_table("batch", single["batch"].replace(";", "\n")))
    changes: dict[str, Any] = {name: _value(name, single[name]) for name in PLAIN if name in single}
    for name in ("gamma", "beta"):
        if name in single:
            changes[name] = tuple(single[name].split(","))
    if "upstream" in single:
        text = single["upstream"]
        named = text in UPSTREAMS
        changes["upstream"] = (
            upstream_of(text, base.batch) if named else parse_table("upstream", text.replace(";", "\n"))
        )
    return base.replace(**changes)


def _is_real(name: str) -> bool:
    return isinstance(FIELDS[name].default, float)


def _value(name: str, text: str) -> Any:
    if name == "mistakes":
        return tuple(text.split(",")) if text else ()
    if not isinstance(FIELDS[name].default, int | float):
        return text
    try:
        found = number(name, text)
    except ConfigError as error:
        raise LinkError(name, str(error)) from None
    return found if _is_real(name) or not found.is_integer() else int(found)
