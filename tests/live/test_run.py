"""One live run: what its page leaves behind ends with it."""

from __future__ import annotations

import pytest

from bnviz.experiment.config import ExperimentConfig
from bnviz.live.run import LiveRun
from bnviz.training.comparison import Comparison

ARM = ExperimentConfig(dataset="wine", hidden_layers=1, width=4, batch_size=8)


def test_a_page_that_goes_while_its_steps_are_made_ends_them(monkeypatch: pytest.MonkeyPatch):
    run = LiveRun((ARM, ARM), ("a", "b"))
    made: list[int] = []
    advance = Comparison.advance

    def leave_meanwhile(self: Comparison, **how: object) -> int:
        made.append(1)
        if len(made) == 3:
            run.order_instead(LiveRun.abandon)
        return advance(self, **how)

    run.order(lambda run: run.advance(100))
    run.work()
    made.clear()
    monkeypatch.setattr(Comparison, "advance", leave_meanwhile)
    for _ in range(20):
        if run.work() is None:
            break
    assert run.work() is None
    assert len(made) == 3
