"""The wall clock and the virtual one."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.clock import Clock, SystemClock, VirtualClock
from flock.whistle import Ear, Whistle


def test_the_virtual_clock_stands_still_until_it_is_waited_on() -> None:
    """Waiting moves it to the moment asked for, at once."""
    clock, stop = VirtualClock(100.0), Ear()
    assert 100.0 == clock.now()
    assert not clock.wait(130.0, stop)
    assert 130.0 == clock.now()


@given(st.floats(0, 1e9), st.lists(st.floats(0, 1e9)))
def test_virtual_time_never_goes_back(start: float, moments: list[float]) -> None:
    """A moment that has passed changes nothing, in whatever order moments are waited for."""
    clock, stop = VirtualClock(start), Ear()
    for moment in moments:
        before = clock.now()
        clock.wait(moment, stop)
        assert max(before, moment) == clock.now()
    assert max([start, *moments]) == clock.now()


def test_a_stopped_flock_does_not_wait_on_virtual_time() -> None:
    """The stop event ends the wait before it begins, and the clock stays where it is."""
    clock, stop = VirtualClock(5.0), Ear()
    stop.set()
    assert clock.wait(1000.0, stop)
    assert 5.0 == clock.now()


def test_setting_the_virtual_wall_clock_leaves_steady_time_alone() -> None:
    """As on a machine whose clock somebody sets."""
    clock = VirtualClock(50.0)
    clock.skew = -3600.0
    assert (50.0, -3550.0) == (clock.now(), clock.wall())


def test_steady_time_does_not_follow_a_machine_whose_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the wall clock jumps a day, steady time has gone on by what really passed."""
    clock = SystemClock()
    real, before = time.time(), clock.now()
    monkeypatch.setattr(time, "time", lambda: real + 86400)
    assert real + 86400 == clock.wall()
    assert 0 <= clock.now() - before < 60


def test_steady_time_starts_at_the_epoch_seconds() -> None:
    """So that due times can be told to people."""
    assert SystemClock().now() == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize("clock", [SystemClock(), VirtualClock()])
def test_waiting_for_the_past_returns_at_once(clock: Clock) -> None:
    """A sheep that is late says its line now."""
    assert not clock.wait(clock.now() - 1000, Ear())


def test_stopping_wakes_a_real_sleeper() -> None:
    """The flock's stop ends an hour's rest."""
    clock, stop, woken = SystemClock(), Ear(), threading.Event()

    def rest() -> None:
        if clock.wait(clock.now() + 3600, stop):
            woken.set()

    sleeper = threading.Thread(target=rest, daemon=True)
    sleeper.start()
    stop.set()
    sleeper.join(10)
    assert woken.is_set()


def test_a_rest_may_be_longer_than_the_kernel_can_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll takes some 24 days at most; what is longer is slept in parts, and to its end."""
    clock, moments = SystemClock(), iter([0.0, 1e9, 2e9, 3e9, 4e9])
    monkeypatch.setattr(Ear, "_LONGEST", 0.001)
    monkeypatch.setattr(clock, "now", lambda: next(moments))
    assert not clock.wait(3e9, Ear())
    assert 4e9 == next(moments)


@pytest.mark.parametrize("seconds", [86_400, 1e12])
def test_no_rest_is_too_long_to_begin(seconds: float) -> None:
    """A day, and thirty thousand years: the whistle ends both."""
    clock, whistle = SystemClock(), Whistle()
    ear = whistle.ear()
    with ThreadPoolExecutor(1) as pool:
        resting = pool.submit(clock.wait, clock.now() + seconds, ear)
        whistle.blow()
        assert resting.result(timeout=10)
