"""The wall clock and a virtual one behind one small interface.

A flock schedules by *steady* time: seconds since the epoch, read once at the start and carried on by the
monotonic clock, so that setting the machine's clock makes no sheep burst or stall. What must mean the same to
other programs and to the next run (rate-limit resets, the journal) is in *wall* time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from flock.whistle import Ear


class Clock(Protocol):
    """What a flock needs of a clock. All times and durations are in seconds."""

    def now(self) -> float:
        """Return the steady time: it only goes forward, and at a second a second."""

    def wall(self) -> float:
        """Return the time that the rest of the world goes by, since the epoch."""

    def wait(self, until: float, stop: Ear) -> bool:
        """Sleep until the steady time `until` or until `stop` is set; return whether `stop` is set."""


class SystemClock:
    """The machine's own clock."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        return self._offset + time.monotonic()

    def wall(self) -> float:
        return time.time()

    def wait(self, until: float, stop: Ear) -> bool:
        while (seconds := until - self.now()) > 0 and not stop.wait(seconds):
            """What is further away than the longest wait of an ear takes more than one."""
        return stop.is_set()


class VirtualClock:
    """A clock that stands still until it is told to move: for rehearsals and tests.

    Nothing really sleeps: `wait` moves the clock to the time it was asked to wait for. `skew` is by how much the
    wall clock is off, as after somebody set it.
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

    def wait(self, until: float, stop: Ear) -> bool:
        if not stop.is_set():
            self.advance_to(until)
        return stop.is_set()
