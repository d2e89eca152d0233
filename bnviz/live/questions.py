"""What a page asks of the run that it watches: at most one question is open, and every one of them is answered."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

Message = str | bytes


@dataclass(frozen=True, eq=False)
class Question:
    """A page's request for everything newer; `answer` takes the messages in order and may be called from any thread."""

    generation: int
    cursor: int
    layer: int
    layer_cursor: int
    answer: Callable[[list[Message]], None]


class OpenQuestion:
    """The question that waits, if there is one; impatient: whether it is to be answered even with nothing new."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.question: Question | None = None
        self.impatient = False
        self._refusal: str | None = None

    def put(self, question: Question | None) -> None:
        """Put a question in place of the one before; what could not be said before is its answer."""
        with self._lock:
            self.question, self.impatient = question, False
            refusal = self._refusal if question is not None else None
        if refusal is not None:
            self.refuse(refusal)

    def insist(self, question: Question) -> None:
        """Have it answered even with nothing new, if it is still open."""
        with self._lock:
            if self.question is question:
                self.impatient = True

    def answer(self, question: Question, messages: list[Message]) -> bool:
        """Answer it, unless another one was put meanwhile, which the next turn answers; whether it was."""
        with self._lock:
            if self.question is not question:
                return False
            self.question = None
        question.answer(messages)
        return True

    def refuse(self, message: str) -> None:
        """Answer it with an error, or the next one where there is none."""
        with self._lock:
            question, self.question = self.question, None
            self._refusal = message if question is None else None
        if question is not None:
            with suppress(RuntimeError):  # its page has gone
                question.answer([to_json({"type": "error", "message": message})])


def to_json(message: dict[str, Any]) -> str:
    """Return a message as strict JSON in few bytes."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False)
