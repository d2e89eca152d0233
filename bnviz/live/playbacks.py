"""How many recordings may be played at once, in how much memory, and which of them make room for another."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from bnviz.live.limits import Limits
from bnviz.live.places import KEPT_FOR, MIB, FullError, Seat
from bnviz.live.playback import Playback


def playbacks(seats: Iterable[Seat]) -> list[Seat]:
    """Of some seats, those with recordings."""
    return [seat for seat in seats if isinstance(seat.run, Playback)]


def check_room(seats: Sequence[Seat], own: Seat | None, limits: Limits) -> None:
    """Whether there is room for one more beside these, or one in place of a session's own; else `FullError`."""
    if len(seats) - (own is not None) >= limits.recordings:
        raise FullError(f"All {limits.recordings} places for recordings are taken: try again in a minute.")


def making_room(seats: Sequence[Seat], own: Seat | None, playback: Playback, limits: Limits) -> list[Seat]:
    """Return who has to go for another recording's numbers: the longest left of those that nobody watches.

    Raises `FullError` where that is not enough.
    """
    now, gone = time.monotonic(), []
    others = [seat for seat in seats if seat is not own]
    unwatched = [seat for seat in others if seat.socket is None and now - seat.left > KEPT_FOR]
    unwatched.sort(key=lambda seat: -seat.left)
    while _memory([playback, *(seat.run for seat in others)]) > limits.recordings_mib * MIB:
        if not unwatched:
            own_share = _memory([playback]) / MIB
            raise FullError(
                f"The recordings that are open on this server may take {limits.recordings_mib} MiB in all, and this "
                f"one would take {own_share:.0f} more: try again in some minutes, or record fewer steps."
            )
        gone.append(unwatched.pop())
        others.remove(gone[-1])
    return gone


def _memory(runs: Iterable[object]) -> int:
    """Bytes of the histories that recordings play; what several pages share is counted once."""
    histories = {id(one): one for run in runs if isinstance(run, Playback) for one in run.histories}
    return sum(history.nbytes for history in histories.values())
