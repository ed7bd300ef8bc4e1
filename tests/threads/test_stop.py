"""The stop event: real threads on real pipes."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from flock.errors import BadOption
from flock.threads.stop import StopEvent
from tests.conftest import TIMEOUT, no_more_files, open_pipes, until

LONG = 3600.0  # seconds


@contextmanager
def waiting(stop: StopEvent, threads: int) -> Iterator[list["Future[bool]"]]:
    """Let so many threads wait for an hour; stop them in the end."""
    entered = threading.Semaphore(0)

    def wait() -> bool:
        entered.release()
        return stop.wait(LONG)

    with ThreadPoolExecutor(threads) as pool:
        try:
            futures = [pool.submit(wait) for _ in range(threads)]
            for _ in futures:
                assert entered.acquire(timeout=TIMEOUT)
            yield futures
        finally:
            stop.set()


def test_setting_it_wakes_every_thread() -> None:
    """Six hundred that wait for an hour."""
    stop = StopEvent()
    assert not stop.is_set()
    with waiting(stop, 600) as threads:
        stop.set()
        assert all(thread.result(timeout=TIMEOUT) for thread in threads)
    assert stop.is_set()


def test_a_thread_that_comes_later_does_not_sleep() -> None:
    """A sheep that is made while the flock stops does not begin."""
    stop = StopEvent()
    stop.set()
    stop.set()
    assert stop.wait(LONG)


def test_it_sleeps_for_as_long_as_it_is_told() -> None:
    """And says then that the flock was not stopped."""
    assert not StopEvent().wait(0.001)


def test_a_nudge_wakes_every_thread_once() -> None:
    """They return, with False; those that sleep again need another nudge, or the stop."""
    stop = StopEvent()
    rounds: list[int] = []

    def live() -> None:
        nudges = stop.nudges
        while not stop.wait(LONG, nudges):
            rounds.append(nudges)
            nudges = stop.nudges

    def have_woken(times: int) -> bool:
        return len(rounds) >= times

    threads = [threading.Thread(target=live) for _ in range(100)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        asleep = len(rounds)
        stop.nudge()
        until("all have been woken", partial(have_woken, asleep + 100))
    stop.set()
    for thread in threads:
        thread.join(TIMEOUT)
    assert [False] * 100 == [thread.is_alive() for thread in threads]
    assert [0] * 100 + [1] * 100 + [2] * 100 == sorted(rounds)


def test_a_nudge_is_not_lost_on_a_thread_that_is_about_to_sleep() -> None:
    """It read the count, looked at its clock, and was nudged before it came to sleep."""
    stop = StopEvent()
    nudges = stop.nudges
    stop.nudge()
    assert not stop.wait(LONG, nudges)


def test_the_stop_reaches_threads_that_were_nudged_and_threads_that_were_not() -> None:
    """Whichever pipe they sleep on."""
    stop = StopEvent()
    with waiting(stop, 10) as before:
        stop.nudge()
        with waiting(stop, 10) as after:
            stop.set()
            assert [True] * 10 == [thread.result(timeout=TIMEOUT) for thread in after]
        assert 10 == len([thread.result(timeout=TIMEOUT) for thread in before])


def test_an_event_that_is_set_can_be_nudged() -> None:
    """It stays set for those that come later."""
    stop = StopEvent()
    stop.set()
    stop.nudge()
    assert stop.wait(LONG)


def test_pipes_are_closed_when_no_thread_sleeps_on_them() -> None:
    """A thousand nudges, and a thousand flocks in one process, must not use up its files."""
    before = open_pipes()
    stops = [StopEvent() for _ in range(100)]
    assert before + 200 == open_pipes()
    for _ in range(1000):
        stops[0].nudge()
    assert before + 200 == open_pipes()
    del stops
    assert before == open_pipes()


def test_a_pipe_stays_open_while_a_thread_sleeps_on_it() -> None:
    """Else another file could get its number, and the thread would sleep on that."""
    stop = StopEvent()
    before = open_pipes()
    with waiting(stop, 1) as (sleeper,):
        stop.nudge()
        assert not sleeper.result(timeout=TIMEOUT)
        assert before == open_pipes()


def test_thousands_of_threads_share_some_pipes() -> None:
    """One for every 256; each wakes all of its threads."""
    stop, before = StopEvent(), open_pipes()
    stop.expect(600)
    assert before + 4 == open_pipes()
    with waiting(stop, 600) as threads:
        stop.nudge()
        assert not any(thread.result(timeout=TIMEOUT) for thread in threads)
    stop.expect(10)
    assert before + 4 == open_pipes()


@pytest.mark.parametrize("make", [StopEvent, StopEvent().nudge])
def test_where_no_pipe_can_be_opened_the_error_says_what_to_raise(make: Any) -> None:
    """At the start and at a nudge."""
    with no_more_files(), pytest.raises(BadOption) as caught:
        make()
    assert str(caught.value).startswith("this process may open no more files (")
    assert str(caught.value).endswith("): raise LimitNOFILE= in the unit, or ulimit -n")


def test_an_event_that_cannot_be_nudged_still_stops_its_threads() -> None:
    """The pipe that they sleep on stays."""
    stop = StopEvent()
    with waiting(stop, 3) as threads:
        with no_more_files(), pytest.raises(BadOption):
            stop.nudge()
        stop.set()
        assert [True] * 3 == [thread.result(timeout=TIMEOUT) for thread in threads]
