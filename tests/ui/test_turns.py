"""Pages are drawn a few at a time, and none waits for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bnviz.ui.own_tables import OwnTables
from bnviz.ui.turns import Turns
from tests.own_tables import iris
from tests.ui.lab import open_lab


def test_so_many_pages_are_drawn_at_once_and_all_are_drawn():
    turns, lock = Turns(2, patience=60), threading.Lock()
    now, most = [0], [0]
    both = threading.Barrier(2)

    def draw(_number: int) -> None:
        with turns.turn():
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
    turns = Turns(1, patience=60)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), turns.turn():
            raise ZeroDivisionError
    assert not turns._ends


def test_of_many_who_have_waited_long_only_so_many_come_in_as_turns_have_ended():
    now, turns_in, leave = [0.0], [], threading.Event()
    turns = Turns(2, patience=5, clock=lambda: now[0])

    def draw() -> None:
        with turns.turn():
            turns_in.append(now[0])
            leave.wait(60)

    def settled(count: int) -> bool:
        deadline = time.monotonic() + 30
        while (len(turns_in), len(turns._waiting)) != (count, 20 - count) and time.monotonic() < deadline:
            time.sleep(0.005)
        return (len(turns_in), len(turns._waiting)) == (count, 20 - count)

    threads = [threading.Thread(target=draw) for _ in range(20)]
    for thread in threads:
        thread.start()
    try:
        assert settled(2)
        for count in (4, 6):  # all who wait are late, and all pages that are drawn hang
            now[0] += 5
            turns._let_in()
            assert settled(count)
    finally:
        leave.set()
    for thread in threads:
        thread.join(60)
    assert len(turns_in) == 20
    assert not turns._ends
    assert not turns._waiting


def test_who_waits_comes_in_when_a_turn_has_lasted_too_long():
    turns = Turns(1, patience=0.01)
    with turns.turn(), turns.turn():
        pass
    assert not turns._ends


def test_the_app_draws_its_pages_in_turns(monkeypatch):
    turns, taken = Turns(1), []
    monkeypatch.setattr("bnviz.ui.turns.PAGES", turns)
    monkeypatch.setattr("bnviz.ui.lab.stage", lambda _state: taken.append(len(turns._ends)))
    open_lab()
    assert taken == [1], "it is being drawn in one"
    assert not turns._ends, "and has given it back"


def test_a_file_is_read_in_a_turn_of_its_own(monkeypatch):
    turns, taken = Turns(1), []
    monkeypatch.setattr("bnviz.ui.own_tables.FILES", turns)
    monkeypatch.setattr("bnviz.ui.own_tables.SHELF.share", lambda table: taken.append(len(turns._ends)) or table)
    OwnTables().read("iris.csv", iris())
    assert taken == [1]
    assert not turns._ends


def test_a_drawing_waits_until_the_loop_has_gone_round_but_not_for_ever(monkeypatch):
    loop, turns = asyncio.new_event_loop(), Turns(1)
    turns.loop = loop
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        done: list[str] = []
        busy, free = threading.Event(), threading.Event()

        def work() -> None:
            busy.set()
            assert free.wait(30)
            done.append("the loop's work")

        def draw() -> None:
            with turns.turn():
                done.append("the drawing")

        monkeypatch.setattr("bnviz.ui.turns.GIVEN", 30)
        loop.call_soon_threadsafe(work)
        assert busy.wait(30)
        drawing = threading.Thread(target=draw)
        drawing.start()
        assert done == []
        free.set()
        drawing.join(30)
        assert done == ["the loop's work", "the drawing"]

        monkeypatch.setattr("bnviz.ui.turns.GIVEN", 0.01)
        busy.clear(), free.clear()
        loop.call_soon_threadsafe(work)
        assert busy.wait(30)
        draw()
        assert done[2:] == ["the drawing"], "a loop that hangs holds no page back"
        free.set()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
