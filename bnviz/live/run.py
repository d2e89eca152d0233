"""One visitor's live run: a comparison, its player, and its answers to the page.

They belong to the worker that has the run's turn. Others put commands into the bounded inbox, and ask through `ask` and
`insist`, which a lock guards.

A run has no networks yet, or it has some, or it rests: of networks that nobody looked at, the histories are left. What
needs the networks then has them trained up to the same step again first. Knobs and single steps wait for that, in
their order; whatever leads back to step 0 does not.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bnviz.experiment.config import MAX_STEP, ExperimentConfig, Intervention
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.footprint import memory
from bnviz.experiment.own_table import NO_TABLES, Tables
from bnviz.live.answers import Answers
from bnviz.live.copies import Copies, RunCopy
from bnviz.live.measuring import Answer, Measurements
from bnviz.live.player import SLICE, SNAPSHOT_INTERVAL, Player
from bnviz.live.questions import Question
from bnviz.live.remote import Asked, RemoteComparison
from bnviz.live.trainer import LostError, Trainer

if TYPE_CHECKING:
    from bnviz.live.watched import Home

UNWATCHED_AFTER = 2.0
MAX_WAITING = 32


class CommandError(ValueError):
    """A page's message that cannot be carried out; the text says what is allowed."""


Command = Callable[["LiveRun"], None]
Experiment = tuple[tuple[ExperimentConfig, ...], tuple[str, ...], int | None, Tables]


