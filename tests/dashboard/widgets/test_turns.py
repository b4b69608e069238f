"""Readers in turn: few at once, in the order they came, and nobody waits for ever."""

import threading
import time

import pytest

from dashboard.widgets import turns


@pytest.fixture
def one_at_once(monkeypatch):
    monkeypatch.setattr(turns, "_free", threading.Semaphore(1))


def started(work, *arguments):
    thread = threading.Thread(target=work, args=arguments)
    thread.start()
    return thread


def test_no_more_than_so_many_run(monkeypatch):
    monkeypatch.setattr(turns, "_free", threading.Semaphore(3))
    running, most, lock = 0, 0, threading.Lock()

    def script():
        nonlocal running, most
        with turns.turn():
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.02)
            with lock:
                running -= 1

    threads = [started(script) for _ in range(12)]
    for thread in threads:
        thread.join()
    assert most == 3


def test_first_come_first_served(one_at_once):
    order = []

    def script(i):
        with turns.turn():
            order.append(i)

    with turns.turn():
        threads = []
        for i in range(6):
            threads.append(started(script, i))
            time.sleep(0.02)  # so that they come in this order
    for thread in threads:
        thread.join()
    assert order == list(range(6))


def test_a_script_that_fails_gives_its_turn_back(one_at_once):
    with pytest.raises(ValueError, match="as a page may"), turns.turn():
        raise ValueError("as a page may")
    with turns.turn():
        assert not turns._free.acquire(blocking=False)
    assert turns._free.acquire(blocking=False)


def test_a_slow_script_holds_nobody_up_for_ever(one_at_once, monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.05)
    with turns.turn():
        other = threading.Event()

        def script():
            with turns.turn():
                other.set()

        started(script).join()
        assert other.is_set()
        assert not turns._free.acquire(blocking=False)  # it gave back none that it never had
