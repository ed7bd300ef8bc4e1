"""The machine's clock and a virtual one behind one small interface.

A flock schedules by *steady* time: seconds since the epoch, read once at the start and carried on by a clock that
cannot be set and that goes on while the machine is suspended. Setting the machine's clock makes no sheep burst or
stall. What must mean the same to other programs and to the next run (rate-limit resets, the journal) is in *wall*
time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from flock.threads.stop import StopEvent

# Linux's CLOCK_MONOTONIC stands still while the machine is suspended. The one of other systems goes on, but macOS'
# time.monotonic() is another clock, which stands still as well.
_BOOT_TIME: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_SUSPENDED = 1.0  # seconds from which on a suspension counts
_SET = 1.0  # the same, of a clock that was set


def boot_time() -> float:
    """Return the seconds since a fixed moment, with those in which the machine was suspended."""
    return time.clock_gettime(_BOOT_TIME)


def _never() -> bool:
    return False


class Clock(Protocol):
    """What a flock needs of a clock. All times and durations are in seconds."""

    def now(self) -> float:
        """Return the steady time: it only goes forward, and at a second a second."""

    def wall(self) -> float:
        """Return the time that the rest of the world goes by, since the epoch."""

    def wait(self, until: float, stop: StopEvent, unless: Callable[[], bool] = _never) -> bool:
        """Sleep until the steady time `until`, or until `stop` is set; return whether `stop` is set.

        `unless` is asked before the thread sleeps, and again after each nudge of `stop`; True ends the wait.
        """


class SystemClock:
    """The machine's own clock. `boot_time` returns seconds that go on while the machine is suspended."""

    def __init__(self, boot_time: Callable[[], float] = boot_time) -> None:
        self._boot_time = boot_time
        self._offset = time.time() - boot_time()

    def now(self) -> float:
        return self._offset + self._boot_time()

    def wall(self) -> float:
        return time.time()

    def wait(self, until: float, stop: StopEvent, unless: Callable[[], bool] = _never) -> bool:
        while not stop.is_set():
            nudges = stop.nudges  # read before the clock: a nudge that comes now is not lost
            seconds = until - self.now()
            if seconds <= 0 or unless():
                break
            stop.wait(seconds, nudges)
        return stop.is_set()


class SuspendWatch:
    """Notices that the machine was suspended. Ask it now and then, once a second for instance.

    poll() and locks count their timeouts in monotonic time, which stands still while the machine is suspended.
    After it, threads that sleep must be woken (`StopEvent.nudge`), so that they look at the clock again. A process
    that was stopped (SIGSTOP) needs nothing of this kind: all clocks go on meanwhile.

    `boot_time` and `monotonic` are the clocks that are compared, in seconds.
    """

    def __init__(
        self, boot_time: Callable[[], float] = boot_time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._boot_time = boot_time
        self._monotonic = monotonic
        self._suspended = boot_time() - monotonic()

    def look(self) -> float:
        """Return for how many seconds the machine was suspended since that was last told; 0 for up to a second."""
        suspended = self._boot_time() - self._monotonic()
        seconds = suspended - self._suspended
        if seconds <= _SUSPENDED:
            return 0.0
        self._suspended = suspended
        return seconds


class WallWatch:
    """Notices that the clock on the wall of `clock` was set, forward or back, and not only slewed by a moment. Ask
    it now and then, once a second for instance.

    A thread that sleeps until a time on the wall must be woken then (`StopEvent.nudge`), to look at both clocks.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = clock.wall() - clock.now()

    def look(self) -> float:
        """Return by how many seconds the clock was set forward since that was last told; 0 for up to a second."""
        ahead = self._clock.wall() - self._clock.now()
        seconds = ahead - self._ahead
        if abs(seconds) <= _SET:
            return 0.0
        self._ahead = ahead
        return seconds


class VirtualClock:
    """A clock that stands still until it is told to move: for rehearsals and tests.

    No thread sleeps: `wait` moves the clock to the time it was asked to wait for. `skew` is by how many seconds
    the wall clock is off, as after it was set.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self.skew = 0.0

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now + self.skew

    def advance_to(self, moment: float) -> None:
        """Move to the steady time `moment`; a moment that has passed changes nothing."""
        self._now = max(self._now, moment)

    def wait(self, until: float, stop: StopEvent, unless: Callable[[], bool] = _never) -> bool:
        if not stop.is_set() and not unless():
            self.advance_to(until)
        return stop.is_set()
