"""The wall clock and a virtual one behind one small interface.

A flock schedules by *steady* time: seconds since the epoch, read once at the start and carried on by the
monotonic clock, so that setting the machine's clock makes no sheep burst or stall. What must mean the same to
other programs and to the next run (rate-limit resets, the journal) is in *wall* time.
"""

from __future__ import annotations

import itertools
import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What a flock needs of a clock. All times and durations are in seconds."""

    def now(self) -> float:
        """Return the steady time: it only goes forward, and at a second a second."""

    def wall(self) -> float:
        """Return the time that the rest of the world goes by, since the epoch."""

    def wait(self, until: float, stop: threading.Event) -> bool:
        """Sleep until the steady time `until` or until `stop` is set; return whether `stop` is set."""


class Whistle:
    """Tells a whole flock to stop; once blown, it stays so.

    A sheep sleeps on an ear, which it shares with some others. Waking ten thousand threads that wait on one Event
    takes a dozen seconds, for they all fight for the same lock; ear by ear it takes one or two.
    """

    _PAUSE = 0.005  # seconds in which those just woken get out of the others' way

    def __init__(self, ears: int = 64) -> None:
        self._ears = [threading.Event() for _ in range(ears)]
        self._blown = False
        self._given = itertools.count()

    def ear(self) -> threading.Event:
        """Return an event that is set when the whistle is blown."""
        return self._ears[next(self._given) % len(self._ears)]

    def blow(self) -> None:
        """Tell everybody. Returns when all have been woken."""
        self._blown = True
        for ear in self._ears:
            ear.set()
            if self._is_crowded():
                time.sleep(self._PAUSE)

    def is_blown(self) -> bool:
        """Return whether it has been blown."""
        return self._blown

    def _is_crowded(self) -> bool:
        return threading.active_count() > len(self._ears) * 4


class SystemClock:
    """The machine's own clock."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        return self._offset + time.monotonic()

    def wall(self) -> float:
        return time.time()

    def wait(self, until: float, stop: threading.Event) -> bool:
        return stop.wait(max(0.0, until - self.now()))


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

    def wait(self, until: float, stop: threading.Event) -> bool:
        if not stop.is_set():
            self.advance_to(until)
        return stop.is_set()
