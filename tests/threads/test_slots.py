"""Slots: real threads that wait for one."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flock.threads.slots import Slots
from tests.conftest import TIMEOUT, until


def test_no_more_threads_are_inside_than_there_are_slots() -> None:
    """Forty come and three get in; each that leaves lets another one in."""
    slots, lock, leave = Slots(3), threading.Lock(), threading.Event()
    inside = most = 0

    def post() -> None:
        nonlocal inside, most
        with slots:
            with lock:
                inside += 1
                most = max(most, inside)
            leave.wait(TIMEOUT)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(40) as pool:
        sheep = [pool.submit(post) for _ in range(40)]
        until("the others wait", lambda: slots.waiting == 37 and inside == 3)
        leave.set()
        for each in sheep:
            each.result(timeout=TIMEOUT)
    assert 3 == most


def test_open_slots_let_every_thread_through() -> None:
    """Six hundred wait behind one that stays inside; those that come later need not wait either."""
    slots, leave = Slots(1), threading.Event()

    def post() -> None:
        with slots:
            pass

    def stay() -> None:
        with slots:
            leave.wait(TIMEOUT)

    with ThreadPoolExecutor(601) as pool:
        staying = pool.submit(stay)
        sheep = [pool.submit(post) for _ in range(600)]
        until("all wait", lambda: slots.waiting == 600)
        assert not any(each.done() for each in sheep)
        slots.open()
        for each in [*sheep, *(pool.submit(post) for _ in range(3))]:
            each.result(timeout=TIMEOUT)
        leave.set()
        staying.result(timeout=TIMEOUT)


def test_a_slot_is_free_again_after_an_exception() -> None:
    """Each of three posts that fail frees the one slot."""
    slots = Slots(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="baa"), slots:
            raise ValueError("baa")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(slots.__enter__).result(timeout=TIMEOUT) is None


def test_a_slot_goes_to_the_thread_that_waits_for_it() -> None:
    """A thread that leaves and comes back at once waits behind it: sheep without an interval keep no other out."""
    slots, entered = Slots(1), []

    def post() -> None:
        with slots:
            entered.append("the other")

    with ThreadPoolExecutor(1) as pool:
        with slots:
            other = pool.submit(post)
            until("the other waits", lambda: slots.waiting == 1)
        with slots:
            entered.append("the first again")
        other.result(timeout=TIMEOUT)
    assert ["the other", "the first again"] == entered
