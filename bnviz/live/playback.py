"""A recording that a page plays: questions are answered from its histories, nothing is ever trained."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.history import History
from bnviz.experiment.layout import Layout
from bnviz.experiment.snapshot import BINS, FIELDS, QUANTILES
from bnviz.experiment.verdicts import Chance, verdicts
from bnviz.live import describe
from bnviz.live.copies import Copies, RunCopy
from bnviz.live.packing import pack
from bnviz.live.questions import Message, OpenQuestion, Question, to_json
from bnviz.live.run import CommandError

GENERATIONS = itertools.count(1)
NO_TRAINING = "this is a recording: it plays in the page, and nothing is trained here; experiments run in the lab"
JUDGED = ("train_loss", "test_accuracy", "saturated", "dead", "gradient_z")


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What is played: one history a network, on shared axes; nobody changes them, so that many pages may share them.

    files: what is known of each file besides its numbers, as JSON has it, for the page.
    tables: the same as label and text, for what a reader takes along.
    link_query: of the lab's experiment that was recorded; empty for somebody's own models.
    title: what a file that is taken along is called after.
    """

    histories: tuple[History, ...]
    names: tuple[str, ...]
    files: tuple[Mapping[str, Any], ...]
    tables: tuple[Mapping[str, str], ...] = ()
    link_query: str = ""
    title: str = "recording"


class Playback:
    """Recordings that one page plays side by side; each is a generation of its own, so that no page mixes two."""

    trains = False
    home = None
    started = trained = placed = True

    def __init__(self, recorded: Recorded) -> None:
        self.generation = next(GENERATIONS)
        self.copies = Copies()
        self.recorded = recorded
        self.histories = recorded.histories
        self.open = OpenQuestion()

    # From any thread ---------------------------------------------------------------------------------------------

    def order(self, command: Callable[[Any], None]) -> None:
        """Raise `CommandError`: there is nothing to train."""
        raise CommandError(NO_TRAINING)

    def order_instead(self, command: Callable[[Any], None]) -> None:
        """Nothing runs that a page could leave behind: it changes nothing."""

    def ask(self, question: Question | None) -> None:
        """Put the page's question, which is answered at the next turn; an older one is dropped."""
        self.open.put(question)

    def insist(self, question: Question) -> None:
        """Have a question answered even with nothing new, if it is still open."""
        self.open.insist(question)

    # The worker's side -------------------------------------------------------------------------------------------

    def work(self) -> float | None:
        """Serve who waits for a copy; answer the question if the page lacks something, or it has waited long enough."""
        self.copies.serve(self.copy)
        question = self.open.question
        if question is not None and (self.open.impatient or self._is_behind(question)):
            self.open.answer(question, self._messages(question))
        return None

    def copy(self) -> RunCopy:
        """Return what is played; nothing changes it, so nothing is copied."""
        return RunCopy(
            histories=self.histories,
            names=self.recorded.names,
            configs=self._configs,
            chances=self._chances,
            tables=() if self._configs else self.recorded.tables,
            title=self.recorded.title,
            link_query=self.recorded.link_query,
        )

    def fail(self) -> None:
        """Tell the page, after an error that should not have happened."""
        self.open.refuse("this recording could not be played because of an error on the server: open it again")

    @cached_property
    def last(self) -> int:
        """The highest snapshot id: a page that has it needs to ask no more."""
        return max((int(history.ids[-1]) for history in self.histories if len(history)), default=-1)

    def _is_behind(self, question: Question) -> bool:
        return question.generation != self.generation or min(question.cursor, question.layer_cursor) < self.last

    def _messages(self, question: Question) -> list[Message]:
        layers = min(len(_layout(history).layers) for history in self.histories)
        layer = min(max(question.layer, 0), max(0, layers - 1))
        state: dict[str, Any] = {"generation": self.generation, "last": self.last, "step": self._last_step()}
        arms = [self._state(history) for history in self.histories]
        if question.generation == self.generation:
            cursors = {"cursor": question.cursor, "layer_cursor": question.layer_cursor}
            return [pack(state, self.histories, arms, layer=layer, **cursors)]
        state["verdicts"] = self._verdicts
        return [self._meta, pack(state, self.histories, arms, layer=layer, cursor=-1, layer_cursor=-1)]

    def _last_step(self) -> int:
        return max((int(history["step"][-1]) for history in self.histories if len(history)), default=0)

    def _state(self, history: History) -> dict[str, Any]:
        config = history.last.config if history.last else None
        return {
            "interventions": describe.interventions(config) if config else [],
            "diverged": asdict(history.diverged) if history.diverged else None,
            "capacity": history.max_snapshots,
        }

    @cached_property
    def _meta(self) -> str:
        """What does not change: as of a comparison, and which quantities were measured at all."""
        layouts = [_layout(history) for history in self.histories]
        config = layouts[0].config
        measured = [n for n in FIELDS if any(n in h and _any_number(h, n) for h in self.histories)]
        about = describe.scene(config) if config else {"classes": [], "points": None, "images": None, "chance": None}
        arms = [
            describe.arm(name, layout) | {"channel_count": _channels(history)}
            for name, layout, history in zip(self.recorded.names, layouts, self.histories, strict=True)
        ]
        meta = {
            "type": "meta", "generation": self.generation, "kind": "lab" if config else "model", "recorded": True,
            **about, "bins": BINS, "quantiles": list(QUANTILES), "measured": measured,
            "capacity": max(history.max_snapshots for history in self.histories),
            "arms": arms, "files": [dict(file) for file in self.recorded.files], "link": self.recorded.link_query,
        }  # fmt: skip
        return to_json(meta)

    @cached_property
    def _verdicts(self) -> list[dict[str, Any]]:
        """The lab's verdicts, where everything that they rest on was recorded."""
        complete = all(len(history) and all(name in history for name in JUDGED) for history in self.histories)
        if not self._chances or not complete:
            return []
        return [asdict(verdict) for verdict in verdicts(self.histories, self._chances)]

    @cached_property
    def _configs(self) -> tuple[ExperimentConfig, ...]:
        """The lab's configurations, one an arm; none of somebody's own models."""
        configs = [history.last.config for history in self.histories if history.last is not None]
        whole = tuple(config for config in configs if config is not None)
        return whole if len(whole) == len(self.histories) else ()

    @cached_property
    def _chances(self) -> tuple[Chance, ...]:
        """What guessing reaches; nobody knows where a network learnt a table that is not in its recording."""
        from bnviz.training import datasets, evaluation

        if any(config.own_table is not None for config in self._configs):
            return ()
        return tuple(evaluation.chance(datasets.load(config)) for config in self._configs)


def _any_number(history: History, name: str) -> bool:
    if FIELDS[name].sparse:
        return bool(history.sparse(name))
    column = history[name]
    return bool(column.size) and (column.dtype.kind != "f" or not np.isnan(column).all())


def _channels(history: History) -> int:
    """How many channels a row on the wire has: a recorded model's narrow layers leave the last ones empty."""
    widths = [history[name].shape[-1] for name, field in FIELDS.items() if field.detail and name in history]
    return max(widths, default=0)


def _layout(history: History) -> Layout:
    layout = history.layout
    assert layout is not None, "a recording's history has its layout from the start"
    return layout
