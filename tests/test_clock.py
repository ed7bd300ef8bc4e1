"""The machine's clock, the virtual one, and suspensions."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.clock import Clock, SuspendWatch, SystemClock, VirtualClock, WallWatch, boot_time
from flock.threads import stop as flock_stop
from flock.threads.stop import StopEvent
from tests.conftest import TIMEOUT, until


def test_the_virtual_clock_stands_still_until_it_is_waited_on() -> None:
    """Waiting moves it to the moment asked for, at once."""
    clock, stop = VirtualClock(100.0), StopEvent()
    assert 100.0 == clock.now()
    assert not clock.wait(130.0, stop)
    assert 130.0 == clock.now()


@given(st.floats(0, 1e9), st.lists(st.floats(0, 1e9)))
def test_virtual_time_never_goes_back(start: float, moments: list[float]) -> None:
    """Waiting for a time in the past changes nothing, in every order of waits."""
    clock, stop = VirtualClock(start), StopEvent()
    for moment in moments:
        before = clock.now()
        clock.wait(moment, stop)
        assert max(before, moment) == clock.now()
    assert max([start, *moments]) == clock.now()


def test_a_stopped_flock_does_not_wait_on_virtual_time() -> None:
    """The stop event ends the wait before it begins, and the clock stays where it is."""
    clock, stop = VirtualClock(5.0), StopEvent()
    stop.set()
    assert clock.wait(1000.0, stop)
    assert 5.0 == clock.now()


def test_setting_the_virtual_wall_clock_leaves_steady_time_alone() -> None:
    """The wall clock can be set, as on a real machine."""
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
    assert not clock.wait(clock.now() - 1000, StopEvent())


def test_stopping_wakes_a_real_sleeper() -> None:
    """The flock's stop ends an hour's rest."""
    clock, stop = SystemClock(), StopEvent()
    with ThreadPoolExecutor(1) as pool:
        resting = pool.submit(clock.wait, clock.now() + 3600, stop)
        stop.set()
        assert resting.result(timeout=TIMEOUT)


def test_a_rest_may_be_longer_than_the_kernel_can_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll takes some 24 days at most; what is longer is slept in parts, and to its end."""
    moments = iter([0.0, 0.0, 1e9, 2e9, 3e9, 4e9])
    monkeypatch.setattr(flock_stop, "_LONGEST", 0.001)
    clock = SystemClock(boot_time=lambda: next(moments))
    offset = clock.now()
    assert not clock.wait(offset + 3e9, StopEvent())
    assert 4e9 == next(moments)


@pytest.mark.parametrize("seconds", [86_400, 1e12])
def test_no_rest_is_too_long_to_begin(seconds: float) -> None:
    """A day, and thirty thousand years: the stop ends both."""
    clock, stop = SystemClock(), StopEvent()
    with ThreadPoolExecutor(1) as pool:
        resting = pool.submit(clock.wait, clock.now() + seconds, stop)
        stop.set()
        assert resting.result(timeout=TIMEOUT)


class Machine:
    """Its two clocks, in seconds; `suspend` moves only one of them."""

    def __init__(self) -> None:
        self.boot = self.monotonic = 50.0
        self.looks = 0

    def boot_time(self) -> float:
        """Read the clock that goes on while the machine is suspended."""
        self.looks += 1
        return self.boot

    def was_read_since(self, looks: int) -> bool:
        """Return whether a clock was read since it had been read so often."""
        return self.looks > looks

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.boot += seconds
        self.monotonic += seconds

    def suspend(self, seconds: float) -> None:
        """Let time pass while the machine is suspended."""
        self.boot += seconds


def watch_of(machine: Machine) -> SuspendWatch:
    """Return a watch that looks at this machine's clocks."""
    return SuspendWatch(machine.boot_time, lambda: machine.monotonic)


