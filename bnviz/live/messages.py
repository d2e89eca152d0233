"""What a page may say on its stream: each message read by hand, known fields alone, and what it has a run do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bnviz.experiment.config import MAX_STEP, Intervention
from bnviz.live.run import CommandError, LiveRun

MAX_LAYER = 100_000  # a layer that nobody has is answered with the last one
MAX_STEPS_AT_ONCE = 100
SLOWEST = 0.01
Message = Mapping[str, Any]


def whole(message: Message, name: str, low: int, high: int) -> int:
    """Return a message's whole number; raises `CommandError` with what is allowed."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise CommandError(f"{name} must be a whole number from {low} to {high}; got {value!r:.60}")
    return value


def real(message: Message, name: str, low: float, high: float) -> float:
    """Return a message's finite number; raises `CommandError` with what is allowed."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise CommandError(f"{name} must be a number from {low:g} to {high:g}; got {value!r:.60}")
    return float(value)


def _speed(message: Message) -> Callable[[LiveRun], None]:
    value = real(message, "steps_per_second", 0, 1e6)
    if 0 < value < SLOWEST:
        raise CommandError(f"steps_per_second must be 0 (flat out) or from {SLOWEST:g}; got {value:g}")
    return lambda run: run.set_speed(value)


def _step(message: Message) -> Callable[[LiveRun], None]:
    count = whole({"count": 1, **message}, "count", 1, MAX_STEPS_AT_ONCE)
    return lambda run: run.advance(count)


def _until(message: Message) -> Callable[[LiveRun], None]:
    step = None if message.get("step") is None else whole(message, "step", 0, MAX_STEP)
    return lambda run: run.stop_at(step)


def _switch(message: Message) -> Callable[[LiveRun], None]:
    arm = whole(message, "arm", 0, 3)
    intervention = Intervention(normalization=message.get("normalization"))
    return lambda run: run.turn(arm, intervention)


def _learning_rate(message: Message) -> Callable[[LiveRun], None]:
    arm, rate = whole(message, "arm", 0, 3), real(message, "value", 1e-8, 1e4)
    return lambda run: run.turn(arm, Intervention(learning_rate=rate))


COMMANDS: dict[str, Callable[[Message], Callable[[LiveRun], None]]] = {
    "play": lambda _: LiveRun.play,
    "pause": lambda _: LiveRun.pause,
    "rewind": lambda _: LiveRun.rewind,
    "reseed": lambda _: LiveRun.reseed,
    "clear_interventions": lambda _: LiveRun.forget,
    "step": _step,
    "speed": _speed,
    "until": _until,
    "switch": _switch,
    "learning_rate": _learning_rate,
}
