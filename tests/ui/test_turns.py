"""Pages are drawn a few at a time, and none waits for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bnviz.ui.turns import turn
from tests.ui.lab import open_lab


def test_so_many_pages_are_drawn_at_once_and_all_are_drawn():
    turns, lock = threading.BoundedSemaphore(2), threading.Lock()
    now, most = [0], [0]
    both = threading.Barrier(2)

    def draw(_number: int) -> None:
        with turn(turns, patience=60):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            both.wait(60)  # two are here together, else nobody goes on
            with lock:
                now[0] -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(draw, range(8)))
    assert most == [2]


def test_a_page_that_breaks_off_gives_its_turn_back():
    turns = threading.BoundedSemaphore(1)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), turn(turns, patience=0):
            raise ZeroDivisionError
    assert turns.acquire(blocking=False)


def test_who_has_waited_long_enough_is_drawn_without_a_turn_and_gives_none_back():
    turns = threading.BoundedSemaphore(1)
    with turn(turns), turn(turns, patience=0.01):
        pass
    assert turns.acquire(blocking=False)
    assert not turns.acquire(blocking=False)


def test_the_app_draws_its_pages_in_turns(monkeypatch):
    turns = threading.BoundedSemaphore(1)
    monkeypatch.setattr(turn.__wrapped__, "__defaults__", (turns, 0.01))
    taken = []
    monkeypatch.setattr("bnviz.ui.lab.stage", lambda _state: taken.append(turns.acquire(blocking=False)))
    open_lab()
    assert taken == [False], "it is being drawn in one"
    assert turns.acquire(blocking=False), "and has given it back"
