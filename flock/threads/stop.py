"""The stop event of a flock, on which its threads sleep."""

from __future__ import annotations

import os
import select
import threading
import weakref

from flock.errors import BadOption

_LONGEST = 86400.0  # seconds of one sleep; poll() counts milliseconds in 31 bits


class StopEvent:
    """An event that is set once, and that thousands of threads can sleep on.

    The threads sleep in poll() on a pipe. Threads blocked on locks, as `threading.Event` uses them, are kept in
    the kernel's futex hash table; with 10,000 waiters every wake-up gets slow. Threads blocked in poll() are not
    in it.

    Raises BadOption when this process may open no more files.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._pipe = _Pipe()
        self._lock = threading.Lock()  # of `nudge`

    def is_set(self) -> bool:
        """Return whether the event is set."""
        return self._is_set

    def set(self) -> None:
        """Set the event: threads that sleep wake up, and no thread sleeps on it from now on.

        All wake at once and contend for the GIL. With thousands of threads this takes a second if Python's switch
        interval is long, as in a large flock, and half a minute if it is the usual 5 ms.
        """
        self._is_set = True
        self._pipe.wake()

    @property
    def nudges(self) -> int:
        """How often the event was nudged."""
        return self._pipe.number

    def nudge(self) -> None:
        """Wake every sleeping thread once, so that it looks again at its clock and at what it waits for.

        Raises BadOption when this process may open no more files; then no thread is woken.
        """
        with self._lock:
            woken, self._pipe = self._pipe, _Pipe(self._pipe.number + 1)
        if self._is_set:  # `set` may have woken the old pipe only
            self._pipe.wake()
        woken.wake()

    def wait(self, seconds: float, nudges: int | None = None) -> bool:
        """Sleep for `seconds`, a day at most, or until the event is set or nudged; return whether it is set.

        `nudges` is the count that the caller read before it decided to sleep: after a nudge that came since then,
        the thread does not sleep at all.
        """
        pipe = self._pipe  # before the flag is read: `set` writes the flag first
        if not self._is_set and nudges in (None, pipe.number):
            pipe.wait(seconds)
        return self._is_set


class _Pipe:
    """A pipe that becomes readable once; it is closed when no thread holds it any more."""

    __slots__ = ("__weakref__", "_reader", "_writer", "number")

    def __init__(self, number: int = 0) -> None:
        try:
            self._reader, self._writer = os.pipe()
        except OSError as error:
            raise BadOption(
                f"this process may open no more files ({error.strerror}): "
                "raise LimitNOFILE= in the unit, or ulimit -n"
            ) from error
        weakref.finalize(self, _close, self._reader, self._writer)
        self.number = number

    def wake(self) -> None:
        os.write(self._writer, b"!")

    def wait(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        poll.poll(min(seconds, _LONGEST) * 1000)


def _close(*files: int) -> None:
    for file in files:
        os.close(file)
