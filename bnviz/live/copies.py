"""What a run has measured, apart from the run that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.history import History
from bnviz.experiment.verdicts import Chance


@dataclass(frozen=True, kw_only=True)
class RunCopy:
    """A run's histories as they stood at one moment: nothing that the run does later changes them.

    names: of the arms, which may come from strangers.
    configs: of the arms, with every intervention; none where models were recorded that no configuration describes.
    chances: what guessing reaches in each arm; none where nobody knows.
    tables: what is known of each arm in place of a configuration, as label and text.
    title: what the run is called; empty where its configuration says it.
    link_query: of the link that makes the same run again, where it is not the configurations'.
    """

    histories: tuple[History, ...]
    names: tuple[str, ...]
    configs: tuple[ExperimentConfig, ...] = ()
    chances: tuple[Chance, ...] = ()
    tables: tuple[Mapping[str, str], ...] = ()
    title: str = ""
    link_query: str = ""

    @property
    def last_step(self) -> int:
        """The newest step that any arm has."""
        return max((int(history["step"][-1]) for history in self.histories if len(history)), default=0)
