"""The gate: real threads, a real pipe."""

import threading
from concurrent.futures import ThreadPoolExecutor

from flock.gate import Gate
from tests.conftest import PATIENCE, until


def test_no_more_speak_at_once_than_there_are_places() -> None:
    """Forty come, three get in; each that leaves lets another one in."""
    gate, lock, leave = Gate(3), threading.Lock(), threading.Event()
    inside = most = 0

    def speak() -> None:
        nonlocal inside, most
        with gate:
            with lock:
                inside += 1
                most = max(most, inside)
            leave.wait(PATIENCE)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(40) as pool:
        sheep = [pool.submit(speak) for _ in range(40)]
        until("three are in", lambda: inside == 3 and gate.waiting == 37)
        leave.set()
        for each in sheep:
            each.result(timeout=PATIENCE)
    assert most == 3
    assert gate.waiting == 0


def test_an_open_gate_lets_everybody_through() -> None:
    """Six hundred wait behind one who stays, and those who come later need not."""
    gate, leave = Gate(1), threading.Event()

    def speak() -> None:
        with gate:
            pass

    def stay() -> None:
        with gate:
            leave.wait(PATIENCE)

    with ThreadPoolExecutor(601) as pool:
        pool.submit(stay)
        sheep = [pool.submit(speak) for _ in range(600)]
        until("all wait", lambda: gate.waiting == 600)
        gate.open()
        for each in [*sheep, pool.submit(speak)]:
            each.result(timeout=PATIENCE)
        leave.set()
    assert gate.waiting == 0


def test_a_place_is_free_again_after_a_mishap() -> None:
    """What goes wrong inside leaves no place taken."""
    gate = Gate(1)
    for _ in range(3):
        try:
            with gate:
                raise ValueError
        except ValueError:
            pass
    with gate:
        assert gate.waiting == 0
