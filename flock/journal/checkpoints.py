"""A checkpoint of the WAL each minute, in a thread that ends with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

_EVERY = 60.0  # seconds


class Checkpoints:
    """Calls `checkpoint` in a thread of its own when a minute has passed: a slow disk holds up no caller."""

    def __init__(self, checkpoint: Callable[[], None]) -> None:
        self._checkpoint = checkpoint
        self._next = float("-inf")
        self._under_way = threading.Lock()

    def make(self, now: float) -> None:
        """Make one if it is time; `now` is in seconds of a clock that is not set."""
        if now >= self._next:
            self._next = now + _EVERY
            with suppress(RuntimeError):  # the process may have no more threads: then in a minute
                threading.Thread(target=self._run, name="checkpoint", daemon=True).start()

    def _run(self) -> None:
        if self._under_way.acquire(blocking=False):
            try:
                self._checkpoint()
            finally:
                self._under_way.release()