def test_a_nudge_after_a_suspension_ends_a_rest_that_is_over_by_now() -> None:
    """Eight hours were slept through; the nudge lets the thread see it."""
    machine, stop = Machine(), StopEvent()
    clock = SystemClock(machine.boot_time)
    watch = watch_of(machine)
    with ThreadPoolExecutor(1) as pool:
        looks = machine.looks
        resting = pool.submit(clock.wait, clock.now() + 3600, stop)
        until("the thread has looked at the clock", lambda: machine.looks >= looks + 2)
        machine.suspend(8 * 3600)
        assert watch.look()
        stop.nudge()
        assert not resting.result(timeout=TIMEOUT)


def test_a_nudge_does_not_shorten_a_rest() -> None:
    """The thread looks at the clock, and sleeps on until it is stopped."""
    machine, stop = Machine(), StopEvent()
    clock = SystemClock(machine.boot_time)
    with ThreadPoolExecutor(1) as pool:
        resting = pool.submit(clock.wait, clock.now() + 3600, stop)
        for nudges in range(3):
            seen = machine.looks
            stop.nudge()
            until(f"the thread has looked again after nudge {nudges}", partial(machine.was_read_since, seen))
        assert not resting.done()
        stop.set()
        assert resting.result(timeout=TIMEOUT)


def test_a_nudge_makes_a_thread_look_at_what_it_waits_for() -> None:
    """A command came: it goes on before its time."""
    clock, stop, command = SystemClock(), StopEvent(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        resting = pool.submit(clock.wait, clock.now() + 3600, stop, command.is_set)
        stop.nudge()
        command.set()
        stop.nudge()
        assert not resting.result(timeout=TIMEOUT)


@pytest.mark.parametrize("clock", [SystemClock(), VirtualClock()])
def test_a_rest_that_is_not_wanted_does_not_begin(clock: Clock) -> None:
    """And virtual time stands still."""
    before = clock.now()
    assert not clock.wait(before + 3600, StopEvent(), lambda: True)
    assert clock.now() - before < TIMEOUT


def test_a_suspension_is_told_once() -> None:
    """With its length; what comes after it is another one."""
    machine = Machine()
    watch = watch_of(machine)
    told = []
    for seconds in (0, 3600, 0, 2):
        machine.suspend(seconds)
        machine.run(1)
        told.append(watch.look())
    assert [0, 3600, 0, 2] == told


def test_moments_of_suspension_add_up() -> None:
    """Each is too short to count: clocks are not read at the same time, and differ by a little."""
    machine = Machine()
    watch = watch_of(machine)
    told = []
    for _ in range(3):
        machine.suspend(0.5)
        machine.run(1)
        told.append(watch.look())
    assert [0, 0, 1.5] == told


def test_a_machine_that_runs_was_not_suspended() -> None:
    """By its own clocks; a test machine that is suspended in this very moment has bad luck."""
    watch = SuspendWatch()
    assert 0 == watch.look()


def test_a_clock_that_is_set_is_told_once() -> None:
    """Forward and back; a clock that is slewed is told of when that has added up to more than a second."""
    clock = VirtualClock(1000.0)
    watch = WallWatch(clock)
    told = []
    for skew in (0, 3600, 3600, 0, 0.75, 1.5, 2.25):
        clock.skew = skew
        told.append(watch.look())
    assert [0, 3600, 0, -3600, 0, 1.5, 0] == told


def test_steady_time_goes_on_while_the_machine_is_suspended() -> None:
    """Where the system has a clock for it."""
    machine = Machine()
    clock = SystemClock(machine.boot_time)
    before = clock.now()
    machine.suspend(3600)
    assert before + 3600 == clock.now()


def test_the_boot_clock_is_the_one_that_counts_suspensions() -> None:
    """Linux has one of its own; elsewhere CLOCK_MONOTONIC counts them."""
    kind = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    assert time.clock_gettime(kind) <= boot_time() <= time.clock_gettime(kind)
