"""The wall clock and a virtual one behind one small interface.

A flock schedules by *steady* time: seconds since the epoch, read once at the start and carried on by the
monotonic clock, so that setting the machine's clock makes no sheep burst or stall. What must mean the same to
other programs and to the next run (rate-limit resets, the journal) is in *wall* time.
"""

from __future__ import annotations

import os
import select
import threading
import time
import weakref
from typing import Protocol


class Clock(Protocol):
    """What a flock needs of a clock. All times and durations are in seconds."""

    def now(self) -> float:
        """Return the steady time: it only goes forward, and at a second a second."""

    def wall(self) -> float:
        """Return the time that the rest of the world goes by, since the epoch."""

    def wait(self, until: float, stop: Ear) -> bool:
        """Sleep until the steady time `until` or until `stop` is set; return whether `stop` is set."""


class Ear:
    """What some sheep of a flock sleep on: a pipe that has something to read once the whistle is blown.

    A thread that waits on a lock sits in the kernel's table of futexes, which every thread of the machine that
    wakes another one searches. Ten thousand sheep made a tweet cost twice the CPU; a thread that polls is no
    trouble to anybody, and wakes ten times as fast.
    """

    _LONGEST = 86400.0  # seconds; poll counts milliseconds in 31 bits

    def __init__(self) -> None:
        self._is_set = False
        self._reader, self._writer = os.pipe()
        weakref.finalize(self, _close, self._reader, self._writer)

    def is_set(self) -> bool:
        """Return whether the whistle is blown."""
        return self._is_set

    def set(self) -> None:
        """Wake everybody who waits, now and from now on."""
        self._is_set = True
        os.write(self._writer, b"!")

    def wait(self, seconds: float) -> bool:
        """Sleep for so long, a day at most, or until the whistle is blown; return whether it is."""
        if not self._is_set:
            pipe = select.poll()
            pipe.register(self._reader, select.POLLIN)
            pipe.poll(min(seconds, self._LONGEST) * 1000)
        return self._is_set


def _close(*files: int) -> None:
    for file in files:
        os.close(file)


class Whistle:
    """Tells a whole flock to stop; once blown, it stays so.

    Each sheep gets an ear, which it shares with some others: those who wake fight for the interpreter's lock, so
    they are woken ear by ear.
    """

    _SHEEP_AN_EAR = 256
    _PAUSE = 0.005  # seconds in which those just woken get out of the others' way

    def __init__(self) -> None:
        self._ears: list[Ear] = []
        self._given = 0
        self._blown = False
        self._lock = threading.Lock()

    def ear(self) -> Ear:
        """Return what one sheep listens with."""
        with self._lock:
            if self._given % self._SHEEP_AN_EAR == 0:
                self._ears.append(Ear())
            self._given += 1
            if self._blown:
                self._ears[-1].set()
            return self._ears[-1]

    def blow(self) -> None:
        """Tell everybody. Returns when all have been woken."""
        with self._lock:
            self._blown = True
            ears = list(self._ears)
        for ear in ears:
            ear.set()
            if len(ears) > 1:
                time.sleep(self._PAUSE)

    def is_blown(self) -> bool:
        """Return whether it has been blown."""
        return self._blown


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
