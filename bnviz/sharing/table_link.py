"""A link whose networks train on somebody's own table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bnviz.experiment.config import OWN_TABLE, ExperimentConfig
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.own_table import OwnTable, TableRef
from bnviz.experiment.words import name_arms
from bnviz.sharing.link import Link


def moved(link: Link, table: OwnTable, arms: Iterable[int]) -> Link:
    """The link with some of its networks on a table; what the table has no room for is made to fit."""
    chosen = set(arms)
    changed = tuple(_on(arm, table.ref) if index in chosen else arm for index, arm in enumerate(link.arms))
    by_rule = link.names == name_arms(link.arms)
    return replace(link, arms=changed, names=name_arms(changed) if by_rule else link.names)


def _on(arm: ExperimentConfig, ref: TableRef) -> ExperimentConfig:
    """A network's configuration on a table: all of it and without noise, if it was on other data before."""
    same = arm.own_table is not None and arm.own_table.digest == ref.digest
    kept = {} if same else {"samples": 0, "noise": arm.noise if arm.own_table is not None else 0.0}
    try:
        return arm.replace(dataset=OWN_TABLE, table=str(ref), **kept)
    except ConfigError:  # the batch is too large for it, or the part too small
        room = ref.rows - -(-ref.rows // 4)
        batch = min(arm.batch_size, 1 << (room.bit_length() - 1))
        return arm.replace(dataset=OWN_TABLE, table=str(ref), batch_size=batch, **{**kept, "samples": 0})
