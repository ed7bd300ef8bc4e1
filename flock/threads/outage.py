"""A trouble that many sheep meet at once and that one of them tells of."""

from __future__ import annotations

import threading


class Outage:
    """Says which sheep tells of a trouble: the first to meet it, until it is over. Safe to share between
    threads.

    `is_on` is whether a sheep has met the trouble, and none has got past it since.
    """

    def __init__(self) -> None:
        self.is_on = False
        self._told_by = ""
        self._lock = threading.Lock()

    def tells(self, bot: str) -> bool:
        """Return whether `bot` was the first to meet the trouble, and so tells what comes of it."""
        self.begins(bot)
        return self._told_by == bot

    def begins(self, bot: str) -> bool:
        """Note that `bot` met the trouble; return whether it is the first to do so."""
        with self._lock:
            is_first, self.is_on = not self.is_on, True
            self._told_by = bot if is_first else self._told_by
            return is_first

    def end(self) -> bool:
        """Note that the trouble is over; return whether there was one."""
        with self._lock:
            was_on, self.is_on = self.is_on, False
            return was_on
