"""What a page has measured on demand: the values are the engine's own, and the run does not notice."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import bnviz.live.run
from bnviz.experiment.config import Intervention
from bnviz.live.measuring import KINDS
from bnviz.live.questions import Question
from bnviz.live.run import CommandError, LiveRun
from bnviz.training.comparison import Comparison
from bnviz.training.gradient_shift import gradient_shift
from bnviz.training.landscape import landscape
from tests.live.conftest import PATIENCE, TWINS, Client
from tests.live.test_stream import DIVERGING, expected, numbers

OF_SHIFT = ("absolute", "relative", "cosine")
OF_LANDSCAPE = ("multiples", "losses", "changes", "start", "gradient", "minimum", "maximum", "range", "smoothness")


def measured(client: Client, what: str = "", count: int = 1) -> list[dict[str, Any]]:
    """Ask for a measurement, and go on as a page does until so many have come."""
    if what:
        client.send("measure", what=what)
    found: list[dict[str, Any]] = []
    client.ask()
    while len(found) < count:
        message = client.socket.recv(timeout=PATIENCE)
        if isinstance(message, bytes):
            assert client.page is not None
            client.header = client.page.take(message)
            client.ask()
        elif (parsed := json.loads(message))["type"] == "measured":
            found.append(parsed)
        else:
            client.note(parsed)
    return found


def engine(arms, updates: int) -> Comparison:
    comparison = Comparison(arms, every=1)
    comparison.advance(steps=updates)
    return comparison


def plain(value: Any) -> Any:
    """A number, or an array of them, as JSON has it."""
    listed = np.asarray(value, float).tolist()
    if isinstance(listed, list):
        return [plain(one) for one in listed]
    return listed if math.isfinite(listed) else None


def assert_as_the_engine(message: dict[str, Any], arms, updates: int) -> None:
    assert message["step"] == updates
    for sent, training in zip(message["arms"], engine(arms, updates).trainings, strict=True):
        own = landscape(training) if message["what"] == "landscape" else gradient_shift(training)
        for name in OF_LANDSCAPE if message["what"] == "landscape" else OF_SHIFT:
            assert sent[name] == plain(getattr(own, name)), name
        assert sent["reason"] == own.reason


@pytest.mark.parametrize("what", KINDS)
def test_the_values_are_those_of_the_engine_to_the_last_digit(server, what):
    with server.client() as client:
        client.pull()
        client.send("step", count=12)
        client.pull_until(lambda h: h["step"] == 12)
        (message,) = measured(client, what)

    assert (message["what"], message["generation"]) == (what, 0)
    assert_as_the_engine(message, TWINS, 13)  # the page's step 12 is the 13th update


@pytest.mark.parametrize("what", KINDS)
def test_before_anything_was_trained_it_is_of_step_0(server, what):
    with server.client() as client:
        client.pull()
        (message,) = measured(client, what)

    assert_as_the_engine(message, TWINS, 0)


def test_a_knob_that_was_turned_for_the_next_step_is_turned_for_the_measurement_too(server):
    arms = (TWINS[0].replace(interventions=(Intervention(step=6, normalization="batch"),)), TWINS[1])
    with server.client() as client:
        client.pull()
        client.send("step", count=5)
        client.pull_until(lambda h: h["step"] == 5)
        client.send("switch", arm=0, normalization="batch")
        (message,) = measured(client, "gradient-shift")

    assert_as_the_engine(message, arms, 6)


def test_a_run_that_plays_goes_on_and_its_numbers_stay_the_same(server):
    with server.client() as client:
        client.pull()
        client.send("until", step=300)
        client.send("play")
        client.pull_until(lambda h: h["step"] > 5)
        messages = [message for what in KINDS * 3 for message in measured(client, what)]
        client.pull_until(lambda h: not h["playing"] and h["step"] == 300)
        assert numbers(client, 300) == expected(TWINS, 300)

    steps = [message["step"] for message in messages]
    assert steps == sorted(steps)
    assert_as_the_engine(messages[0], TWINS, steps[0])
    assert_as_the_engine(messages[-1], TWINS, steps[-1])


def test_both_kinds_may_wait_and_come_in_order(server):
    with server.client() as client:
        client.pull()
        for what in KINDS:
            client.send("measure", what=what)
        assert [message["what"] for message in measured(client, count=2)] == list(KINDS)


def test_an_arm_that_broke_says_where_and_the_other_one_is_measured(server):
    with server.client((DIVERGING, TWINS[1])) as client:
        client.pull()
        client.send("step", count=100)
        broke = client.pull_until(lambda h: h["arms"][0]["diverged"] and h["step"] == 100)["arms"][0]["diverged"]
        (message,) = measured(client, "landscape")

    broken, well = message["arms"]
    assert broken["reason"] == f"this network diverged at step {broke['step']}, in {broke['where']}"
    assert broken["losses"] == [None] * 8
    assert broken["smoothness"] is broken["range"] is broken["start"] is None
    assert (well["reason"], message["step"]) == (None, 101)
    assert all(isinstance(loss, float) for loss in well["losses"])


@pytest.mark.parametrize("what", [None, "", "loss", 7, ["landscape"], {}, True])
def test_only_what_is_known_is_measured(server, what):
    with server.client() as client:
        client.send("measure", what=what)
        assert "what must be one of gradient-shift, landscape" in client.error()


# --- within one run ------------------------------------------------------------------------------


def watched() -> LiveRun:
    """A run that its page looks at, with nothing to answer."""
    run = LiveRun(TWINS, ("a", "b"))
    run.ask(Question(0, 10**9, 0, 10**9, lambda _: None))
    run.work()
    run.asked = math.inf  # however slow this machine is
    return run


def work_until_idle(run: LiveRun) -> int:
    for turn in range(1000):
        run.use()  # its page is there, however slow this machine is
        if run.work() is None:
            return turn
    raise AssertionError("the run never rests")


def test_of_each_kind_one_may_wait():
    run, answers = watched(), []
    run.measure("landscape", answers.append)
    run.measure("gradient-shift", answers.append)
    with pytest.raises(CommandError, match="measured already"):
        run.measure("landscape", answers.append)
    work_until_idle(run)

    assert [json.loads(answer)["what"] for answer in answers] == ["landscape", "gradient-shift"]
    run.measure("landscape", answers.append)
    work_until_idle(run)
    assert len(answers) == 3


@pytest.mark.parametrize(
    "end",
    [LiveRun.rewind, LiveRun.reseed, LiveRun.forget, LiveRun.abandon, lambda run: run.configure(TWINS, "ab", None)],
    ids=["rewind", "reseed", "forget", "abandon", "configure"],
)
def test_what_was_asked_of_another_generation_is_never_answered(monkeypatch, end):
    monkeypatch.setattr(bnviz.live.run, "SLICE", 0.0)  # one slice a turn
    run, answers = watched(), []
    run.measure("landscape", answers.append)
    run.work()
    run.work()
    assert not answers, "it is under way"
    run.order(end)
    monkeypatch.setattr(bnviz.live.run, "SLICE", 0.01)
    work_until_idle(run)
    assert not answers

    run.measure("landscape", answers.append)
    work_until_idle(run)
    assert json.loads(answers[0])["generation"] == run.generation


def test_all_arms_are_measured_at_one_step_while_the_run_goes_on(monkeypatch):
    monkeypatch.setattr(bnviz.live.run, "SLICE", 0.0)
    run, answers = watched(), []
    for _ in range(3):
        run.comparison.advance(steps=1)
    run.measure("gradient-shift", answers.append)
    while not answers:
        run.work()
        run.comparison.advance(steps=1)

    assert run.comparison.step > 6
    assert_as_the_engine(json.loads(answers[0]), TWINS, 4)


def test_nobody_watching_nothing_is_measured(monkeypatch):
    run, answers = watched(), []
    run.asked = -math.inf
    run.measure("landscape", answers.append)
    assert run.work() is None
    assert not answers
    run.ask(Question(0, 10**9, 0, 10**9, lambda _: None))
    work_until_idle(run)
    assert len(answers) == 1
