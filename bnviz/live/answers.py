"""What a live run tells its page: where it stands, what it has measured since, and the verdicts on that."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bnviz.experiment.verdicts import verdicts
from bnviz.live import describe
from bnviz.live.packing import pack
from bnviz.live.player import Player
from bnviz.live.questions import Message, OpenQuestion, Question, to_json
from bnviz.live.remote import RemoteComparison

VERDICT_INTERVAL = 0.5


class Answers:
    """Answers one run's open question, if anything is newer than its page knows.

    stale: whether something else than the histories is newer, such as what was switched.
    """

    def __init__(self) -> None:
        self.open = OpenQuestion()
        self.begin_again()

    def begin_again(self) -> None:
        """Know of no verdicts: there is another generation."""
        self.stale = True
        self._verdicts: tuple[float, list[dict[str, Any]]] = (-1.0, [])

    def work(
        self,
        comparison: RemoteComparison,
        names: Sequence[str],
        generation: int,
        player: Player,
        *,
        back: bool | None = None,
    ) -> None:
        """Answer the question if anything is newer than the page knows, or if it has waited long enough.

        back: of networks that were given up, whether they are wanted again.
        """
        question = self.open.question
        if question is None:
            return
        newest = max(int(history.ids[-1]) for history in comparison.histories)
        fresh = question.generation == generation
        behind = question.cursor < newest or question.layer_cursor < newest
        if fresh and not (behind or self.stale or self.open.impatient):
            return
        state = {"generation": generation, "finished": _finished(comparison, player, back)}
        state |= self._state(comparison, player, verdicts_too=not fresh)
        if self.open.answer(question, _messages(comparison, names, state, question)):
            self.stale = False

    def _state(self, comparison: RemoteComparison, player: Player, *, verdicts_too: bool) -> dict[str, Any]:
        state: dict[str, Any] = {
            "playing": player.playing, "step": comparison.step - 1, "steps_per_second": round(player.rate, 1),
            "until": comparison.stop_at, "speed": player.speed, "seed": comparison.configs[0].seed,
        }  # fmt: skip
        now = time.monotonic()
        if verdicts_too or self.stale or now - self._verdicts[0] >= VERDICT_INTERVAL:
            found = [asdict(verdict) for verdict in verdicts(comparison.histories, comparison.chances)]
            if verdicts_too or self.stale or found != self._verdicts[1]:
                state["verdicts"] = found
            self._verdicts = (now, found)
        return state


def _finished(comparison: RemoteComparison, player: Player, back: bool | None) -> str | None:
    """Why nothing is trained on just now, where that is not plain."""
    last = comparison.step - 1
    if back:
        return f"bringing the networks back to step {last}: {comparison.repeated / comparison.step:.0%}"
    if comparison.finished:
        return "every network has diverged: rewind, or change the experiment"
    if comparison.stopped and not player.playing:
        return f"paused at step {last}, as asked"
    if back is False:
        return f"paused at step {last}; the networks are put away, and Play brings them back"
    return None


def _messages(
    comparison: RemoteComparison, names: Sequence[str], state: dict[str, Any], question: Question
) -> list[Message]:
    layers = min(config.hidden_layers for config in comparison.configs)
    layer = min(max(question.layer, 0), layers - 1)
    histories, arms = comparison.histories, describe.arms(comparison)
    if question.generation == state["generation"]:
        cursors = {"cursor": question.cursor, "layer_cursor": question.layer_cursor}
        return [pack(state, histories, arms, layer=layer, **cursors)]
    meta = {"type": "meta", "generation": state["generation"], **describe.meta(comparison, names)}
    return [to_json(meta), pack(state, histories, arms, layer=layer, cursor=-1, layer_cursor=-1)]
