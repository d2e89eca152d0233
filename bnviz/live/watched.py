"""What a page can watch: a run that trains, or a recording that is played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bnviz.live.copies import Copies
    from bnviz.live.questions import Question
    from bnviz.live.run import Command


class Home(Protocol):
    """What trains for several runs, one at a time; spent: the CPU seconds that it used in a process of its own."""

    @property
    def spent(self) -> float: ...


class Worked(Protocol):
    """What workers ask of whatever they give turns to."""

    @property
    def home(self) -> Home | None:
        """What a turn has to itself: two runs with the same home have none at the same time."""

    @property
    def trained(self) -> bool:
        """Whether it has the networks that it needs; the turn that makes them is charged with little."""

    def work(self) -> float | None:
        """Use one turn; return when the next one is due, None where nothing waits."""

    def fail(self) -> None:
        """Tell the page, after an error that should not have happened."""


class Watched(Worked, Protocol):
    """What registry, workers and stream ask of a run.

    trains: whether it takes commands and a core's time; placed: whether it may do now what it is told.
    """

    @property
    def started(self) -> bool:
        """Whether it has anything to show: a run that nobody has asked costs next to nothing."""

    trains: bool
    placed: bool
    copies: Copies

    def order(self, command: Command) -> None:
        """Have a command obeyed at the next turn; raises `CommandError`."""

    def order_instead(self, command: Command) -> None:
        """Have this command obeyed in place of all that wait."""

    def ask(self, question: Question | None) -> None:
        """Put the page's question; an older one is dropped."""

    def insist(self, question: Question) -> None:
        """Have a question answered even with nothing new, if it is still open."""
