"""The stop event of a flock, on which its threads sleep."""

from __future__ import annotations

import itertools
import os
import select
import threading
import time
import weakref

from flock.errors import BadOption

THREADS_A_PIPE = 256
_PAUSE = 0.005  # seconds between waking the threads of two pipes
_LONGEST = 86400.0  # seconds of one sleep; poll() counts milliseconds in 31 bits


class StopEvent:
    """An event that is set once, and that thousands of threads can sleep on.

    The threads sleep in poll() on pipes. Threads blocked on locks, as `threading.Event` uses them, are kept in
    the kernel's futex hash table; with 10,000 waiters every wake-up gets slow. Threads blocked in poll() are not
    in it.

    Threads are woken 256 at a time, to limit contention for the GIL. When 10,000 wake at once, some of the stops
    take twenty seconds instead of one.

    Raises BadOption when this process may open no more files.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._turn = itertools.count()
        self._nudged: tuple[int, tuple[_Pipe, ...]] = (0, (_Pipe(),))  # how often, and the pipes since then
        self._lock = threading.Lock()  # of `nudge` and `expect`

    def expect(self, threads: int) -> None:
        """Make enough pipes for so many threads, before they sleep. Raises BadOption: then there are too few."""
        with self._lock:
            nudges, pipes = self._nudged
            missing = -(-threads // THREADS_A_PIPE) - len(pipes)
            self._nudged = (nudges, pipes + tuple(_Pipe() for _ in range(missing)))

    def is_set(self) -> bool:
        """Return whether the event is set."""
        return self._is_set

    def set(self) -> None:
        """Set the event: threads that sleep wake up, and no thread sleeps on it from now on."""
        self._is_set = True
        _wake(self._nudged[1])

    @property
    def nudges(self) -> int:
        """How often the event was nudged."""
        return self._nudged[0]

    def nudge(self) -> None:
        """Wake every sleeping thread once, so that it looks again at its clock and at what it waits for.

        Raises BadOption when this process may open no more files; then no thread is woken.
        """
        with self._lock:
            nudges, woken = self._nudged
            fresh = tuple(_Pipe() for _ in woken)
            self._nudged = (nudges + 1, fresh)
        if self._is_set:  # `set` may have woken the old pipes only
            _wake(fresh)
        _wake(woken)

    def wait(self, seconds: float, nudges: int | None = None) -> bool:
        """Sleep for `seconds`, a day at most, or until the event is set or nudged; return whether it is set.

        `nudges` is the count that the caller read before it decided to sleep: after a nudge that came since then,
        the thread does not sleep at all.
        """
        count, pipes = self._nudged  # before the flag is read: `set` writes the flag first
        if not self._is_set and nudges in (None, count):
            pipes[next(self._turn) % len(pipes)].wait(seconds)
        return self._is_set


def _wake(pipes: tuple[_Pipe, ...]) -> None:
    for number, pipe in enumerate(pipes):
        if number:
            time.sleep(_PAUSE)
        pipe.wake()


class _Pipe:
    """A pipe that becomes readable once; it is closed when no thread holds it any more."""

    __slots__ = ("__weakref__", "_reader", "_writer")

    def __init__(self) -> None:
        try:
            self._reader, self._writer = os.pipe()
        except OSError as error:
            raise BadOption(
                f"this process may open no more files ({error.strerror}): "
                "raise LimitNOFILE= in the unit, or ulimit -n"
            ) from error
        weakref.finalize(self, _close, self._reader, self._writer)

    def wake(self) -> None:
        os.write(self._writer, b"!")

    def wait(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        poll.poll(min(seconds, _LONGEST) * 1000)


def _close(*files: int) -> None:
    for file in files:
        os.close(file)
