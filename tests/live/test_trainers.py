"""What trains in a process of its own is the same to the bit, and a process that ends takes no other run along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.own_table import NO_TABLES
from bnviz.live.questions import Question
from bnviz.live.remote import RemoteComparison
from bnviz.live.run import LiveRun
from bnviz.live.trainer import LostError, Trainer
from bnviz.live.trainers import Trainers
from bnviz.sharing.link import from_preset
from bnviz.sharing.table_file import read_table
from bnviz.sharing.table_link import moved
from bnviz.training.comparison import Comparison
from tests.live.conftest import TWINS, wait_for
from tests.live.test_stream import DIVERGING
from tests.own_tables import iris_table

FAR = 10**9
ROOT = Path(__file__).parents[2]
PAIR = (DIVERGING, TWINS[1])
KILLED = """
import os, psutil, signal
from bnviz.live.trainers import Trainers
if __name__ == "__main__":
    trainers = Trainers(2)
    trainers.warm_up()
    print(*[one.pid for one in psutil.Process().children(recursive=True)], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
STEPS = (3, 1, 7, 5)


@pytest.fixture(scope="module")
def trainers() -> Iterator[Trainers]:
    found = Trainers(2)
    yield found
    found.stop()


@pytest.fixture
def remote(trainers) -> Iterator[RemoteComparison]:
    comparison = RemoteComparison(trainers.choose(Chooser()), TWINS, NO_TABLES, FAR)
    yield comparison
    comparison.close()


class Chooser:
    """What is known of a run when its trainer is chosen."""

    def __init__(self, playing: bool = False, started: bool = True) -> None:
        self.placed = True
        self.playing, self.trained = playing, started


def processes() -> set[psutil.Process]:
    """The processes that train for this one."""
    found = set()
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ends just now
            if "bnviz-nursery" in "".join(one.cmdline()):
                found.add(one)
    return found


def assert_same(remote: RemoteComparison, local: Comparison) -> None:
    assert remote.step == local.step
    assert list(remote.configs) == local.configs
    assert list(remote.chances) == local.chances
    assert list(remote.diverged) == local.diverged
    assert (remote.finished, remote.stopped, remote.stop_at) == (local.finished, local.stopped, local.stop_at)
    for there, here in zip(remote.histories, local.histories, strict=True):
        assert there.ids.tolist() == here.ids.tolist()
        assert there.nbytes == here.nbytes
        for name in (
            ("step", "loss", "percentiles", "histogram", "test_accuracy", "drift_last", "gradient_z")
            if len(here)
            else ()
        ):
            np.testing.assert_array_equal(there[name], here[name])


def advance(comparison: RemoteComparison | Comparison) -> None:
    for count in STEPS:
        comparison.advance(steps=count - 1)
        comparison.advance(steps=1, capture=True)


def test_a_comparison_elsewhere_is_the_same_to_the_bit_through_all_that_is_done_to_it(remote):
    local = Comparison(TWINS, interval=FAR)
    for one in (remote, local):
        one.advance(steps=1)
    assert_same(remote, local)
    for doing in (
        advance,
        lambda one: one.turn(0, Intervention(normalization="batch")),
        advance,
        lambda one: one.turn(1, Intervention(learning_rate=0.01)),
        advance,
        lambda one: one.rewind(),
        advance,
        lambda one: one.rewind(forget=True),
        lambda one: setattr(one, "stop_at", 4),
        advance,
        lambda one: one.reseed(),
        lambda one: one.advance(steps=1, capture=True),
        lambda one: one.reseed(77),
        lambda one: one.advance(steps=2, capture=True),
    ):
        for one in (remote, local):
            doing(one)
        assert_same(remote, local)


def test_an_arm_that_breaks_and_its_error_arrive_as_they_are_and_the_other_arm_goes_on(trainers):
    remote = RemoteComparison(trainers.choose(Chooser()), PAIR, NO_TABLES, FAR)
    local = Comparison(PAIR, interval=FAR)
    words = []
    for one in (remote, local):
        one.advance(steps=60)
        with pytest.raises(ConfigError, match="broke at step") as refused:
            one.turn([bool(broken) for broken in one.diverged].index(True), Intervention(learning_rate=0.1))
        words.append((str(refused.value), refused.value.field))
    assert words[0] == words[1]
    assert_same(remote, local)
    remote.close()


def test_what_was_given_up_is_gone_and_the_others_stay(trainers):
    trainer = trainers.choose(Chooser())
    one, other = (RemoteComparison(trainer, TWINS, NO_TABLES, FAR) for _ in range(2))
    one.close()
    with pytest.raises(LostError):
        one.advance(steps=1)
    assert other.advance(steps=1) == 1
    one.close()
    other.close()


def test_the_trainer_with_the_fewest_that_play_is_chosen_then_the_one_with_the_fewest():
    before, trainers = processes(), Trainers(2)
    playing = [Chooser(playing=True), Chooser(playing=True)]
    first, second = (trainers.choose(one) for one in playing)
    assert first is not second
    playing[0].playing = False
    idle = [Chooser(), Chooser(), Chooser()]
    assert [trainers.choose(one) for one in idle] == [first] * 3, "nobody plays there"
    playing[1].playing = False
    assert trainers.choose(Chooser()) is second, "it has fewer"
    idle.clear()
    playing.append(late := Chooser())
    assert trainers.choose(late) is first, "who has gone counts no more"
    assert processes() == before, "none is started before it is needed"


def test_who_is_about_to_play_counts_as_if_it_did():
    trainers = Trainers(2)
    first = Chooser(playing=True)
    one = trainers.choose(first)
    waiting = [Chooser(started=False) for _ in range(5)]
    assert [trainers.choose(run) is one for run in waiting] == [False, True, False, True, False]


def test_where_none_are_wanted_each_run_trains_in_this_process():
    trainers = Trainers(0)
    assert isinstance(trainers.choose(Chooser()), Trainer)
    assert trainers.choose(Chooser()) is not trainers.choose(Chooser())


def test_a_run_whose_process_is_killed_begins_again_with_what_was_switched_and_the_other_goes_on():
    before = processes()
    trainers = Trainers(2)
    heard: list[list[str | bytes]] = []
    runs = [LiveRun(TWINS, ("a", "b"), trainer=trainers.choose) for _ in range(2)]
    homes = []
    for run in runs:
        already = processes()
        run.comparison.advance(steps=5)
        homes.append(processes() - already)
    assert runs[0].home is not runs[1].home
    runs[0].turn(0, Intervention(normalization="batch"))
    runs[0].comparison.advance(steps=2, capture=True)
    switched = runs[0].comparison.configs
    victim = max(homes[0], key=lambda one: one.pid)  # the nursery came before it
    os.kill(victim.pid, signal.SIGKILL)

    generation = runs[0].generation
    runs[0].ask(Question(generation, FAR, 0, FAR, heard.append))
    runs[0].order(LiveRun.play)
    runs[0].work()
    runs[0].work()
    assert runs[0].generation > generation
    assert any("back at step 0" in str(message) for messages in heard for message in messages)
    assert runs[0].comparison.configs == switched
    assert runs[0].comparison.step == 1
    assert runs[1].comparison.advance(steps=1) == 1
    assert runs[1].comparison.step == 7

    trainers.stop()
    wait_for(lambda: not processes() - before, "the end of all its processes")


def test_they_end_with_the_process_that_started_them(tmp_path):
    script = tmp_path / "dies.py"
    script.write_text(KILLED)
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, script]
    result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == -signal.SIGKILL, result.stderr
    left = [int(word) for word in result.stdout.split()]
    assert len(left) >= 2
    wait_for(lambda: not any(psutil.pid_exists(one) for one in left), "the end of all")


def test_the_deepest_network_travels(trainers):
    config = ExperimentConfig(dataset="digits", hidden_layers=30, width=100, batch_size=64)
    remote, local = RemoteComparison(trainers.choose(Chooser()), [config], NO_TABLES, FAR), Comparison([config])
    for one in (remote, local):
        one.advance(steps=1, capture=True)
    assert_same(remote, local)
    remote.close()


def test_a_trainer_holds_equal_tables_once_and_another_one_of_the_same_name_apart():
    trainer, table = Trainer(), iris_table()
    other = read_table(table.ref.name, table.source.replace(b"5.1", b"5.2"))
    arms = moved(from_preset("headline"), table, range(2)).arms
    for one in (table, iris_table()):
        RemoteComparison(trainer, arms, {str(table.ref): one}, FAR)
    arms = moved(from_preset("headline"), other, range(2)).arms
    RemoteComparison(trainer, arms, {str(other.ref): other}, FAR)
    first, second, third = (one.trainings[0].data for one in trainer._comparisons.values())
    assert first is second
    assert not np.array_equal(first.train_x, third.train_x)
    assert all(not table.source for table in trainer._tables.values()), "the file itself is not sent"
