"""The gate through which sheep go to speak: so many at a time, the others wait for their turn."""

from __future__ import annotations

import math
import os
import threading
import time

from flock.pipe import open_pipe

PLACES = 128  # sheep that speak at once, each over a connection of its own
_THROUGH_AT_ONCE = 256  # when it is opened
_PAUSE = 0.005  # seconds in which they get out of the others' way


class Gate:
    """A semaphore, to use in a `with` statement. Who leaves hands the place over to one who waits.

    When thousands are due at once, because the machine was suspended or the network is back, all of them would
    crowd around the interpreter's lock, with a tweet begun that takes minutes to end. Behind the gate, nothing
    is begun yet.

    Who must wait reads from a pipe, into which a byte is written for each place that is handed over.
    """

    waiting = 0  # sheep that are there before it

    def __init__(self, places: int = PLACES) -> None:
        self._free: float = places
        self._lock = threading.Lock()
        self._reader, self._writer = open_pipe(self)

    def open(self) -> None:
        """Let everybody through, now and from now on: those who wait shall go home."""
        with self._lock:
            waiting, self.waiting, self._free = self.waiting, 0, math.inf
        while waiting > 0:
            os.write(self._writer, b"." * min(waiting, _THROUGH_AT_ONCE))
            waiting -= _THROUGH_AT_ONCE
            time.sleep(_PAUSE)

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            self.waiting += 1
        os.read(self._reader, 1)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if not self.waiting:
                self._free += 1
                return
            self.waiting -= 1
        os.write(self._writer, b".")