class LiveRun:
    """A comparison that trains while its page asks for it.

    asked, used: when its page last pulled, and when somebody last used it: by a command, or by letting it play.
    nbytes: what its networks and histories may come to take.
    placed: whether it may have networks made and train; where not, what it has measured can still be read.
    """

    trains = True

    def __init__(
        self,
        arms: Sequence[ExperimentConfig],
        names: Sequence[str],
        until: int | None = None,
        tables: Tables = NO_TABLES,
        trainer: Callable[[LiveRun], Asked] = lambda _: Trainer(),
    ) -> None:
        self._choose = trainer
        self._trainer: Asked | None = None
        self._settled = False
        self.asked = self.used = time.monotonic()
        self.placed = True
        self.generation = 0
        self._lock = threading.Lock()
        self._inbox: deque[Command] = deque()
        self._comparison: RemoteComparison | None = None
        self._requested = (tuple(arms), tuple(names))
        self.nbytes = memory(arms)
        self._tables = tables
        self._until = until
        self._wanted: Experiment | None = None
        self._player, self._answers, self._measurements = Player(), Answers(), Measurements()
        self.open = self._answers.open
        self._later: list[int | tuple[int, Intervention]] = []  # steps and knobs that wait for the networks' return
        self._leaving = False
        self.copies = Copies()

    # From any thread ---------------------------------------------------------------------------------------------

    def order(self, command: Command) -> None:
        """Have a command obeyed at the next turn; raises `CommandError` where too many wait already."""
        if len(self._inbox) >= MAX_WAITING:
            raise CommandError(f"at most {MAX_WAITING} commands may wait: the network is busy with those before")
        self.used = time.monotonic()
        self._inbox.append(command)

    def use(self) -> None:
        """Note that somebody uses the run: its times of being left alone begin anew."""
        self.asked = self.used = time.monotonic()

    def order_instead(self, command: Command) -> None:
        """Have this command obeyed in place of all that wait, and of the steps still to be made."""
        with self._lock:
            if self._leaving and command is LiveRun.abandon:
                command = LiveRun.rest  # which has not been obeyed yet, and does that as well
            self._inbox.clear()
            self._inbox.append(command)
            self._player.cancel()

    def put_away(self) -> None:
        """Have the networks given up: they are no longer counted on from now on."""
        self._leaving = True
        self.order_instead(LiveRun.rest)

    def want(self, arms: Sequence[ExperimentConfig], names: Sequence[str], until: int | None, tables: Tables) -> None:
        """Have the run start anew with another experiment before all else, whatever becomes of its commands.

        A page says once what it wants: neither a line that blinks, nor a lost place, nor an error takes that back.
        """
        with self._lock:
            self._inbox.clear()  # meant for the experiment before
            self._wanted = (tuple(arms), tuple(names), until, tables)
            self.nbytes = memory(arms)
            self._player.cancel()
        self.use()

    def _renew(self) -> None:
        """Begin the experiment that is wanted, if another one is."""
        with self._lock:
            wanted, self._wanted = self._wanted, None
        if wanted is not None:
            self.configure(*wanted)

    def _next_command(self) -> Command | None:
        with self._lock:  # between a look and a taking, the inbox may be emptied
            if self._wanted is not None:
                return LiveRun._renew  # what waits was ordered after it
            return self._inbox.popleft() if self._inbox else None

    def ask(self, question: Question | None) -> None:
        """Put the page's question, which is answered as soon as something is newer; an older one is dropped."""
        self.asked = time.monotonic()
        self.open.put(question)

    def insist(self, question: Question) -> None:
        """Have a question answered even with nothing new, if it is still open."""
        self.open.insist(question)

    # What a page may ask for -------------------------------------------------------------------------------------

    def configure(
        self,
        arms: Sequence[ExperimentConfig],
        names: Sequence[str],
        until: int | None,
        tables: Tables = NO_TABLES,
    ) -> None:
        """Start anew with another configuration, at step 0 and paused."""
        self._requested = (tuple(arms), tuple(names))
        self._tables = tables
        self._until = until
        self.used = time.monotonic()
        self.dissolve()

    def dissolve(self) -> None:
        """Give up the networks and what they measured: they are made anew, at step 0, when the page asks again."""
        if self._comparison is not None:
            self._comparison.close()
        self._comparison, self._settled, self._leaving = None, False, False
        self._player.speed = 0.0
        self._reset()

    def rest(self) -> None:
        """Give up the networks, as nobody looks, and keep what they measured, up to their last step."""
        if self.trained:
            if not self.comparison.away and self.comparison.unseen:
                self.comparison.advance(steps=1, capture=True)
            self.comparison.rest()
            self._settled = False
        self.abandon()
        self._leaving = False

    def play(self) -> None:
        """Train whenever this run has its turn; where it was to pause and did, go on beyond."""
        self._pass_stop()
        if self.comparison.finished:
            self._player.stop()
        else:
            self._forget_steps()
            self._player.play()

    def _pass_stop(self) -> None:
        """Where the run was to pause and did, it may go on beyond."""
        if self.comparison.stopped:
            self.stop_at(None)

    def pause(self) -> None:
        """Stop, after one more step that is captured, so that what is shown is what has been trained."""
        if self.playing:
            self._player.stop()
            if not self.comparison.away:
                self.comparison.advance(steps=1, capture=True)

    def advance(self, count: int) -> None:
        """Make a few steps, all captured, and pause; they take as many turns as they need."""
        self._pass_stop()
        if self.comparison.away:
            self._player.stop()
            self._do_later(count)
        else:
            self._player.owe(count)

    def rewind(self) -> None:
        """Go back to step 0 with the same initial weights."""
        self._present().rewind()
        self._begin_again()

    def reseed(self) -> None:
        """Go back to step 0 with new initial weights."""
        self._present().reseed()
        self._begin_again()

    def forget(self) -> None:
        """Go back to step 0 without what was switched; kept on, the run would be one that no link replays."""
        self._present().rewind(forget=True)
        self._begin_again()

    def turn(self, arm: int, intervention: Intervention) -> None:
        """Turn a knob of one arm at its next step."""
        if not 0 <= arm < len(self.comparison.configs):
            raise CommandError(f"arm must be from 0 to {len(self.comparison.configs) - 1}; got {arm}")
        if self.comparison.away:
            self._do_later((arm, intervention))
        else:
            self.comparison.turn(arm, intervention)

    def _do_later(self, what: int | tuple[int, Intervention]) -> None:
        if len(self._later) >= MAX_WAITING:
            raise CommandError(f"at most {MAX_WAITING} commands may wait until the networks are back at their step")
        self._later.append(what)

    def _forget_steps(self) -> None:
        self._later = [what for what in self._later if not isinstance(what, int)]

    def set_speed(self, steps_per_second: float) -> None:
        """Train at most so many steps a second; 0 is flat out."""
        self._player.set_speed(steps_per_second)

    def measure(self, what: str, answer: Answer) -> None:
        """Measure all arms at their next step, on copies, while the run goes on; `answer` gets the page's message."""
        if not self._measurements.ask(what, answer):
            raise CommandError("this is being measured already: its answer comes as soon as it is there")

    def abandon(self) -> None:
        """Pause without another step, as nobody watches any more; what was switched stays."""
        self._measurements.clear()
        self._forget_steps()
        self._player.stop()

    def stop_at(self, step: int | None) -> None:
        """Pause exactly at a step that is still to come, or never."""
        made = self.comparison.step - 1
        if step is not None and not made <= step <= MAX_STEP:
            raise CommandError(f"pause at a step from {made} (now) to {MAX_STEP}, or rewind first; got {step}")
        self.comparison.stop_at = self._until = step

    # The worker's side -------------------------------------------------------------------------------------------

    @property
    def playing(self) -> bool:
        """Whether it trains whenever it has its turn and is watched."""
        return self._player.playing

    @property
    def started(self) -> bool:
        """Whether it has measured anything yet: a run that nobody has asked costs next to nothing."""
        return self._comparison is not None

    @property
    def trained(self) -> bool:
        """Whether it has networks."""
        comparison = self._comparison
        return comparison is not None and not comparison.resting

    @property
    def keeps_networks(self) -> bool:
        """Whether it has networks, and goes on having them."""
        return self.trained and not self._leaving

    @property
    def held(self) -> int:
        """The bytes that it may come to take as it is: without networks, those of its histories."""
        if self._leaving:
            return 0  # known after its turn
        comparison = self._comparison
        return comparison.nbytes if comparison is not None and comparison.resting else self.nbytes

    @property
    def home(self) -> Home | None:
        """The process that trains it, chosen between two turns where networks are to be made; None for this one."""
        if not self.placed and not self.trained:
            return None
        if not self._settled and not self.trained:
            self._trainer = None
        trainer = self._home()
        return trainer if trainer.apart else None

    def _home(self) -> Asked:
        if self._trainer is None:
            self._trainer, self._settled = self._choose(self), True
        return self._trainer

    @property
    def comparison(self) -> RemoteComparison:
        """The comparison, made at its first use."""
        if self._comparison is None:
            self._comparison = RemoteComparison(self._home(), self._requested[0], self._tables, SNAPSHOT_INTERVAL)
            self._comparison.stop_at = self._until
            self._comparison.advance(steps=1)
        return self._comparison

    def _present(self) -> RemoteComparison:
        """The comparison with its networks, which may still be on their way back to their step."""
        if self.comparison.resting:
            self.comparison.wake(self._home())
        return self.comparison

    def _begin_again(self) -> None:
        self._reset()
        self.comparison.stop_at = self._until
        self.comparison.advance(steps=1)

    def _reset(self) -> None:
        self.generation += 1
        self._measurements.clear()
        self._later.clear()
        self._player.begin_again()
        self._answers.begin_again()

    def copy(self) -> RunCopy:
        """Return what has been measured so far, apart from this run; some milliseconds, for a command to ask."""
        comparison = self.comparison
        return RunCopy(
            histories=tuple(history.copy() for history in comparison.histories),
            names=self._requested[1],
            configs=tuple(comparison.configs),
            chances=tuple(comparison.chances),
        )

    def work(self) -> float | None:
        """Use one turn: obey, train for a slice, answer. Return when the next turn is due, None where nothing waits."""
        try:
            return self._work()
        except LostError:
            self._go_without()
            return None

    def _work(self) -> float | None:
        now = time.monotonic()
        self._renew()
        self.copies.serve(self.copy)
        if not self._away:
            self._do_what_waited()
        self._obey(now)
        watched = self.placed and now - self.asked < UNWATCHED_AFTER
        due = self._return(now, watched) if self._away else self._train(now, watched)
        if self.open.question is not None and (self.placed or self.started):  # else it stays open
            needed = self._needed if self._away else None
            self._answers.work(self.comparison, self._requested[1], self.generation, self._player, back=needed)
        return due

    @property
    def _away(self) -> bool:
        return self.started and self.comparison.away

    @property
    def _needed(self) -> bool:
        """Whether networks that are away have something to do where they were."""
        return self._player.playing or bool(self._later) or self._measurements.waiting

    def _obey(self, now: float) -> None:
        while (
            not self._player.owed and time.monotonic() - now < SLICE and (command := self._next_command()) is not None
        ):
            command(self)
            self._answers.stale = True

    def _train(self, now: float, watched: bool) -> float | None:
        """Make what this turn has time for; return when there is more to do."""
        player, measuring = self._player, watched and self._measurements.waiting
        if player.owed:
            player.pay(self.comparison, now)
            self._answers.stale = True
        elif player.playing and watched:
            self.used = now
            player.train(self.comparison, now)
            self._answers.stale |= not player.playing
        if measuring:  # beside the training: such a turn is twice as long
            self._measurements.work(self.comparison, self.generation, SLICE)
        if self._inbox or player.owed or measuring:
            return now
        return player.due(now) if player.playing and watched else None

    def _return(self, now: float, watched: bool) -> float | None:
        """Train towards the step at which the networks were given up, if there is anything for them to do there."""
        if not (watched and self._needed):
            return now if self._inbox else None
        self.used = now
        self._present().go_back(SLICE)
        self._answers.stale |= not self.comparison.away
        return now

    def _do_what_waited(self) -> None:
        """Once the networks are back, what was ordered meanwhile comes before whatever is ordered now."""
        while self._later and not self._player.owed:
            what = self._later.pop(0)
            self._answers.stale = True
            if isinstance(what, int):
                self._player.owe(what)
                continue
            try:
                self.comparison.turn(*what)
            except ConfigError as error:
                self.open.refuse(str(error))

    def fail(self) -> None:
        """Pause and tell the page, after an error that should not have happened; the server goes on."""
        self.abandon()
        self._inbox.clear()
        self._leaving = False
        self.open.refuse("the training stopped by an error on the server: rewind, or change the experiment")

    def _go_without(self) -> None:
        """Begin again with what was switched, after the networks have gone with the process that trained them.

        On their way back nothing is lost but the way.
        """
        if self._away:
            self.comparison.rest()
            self._settled = False
            self.abandon()
            self._later.clear()
            self.open.refuse("The networks could not be brought back, perhaps for want of memory: press Play again.")
            return
        if self._comparison is not None:
            self._requested = (tuple(self._comparison.configs), self._requested[1])
        self.dissolve()
        self.open.refuse(
            "The training was ended on the server, perhaps for want of memory. It is back at step 0: press Play."
        )
