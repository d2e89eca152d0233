"""One visitor's live run: a comparison, what its player is set to, and the page's open question.

The comparison and the player belong to the worker that has the run's turn. Others put commands into the bounded inbox,
and ask through `ask` and `insist`, which a lock guards.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bnviz.experiment.config import MAX_STEP, ExperimentConfig, Intervention
from bnviz.experiment.footprint import memory
from bnviz.experiment.own_table import NO_TABLES, Tables
from bnviz.experiment.verdicts import verdicts
from bnviz.live import describe
from bnviz.live.copies import Copies, RunCopy
from bnviz.live.measuring import Answer, Measurements
from bnviz.live.packing import pack
from bnviz.live.questions import Message, OpenQuestion, Question, to_json
from bnviz.live.remote import Asked, RemoteComparison
from bnviz.live.trainer import LostError, Trainer

if TYPE_CHECKING:
    from bnviz.live.watched import Home

SLICE = 0.015
SNAPSHOT_INTERVAL = 0.05
UNWATCHED_AFTER = 2.0
VERDICT_INTERVAL = 0.5
RATE_MEMORY = 1.0
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
        self.open = OpenQuestion()
        self._comparison: RemoteComparison | None = None
        self._requested = (tuple(arms), tuple(names))
        self.nbytes = memory(arms)
        self._tables = tables
        self._until = until
        self._wanted: Experiment | None = None
        self._measurements = Measurements()
        self.copies = Copies()
        self._reset_player()

    def _reset_player(self) -> None:
        self._measurements.clear()
        self.playing = False
        self.speed = 0.0
        self._owed = 0
        self._next_step = 0.0
        self._stale = True
        self._verdicts: tuple[float, list[dict[str, Any]]] = (-1.0, [])
        self._marks: deque[tuple[float, int]] = deque()

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
            self._inbox.clear()
            self._owed = 0
            self._inbox.append(command)

    def want(self, arms: Sequence[ExperimentConfig], names: Sequence[str], until: int | None, tables: Tables) -> None:
        """Have the run start anew with another experiment before all else, whatever becomes of its commands.

        A page says once what it wants: neither a line that blinks, nor a lost place, nor an error takes that back.
        """
        with self._lock:
            self._inbox.clear()  # meant for the experiment before
            self._owed = 0
            self._wanted = (tuple(arms), tuple(names), until, tables)
            self.nbytes = memory(arms)
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
        self._comparison, self._settled = None, False
        self.generation += 1
        self._reset_player()

    def play(self) -> None:
        """Train whenever this run has its turn; where it was to pause and did, go on beyond."""
        self._pass_stop()
        self._owed = 0
        self.playing = not self.comparison.finished
        self._marks.clear()

    def _pass_stop(self) -> None:
        """Where the run was to pause and did, it may go on beyond."""
        if self.comparison.stopped:
            self.stop_at(None)

    def pause(self) -> None:
        """Stop, after one more step that is captured, so that what is shown is what has been trained."""
        if self.playing:
            self.playing = False
            self.comparison.advance(steps=1, capture=True)

    def advance(self, count: int) -> None:
        """Make a few steps, all captured, and pause; they take as many turns as they need."""
        self._pass_stop()
        self.playing = False
        self._owed = count

    def rewind(self) -> None:
        """Go back to step 0 with the same initial weights."""
        self.comparison.rewind()
        self._begin_again()

    def reseed(self) -> None:
        """Go back to step 0 with new initial weights."""
        self.comparison.reseed()
        self._begin_again()

    def forget(self) -> None:
        """Go back to step 0 without what was switched; kept on, the run would be one that no link replays."""
        self.comparison.rewind(forget=True)
        self._begin_again()

    def turn(self, arm: int, intervention: Intervention) -> None:
        """Turn a knob of one arm at its next step."""
        if not 0 <= arm < len(self.comparison.configs):
            raise CommandError(f"arm must be from 0 to {len(self.comparison.configs) - 1}; got {arm}")
        self.comparison.turn(arm, intervention)

    def set_speed(self, steps_per_second: float) -> None:
        """Train at most so many steps a second; 0 is flat out."""
        self.speed, self._next_step = steps_per_second, 0.0
        self._marks.clear()

    def measure(self, what: str, answer: Answer) -> None:
        """Measure all arms at their next step, on copies, while the run goes on; `answer` gets the page's message."""
        if not self._measurements.ask(what, answer):
            raise CommandError("this is being measured already: its answer comes as soon as it is there")

    def abandon(self) -> None:
        """Pause without another step: nobody watches any more."""
        self._measurements.clear()
        self.playing = False
        self._owed = 0

    def stop_at(self, step: int | None) -> None:
        """Pause exactly at a step that is still to come, or never."""
        made = self.comparison.step - 1
        if step is not None and not made <= step <= MAX_STEP:
            raise CommandError(f"pause at a step from {made} (now) to {MAX_STEP}, or rewind first; got {step}")
        self.comparison.stop_at = self._until = step

    # The worker's side -------------------------------------------------------------------------------------------

    @property
    def started(self) -> bool:
        """Whether there are networks yet: a run that nobody has asked costs next to nothing."""
        return self._comparison is not None

    @property
    def home(self) -> Home | None:
        """The process that trains it, chosen between two turns where networks are to be made; None for this one."""
        if not self.placed and not self.started:
            return None
        if not self._settled and not self.started:
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

    def _begin_again(self) -> None:
        self.generation += 1
        speed = self.speed
        self._reset_player()
        self.speed = speed
        self.comparison.stop_at = self._until
        self.comparison.advance(steps=1)

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
            self._begin_lost()
            return None

    def _work(self) -> float | None:
        now = time.monotonic()
        self._renew()
        self.copies.serve(self.copy)
        while not self._owed and time.monotonic() - now < SLICE and (command := self._next_command()) is not None:
            command(self)
            self._stale = True
        watched = now - self.asked < UNWATCHED_AFTER
        if self._owed:
            self._pay(now)
        elif self.playing and watched and self.placed:
            self.used = now
            self._train(now)
        measuring = watched and self._measurements.waiting
        if measuring:  # beside the training: such a turn is twice as long
            self._measurements.work(self.comparison, self.generation, SLICE)
        self._answer()
        if self._inbox or self._owed or measuring:
            return now
        if not (self.playing and watched and self.placed):
            return None
        return self._next_step if self.speed else now

    def fail(self) -> None:
        """Pause and tell the page, after an error that should not have happened; the server goes on."""
        self.playing, self._owed = False, 0
        self._measurements.clear()
        self._inbox.clear()
        self.open.refuse("the training stopped by an error on the server: rewind, or change the experiment")

    def _begin_lost(self) -> None:
        """Begin again, with what was switched, after the networks have gone with the process that trained them."""
        if self._comparison is not None:
            self._requested = (tuple(self._comparison.configs), self._requested[1])
        self.dissolve()
        self.open.refuse(
            "The training was ended on the server, perhaps for want of memory. It is back at step 0: press Play."
        )

    def _pay(self, now: float) -> None:
        """Make the single steps that were asked for, as many as one turn holds."""
        while time.monotonic() - now < SLICE:
            with self._lock:  # while a step is made, its page may go and cancel the rest
                if not self._owed:
                    break
                self._owed -= 1
            if not self.comparison.advance(steps=1, capture=True):
                self._owed = 0
        self._stale = True

    def _train(self, now: float) -> None:
        comparison = self.comparison
        if self.speed:
            if now < self._next_step:
                return
            made = comparison.advance(steps=1, capture=self.speed <= 1 / SNAPSHOT_INTERVAL)
            self._next_step = max(now - SLICE, self._next_step) + 1 / self.speed
        else:
            made = comparison.advance(seconds=SLICE)
        self._marks.append((time.monotonic(), made))
        while self._marks[0][0] < now - RATE_MEMORY:
            self._marks.popleft()
        if comparison.finished or comparison.stopped:
            self.playing = False
            self._stale = True

    def _rate(self) -> float:
        if not self.playing or len(self._marks) < 2:
            return 0.0
        return sum(made for _, made in list(self._marks)[1:]) / max(1e-3, self._marks[-1][0] - self._marks[0][0])

    def _answer(self) -> None:
        """Answer the open question if anything is newer than the page knows, or if it has waited long enough."""
        question = self.open.question
        if question is None or not (self.placed or self.started):
            return  # without a place no networks are made: the question stays open
        histories = self.comparison.histories
        fresh = question.generation == self.generation
        newest = max(int(history.ids[-1]) for history in histories)
        behind = question.cursor < newest or question.layer_cursor < newest
        if fresh and not (behind or self._stale or self.open.impatient):
            return
        if self.open.answer(question, self._messages(question, fresh=fresh)):
            self._stale = False

    def _messages(self, question: Question, *, fresh: bool) -> list[Message]:
        comparison = self.comparison
        layers = min(config.hidden_layers for config in comparison.configs)
        state, arms = self._state(verdicts_too=not fresh), describe.arms(comparison)
        layer = min(max(question.layer, 0), layers - 1)
        if fresh:
            cursors = {"cursor": question.cursor, "layer_cursor": question.layer_cursor}
            return [pack(state, comparison.histories, arms, layer=layer, **cursors)]
        meta = {"type": "meta", "generation": self.generation, **describe.meta(comparison, self._requested[1])}
        return [to_json(meta), pack(state, comparison.histories, arms, layer=layer, cursor=-1, layer_cursor=-1)]

    def _state(self, *, verdicts_too: bool) -> dict[str, Any]:
        comparison = self.comparison
        finished = None
        if comparison.finished:
            finished = "every network has diverged: rewind, or change the experiment"
        elif comparison.stopped and not self.playing:
            finished = f"paused at step {comparison.step - 1}, as asked"
        state: dict[str, Any] = {
            "generation": self.generation, "playing": self.playing, "finished": finished, "step": comparison.step - 1,
            "steps_per_second": round(self._rate(), 1), "until": comparison.stop_at, "speed": self.speed,
            "seed": comparison.configs[0].seed,
        }  # fmt: skip
        now = time.monotonic()
        if verdicts_too or self._stale or now - self._verdicts[0] >= VERDICT_INTERVAL:
            found = [asdict(verdict) for verdict in verdicts(comparison.histories, comparison.chances)]
            if verdicts_too or self._stale or found != self._verdicts[1]:
                state["verdicts"] = found
            self._verdicts = (now, found)
        return state
