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


def test_a_run_that_has_lost_its_place_does_not_train_on_before_it_hears_of_it():
    run = LiveRun((ARM,), ("a",))
    run.order(LiveRun.play)
    run.ask(None)
    run.work()
    run.placed, made = False, run.comparison.step
    assert run.work() is None
    assert run.comparison.step == made


def test_what_was_ordered_for_the_experiment_before_is_not_done_in_the_next():
    run = LiveRun((ARM,), ("a",))
    run.order(lambda run: run.advance(5))
    run.want((ARM.replace(hidden_layers=2),), ("a",), None, {})
    run.order(lambda run: run.advance(2))
    while run.work() is not None:
        pass
    assert (run.comparison.step, run.comparison.configs[0].hidden_layers) == (3, 2)
