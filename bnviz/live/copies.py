"""What a run has measured, apart from the run that goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
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


class Copies:
    """Who waits for a copy of a run. What becomes of the run's commands does not matter: its next turn serves all."""

    def __init__(self) -> None:
        self._waiting: deque[Future[RunCopy]] = deque()

    def ask(self) -> Future[RunCopy]:
        """Return a copy to come; from any thread, and the run's worker has to be woken."""
        future: Future[RunCopy] = Future()
        self._waiting.append(future)
        return future

    def serve(self, copy: Callable[[], RunCopy]) -> None:
        """Give all who wait their copy; one that fails is their problem and not the run's."""
        while self._waiting:
            future = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(copy())
                except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
                    future.set_exception(error)
